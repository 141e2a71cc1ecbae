"""The logs of the back end: EWS, Rps_Http, ECP Server and Activity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exnorm.model import Confidence, Head, Record, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources import ecp_server, ews, rps_http
from exnorm.sources.back_end import ANSWERS, is_probe, judge, name_answer
from exnorm.sources.ecp_server import ECP_SERVER, read_members, split_row
from exnorm.sources.ews import COLUMNS_2013, EWS, find_impersonated, find_mailbox
from exnorm.sources.rps_http import RPS_HTTP, find_method

SAMPLES = Path(__file__).parent.parent / "samples"
FILES = {
    "ews": ("Ews_2023010616-1.LOG", "Ews_2026030409-1.LOG"),
    "rps_http": ("Rps_Http_2026030409-1.LOG",),
    "ecp_server": ("ECPServer20230111-1.LOG", "ECPServer20260304-1.LOG", "ECPActivity_11500_20230111-1.LOG"),
}
LOGS = [(name, file) for name, files in FILES.items() for file in files]


def parse(text: str | bytes, name: str = "") -> list[Record | Unparsed]:
    normalizer = Normalizer("arcsight", discover_plugins=False)
    return list(normalizer.parse(text, normalizer.stream(name)))


def records(source: str, file: str) -> list[Record]:
    found = parse((SAMPLES / source / file).read_bytes(), file)
    assert all(isinstance(item, Record) and item.source.name == source for item in found), found
    return found  # type: ignore[return-value]


def header_of(source: str, file: str) -> str:
    lines = (SAMPLES / source / file).read_text().splitlines()
    return "\n".join(line for line in lines if line.startswith("#"))


def rows_of(source: str, file: str) -> list[str]:
    return [line for line in (SAMPLES / source / file).read_text().splitlines() if line.startswith("202")]


@pytest.mark.parametrize(("source", "file"), LOGS)
def test_every_row_of_a_sample_is_an_event_and_no_header_is(source: str, file: str) -> None:
    assert len(records(source, file)) == len(rows_of(source, file))


@pytest.mark.parametrize(("source", "file"), LOGS)
def test_a_torn_row_is_unparsed_and_the_next_one_is_unharmed(source: str, file: str) -> None:
    row = rows_of(source, file)[0]
    torn, good = parse(f"{header_of(source, file)}\n{row[:30]}\n{row}\n")
    assert isinstance(torn, Unparsed)
    assert isinstance(good, Record)
    assert good.raw == records(source, file)[0].raw


@pytest.mark.parametrize(("source", "file"), LOGS)
def test_a_row_that_is_not_utf8_or_has_no_time_is_unparsed(source: str, file: str) -> None:
    header, row = header_of(source, file), rows_of(source, file)[0]
    (odd,) = parse(header.encode() + b"\n" + row.encode() + b"\xe9")
    (late,) = parse(f"{header}\nyesterday{row[24:]}")
    assert isinstance(odd, Unparsed)
    assert isinstance(late, Unparsed)
    assert (odd.kind, late.kind) == ("encoding", "date")


@pytest.mark.parametrize("source", FILES)
def test_an_empty_log_holds_nothing(source: str) -> None:
    assert parse("", FILES[source][0]) == []
    assert parse(header_of(source, FILES[source][0]) + "\n\n") == []


@pytest.mark.parametrize(("source", "file"), LOGS)
def test_a_row_without_a_header_is_known_by_its_shape(source: str, file: str) -> None:
    found = parse(rows_of(source, file)[0])
    assert isinstance(found[0], Record)
    assert found[0].source.name == source


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (EWS, "Ews_2026030409-1.LOG"),
        (RPS_HTTP, "Rps_Http_2026030409-1.LOG"),
        (ECP_SERVER, "ECPServer20260304-1.LOG"),
    ],
)
def test_a_log_is_known_by_its_name_and_not_claimed_where_it_says_otherwise(
    source: object, name: str
) -> None:
    assert source.recognize(Head(f"C:\\logs\\{name}")) is Confidence.NAME  # type: ignore[attr-defined]
    other = Head(name, {"log-type": "HttpProxy Logs"})
    assert source.recognize(other) is Confidence.NO  # type: ignore[attr-defined]


# --- EWS -----------------------------------------------------------------------------------------


def test_a_real_row_of_ews_is_read_under_its_own_columns() -> None:
    (found,) = records("ews", "Ews_2023010616-1.LOG")
    assert len(found.values) == 92
    assert (found.values["SoapAction"], found.values["TotalRequestTime"]) == ("GetFolder", "17")
    assert found.values["WorkClassification"] == ""
    assert found.derived["impersonated"] == ""  # the caller again
    assert found.derived["weight"] == "PROBE"
    assert found.derived["build"] == "15.01.2375.007"


def test_the_columns_of_2013_are_those_without_ring_and_what_came_behind() -> None:
    assert (len(COLUMNS_2013), len(ews.COLUMNS)) == (72, 92)
    assert ews.COLUMNS.index("SoapAction") == COLUMNS_2013.index("SoapAction") + 1 == 17


def test_what_a_call_of_ews_weighs() -> None:
    found = records("ews", "Ews_2026030409-1.LOG")
    assert [(one.derived["weight"], one.derived["outcome"]) for one in found] == [
        ("EXPORTITEMS/IMPERSONATED", "success"),
        ("OPERATION", "success"),
        ("HOUSEKEEPING", ""),
        ("AUTH-CHALLENGE", ""),
        ("FAILED", "failure"),
    ]
    assert [one.derived["mailbox"] for one in found[:2]] == ["olga@example.test", "olga@example.test"]


def test_the_cookie_is_gone_from_the_columns_and_from_the_raw_row() -> None:
    found = records("ews", "Ews_2026030409-1.LOG")[0]
    assert found.values["Cookie"] == "*****"
    assert "92e4ad319de84a06a5baf5b1234567e9" not in found.raw
    row = rows_of("ews", "Ews_2026030409-1.LOG")[0]
    (torn,) = parse(f"{header_of('ews', 'Ews_2026030409-1.LOG')}\n{row},")
    assert isinstance(torn, Unparsed)
    assert "92e4ad319de84a06a5baf5b1234567e9" not in torn.raw


@pytest.mark.parametrize(
    ("user", "impersonated", "found"),
    [
        ("a@b.test", "A@B.test", ""),
        ("a@b.test", "c@b.test", "c@b.test"),
        ("B\\a", "a@b.test", ""),
        ("B\\EX$", "a@b.test", "a@b.test"),
        ("a@b.test", "", ""),
        ("", "", ""),
    ],
)
def test_only_another_name_is_impersonation(user: str, impersonated: str, found: str) -> None:
    assert find_impersonated(user, impersonated) == found


def test_the_mailbox_is_another_users_or_the_one_a_server_acts_for() -> None:
    assert find_mailbox("a@b.test", "a@b.test", "") == ""
    assert find_mailbox("a@b.test", "c@b.test", "") == "c@b.test"
    assert find_mailbox("B\\EX$", "", "d@b.test") == "d@b.test"


# --- Rps_Http ------------------------------------------------------------------------------------


def test_rows_of_remote_powershell_stand_on_their_answer_where_they_name_no_action() -> None:
    found = records("rps_http", "Rps_Http_2026030409-1.LOG")
    assert len(rps_http.COLUMNS) == 38
    assert [(one.derived["event"], one.derived["weight"]) for one in found] == [
        ("REQUEST", "REQUEST"),
        ("AUTH-CHALLENGE", "AUTH-CHALLENGE"),
        ("REQUEST", "REQUEST"),
        ("REQUEST", "PROBE"),
    ]
    assert found[2].derived["user-name"] == "adm.ines"
    assert found[0].derived["method"] == "POST"


def test_the_token_is_gone_from_the_query_and_from_the_raw_row() -> None:
    found = records("rps_http", "Rps_Http_2026030409-1.LOG")[0]
    assert found.values["UrlQuery"].startswith("?X-Rps-CAT=*****&Email=autodiscover/autodiscover.json")
    assert "VgEAVAdXaW5kb3dz" not in found.raw
    row = rows_of("rps_http", "Rps_Http_2026030409-1.LOG")[0]
    (torn,) = parse(f"{header_of('rps_http', 'Rps_Http_2026030409-1.LOG')}\n{row},x")
    assert isinstance(torn, Unparsed)
    assert "VgEAVAdXaW5kb3dz" not in torn.raw
    assert find_method("a=b") == ""


def change(name: str, file: str, old: str, new: str, **settings: Any) -> Record:
    """The first record of a sample of which a text was replaced."""
    text = (SAMPLES / name / file).read_text(encoding="utf-8-sig")
    assert old in text
    normalizer = Normalizer("arcsight", discover_plugins=False, **settings)
    found = next(iter(normalizer.parse(text.replace(old, new), normalizer.stream(""))))
    assert isinstance(found, Record)
    return found


def test_every_credential_of_the_list_is_hidden_in_what_a_client_said() -> None:
    rps = change("rps_http", "Rps_Http_2026030409-1.LOG", "X-Rps-CAT=", "access_token=Hush77&X-Rps-CAT=")
    assert "Hush77" not in rps.raw
    assert rps.values["UrlQuery"].startswith("?access_token=*****&X-Rps-CAT=*****&Email=")
    ews = change("ews", "Ews_2023010616-1.LOG", "SKU=Unknown;", "Authorization=Basic bm9yYTpIdXNo;")
    assert "bm9yYTpIdXNo" not in ews.raw
    assert "Authorization=*****;" in ews.values["GenericInfo"]


# --- ECP -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("S:URL=/ecp?msExchEcpCanary=a.b-c_d;S:X=1", "S:URL=/ecp?msExchEcpCanary=*****;S:X=1"),
        ("S:URL=/ecp?a=1&token=abc&b=2;S:X=1", "S:URL=/ecp?a=1&token=*****&b=2;S:X=1"),
        ("S:URL=/ecp%3fmsExchEcpCanary%3dabc;S:X=1", "S:URL=/ecp%3fmsExchEcpCanary%3d*****;S:X=1"),
        ("S:REFERRER=https://m/ecp?code=abc;S:EX=", "S:REFERRER=https://m/ecp?code=*****;S:EX="),
        ("S:SID=1234;S:URL=/ecp?msExchEcpCanaryX=1", "S:SID=1234;S:URL=/ecp?msExchEcpCanaryX=1"),
        ("nothing", "nothing"),
    ],
)
def test_credentials_are_hidden_in_the_urls_of_a_row_and_nowhere_else(text: str, shown: str) -> None:
    assert ecp_server.hide_secrets(text) == shown


def test_credentials_stay_where_the_site_keeps_them() -> None:
    found = change("ecp_server", "ECPServer20230111-1.LOG", "CANARY", "Kept77", web_secrets="keep")
    assert "msExchEcpCanary=Kept77" in found.derived["url"]


def test_the_user_of_the_admin_center_is_split_as_in_all_logs() -> None:
    mail = "<PII>HealthMailboxXXX@domain.com</PII>"
    found = change("ecp_server", "ECPActivity_11500_20230111-1.LOG", mail, "<PII>EXAMPLE\\nora</PII>")
    assert (found.derived["user-domain"], found.derived["user-name"]) == ("EXAMPLE", "nora")


def test_rows_of_the_admin_center_say_which_cmdlet_ran() -> None:
    first, script, failed = records("ecp_server", "ECPServer20260304-1.LOG")
    assert (first.derived["event"], first.derived["case"]) == ("Set-OabVirtualDirectory", "VIRTUAL-DIRECTORY")
    assert first.derived["target"] == "EX01\\OAB (Default Web Site)"
    assert (script.derived["case"], script.derived["outcome"]) == ("OAB-SCRIPT", "success")
    assert 'eval(Request["x"],"unsafe");' in script.derived["command"]
    assert (failed.derived["outcome"], failed.derived["reason"]) == (
        "failure",
        "Microsoft.Exchange.Configuration.Tasks.RecipientTaskException",
    )
    assert failed.derived["exception"].endswith("The name 'Temp One' is taken; try another")


def test_a_real_row_of_the_server_log_has_no_user_and_one_of_the_activity_log_has() -> None:
    (server,) = records("ecp_server", "ECPServer20230111-1.LOG")
    assert (server.derived["event"], server.derived["user"], server.derived["tenant"]) == (
        "Get-InboxRule",
        "",
        "",
    )
    activity = records("ecp_server", "ECPActivity_11500_20230111-1.LOG")
    assert [one.derived["user"] for one in activity] == ["HealthMailboxXXX@domain.com", ""]
    assert activity[0].derived["event"] == "Request"


def test_canary_and_password_are_gone_from_the_columns_and_from_the_raw_row() -> None:
    for found in records("ecp_server", "ECPServer20260304-1.LOG"):
        assert "SECRETCANARY1" not in str(found.values) + str(found.derived) + found.raw
        assert "Sommer.2026" not in str(found.values) + str(found.derived) + found.raw
    rows = rows_of("ecp_server", "ECPServer20260304-1.LOG")
    for item in parse("\n".join([header_of("ecp_server", "ECPServer20260304-1.LOG"), "x" + rows[2]])):
        assert isinstance(item, Unparsed)
        assert "SECRETCANARY1" not in item.raw
        assert "Sommer.2026" not in item.raw


def test_the_last_cell_reaches_to_the_end_of_the_line_unless_it_is_quoted() -> None:
    assert split_row("a,b,c,d,e") == ["a", "b", "c", "d,e"]
    assert split_row('a,b,c,"d,""e"""') == ["a", "b", "c", 'd,"e"']
    assert split_row('a,b,c,"open') is None
    assert split_row("a,b") == ["a", "b"]


