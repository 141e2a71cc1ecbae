from __future__ import annotations

import time
from pathlib import Path

import pytest

from exnorm.model import Record, Unparsed
from exnorm.pipeline.normalizer import Normalizer
from exnorm.sources.imap_pop import (
    COLUMNS,
    judge,
    name_event,
    name_protocol,
    name_user,
    name_version,
    read_context,
    redact_line,
)
from exnorm.sources.mail_secrets import hide_arguments

SAMPLES = Path(__file__).parent.parent / "samples" / "imap_pop"
TIME = "2024-03-15T08:00:00.123Z"
HEADER = "#Log-type: IMAP4 Log\n#Fields: " + ",".join(COLUMNS)
START = f"{TIME},00000000000000E2,2,192.0.2.10:993,198.51.100.7:50001"


def parse(text: str | bytes, name: str = "") -> list[Record | Unparsed]:
    normalizer = Normalizer("arcsight", discover_plugins=False)
    return list(normalizer.parse(text, normalizer.stream(name)))


def records(text: str | bytes, name: str = "") -> list[Record]:
    found = parse(text, name)
    for item in found:
        assert isinstance(item, Record), item
    return [item for item in found if isinstance(item, Record)]


def unparsed(text: str | bytes, name: str = "") -> Unparsed:
    (found,) = parse(text, name)
    assert isinstance(found, Unparsed), found
    return found


def test_an_imap_session_is_read_row_by_row() -> None:
    found = records((SAMPLES / "IMAP42024031508-1.LOG").read_bytes())
    assert [record.event_id for record in found] == [
        "SESSION-OPEN", "COMMAND", "AUTH-FAILURE", "SESSION-CLOSE", "AUTH-SUCCESS",
    ]  # fmt: skip
    failure = found[2]
    # 2024-03-15T08:00:00Z is 1710489600 seconds after the epoch
    assert failure.time == 1710489600473
    assert failure.derived["protocol"] == "IMAP4"
    assert failure.derived["reason"] == "ProxyNotAuthenticated"
    assert failure.derived["client-address"] == "198.51.100.7"
    assert failure.derived["client-port"] == "50001"
    assert failure.derived["server-address"] == "192.0.2.10"
    assert failure.derived["server-port"] == "993"


def test_ipv6_endpoints_lose_only_their_brackets() -> None:
    found = records((SAMPLES / "IMAP42024031508-1.LOG").read_bytes())[4]
    assert found.derived["server-address"] == "2001:db8::10"
    assert found.derived["client-address"] == "2001:db8::7"
    assert found.derived["client-port"] == "50002"


def test_a_pop_log_of_twelve_columns_is_read_by_its_header() -> None:
    found = records((SAMPLES / "POP32024031508-1.LOG").read_bytes())
    assert [record.event_id for record in found] == ["COMMAND", "AUTH-FAILURE", "AUTH-SUCCESS"]
    assert {record.derived["protocol"] for record in found} == {"POP3"}
    assert found[0].get("user-name") == "carol@example.test"


@pytest.mark.parametrize("columns", [12, 13])
def test_a_row_without_a_header_is_known_by_its_width_and_values(columns: int) -> None:
    row = f"{START},alice,1,2,3,noop,,R=OK" + "," * (columns - 12)
    (found,) = records(row, "POP32024031508-1.LOG")
    assert found.source.name == "imap_pop"
    assert found.schema.columns == COLUMNS[:columns]
    assert found.derived["protocol"] == "POP3"


def test_a_password_is_nowhere_left_in_the_record() -> None:
    row = f'{START},alice,1,2,3,login,"alice ""Secret,123""","R=""a2 NO LOGIN failed.""",'
    (found,) = records(f"{HEADER}\n{row}")
    assert found.values["parameters"] == "alice *****"
    assert "Secret" not in found.raw
    assert found.raw == f'{START},alice,1,2,3,login,alice *****,"R=""a2 NO LOGIN failed.""",'


def test_a_row_without_a_secret_keeps_its_raw_text() -> None:
    row = f'{START},alice,1,2,3,select,"INBOX",R=OK,'
    (found,) = records(f"{HEADER}\n{row}")
    assert found.raw == row


@pytest.mark.parametrize(
    ("command", "parameters", "expected"),
    [
        ("login", "alice secret", "alice *****"),
        ("LOGIN", "alice secret words", "alice *****"),
        ("login", '"my user" "my secret"', '"my user" *****'),
        ("login", " secret", " *****"),
        ("login", "alice *****", "alice *****"),
        ("login", "alice", "alice"),
        ("pass", "secret", "*****"),
        ("pass", "*****", "*****"),
        ("authenticate", "PLAIN AGFsaWNlAHNlY3JldA==", "PLAIN *****"),
        ("authenticate", "PLAIN", "PLAIN"),
        ("auth", "XOAUTH2 dXNlcj1hbGljZQ==", "XOAUTH2 *****"),
        ("apop", "alice c4c9334bac560ecc979e58001b3e22fb", "alice *****"),
        ("select", "my folder", "my folder"),
        ("user", "alice", "alice"),
    ],
)
def test_only_what_may_be_a_secret_is_masked(command: str, parameters: str, expected: str) -> None:
    assert hide_arguments(command, parameters) == expected


