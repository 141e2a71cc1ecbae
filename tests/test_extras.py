"""Extras that are not installed: one mapping, which is setup.cfg's, and one sentence."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from exnorm.cli import run
from exnorm.errors import SettingsError
from exnorm.extras import EXTRAS, is_installed, require

ROOT = Path(__file__).parents[1]
FOR_WORK_ON_EXNORM = {"fuzz", "lint", "test"}


def test_what_each_extra_brings_is_what_setup_cfg_says() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    there = {
        extra: sorted(re.split("[<>=;]", line)[0].strip() for line in lines.split("\n") if line)
        for extra, lines in config["options.extras_require"].items()
    }
    ours = {extra: sorted(modules.values()) for extra, modules in EXTRAS.items()}
    assert ours == {extra: there[extra] for extra in there.keys() - FOR_WORK_ON_EXNORM}


def test_whoever_lacks_modules_is_told_who_needs_them_and_what_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away = ("fluent", "prometheus_client")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in away else object())
    with pytest.raises(SettingsError) as told:
        require("fluentbit serve --metrics", "fluentbit")
    assert str(told.value) == (
        "fluentbit serve --metrics needs fluent-logger and prometheus-client, not installed here; "
        "run: pip install 'exnorm[fluentbit]'"
    )
    require("somebody", "fluentbit", "aiohttp")


def test_every_distribution_that_is_installed_has_the_module_that_is_asked_for() -> None:
    from importlib import metadata

    brought = {pair for modules in EXTRAS.values() for pair in modules.items()}
    for module, distribution in brought:
        try:
            metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
        assert is_installed(module), distribution


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ((), "fluentbit serve needs fluent-logger, not installed here"),
        (("--metrics", "127.0.0.1:0"), "fluentbit serve --metrics needs fluent-logger and aiohttp and "),
    ],
)
def test_fluentbit_serve_names_the_distribution_and_without_metrics_that_of_the_return_leg_alone(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], needed: str
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert run(["fluentbit", "serve", "--forward", "127.0.0.1:9", *options]) == 2
    told = capfd.readouterr().err
    assert needed in told
    assert "run: pip install 'exnorm[fluentbit]'" in told


def test_a_batch_normalizer_without_pyarrow_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from exnorm.arrow import BatchNormalizer

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"^exnorm\.arrow needs pyarrow, not installed here; run: pip "):
        BatchNormalizer()
