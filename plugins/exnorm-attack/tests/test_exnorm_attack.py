from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import exnorm_attack
import pytest
from exnorm_attack import PARTS, RULES, Matcher, Rule

from exnorm import Event
from exnorm.testing import check_plugin, normalizer

ALL_PARTS = {part for parts in PARTS.values() for part in parts}
SAMPLES = Path(__file__).parents[3] / "tests" / "samples"
IIS = (
    "#Software: Microsoft Internet Information Services 10.0\n#Fields: date time s-ip cs-method cs-uri-stem "
    "cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status\n2026-03-04 09:00:00 192.0.2.10 "
)


def events(text: str | bytes, taxonomy: str = "arcsight", **settings: Any) -> list[Event]:
    found = list(normalizer(exnorm_attack, taxonomy=taxonomy, **settings).normalize(text))
    assert all(isinstance(event, Event) for event in found), found
    return found  # type: ignore[return-value]


def test_the_plugin_is_sound() -> None:
    assert check_plugin(exnorm_attack) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_matches_its_sample_and_not_the_other(rule: Rule) -> None:
    matcher = Matcher(ALL_PARTS, [rule])
    assert matcher.find(lambda part: rule.match.get(part, "")) is rule
    assert matcher.find(lambda part: rule.other.get(part, "")) is None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_is_grave_has_a_source_and_a_technique_and_can_match_in_some_log(rule: Rule) -> None:
    assert 7 <= rule.severity <= 10
    assert rule.source.startswith("https://")
    assert rule.technique.startswith("T1")
    assert any(parts.keys() >= rule.needs.keys() for parts in PARTS.values())


def test_no_two_rules_have_one_name() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_what_a_sample_that_must_not_match_says_matches_no_other_rule_either() -> None:
    matcher = Matcher(ALL_PARTS)
    for rule in RULES:
        found = matcher.find(lambda part, rule=rule: rule.other.get(part, ""))  # type: ignore[misc]
        assert found is None, (rule.name, found)


@pytest.mark.parametrize(
    ("request_line", "rule", "technique"),
    [
        (
            "POST /autodiscover/autodiscover.json @e.test/mapi/nspi/?&Email=autodiscover.json%3F@e.test",
            "autodiscover-ssrf",
            "T1190",
        ),
        ("POST /owa/mastermailbox%40outlook.com/powershell -", "owassrf", "T1190"),
        ("GET /aspnet_client/shell.aspx cmd=whoami", "web-shell-aspnet-client", "T1505.003"),
        ("POST /ecp/y.js -", "proxylogon-resource", "T1190"),
    ],
)
def test_an_attack_in_a_web_log_is_raised_and_named(request_line: str, rule: str, technique: str) -> None:
    (event,) = events(f"{IIS}{request_line} 443 - 198.51.100.9 agent 200")
    assert int(event["severity"]) >= 7
    assert (event["threatAttackID"], event["frameworkName"]) == (technique, "MITRE ATT&CK")
    assert event.additional["attackRule"] == rule
    (event,) = events(f"{IIS}{request_line} 443 - 198.51.100.9 agent 200", "jsa")
    assert int(event["sev"]) >= 7
    assert (event.additional["threatAttackID"], event.additional["attackRule"]) == (technique, rule)


def test_an_ordinary_request_is_left_as_it_is() -> None:
    (event,) = events(f"{IIS}GET /owa/auth/logon.aspx replaceCurrent=1 443 - 198.51.100.9 Mozilla/5.0 200")
    assert event["severity"] == 1
    assert "threatAttackID" not in event
    assert "attackRule" not in event.additional


def test_a_severity_is_only_ever_raised() -> None:
    found = events((SAMPLES / "rps_cmdlet" / "Rps_Cmdlet_2026030409-1.LOG").read_bytes())
    assert [event["severity"] for event in found] == [8, 3, 10, 1]
    assert found[2]["threatAttackID"] == "T1505.003"


def test_attacks_in_the_logs_of_the_back_end_are_found() -> None:
    http = events((SAMPLES / "rps_http" / "Rps_Http_2026030409-1.LOG").read_bytes())
    assert [event.additional.get("attackRule", "") for event in http] == ["autodiscover-ssrf", "", "", ""]
    ecp = events((SAMPLES / "ecp_server" / "ECPServer20260304-1.LOG").read_bytes())
    assert [event.additional.get("attackRule", "") for event in ecp] == ["proxylogon-oab", "oab-script", ""]
    errors = events((SAMPLES / "httperr" / "httperr1.log").read_bytes())
    assert [event.additional.get("attackRule", "") for event in errors] == ["", "traversal", "", "", "", ""]


def test_ordinary_rows_of_every_other_sample_are_not_marked() -> None:
    marked = {
        path.name: event.additional["attackRule"]
        for folder in ("http_proxy", "iis", "ews", "message_tracking", "smtp_protocol", "imap_pop")
        for path in (SAMPLES / folder).rglob("*.*")
        for event in normalizer(exnorm_attack).normalize(path.read_bytes())
        if isinstance(event, Event) and "attackRule" in event.additional
    }
    assert marked == {}


def test_hostile_text_takes_no_longer_than_its_length_says() -> None:
    matcher = Matcher(ALL_PARTS)
    began = time.process_time()
    for piece in ("autodiscover.json@", "/owa/a@", "../", "%25%32%35", "ecp/", "powershell"):
        matcher.find(lambda part, piece=piece: "/" + piece * 100_000)  # type: ignore[misc]
    assert time.process_time() - began < 10