@pytest.mark.parametrize(
    ("command", "parameters", "user"),
    [
        ("login", "alice *****", "alice"),
        ("login", '"my user" *****', "my user"),
        ("user", "alice", "alice"),
        ("login", " *****", ""),
        ("login", "*****", ""),
        ("authenticate", "PLAIN *****", ""),
        ("pass", "*****", ""),
    ],
)
def test_a_logon_command_names_its_user(command: str, parameters: str, user: str) -> None:
    assert name_user(command, parameters) == user


def test_the_members_of_a_context_are_freed_of_their_quotes() -> None:
    text = (
        'R="2 NO AUTHENTICATE failed.";Msg="AuthFailed:LogonDenied;User: d\\u";ErrMsg=AuthFailed:LogonDenied'
    )
    assert read_context(text) == {
        "R": "2 NO AUTHENTICATE failed.",
        "Msg": "AuthFailed:LogonDenied;User: d\\u",
        "ErrMsg": "AuthFailed:LogonDenied",
    }


def test_what_a_message_quotes_is_no_member_of_its_own() -> None:
    assert read_context('R="a NO";Msg="x;R=OK;ErrMsg="')["R"] == "a NO"
    assert "ErrMsg" not in read_context('R=OK;Msg="x;ErrMsg=no"')


@pytest.mark.parametrize(
    ("context", "outcome"),
    [
        ("R=OK", "success"),
        ("R=ok", "success"),
        ('R="+OK User successfully logged on."', "success"),
        ('R="a2 OK LOGIN completed."', "success"),
        ('R="a2 NO LOGIN failed."', "failure"),
        ('R="a2 BAD Command received in Invalid state."', "failure"),
        ('R="-ERR Logon failure: unknown user name or bad password."', "failure"),
        ("R=OK;ErrMsg=ProxyNotAuthenticated", "failure"),
        ('Msg="nothing"', ""),
        ("", ""),
    ],
)
def test_the_status_word_of_the_reply_is_the_outcome(context: str, outcome: str) -> None:
    assert judge(read_context(context)) == outcome


@pytest.mark.parametrize(
    ("command", "parameters", "user", "outcome", "event"),
    [
        ("OpenSession", "", "", "", "SESSION-OPEN"),
        ("CloseSession", "", "alice", "", "SESSION-CLOSE"),
        ("login", "alice *****", "alice", "success", "AUTH-SUCCESS"),
        ("login", "alice *****", "alice", "failure", "AUTH-FAILURE"),
        ("login", "alice *****", "alice", "", "AUTH-ATTEMPT"),
        ("authenticate", "PLAIN", "", "failure", "AUTH-FAILURE"),
        ("pass", "", "", "success", "AUTH-SUCCESS"),
        ("auth", "", "", "success", "COMMAND"),
        ("auth", "PLAIN", "", "success", "AUTH-SUCCESS"),
        ("user", "alice", "", "success", "COMMAND"),
        ("user", "alice", "", "failure", "AUTH-FAILURE"),
        ("select", "INBOX", "alice", "success", "COMMAND"),
        ("select", "INBOX", "alice", "failure", "COMMAND-FAILURE"),
    ],
)
def test_command_and_reply_name_the_event(
    command: str, parameters: str, user: str, outcome: str, event: str
) -> None:
    assert name_event(command, parameters, user, outcome) == event


@pytest.mark.parametrize(
    ("log_type", "file_name", "protocol"),
    [
        ("IMAP4 Log", "", "IMAP4"),
        ("POP3 Log", "IMAP42024031508-1.LOG", "POP3"),
        ("", "IMAP42024031508-1.LOG", "IMAP4"),
        ("", "pop3_2024031508-1.log", "POP3"),
        ("Imap4 Protocol Log", "", "IMAP4"),
        ("", "somewhere.log", ""),
    ],
)
def test_the_log_type_then_the_file_name_says_which_protocol(
    log_type: str, file_name: str, protocol: str
) -> None:
    assert name_protocol(log_type, file_name) == protocol


def test_a_second_block_may_be_of_the_other_protocol() -> None:
    block = "#Software: Microsoft Exchange Server\n#Log-type: {}\n#Fields: " + ",".join(COLUMNS)
    row = f"{START},alice,1,2,3,noop,,R=OK,"
    first, second = records("\n".join([block.format("IMAP4 Log"), row, block.format("POP3 Log"), row]))
    assert (first.derived["protocol"], second.derived["protocol"]) == ("IMAP4", "POP3")


def test_a_constant_version_is_no_product_version() -> None:
    assert name_version("15.0.0.0") == ""
    assert name_version("15.02.1118.040") == "15.02.1118.040"


def test_a_masked_endpoint_gives_no_address() -> None:
    (found,) = records(f"{HEADER}\n{TIME},E2,2,192.0.2.10:993,x.x.x.x:50001,,1,2,3,noop,,R=OK,")
    assert "client-address" not in found.derived
    assert "client-port" not in found.derived


