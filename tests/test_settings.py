from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from exnorm import Settings, SettingsError
from exnorm.settings import (
    NAMES,
    OTHER_VARIABLES,
    make_settings,
    read_config,
    read_environment,
    read_plugin_settings,
)

ROOT = Path(__file__).parents[1]

FILE = "profile: security\nleef: 1\nfields: key\non-error: skip\n"
ENVIRONMENT = {"EXNORM_LEEF": "2", "EXNORM_FIELDS": "ecs", "EXNORM_ON_ERROR": "stop", "HOME": "/"}
COMMAND_LINE = {"on-error": "tag", "fields": "full"}


def test_each_layer_lies_over_the_one_before() -> None:
    file = read_config(FILE, "exnorm.yaml")
    environment = read_environment(ENVIRONMENT)
    assert make_settings() == Settings()
    assert make_settings(file) == Settings(profile="security", leef=1, fields="key", on_error="skip")
    assert make_settings(file, environment) == Settings(
        profile="security", leef=2, fields="ecs", on_error="stop"
    )
    assert make_settings(file, environment, COMMAND_LINE) == Settings(profile="security")


def test_the_defaults_are_those_of_the_manual() -> None:
    defaults = Settings()
    assert (defaults.taxonomy, defaults.format, defaults.mapping, defaults.profile) == (
        "arcsight", "", "auto", "all",
    )  # fmt: skip
    assert (defaults.fields, defaults.leef, defaults.cef, defaults.additional_data) == ("full", 2, 0, "ad")
    assert (defaults.username, defaults.on_error, defaults.categories) == ("recipient", "tag", False)
    assert (defaults.per_recipient, defaults.keep_original, defaults.max_line_bytes) == (
        False, False, 4194304,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"categories": "yes"}, {"categories": True}),
        ({"categories": " OFF "}, {"categories": False}),
        ({"per-recipient": True}, {"per_recipient": True}),
        ({"leef": " 1 "}, {"leef": 1}),
        ({"max_line_bytes": "4096"}, {"max_line_bytes": 4096}),
        ({"block_plugins": "a, b,,"}, {"block_plugins": ("a", "b")}),
        ({"block_plugins": ["a", "b"]}, {"block_plugins": ("a", "b")}),
        ({"block_plugins": None}, {"block_plugins": ()}),
        ({"source": None}, {"source": ""}),
        ({"source_ip": "2001:db8::1"}, {"source_ip": "2001:db8::1"}),
        ({"tz": "Europe/Berlin"}, {"tz": "Europe/Berlin"}),
        ({"plugins": {"geoip": {"file": "x"}}}, {"plugins": {"geoip": {"file": "x"}}}),
    ],
)
def test_text_is_read_as_the_settings_own_type(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert make_settings(given) == Settings(**expected)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"profil": "all"}, "unknown setting 'profil'; did you mean 'profile'?"),
        ({"on-eror": "tag"}, "unknown setting 'on-eror'; did you mean 'on_error'?"),
        ({"profile": "secure"}, "profile: got 'secure'; did you mean 'security'?"),
        ({"on_error": "drop"}, "on_error: got 'drop'; expected one of skip, stop, tag"),
        ({"username": "x"}, "username: got 'x'; expected one of recipient, sender"),
        ({"fields": ""}, "fields: got ''; expected one of ecs, full, key"),
        ({"leef": 3}, "leef: got 3; expected 1 to 2"),
        ({"cef": "one"}, "cef: got 'one'; expected a number from 0 to 1"),
        ({"cef": None}, "cef: got 'None'; expected a number from 0 to 1"),
        ({"max_line_bytes": 1023}, "max_line_bytes: got 1023; expected 1024 to 1073741824"),
        ({"categories": "maybe"}, "categories: got 'maybe'; expected true or false"),
        ({"source_ip": "10.0.0"}, "source_ip: got '10.0.0'; expected an IPv4 or IPv6 address"),
        (
            {"tz": "Europe/Bern-Sued"},
            "tz: got 'Europe/Bern-Sued'; expected a time zone such as Europe/Berlin",
        ),
        ({"tz": "../etc/passwd"}, "tz: got '../etc/passwd'; expected a time zone"),
        ({"plugins": "geoip"}, "plugins: got 'geoip'; expected settings by plugin name"),
        ({"block_plugins": 7}, "block_plugins: got '7'; expected names"),
    ],
)
def test_a_name_or_value_that_does_not_fit_is_refused_in_one_line(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        make_settings(given)
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_a_value_from_outside_is_cut_in_the_message() -> None:
    with pytest.raises(SettingsError) as refusal:
        make_settings({"profile": "x" * 5000 + "\n"})
    assert len(str(refusal.value)) < 400


def test_variables_of_other_parts_and_of_kubernetes_are_left_alone() -> None:
    others = {
        "EXNORM_KERNEL": "0", "EXNORM_HEALTH": "x", "EXNORM_LOGSTASH_PASSWORD": "x", "PROFILE": "x",
        "EXNORM_PORT": "tcp://10.0.0.1:9801", "EXNORM_SERVICE_HOST": "10.0.0.1", "EXNORM_SERVICE_PORT": "98",
        "EXNORM_SERVICE_PORT_HTTP": "1", "EXNORM_PORT_9801_TCP_ADDR": "10.0.0.1", "EXNORM_TAXONMY": "",
        "EXNORM_NODE_SERVICE_HOST": "x",
    }  # fmt: skip
    assert read_environment({"EXNORM_PROFILE": "all", **others}) == {"profile": "all"}


@pytest.mark.parametrize(
    ("variable", "fault"),
    [
        ("EXNORM_TAXONMY", "unknown variable 'EXNORM_TAXONMY'; did you mean 'EXNORM_TAXONOMY'?"),
        ("EXNORM_HEATLH", "unknown variable 'EXNORM_HEATLH'; did you mean 'EXNORM_HEALTH'?"),
        ("EXNORM_KEY_NAMES", "unknown variable 'EXNORM_KEY_NAMES'; did you mean 'EXNORM_KEY_NAME'?"),
        ("EXNORM_PLUGINS", "EXNORM_PLUGINS: stands in a file of settings only"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_nearest_right_name(variable: str, fault: str) -> None:
    with pytest.raises(SettingsError, match="^" + re.escape(fault) + "$"):
        read_environment({variable: "x"}, also=("key_name",))


def test_all_misspelt_variables_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        read_environment({"EXNORM_PROFIL": "x", "EXNORM_FROMAT": "x"})
    assert len(caught.value.args) == 2


def test_every_variable_that_the_code_reads_is_known() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "src" / "exnorm").rglob("*.py"))
    found = set(re.findall(r"\"EXNORM_([A-Z_]+[A-Z])\"", code)) - {"LIBPYTHON", "PYTHON", "PREFIX", "SITE"}
    assert {"KERNEL", "HEALTH", "LISTEN_SECRET"} <= found <= set(OTHER_VARIABLES)


def test_a_file_of_settings_may_be_empty() -> None:
    assert read_config("", "x.yaml") == read_config("# nothing\n", "x.yaml") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("profile: [", "x.yaml:1: not YAML: "),
        ("- profile", "x.yaml: got a list; expected settings by name"),
        ("\nprofil: all", "x.yaml:2: unknown setting 'profil'; did you mean 'profile'?"),
        ("1: all", "x.yaml:1: unknown setting '1'"),
        ("tz: UTC\nprofile: secure", "x.yaml:2: profile: got 'secure'; did you mean 'security'?"),
        ("tz: UTC\ntz: UTC", "x.yaml:2: 'tz' is there twice, first in line 1"),
        ("on-error: tag\non_error: tag", "x.yaml:2: setting 'on_error' is there twice"),
        ("a: !!python/object:os.system {}", "x.yaml:1: not YAML: could not determine a constructor"),
        ("tz: !!python/name:os.system", "x.yaml:1: not YAML: could not determine a constructor"),
        ("plugins: &a {b: *a}", "x.yaml:1: holds itself"),
        ("plugins: {<<: {a: 1}}", "x.yaml:1: merge keys (<<) are not read"),
        ("plugins: {[a]: 1}", "x.yaml:1: got a list for a key; expected a name"),
        ("plugins: " + "[" * 5000, "x.yaml: not YAML that can be read: nested too deeply"),
    ],
)
def test_a_file_that_is_no_file_of_settings_is_refused_with_its_name(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read_config(text, "x.yaml")
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_where_a_layer_came_from_stands_before_the_message() -> None:
    with pytest.raises(SettingsError, match=r"^x\.yaml: unknown setting 'profil'"):
        make_settings({"profil": "all"}, where="x.yaml: ")


def test_trusted_proxies_are_addresses_and_networks() -> None:
    settings = make_settings({"trusted_proxies": ["192.0.2.0/24", "2001:db8::1"]})
    assert settings.trusted_proxies == ("192.0.2.0/24", "2001:db8::1")
    reason = "trusted_proxies: got 'proxy1'; expected an address or a network, as 192.0.2.0/24"
    with pytest.raises(SettingsError, match=reason):
        make_settings({"trusted_proxies": "proxy1"})


def test_all_wrong_settings_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        make_settings(
            {"profile": "secruity", "unkown": 1, "leef": "two", "tz": "Nowhere/X", "max_payload": 3}
        )
    told = [str(fault).split(":")[0] for fault in caught.value.args]
    assert told == [
        "unknown setting 'unkown'; expected one of " + ", ".join(sorted(NAMES)), "leef", "profile",
        "max_payload", "tz",
    ]  # fmt: skip


def test_all_wrong_settings_of_a_file_are_told_with_their_lines() -> None:
    text = "profile: secruity\nleef: 7\ncef: 1\nprofil: all\ntz: Nowhere/X\non-error: tag\non_error: tag\n"
    with pytest.raises(SettingsError) as caught:
        read_config(text, "site.yaml")
    assert [str(fault).split(": ")[0] for fault in caught.value.args] == [
        "site.yaml:1", "site.yaml:2", "site.yaml:4", "site.yaml:5", "site.yaml:7",
    ]  # fmt: skip


def test_a_later_layer_mends_a_value_of_an_earlier_one() -> None:
    assert make_settings({"leef": "two"}, {"leef": 1}).leef == 1


def test_all_wrong_settings_of_a_plugin_are_told_at_once() -> None:
    settings = make_settings({"plugins": {"acme": {"limt": 1, "limit": "many"}}})
    with pytest.raises(SettingsError) as caught:
        read_plugin_settings(settings, "acme", {"limit": 3})
    assert len(caught.value.args) == 2
