from __future__ import annotations

from typing import Any

import exnorm_noise
import pytest

from exnorm import PluginError
from exnorm.testing import check_plugin, events, normalizer, read_cef

TRACKING = "#Fields: date-time,event-id,sender-address,recipient-address,recipient-status,custom-data"
HEALTH = "HealthMailbox1a2b3c4@example.test"
USER = "alice@example.test"


def mail(sender: str, recipients: str, custom: str = "") -> list[str]:
    return [TRACKING, f"2022-09-19T15:02:29.339Z,DELIVER,{sender},{recipients},,{custom}"]


def kept(lines: list[str], **settings: Any) -> int:
    return len(events(lines, exnorm_noise, **settings))


def test_the_plugin_is_sound() -> None:
    assert check_plugin(exnorm_noise) == []


@pytest.mark.parametrize(
    ("sender", "recipients", "custom", "is_kept"),
    [
        (HEALTH, HEALTH, "", False),
        ("inboundproxy@inboundproxy.com", HEALTH.upper(), "", False),
        (USER, USER, "S:IsProbe=true;S:AMA=x", False),
        (USER, USER, "S:IsProbe=false", True),
        (HEALTH, USER, "", True),  # forged sender
        (USER, f"{HEALTH};{USER}", "", True),
        (USER, HEALTH, "", True),
        ("", "", "", True),
        ("x.HealthMailbox1@example.test", HEALTH, "", True),
    ],
)
def test_mail_is_noise_only_where_every_party_is(
    sender: str, recipients: str, custom: str, is_kept: bool
) -> None:
    assert kept(mail(sender, recipients, custom)) == int(is_kept)


IIS = (
    "#Fields: date time c-ip s-ip cs-username cs(User-Agent) cs-method cs-uri-stem sc-status sc-win32-status"
)


def request(client: str, user: str, agent: str, status: str = "200 0") -> list[str]:
    row = f"2022-09-19 15:02:29 {client} 10.0.0.1 {user} {agent} POST /owa/auth.owa {status}"
    return ["#Software: Microsoft Internet Information Services 10.0", IIS, row]


@pytest.mark.parametrize(
    ("client", "user", "agent", "status", "is_kept"),
    [
        ("192.0.2.1", "DOM\\HealthMailboxa1", "Mozilla/5.0", "200 0", False),
        ("127.0.0.1", "-", "AMProbe/Local", "200 0", False),
        ("::1", "-", "amprobe/Local", "200 0", False),
        ("10.0.0.1", "-", "AMProbe/Local", "200 0", False),  # the server asks itself
        ("192.0.2.1", "-", "AMProbe/Local", "200 0", True),  # a stranger says it is a probe
        ("192.0.2.1", "DOM\\HealthMailboxa1", "Mozilla/5.0", "401 1326", True),  # somebody tries the account
        ("192.0.2.1", "DOM\\alice", "Mozilla/5.0", "200 0", True),
    ],
)
def test_a_request_is_noise_only_where_the_server_vouches_for_it(
    client: str, user: str, agent: str, status: str, is_kept: bool
) -> None:
    assert kept(request(client, user, agent, status)) == int(is_kept)


def test_what_is_left_out_is_counted() -> None:
    running = normalizer(exnorm_noise)
    assert list(running.normalize(mail(HEALTH, HEALTH))) == []
    assert running.counts.removed == {"noise": 1}


def test_what_is_marked_arrives_in_cef_and_is_counted() -> None:
    running = normalizer(exnorm_noise, plugin_settings={"noise": {"action": "mark"}})
    lines = [*mail(HEALTH, HEALTH), mail(USER, USER)[1]]
    first, second = (read_cef(payload) for payload in running.encode(lines))
    assert first.pairs["ad.noise"] == "monitoring mailbox"
    assert "ad.noise" not in second.pairs
    assert running.counts.marked == {"noise: monitoring mailbox": 1}
    assert running.counts.removed == {}


def test_mailboxes_and_user_agents_are_the_sites() -> None:
    mine = {"noise": {"mailboxes": ["robot@example.test"], "user_agents": ["Zabbix"]}}
    assert kept(mail("Robot@example.test", "robot@example.test"), plugin_settings=mine) == 0
    assert kept(mail(HEALTH, HEALTH), plugin_settings=mine) == 1
    assert kept(request("127.0.0.1", "-", "Zabbix/7"), plugin_settings=mine) == 0


def test_empty_lists_find_nothing() -> None:
    none: dict[str, Any] = {"noise": {"mailboxes": [], "user_agents": []}}
    assert kept(mail(HEALTH, HEALTH), plugin_settings=none) == 1
    assert kept(request("127.0.0.1", "-", "AMProbe"), plugin_settings=none) == 1


def test_an_imap_session_of_a_monitoring_mailbox_is_noise() -> None:
    header = (
        "#Fields: dateTime,sessionId,seqNumber,sIp,cIp,user,duration,rqsize,rpsize,command,parameters,"
        "context,puid"
    )
    row = "2022-09-19T15:02:29.339Z,1,1,10.0.0.1:143,10.0.0.2:5,{},1,1,1,{},,R=OK,"
    assert kept([header, row.format("HealthMailboxa1", "capability")]) == 0
    assert kept([header, row.format("alice", "capability")]) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"acton": "drop"}, "unknown setting 'acton'; did you mean 'action'?"),
        ({"action": "dorp"}, "action: got 'dorp'; did you mean 'drop'?"),
        ({"mailboxes": "x"}, "mailboxes: got 'x'; expected a list"),
    ],
)
def test_a_wrong_setting_is_refused_before_any_line(given: dict[str, object], message: str) -> None:
    with pytest.raises(PluginError) as refusal:
        normalizer(exnorm_noise, plugin_settings={"noise": given})
    assert str(refusal.value).endswith(f"plugins: noise: {message}")