def test_an_empty_line_holds_nothing() -> None:
    assert parse(f"{HEADER}\n\n") == []


def test_a_torn_off_row_is_unparsed() -> None:
    found = unparsed(f"{HEADER}\n{START}")
    assert (found.kind, found.reason) == ("width", "row has 5 fields; #Fields names 13")


def test_a_row_that_is_too_wide_is_unparsed() -> None:
    found = unparsed(f"{HEADER}\n{START},alice,1,2,3,noop,,R=OK,,")
    assert (found.kind, found.reason) == ("width", "row has 14 fields; #Fields names 13")


def test_an_open_quote_is_unparsed_and_the_next_row_is_unharmed() -> None:
    bad, good = parse(f'{HEADER}\n{START},a,1,2,3,noop,,"R=OK,\n{START},a,1,2,3,noop,,R=OK,')
    assert isinstance(bad, Unparsed)
    assert bad.kind == "quote"
    assert isinstance(good, Record)


def test_a_row_that_is_not_utf8_is_unparsed() -> None:
    assert unparsed(f"{HEADER}\n{START},".encode() + b"\xe9,1,2,3,noop,,R=OK,").kind == "encoding"


def test_a_row_without_a_time_is_unparsed() -> None:
    assert unparsed(f"{HEADER}\n{START.replace(TIME, 'x')},a,1,2,3,noop,,R=OK,").kind == "date"


# --- secrets in rows that cannot be used ---------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        f"{START},bob,205,48,24,login,bob@example.test s3cr3t",
        f"{START},bob,205,48,24,login,bob@example.test s3cr3t,R=OK,,,",
        f'{START},bob,205,48,24,login,"bob s3cr3t,R=OK,',
        f"{START},bob,205,48,24,login,bob,s3cr3t,R=OK,",
        f"{START},,,,,pass,s3cr3t",
        f"{START},carl,1,2,3,pass,a,R=s3cr3t,R=OK,",
        f"{START.replace(TIME, 'x')},bob,205,48,24,AUTHENTICATE,PLAIN s3cr3t,R=OK,",
        "48,24,login,bob s3cr3t,R=OK,",
        "login,bob s3cr3t,R=OK,",
    ],
)
def test_a_row_that_cannot_be_used_shows_no_password(row: str) -> None:
    for head in (f"{HEADER}\n", ""):
        found = unparsed(head + row)
        assert "s3cr3t" not in found.raw + found.reason


def test_a_password_in_a_row_that_is_not_utf8_or_too_long_is_not_shown() -> None:
    row = f"{START},bob,205,48,24,login,bob s3cr3t".encode()
    assert "s3cr3t" not in unparsed(f"{HEADER}\n".encode() + row + b"\xe9").raw
    normalizer = Normalizer("arcsight", max_line_bytes=1024, discover_plugins=False)
    (found,) = normalizer.parse(f"{HEADER}\n".encode() + row + b" " * 1024, normalizer.stream(""))
    assert isinstance(found, Unparsed)
    assert (found.kind, "s3cr3t" in found.raw) == ("too-long", False)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{START},bob,1,2,3,login,bob pw,R=OK,,", f"{START},bob,1,2,3,login,*****,R=OK,,"),
        (f"{START},bob,1,2,3,login,bob *****,R=OK,,", f"{START},bob,1,2,3,login,bob *****,R=OK,,"),
        (f"{START},bob,1,2,3,auth,,R=OK,,", f"{START},bob,1,2,3,auth,,R=OK,,"),
        (f"{START},bob,1,2,3,select,INBOX,R=OK,,", f"{START},bob,1,2,3,select,INBOX,R=OK,,"),
    ],
)
def test_what_is_no_secret_stays_in_a_row_that_cannot_be_used(line: str, expected: str) -> None:
    assert redact_line(line) == expected


@pytest.mark.parametrize("command", ["authenticate", "auth"])
def test_where_no_mechanism_stands_first_the_whole_text_may_be_the_secret(command: str) -> None:
    assert hide_arguments(command, "AGJvYgBzZWNyZXQ=") == "*****"
    assert hide_arguments(command, "plain") == "plain"


@pytest.mark.parametrize("piece", ["\t", " ", ",", ",1", "\tlogin\t", ",R="])
def test_a_line_of_nothing_but_separators_is_searched_in_no_time(piece: str) -> None:
    begin = time.process_time()
    redact_line(piece * (200_000 // len(piece)))
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    ("command", "parameters", "user"),
    [
        ("login", "{4}", ""),  # the next line is the name
        ("login", "{4+}", ""),
        ("login", '"nora" {8}', "nora"),  # the next line is the password
        ("login", "nora {8}", "nora"),
        ("apop", "nora 0123456789abcdef", "nora"),
        ("user", "nora", "nora"),
        ("fetch", "{4}", ""),
    ],
)
def test_the_length_of_a_literal_is_no_user(command: str, parameters: str, user: str) -> None:
    assert name_user(command, parameters) == user


def test_a_logon_by_literals_names_no_user_where_the_log_names_none() -> None:
    (found,) = records(f"{HEADER}\n{START},,0,10,20,login,{{4}},,")
    assert found.derived["user-name"] == ""