def test_members_may_be_wrapped_and_the_first_of_each_counts() -> None:
    assert read_members("S:A=1;'S:B=it''s;2';Dbl:C.D[x]=3;S:A=4;none") == {
        "A": "1",
        "B": "it's;2",
        "C.D[X]": "3",
    }
    assert read_members("'S:A=open;S:B=1") == {"A": "open", "B": "1"}
    assert len(read_members("S:A=1;" * 9999)) == 1
    assert ecp_server.MOST_MEMBERS < 9999


def test_the_time_may_have_its_old_name() -> None:
    text = "#Log-type: ECP Activity Context Log\n#Fields: MyTimeStamp,ServerName,EventId,EventData\n"
    (found,) = parse(text + "2013-01-10T00:52:12.021Z,EX,Request,S:URL=/ecp")
    assert isinstance(found, Record)
    assert found.derived["moment"] == "2013-01-10T00:52:12.021Z"


# --- what they share -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "answer", "outcome"),
    [
        (("200", "", "true", "u"), "REQUEST", "success"),
        (("302", "", "true", "u"), "REQUEST", "success"),
        (("200", "ErrorX", "true", "u"), "FAILED", "failure"),
        (("401", "", "false", ""), "AUTH-CHALLENGE", ""),
        (("401", "", "false", "u"), "LOGON-FAILURE", "failure"),
        (("401", "", "true", "u"), "ACCESS-DENIED", "failure"),
        (("403", "", "true", "u"), "ACCESS-DENIED", "failure"),
        (("404", "", "true", "u"), "CLIENT-ERROR", "failure"),
        (("500", "", "true", "u"), "SERVER-ERROR", "failure"),
        (("", "", "", ""), "STATUS-UNKNOWN", ""),
        (("", "ErrorX", "", ""), "FAILED", "failure"),
        (("999", "", "", ""), "STATUS-UNKNOWN", ""),
    ],
)
def test_the_status_names_the_answer(values: tuple[str, str, str, str], answer: str, outcome: str) -> None:
    assert name_answer(*values) == answer
    assert judge(answer) == outcome
    assert answer in ANSWERS


def test_a_probe_is_known_by_its_user_or_its_agent() -> None:
    assert is_probe("EXAMPLE\\HealthMailbox12", "")
    assert is_probe("HealthMailbox12@example.test", "")
    assert is_probe("", "Ews_AM_Probe/Local (x)")
    assert not is_probe("olga@example.test", "Microsoft Office/16.0")
