"""The container file of Fluent Bit with the filter in it, and the values for its chart."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from fluent_bit_delivery import find_fluent_bit

from exnorm.fluentbit import build as builder

FOLDER = Path(__file__).parents[2] / "fluentbit"
FILE = (FOLDER / "Containerfile").read_text("utf-8")
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "helm-values.yaml").read_text("utf-8"))


def test_the_last_stage_is_the_official_image_with_files_alone() -> None:
    last = FILE[FILE.rindex("\nFROM ") :].strip().splitlines()
    assert last == ["FROM ${FLUENT_BIT}", "COPY --from=build /out /"]
    assert "\nARG FLUENT_BIT=docker.io/fluent/fluent-bit:" in FILE


def test_what_the_build_copies_is_in_its_context() -> None:
    kept = (FOLDER.parent / ".dockerignore").read_text("utf-8").splitlines()
    assert "!fluentbit" in kept
    assert "sh /src/fluentbit/gather.sh " in FILE
    assert (FOLDER / "gather.sh").is_file()


def test_the_chart_loads_the_plugin_that_the_image_has() -> None:
    (written,) = [line.split()[-1] for line in FILE.splitlines() if line.startswith("RUN printf '[PLUGINS]")]
    assert f"plugins_file              {written}\n" in VALUES["config"]["service"]
    mounted = [each["mountPath"] for each in VALUES["extraVolumeMounts"]]
    named = [each["name"] for each in VALUES["extraVolumes"]]
    assert [each["name"] for each in VALUES["extraVolumeMounts"]] == named
    for text in VALUES["config"].values():
        paths = [word for word in text.split() if word.startswith("/") and not word.startswith("/opt/")]
        assert [path for path in paths if not path.startswith(tuple(mounted))] == []


@pytest.mark.skipif(find_fluent_bit() is None, reason="no Fluent Bit is here")
def test_fluent_bit_accepts_the_config_of_the_chart(tmp_path: Path) -> None:
    target = tmp_path / builder.FILE_NAME
    try:
        builder.build(target, site=builder.site_path())
    except builder.BuildError as error:
        pytest.skip(f"the filter cannot be built here: {error}")
    plugins = tmp_path / "plugins.conf"
    plugins.write_text(f"[PLUGINS]\n    Path {target}\n", "utf-8")
    parts = VALUES["config"]
    text = "\n".join(parts[name] for name in ("service", "inputs", "filters", "outputs"))
    text = text.replace("/opt/exnorm/plugins.conf", str(plugins)).replace(
        "/var/lib/fluent-bit", str(tmp_path)
    )
    config = tmp_path / "fluent-bit.conf"
    config.write_text(text, "utf-8")
    command = [str(find_fluent_bit()), "--dry-run", "-c", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "configuration test is successful" in done.stdout + done.stderr