def test_audits_and_error_logs_are_left_whole() -> None:
    running = normalizer(exnorm_noise)
    with_steps = {
        source.name
        for source in running.sources
        if running.plugins.record_processors(source, running.taxonomy, running.settings)
    }
    assert with_steps == {
        "message_tracking", "agent_log", "http_proxy", "iis", "imap_pop", "ews", "rps_cmdlet", "rps_http",
    }  # fmt: skip


HEALTHY = "EXAMPLE\\HealthMailbox1a2b3c4"


def row(log_type: str, **values: str) -> list[str]:
    columns = ",".join(("DateTime", *values))
    return [
        f"#Log-type: {log_type}",
        f"#Fields: {columns}",
        ",".join(("2026-03-04T09:00:01.000Z", *values.values())),
    ]


def ews(**values: str) -> list[str]:
    given = {
        "ServerHostName": "EX01", "SoapAction": "GetFolder", "HttpStatus": "200",
        "AuthenticatedUser": HEALTHY,
        "IsAuthenticated": "true", "UserAgent": "x", "ClientIpAddress": "192.0.2.1", "ImpersonatedUser": "",
        "ActAsUser": "", "ErrorCode": "",
    }  # fmt: skip
    return row("EWS Logs", **{**given, **values})


@pytest.mark.parametrize(
    ("values", "is_kept"),
    [
        ({}, False),
        ({"ImpersonatedUser": "HealthMailbox1a2b3c4@example.test"}, False),
        ({"ImpersonatedUser": "olga@example.test"}, True),  # somebody uses the mailbox to read another's
        ({"ActAsUser": "olga@example.test"}, True),
        ({"HttpStatus": "401", "IsAuthenticated": "false"}, True),  # somebody tries the account
        ({"HttpStatus": "403"}, True),
        ({"AuthenticatedUser": "EXAMPLE\\olga"}, True),
        ({"AuthenticatedUser": "", "UserAgent": "AMProbe/Local", "ClientIpAddress": "127.0.0.1"}, False),
        ({"AuthenticatedUser": "", "UserAgent": "AMProbe/Local"}, True),  # a stranger says it is a probe
    ],
)
def test_a_call_of_ews_is_noise_only_in_the_mailboxs_own_name(values: dict[str, str], is_kept: bool) -> None:
    assert kept(ews(**values)) == int(is_kept)


def cmdlet(name: str, user: str = HEALTHY, result: str = "Success") -> list[str]:
    values = {"Cmdlet": name, "CmdletUniqueId": "", "ExecutingUserSid": "", "AuthenticatedUser": user}
    return row("Rps Cmdlet Logs", **values, ExecutionResult=result, Parameters="")


@pytest.mark.parametrize(
    ("lines", "is_kept"),
    [
        (cmdlet("Get-MailboxDatabase"), False),
        (cmdlet("Get-Mailbox"), True),  # looks round, as intruders do
        (cmdlet("Test-OutlookConnectivity"), False),
        (cmdlet("Get-MailboxDatabase", result="Error"), True),
        (cmdlet("New-MailboxExportRequest"), True),
        (cmdlet("Set-Mailbox"), True),
        (cmdlet("Get-MailboxDatabase", user="EXAMPLE\\olga"), True),
    ],
)
def test_a_cmdlet_is_noise_only_where_a_monitoring_mailbox_reads(lines: list[str], is_kept: bool) -> None:
    assert kept(lines) == int(is_kept)


def powershell(**values: str) -> list[str]:
    given = {
        "RequestId": "11111111-2222-4333-8444-555555555501", "UrlStem": "/powershell", "SubStatus": "0",
        "ServerHostName": "EX01", "HttpStatus": "200", "IsAuthenticated": "true",
        "AuthenticatedUser": HEALTHY,
        "ClientInfo": "x", "ClientIpAddress": "192.0.2.1",
    }  # fmt: skip
    return row("Rps Http Logs", **{**given, **values})


@pytest.mark.parametrize(
    ("values", "is_kept"),
    [
        ({}, False),
        ({"AuthenticatedUser": "EXAMPLE\\olga"}, True),
        ({"HttpStatus": "401", "IsAuthenticated": "false"}, True),
        ({"AuthenticatedUser": "", "ClientInfo": "AMProbe/Local", "ClientIpAddress": "::1"}, False),
        ({"AuthenticatedUser": "", "ClientInfo": "AMProbe/Local"}, True),
    ],
)
def test_a_request_of_remote_powershell_is_noise_as_those_of_the_front_end_are(
    values: dict[str, str], is_kept: bool
) -> None:
    assert kept(powershell(**values)) == int(is_kept)


def test_a_row_without_the_columns_that_judge_it_is_kept() -> None:
    assert kept([line.replace(",AuthenticatedUser", ",Other") for line in cmdlet("Get-MailboxDatabase")]) == 1
