from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exnorm import Normalizer
from exnorm.model import Confidence, Event, Head, Record, Unparsed
from exnorm.sources.smtp_dialog import EVENTS
from exnorm.sources.smtp_protocol import COLUMNS, recognize

SAMPLES = Path(__file__).parent.parent / "samples" / "smtp_protocol"
FIELDS = "#Fields: " + ",".join(COLUMNS)
RECV = ["#Log-type: SMTP Receive Protocol Log", FIELDS]
SEND = ["#Log-type: SMTP Send Protocol Log", FIELDS]
SESSION = "08DC3CF0A1B2C3D4"
SECRET = "AGNvbnRvc28AUzNjcjN0IQ=="


def row(
    mark: str,
    data: str = "",
    context: str = "",
    *,
    session: str = SESSION,
    second: int = 0,
    local: str = "10.0.0.5:25",
    remote: str = "198.51.100.7:40000",
) -> str:
    quoted = f'"{data}"' if "," in data else data
    moment = f"2024-03-05T{9 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000Z"
    return f"{moment},EX1\\Default EX1,{session},{second},{local},{remote},{mark},{quoted},{context}"


def normalizer(taxonomy: str = "arcsight", format: str | None = None, **settings: Any) -> Normalizer:
    return Normalizer(taxonomy, format, discover_plugins=False, **settings)


def parse(lines: list[str | bytes] | list[str], name: str = "") -> list[Record | Unparsed]:
    flow = normalizer()
    return list(flow.parse(list(lines), flow.stream(name)))


def in_order(lines: list[str]) -> list[str]:
    """The lines with their sequence numbers: a row without one gets the next of its session."""
    numbered, counts = [], dict[str, int]()
    for line in lines:
        cells = line.split(",", 4)
        if len(cells) == 5 and cells[3] == "0":
            cells[3] = str(counts.get(cells[2], 0))
            counts[cells[2]] = counts.get(cells[2], 0) + 1
        numbered.append(",".join(cells))
    return numbered


def records(lines: list[str], name: str = "") -> list[Record]:
    found = parse(in_order(lines), name)
    assert all(isinstance(item, Record) for item in found), found
    return [item for item in found if isinstance(item, Record)]


def names(lines: list[str]) -> list[str]:
    return [record.get("event-name") for record in records(lines)]


def read_sample(name: str) -> list[Record]:
    return records((SAMPLES / name).read_text(encoding="utf-8").splitlines(), name)


# --- the samples, read by eye --------------------------------------------------------------------


def test_each_row_of_the_receive_sample_has_the_event_that_it_is() -> None:
    assert [record.get("event-name") for record in read_sample("RECV2023011116-1.LOG")] == [
        "REPLY-2XX", "EHLO", "REPLY-2XX", "STARTTLS", "REPLY-2XX", "CERTIFICATE", "TLS", "EHLO",
        "INFORMATION", "INFORMATION", "REPLY-2XX", "AUTH", "AUTH-CHALLENGE", "AUTH-REASON",
        "AUTH-REASON", "AUTH-FAILURE",
    ]  # fmt: skip


def test_the_receive_sample_ends_with_all_that_its_session_established() -> None:
    last = read_sample("RECV2023011116-1.LOG")[-1]
    expected = {
        "direction": "receive",
        "client-address": "95.10.20.33",
        "client-port": "56026",
        "server-address": "10.10.10.10",
        "server-port": "25",
        "server-name": "SERVER-HOSTNAME",
        "greeting-name": "SERVER-HOSTNAME.DOMAIN.TEST",
        "ehlo-name": "[95.10.20.33]",
        "auth-type": "LOGIN",
        "auth-user": "username@domain.com",
        "tls-protocol": "SP_PROT_TLS1_2_SERVER",
        "tls-cipher": "CALG_AES_128",
    }
    assert {name: last.get(name) for name in expected} == expected
    assert last.time == 1673452810644  # 2023-01-11T16:00:10.644Z


def test_the_certificate_of_the_receive_sample_gives_its_subject_alone() -> None:
    assert read_sample("RECV2023011116-1.LOG")[5].get("certificate-subject") == "CN=SERVER-HOSTNAME"


def test_why_auth_failed_is_the_reason() -> None:
    assert read_sample("RECV2023011116-1.LOG")[13].get("reason") == "LogonDenied"


def test_each_row_of_the_send_sample_has_the_event_that_it_is() -> None:
    assert [record.get("event-name") for record in read_sample("SEND2024030509-1.LOG")] == [
        "INFORMATION", "CONNECT", "REPLY-2XX", "EHLO", "REPLY-2XX", "AUTH", "AUTH-SUCCESS",
        "MESSAGE-SENDING", "MAIL", "RCPT", "REPLY-2XX", "REPLY-5XX", "QUIT", "DISCONNECT-ERROR",
    ]  # fmt: skip


def test_the_client_of_a_send_log_is_the_local_end() -> None:
    ehlo = read_sample("SEND2024030509-1.LOG")[3]
    assert ehlo.get("direction") == "send"
    assert (ehlo.get("client-address"), ehlo.get("client-port")) == ("192.0.2.10", "49152")
    assert (ehlo.get("server-address"), ehlo.get("server-port")) == ("203.0.113.25", "25")
    assert ehlo.get("greeting-name") == "mx.partner.example"


def test_a_refused_recipient_leaves_the_sender_of_the_session() -> None:
    rows = read_sample("SEND2024030509-1.LOG")
    assert rows[11].get("mail-from") == rows[12].get("mail-from") == "alice@contoso.example"
    assert rows[11].get("reason") == "<bob@partner.example>: relay access denied"
    assert rows[11].get("enhanced-status") == "5.7.1"


def test_a_broken_connection_gives_its_reason() -> None:
    assert read_sample("SEND2024030509-1.LOG")[-1].get("reason") == "Remote(SocketError)"


def test_every_event_of_both_samples_is_one_of_the_closed_set() -> None:
    for sample in SAMPLES.glob("*.LOG"):
        assert {record.event_id for record in read_sample(sample.name)} <= set(EVENTS)


# --- recognising, direction ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "confidence"),
    [
        (Head(directives={"log-type": "SMTP Send Protocol Log"}), Confidence.HEADER),
        (Head(directives={"log-type": "smtp receive protocol log"}), Confidence.HEADER),
        (Head(directives={"log-type": "Message Tracking Log"}), Confidence.NO),
        (Head(directives={"fields": ",".join(COLUMNS)}), Confidence.HEADER),
        (Head(line=row("+")), Confidence.SHAPE),
        (Head(line="a,b,c,d,e,f,+,h,i"), Confidence.NO),
        (Head(name="d:\\logs\\RECV2024030509-1.LOG"), Confidence.NAME),
        (Head(name="/logs/SEND20240305-12.LOG.gz"), Confidence.NAME),
        (Head(name="RECVIPT.LOG"), Confidence.NO),
    ],
)
def test_the_log_is_known_by_header_then_row_then_name(head: Head, confidence: Confidence) -> None:
    assert recognize(head) is confidence


def test_the_log_type_outweighs_the_name_of_the_file() -> None:
    assert records([*SEND, row("+")], "RECV2024030509-1.LOG")[0].get("direction") == "send"


def test_without_a_header_the_name_of_the_file_gives_the_direction() -> None:
    assert records([row("+")], "SEND2024030509-1.LOG")[0].get("direction") == "send"


@pytest.mark.parametrize(
    ("mark", "data", "direction"),
    [
        ("<", "EHLO client.example", "receive"),
        ("<", "helo client", "receive"),
        ("<", "MAIL FROM:<a@b.example>", "receive"),
        (">", "220 ex1.contoso.example Microsoft ESMTP MAIL Service ready", "receive"),
        (">", "EHLO ex1.contoso.example", "send"),
        (">", "MAIL FROM:<a@b.example>", "send"),
        ("<", "220 mx.partner.example ESMTP", ""),
        ("<", "NOOP", ""),
        ("+", "", ""),
    ],
)
def test_without_header_and_name_only_a_certain_row_gives_the_direction(
    mark: str, data: str, direction: str
) -> None:
    found = records([row(mark, data, local="10.0.0.5:40001")])[0]
    assert found.get("direction") == direction
    assert found.get("client-address") == {"receive": "198.51.100.7", "send": "10.0.0.5", "": ""}[direction]


@pytest.mark.parametrize(
    ("local", "remote", "direction"),
    [
        ("x.x.x.x:25", "198.51.100.7:55171", "receive"),
        ("10.0.0.5:587", "[2001:db8::7]:40000", "receive"),
        ("", "192.0.2.13:2525", "send"),
        ("10.0.0.5:49152", "203.0.113.25:25", "send"),
        ("10.0.0.5:2525", "203.0.113.25:25", ""),
        ("10.0.0.5:40001", "203.0.113.25:40000", ""),
        ("", "", ""),
    ],
)
def test_the_one_end_with_a_port_of_smtp_servers_is_the_server(
    local: str, remote: str, direction: str
) -> None:
    found = records([row("*", context="attempting to connect", local=local, remote=remote)])[0]
    assert found.get("direction") == direction


def test_what_is_said_counts_more_than_the_ports() -> None:
    found = records([row("+"), row(">", "EHLO ex1.contoso.example"), row("<", "EHLO mx.partner.example")])
    assert [record.get("direction") for record in found] == ["receive", "send", "send"]


@pytest.mark.parametrize("secret", ["AUTH PLAIN dXNlcjpzM2NyM3Q=", "dXNlcjpzM2NyM3Q="])
def test_a_secret_is_hidden_even_where_the_ports_suggest_the_wrong_direction(secret: str) -> None:
    found = records([row("+"), row(">", secret)])[1]
    assert "dXNlcjpzM2NyM3Q=" not in found.values["data"] + found.raw


def test_a_direction_learned_from_one_session_is_not_put_on_another() -> None:
    other_row = row("+", session="08DC3CF0A1B2C3D5", local="10.0.0.5:40001")
    first, other = records([row("<", "EHLO a.example"), other_row])
    assert (first.get("direction"), other.get("direction")) == ("receive", "")


def test_a_second_header_block_turns_the_direction() -> None:
    found = records([*RECV, row("+"), "#Software: Microsoft Exchange Server", *SEND, row("+")])
    assert [record.get("direction") for record in found] == ["receive", "send"]


def test_header_lines_that_lost_their_mark_still_count() -> None:
    lines = [line.removeprefix("#") for line in RECV]
    assert records([*lines, row("+")])[0].get("direction") == "receive"


def test_the_constant_version_in_the_header_names_no_product() -> None:
    flow = normalizer()
    event = next(iter(flow.normalize(["#Version: 15.0.0.0", *RECV, row("+")])))
    assert isinstance(event, Event)
    assert "deviceVersion" not in event


# --- what the rows say ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "data", "context", "event"),
    [
        ("+", "", "", "CONNECT"),
        ("-", "", "Local", "DISCONNECT"),
        ("-", "", "Remote(SocketError)", "DISCONNECT-ERROR"),
        ("<", "HELO x", "", "EHLO"),
        ("<", "X-ANONYMOUSTLS", "", "STARTTLS"),
        ("<", "BDAT 86 LAST", "", "DATA"),
        ("<", "XPROXYFROM SID=08DC IP=192.0.2.1 PORT=1 DOMAIN=x", "", "PROXY"),
        ("<", "rset", "", "RSET"),
        ("<", "VRFY root", "", "COMMAND"),
        ("<", "", "", "COMMAND"),
        (">", "250-ex1.contoso.example 250 SIZE", "", "REPLY-2XX"),
        (">", "250", "", "REPLY-2XX"),
        (">", "354 Start mail input; end with <CRLF>.<CRLF>", "", "REPLY-3XX"),
        (">", "421 4.4.1 Connection timed out", "", "REPLY-4XX"),
        (">", "550 5.7.1 Unable to relay", "", "REPLY-5XX"),
        (">", "650 no such code", "", "REPLY"),
        (">", "hello", "", "REPLY"),
        (">", "235 2.7.0 Authentication successful", "", "AUTH-SUCCESS"),
        (">", "535 5.7.3 Authentication unsuccessful", "", "AUTH-FAILURE"),
        (">", "504 5.7.4 Unrecognized authentication type", "", "AUTH-FAILURE"),
        (">", "504 5.5.4 Parameter not implemented", "", "REPLY-5XX"),
        ("*", "CONTOSO\\alice", "authenticated", "AUTH-SUCCESS"),
        ("*", "SMTPSubmit", "Set Session Permissions", "PERMISSIONS"),
        ("*", "", "TLS negotiation failed with error SocketError", "TLS-FAILURE"),
        ("*", "", "Failed to connect. Winsock error code: 10061", "CONNECT-FAILURE"),
        ("*", "Tarpit for '0.00:00:05'", "", "TARPIT"),
        ("*", "CN=mx.contoso.example", "Certificate subject", "CERTIFICATE"),
        ("*", "", "attempting to connect", "INFORMATION"),
        ("*", "08DC3CF0A1B2C3D4;2024-03-05T09:00:00.000Z;1", "receiving message", "INFORMATION"),
        ("*", "", "receiving message with InternetMessageId <a@b.example>", "MESSAGE-RECEIVING"),
        ("*", "", "Inbound authentication failed because the client A\\b is not allowed", "AUTH-FAILURE"),
        ("*", "", "Setting up client proxy session failed with error: 451 4.4.0 Later", "FAILURE"),
        ("*", "", "Client certificate chain validation status: 'EmptyCertificate'", "INFORMATION"),
        ("?", "x", "", "OTHER"),
    ],
)
def test_a_row_of_a_receive_log_has_its_event(mark: str, data: str, context: str, event: str) -> None:
    assert names([*RECV, row(mark, data, context)]) == [event]


def test_a_reply_in_a_receive_log_is_no_command_of_the_client() -> None:
    client, server = records([*RECV, row("<", "250 ok"), row(">", "MAIL FROM:<a@b.example>")])
    assert (client.get("event-name"), client.get("reply-code")) == ("COMMAND", "")
    assert (server.get("event-name"), server.get("mail-from")) == ("REPLY", "")


def test_the_accepted_message_gives_its_ids_and_size() -> None:
    reply = (
        "250 2.6.0 <a1@x.example> [InternalId=7, Hostname=ex1.contoso.example] 7249 bytes in 0.1, 70 KB/sec"
    )
    received = records([*RECV, row(">", reply)])[0]
    sent = records([*SEND, row("<", reply)])[0]
    assert received.get("event-name") == sent.get("event-name") == "MESSAGE-ACCEPTED"
    assert (received.get("message-id"), received.get("message-bytes")) == ("<a1@x.example>", "7249")
    assert received.get("internal-message-id") == "7"
    assert sent.get("internal-message-id") == ""  # the number is the other server's


def test_the_accepted_message_of_2010_has_no_size() -> None:
    found = records([*RECV, row(">", "250 2.6.0 <a1@x.example> [InternalId=110] Queued mail for delivery")])[
        0
    ]
    assert (found.get("internal-message-id"), found.get("message-bytes")) == ("110", "")


def test_a_tarpit_gives_milliseconds_and_reason() -> None:
    found = records([*RECV, row("*", "Tarpit for '0.00:00:25.639' due to 'DelayedAck'", "Delivered")])[0]
    assert (found.get("tarpit-ms"), found.get("reason")) == ("25639", "DelayedAck")


def test_a_tls_reply_to_starttls_is_no_greeting() -> None:
    lines = [*RECV, row("<", "STARTTLS"), row(">", "220 mail.gateway.example ready for TLS")]
    assert records(lines)[1].get("greeting-name") == ""


# --- what the session carries --------------------------------------------------------------------


def test_what_is_established_goes_with_later_rows_and_ends_with_the_message() -> None:
    found = records(
        [
            *RECV,
            row("+"),
            row("<", "EHLO client.example"),
            row("*", "CONTOSO\\alice", "authenticated"),
            row("<", "MAIL FROM:<alice@contoso.example> SIZE=10"),
            row(">", "250 2.1.0 Sender OK"),
            row("<", "RCPT TO:<bob@contoso.example>"),
            row(">", "250 2.6.0 <a@b> [InternalId=1] Queued mail for delivery"),
            row("<", "QUIT"),
        ]
    )
    accepted, quit = found[-2:]
    for last in (accepted, quit):
        assert (last.get("ehlo-name"), last.get("auth-user")) == ("client.example", "alice")
    assert (accepted.get("mail-from"), quit.get("mail-from")) == ("alice@contoso.example", "")
    assert [record.get("rcpt-to") for record in found if record.get("rcpt-to")] == ["bob@contoso.example"]


@pytest.mark.parametrize("end", [row("<", "RSET"), row("<", "EHLO again.example")])
def test_rset_and_ehlo_forget_the_sender(end: str) -> None:
    found = records([*RECV, row("<", "MAIL FROM:<a@b.example>"), end, row("<", "NOOP")])
    assert [record.get("mail-from") for record in found] == ["a@b.example", "", ""]


def test_a_refused_sender_goes_with_the_refusal_and_no_further() -> None:
    lines = [row("<", "MAIL FROM:<a@b.example>"), row(">", "550 5.7.1 Sender denied"), row("<", "QUIT")]
    found = records([*RECV, *lines])
    assert [record.get("mail-from") for record in found] == ["a@b.example", "a@b.example", ""]


def test_the_user_of_a_refused_auth_goes_with_the_refusal_and_no_further() -> None:
    found = records(
        [
            *RECV,
            row("<", "AUTH LOGIN"),
            row("*", "", "Inbound AUTH LOGIN failed because of LogonDenied"),
            row("*", "", "User Name: mallory"),
            row("*", "", "Tarpit for '0.00:00:05' due to '535 5.7.3 Authentication unsuccessful'"),
            row(">", "535 5.7.3 Authentication unsuccessful"),
            row("<", "MAIL FROM:<a@b.example>"),
        ]
    )
    assert [record.get("auth-user") for record in found] == ["", "", "mallory", "mallory", "mallory", ""]
    assert found[4].get("auth-type") == "LOGIN"


def test_a_new_connection_under_the_same_id_starts_with_nothing() -> None:
    zeros = "0" * 16
    lines = [
        row("<", "EHLO a.example", session=zeros),
        row("+", session=zeros),
        row("<", "NOOP", session=zeros),
    ]
    assert [record.get("ehlo-name") for record in records([*RECV, *lines])] == ["a.example", "", ""]


def test_another_remote_end_under_the_same_id_starts_with_nothing() -> None:
    lines = [row("<", "EHLO a.example"), row("<", "NOOP", remote="192.0.2.99:1")]
    assert [record.get("ehlo-name") for record in records([*RECV, *lines])] == ["a.example", ""]


def test_rows_without_a_session_id_share_nothing() -> None:
    lines = [row("<", "EHLO a.example", session=""), row("<", "NOOP", session="")]
    assert [record.get("ehlo-name") for record in records([*RECV, *lines])] == ["a.example", ""]


def test_a_row_after_the_disconnect_knows_nothing_of_the_session() -> None:
    lines = [row("<", "EHLO a.example"), row("-", "", "Local"), row("*", "", "late")]
    assert [record.get("ehlo-name") for record in records([*RECV, *lines])] == ["a.example", "a.example", ""]


def test_an_empty_endpoint_is_filled_from_the_session() -> None:
    found = records([*SEND, row("+"), row("*", "", "remark", local="", remote="")])
    assert found[1].get("client-address") == "10.0.0.5"
    assert found[1].get("local-endpoint") == ""


def test_a_session_that_was_silent_for_over_an_hour_is_forgotten_and_counted() -> None:
    flow = normalizer()
    lines = [*RECV, row("<", "EHLO a.example"), row("<", "NOOP", second=3601)]
    found = [item for item in flow.parse(lines, flow.stream()) if isinstance(item, Record)]
    assert [record.get("ehlo-name") for record in found] == ["a.example", ""]
    assert flow.counts.as_dict()["evicted"] == {"smtp_protocol": 1}


# --- where a message ends ------------------------------------------------------------------------

POSTFIX = "250 2.0.0 Ok: queued as 4XyZ"


def sent(*spoken: str) -> list[Record]:
    """A SEND log of a dialogue: what begins with three digits is the server's."""
    rows = [row("<" if text[:3].isdigit() else ">", text) for text in spoken]
    sending = row("*", "", "sending message with RecordId 7 and InternetMessageId <7@x>")
    return records([*SEND, sending, *rows])


@pytest.mark.parametrize(
    "reply", [POSTFIX, "250 ok 1773734462 qp 999", "250 Message received: 20260317.1", "250"]
)
@pytest.mark.parametrize("end", [("DATA", "354 go ahead"), ("BDAT 900 LAST",), ("bdat 12 last",)])
def test_a_250_to_the_end_of_a_message_takes_it_over_whatever_it_says(reply: str, end: list[str]) -> None:
    found = sent("MAIL FROM:<a@x>", "250 Ok", "RCPT TO:<b@y>", "250 Ok", *end, reply, "QUIT")
    accepted, quit = found[-2:]
    assert accepted.get("event-name") == "MESSAGE-ACCEPTED"
    assert (accepted.get("mail-from"), accepted.get("message-id")) == ("a@x", "<7@x>")
    assert (quit.get("mail-from"), quit.get("message-id")) == ("", "")
    assert [record.get("event-name") for record in found].count("MESSAGE-ACCEPTED") == 1


@pytest.mark.parametrize(
    ("reply", "queue_id"),
    [
        (POSTFIX, "4XyZ"),
        ("250 ok 1773734462 qp 999", "999"),
        ("250 OK id=1rhUTz-0007Xy-2B", "1rhUTz-0007Xy-2B"),
        ("250 2.0.0 OK  1709629200 d2e1a72fcca58-6e5d - gsmtp", "d2e1a72fcca58-6e5d"),
        ("250 2.0.0 4258f1Xy012345 Message accepted for delivery", "4258f1Xy012345"),
        ("250 2.6.0 <7@x> [InternalId=110, Hostname=ex2.example] Queued mail for delivery", "110"),
        ("250 thank you", ""),
    ],
)
def test_the_next_servers_name_for_the_message_is_its_queue_id(reply: str, queue_id: str) -> None:
    assert sent("MAIL FROM:<a@x>", "250 Ok", "BDAT 9 LAST", reply)[-1].get("queue-id") == queue_id


def test_no_other_250_takes_a_message_over() -> None:
    parts = ["BDAT 500", "250 Ok", "BDAT 4", "250 Ok"]
    found = sent("MAIL FROM:<a@x>", "250 Ok", "RCPT TO:<b@y>", "250 Ok", *parts)
    assert "MESSAGE-ACCEPTED" not in [record.get("event-name") for record in found]
    assert found[-1].get("mail-from") == "a@x"


def test_a_refused_message_is_over_as_well() -> None:
    found = sent("MAIL FROM:<a@x>", "250 Ok", "DATA", "354 go", "554 5.7.1 refused by policy", "QUIT")
    assert (found[-2].get("event-name"), found[-2].get("mail-from")) == ("REPLY-5XX", "a@x")
    assert found[-1].get("mail-from") == ""


def test_replies_to_commands_that_were_sent_at_once_belong_to_them_in_turn() -> None:
    # RFC 2920: MAIL, RCPT and BDAT go out together, then their replies come: only the last takes it over.
    found = sent("MAIL FROM:<a@x>", "RCPT TO:<b@y>", "BDAT 9 LAST", "250 Ok", "250 Ok", POSTFIX)
    assert [record.get("event-name") for record in found[-3:]] == [
        "REPLY-2XX",
        "REPLY-2XX",
        "MESSAGE-ACCEPTED",
    ]
    refused = sent("MAIL FROM:<a@x>", "RCPT TO:<b@y>", "RCPT TO:<c@y>", "250 Ok", "550 no", "250 Ok", "NOOP")
    assert refused[-1].get("mail-from") == "a@x"


def test_a_reply_of_several_rows_takes_a_message_over_once() -> None:
    found = sent("MAIL FROM:<a@x>", "250 Ok", "DATA", "354 go", "250-Ok", "250 queued", "NOOP")
    assert [record.get("event-name") for record in found[-3:]] == ["MESSAGE-ACCEPTED", "REPLY-2XX", "COMMAND"]


def test_a_greeting_that_is_cut_after_its_first_line_does_not_shift_the_replies() -> None:
    found = sent("EHLO me", "250-mx.example.com", "MAIL FROM:<a@x>", "250 Ok", "BDAT 9 LAST", POSTFIX)
    assert found[-1].get("event-name") == "MESSAGE-ACCEPTED"


# --- one server that speaks for a client ---------------------------------------------------------


def hop(mark: str, data: str = "", context: str = "") -> str:
    return row(mark, data, context, local="10.0.0.6:2525", remote="10.0.0.5:18123")


XPROXYFROM = "XPROXYFROM SID=08DC IP=203.0.113.81 PORT=25001 DOMAIN=relay.example.net SEQNUM=1 PERMS=1077"


@pytest.mark.parametrize("verb", ["XPROXYFROM", "XPROXY"])
def test_the_client_that_xproxy_names_is_the_client_from_there_on(verb: str) -> None:
    lines = [
        hop("+"),
        hop("<", "EHLO EX1.contoso.example"),
        hop("*", "CONTOSO\\EX1$", "authenticated"),
        hop("<", XPROXYFROM.replace("XPROXYFROM", verb)),
        hop(">", "250 accepted"),
        hop("<", "MAIL FROM:<tom@example.net>"),
    ]
    hello, mail = (records([*RECV, *lines])[at] for at in (1, 5))
    assert (hello.get("client-address"), hello.get("client-port")) == ("10.0.0.5", "18123")
    assert (mail.get("client-address"), mail.get("client-port")) == ("203.0.113.81", "25001")
    assert (mail.get("ehlo-name"), mail.get("auth-user")) == ("relay.example.net", "")
    assert mail.get("remote-endpoint") == "10.0.0.5:18123"  # the hop stays visible


def test_a_refused_xproxy_names_nobody() -> None:
    lines = [row("<", XPROXYFROM), row(">", "550 5.7.1 no"), row("<", "NOOP")]
    assert records([*RECV, *lines])[-1].get("client-address") == "198.51.100.7"


@pytest.mark.parametrize("address", ["", "IP=nobody", "IP=999.1.1.1"])
def test_an_xproxy_without_an_address_changes_nothing(address: str) -> None:
    found = records([*RECV, row("<", f"XPROXY SID=08DC {address} PORT=1"), row("<", "NOOP")])
    assert [record.get("client-address") for record in found] == ["198.51.100.7", "198.51.100.7"]


@pytest.mark.parametrize(
    "command",
    [
        XPROXYFROM,
        "XPROXY SID=08DC IP=192.0.2.1 PORT=1",
        "XSESSIONPARAMS MDBGUID=77aa TYPE=UNKNOWN",
        "XRDST ex41.example.test",
        "XSHADOWREQUEST ex42",
        "XEXCH50 1024 2",
        "XEXCH50",
    ],
)
def test_the_commands_of_exchange_end_an_auth_whose_answer_is_missing(command: str) -> None:
    found = records([*RECV, row("<", "X-EXPS EXCHANGEAUTH SHA256 "), row("<", command), row("<", "NOOP")])
    assert found[1].get("data") == command
    assert not found[1].get("event-name").startswith("AUTH")
    assert found[2].get("auth-type") == ""


# --- failures ------------------------------------------------------------------------------------

TRIED = [row("<", "AUTH LOGIN"), row(">", "334 <authentication response>")]
WHY = row("*", "", "Inbound AUTH LOGIN failed because of LogonDenied")
WHO = row("*", "", "User Name: mallory")
WAIT = row("*", "Tarpit for '0.00:00:05' due to '535 5.7.3 Authentication unsuccessful'")
REFUSAL = row(">", "535 5.7.3 Authentication unsuccessful")


@pytest.mark.parametrize(
    ("lines", "at", "user"),
    [
        ([WHY, WHO, WAIT, REFUSAL], 1, "mallory"),
        ([WHY, WHY, WHO], 2, "mallory"),
        ([WHO, WHY, WAIT, REFUSAL], 1, "mallory"),
        ([WHY, WAIT, REFUSAL], 2, ""),
        ([REFUSAL, WHY], 0, ""),
        ([REFUSAL], 0, ""),
        ([WHY, WAIT, row("-", "", "Remote")], 2, ""),
    ],
)
def test_one_failed_auth_is_one_failure(lines: list[str], at: int, user: str) -> None:
    found = records([*RECV, *TRIED, *lines])[2:]
    failed = [record for record in found if record.get("event-name") in ("AUTH-FAILURE", "DISCONNECT-ERROR")]
    assert failed == [found[at]]
    assert (failed[0].get("auth-user"), failed[0].get("auth-type")) == (user, "LOGIN")
    assert "LogonDenied" in failed[0].get("reason") or WHY not in lines[:at]


def test_each_attempt_fails_for_itself() -> None:
    other = row("*", "", "User Name: olga")
    found = records([*RECV, *TRIED, WHY, WHO, REFUSAL, *TRIED, WHY, other, REFUSAL])
    failed = [record.get("auth-user") for record in found if record.get("event-name") == "AUTH-FAILURE"]
    assert failed == ["mallory", "olga"]


@pytest.mark.parametrize(
    ("remark", "reason"),
    [
        ("Setting up client proxy session failed with error: 451 4.4.0 Later", "451 4.4.0 Later"),
        ("Message or connection acked with status Retry and response 451 4.4.0 Later", "451 4.4.0 Later"),
        (
            "Message or connection acked with status Retry and response 451 4.4.0 It failed",
            "451 4.4.0 It failed",
        ),
        (
            "Proxy session setup failed on Frontend with  '421 4.4.2 Connection dropped due to SocketError'",
            "421 4.4.2 Connection dropped due to SocketError",
        ),
        ("Proxy session was rejected because of TooManyConnections", "TooManyConnections"),
        ("Inbound AUTH LOGIN rejected because of LogonDenied", "LogonDenied"),
        ("AUTH NTLM was denied", "AUTH NTLM was denied"),
        ("Access was denied", "Access was denied"),
        ("Message refused: 550 5.7.1 no relay", "550 5.7.1 no relay"),
        ("TLS negotiation failed with NoCredentials", "NoCredentials"),
        ("TLS negotiation failed with error NoCredentials", "NoCredentials"),
        ("Inbound authentication failed with error: LogonDenied", "LogonDenied"),
        ("Inbound authentication failed because of LogonDenied", "LogonDenied"),
    ],
)
@pytest.mark.parametrize("in_context", [False, True])
def test_a_remark_of_a_failure_is_one_with_its_reason(in_context: bool, remark: str, reason: str) -> None:
    line = row("*", context=remark) if in_context else row("*", remark)
    found = records([*RECV, row("+"), line])[1]
    assert found.get("event-name") in ("FAILURE", "TLS-FAILURE", "AUTH-FAILURE")
    assert found.get("reason") == reason


@pytest.mark.parametrize(
    "remark",
    [
        "receiving message with InternetMessageId <failed@denied.example>",
        "Certificate subject of rejected.example",
        "delivering to <refused@contoso.example>",
        "connected to 10.4.5.0 port 465",
        "no failed recipients",
        "the message was not rejected",
    ],
)
def test_a_name_that_sounds_like_a_failure_is_none(remark: str) -> None:
    assert records([*RECV, row("*", context=remark)])[0].get("event-name") not in ("FAILURE", "AUTH-FAILURE")


# --- secrets -------------------------------------------------------------------------------------

SECRET_ROWS = [
    [row("<", f"AUTH PLAIN {SECRET}")],
    [row("<", f"auth  plain\t{SECRET}")],
    [row("<", f"AUTH {SECRET}")],
    [row("<", f"AUTHPLAIN {SECRET}")],
    [row("<", f"X-EXPS GSSAPI {SECRET}")],
    [row("<", f"X-EXPS EXCHANGEAUTH SHA256 {SECRET}")],
    [row("<", f"AUTH LOGIN user,{SECRET}")],
    [row("<", "AUTH LOGIN"), row(">", "334 VXNlcm5hbWU6"), row("<", SECRET)],
    [row("<", "AUTH LOGIN"), row("<", SECRET)],
    [row("<", "AUTH LOGIN"), row(">", "334 <authentication response>"), row("<", f"EXPN {SECRET}")],
    [row("<", "AUTH LOGIN"), row(">", "504 5.7.4 Unrecognized authentication type"), row("<", f"x {SECRET}")],
    [
        row("<", "AUTH LOGIN"),
        row(">", "535 5.7.3 no"),
        row("<", "hunter"),
        row(">", f"500 command '{SECRET}'"),
    ],
    [row("<", SECRET), row(">", f"500 5.3.3 Unrecognized command '{SECRET}'")],
    [row(">", f"500 5.3.3 Unrecognized command 'AUTH PLAIN {SECRET}'")],
    [row("*", "", f"Inbound AUTH PLAIN {SECRET} failed")],
    [row("<", f"NOOP\rAUTH PLAIN {SECRET}")],
    [row("<", f"EHLO x\r\x0bAUTH LOGIN\r{SECRET}")],
    [row("<", f"QUIT\x00AUTH PLAIN {SECRET}\rRSET")],
    [row("<", f"AUTH LOGIN\rRSET\r{SECRET}")],
]


@pytest.mark.parametrize("lines", SECRET_ROWS)
@pytest.mark.parametrize("header", [RECV, [FIELDS], []])
@pytest.mark.parametrize(
    ("taxonomy", "format"),
    [("arcsight", "cef"), ("arcsight", "json"), ("jsa", "leef"), ("jsa", "wincollect")],
)
def test_what_a_client_says_to_auth_is_in_no_payload(
    lines: list[str], header: list[str], taxonomy: str, format: str
) -> None:
    flow = normalizer(taxonomy, format, keep_original=True)
    payloads = list(flow.encode([*header, *in_order(lines)]))
    assert len(payloads) == len(lines)
    assert SECRET not in b"\n".join(payloads).decode()


@pytest.mark.parametrize("lines", SECRET_ROWS)
def test_what_the_remote_end_must_not_learn_of_a_send_log_is_hidden_too(lines: list[str]) -> None:
    turned = [line.replace(",<,", ",?,").replace(",>,", ",<,").replace(",?,", ",>,") for line in lines]
    for record in records([*SEND, *turned]):
        assert SECRET not in record.raw + "".join(record.values.values()) + "".join(record.derived.values())


def test_a_row_with_a_secret_is_kept_otherwise() -> None:
    found = records([*RECV, row("<", f"AUTH PLAIN {SECRET}")])[0]
    assert found.get("data") == "AUTH PLAIN *****"
    assert found.get("auth-type") == "PLAIN"
    assert found.raw == row("<", "AUTH PLAIN *****")


def test_a_plain_word_after_a_refused_auth_is_hidden_in_its_row_and_in_the_reply() -> None:
    lines = [
        row(">", "535 5.7.3 no"),
        row("<", "hunter"),
        row(">", "500 5.3.3 Unrecognized command 'hunter'"),
    ]
    found = records([*RECV, row("<", "AUTH LOGIN"), *lines])
    assert [record.get("data") for record in found[2:]] == [
        "*****",
        "500 5.3.3 Unrecognized command '*****'",
    ]


def test_an_answer_that_exchange_masked_stays_as_it_is() -> None:
    masked = [row("<", "AUTH NTLM <authentication information>"), row(">", "334 <authentication response>")]
    lines = in_order([*masked, row("<", "<authentication response>")])
    found = records([*RECV, *lines])
    assert [record.raw for record in found] == lines
    assert found[2].get("event-name") == "AUTH-ANSWER"


def test_commands_after_a_finished_auth_stay_as_they_are() -> None:
    lines = in_order(
        [
            row("<", "AUTH LOGIN"),
            row(">", "334 <authentication response>"),
            row(">", "235 2.7.0 Authentication successful"),
            row("<", "VRFY root"),
            row("<", "MAIL FROM:<alice@contoso.example> AUTH=<>"),
        ]
    )
    assert [record.raw for record in records([*RECV, *lines])] == lines


def test_the_keywords_of_an_ehlo_reply_are_no_secrets() -> None:
    reply = row(">", "250  ex1 Hello AUTH NTLM LOGIN X-EXPS GSSAPI NTLM 8BITMIME BINARYMIME CHUNKING XRDST")
    assert records([*RECV, reply])[0].raw == reply


@pytest.mark.parametrize(
    "line",
    [
        row("<", f"AUTH PLAIN {SECRET}") + ",one,too,many",
        row("<", f"NOOP\rAUTH PLAIN {SECRET}") + ",one,too,many",
        row("<", f"NOOP\r{SECRET}") + ",one,too,many",
        row("<", f"AUTH PLAIN {SECRET}").removesuffix(","),
        row("<", SECRET) + ",one,too,many",
        row("<", f'"AUTH PLAIN {SECRET}'),
        row("<", f"AUTH PLAIN {SECRET}").replace("2024-03-05T", "yesterday "),
        f"AUTH PLAIN {SECRET},,,,,,,,",
        "\0".join(row("<", f"AUTH PLAIN {SECRET}")),
        row("<", f"AUTH PLAIN {SECRET}").encode() + b"\xff",
        row("<", SECRET).encode() + b"\xff",
        row("<", f"AUTH PLAIN {SECRET}" + "x" * 2000),
    ],
)
@pytest.mark.parametrize("header", [RECV, []])
def test_a_row_that_does_not_parse_shows_no_secret(line: str | bytes, header: list[str]) -> None:
    flow = normalizer(format="json", max_line_bytes=1024)
    found = list(flow.parse([*header, line], flow.stream()))
    assert len(found) == 1
    assert isinstance(found[0], Unparsed)
    assert SECRET not in found[0].raw.replace("\0", "")
    assert SECRET not in found[0].reason


def test_a_damaged_row_of_another_log_stays_as_it_is() -> None:
    tracking = [
        "#Log-type: Message Tracking Log",
        "#Fields: date-time,event-id,recipient-status,message-subject",
    ]
    line = "2024-03-05T09:00:00.000Z,SEND,,AUTH PLAIN explained,one too many"
    found = parse([*tracking, line])[0]
    assert isinstance(found, Unparsed)
    assert found.raw == line


# --- damaged rows --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "kind", "reason"),
    [
        (row("+") + "," * 17, "width", "row has 26 fields; #Fields names 9"),
        ("2024-03-05T09:00:00.000Z,EX1\\Default EX1,08DC", "width", "row has 3 fields; #Fields names 9"),
        (row("<", '"EHLO'), "quote", "a quoted field is left open at the end of the line"),
        (row("+").replace("2024", "24"), "date", "date-time is '24-03-05T09:00:00.000Z'; expected"),
        (row("+").encode() + b"\xe4", "encoding", "not UTF-8 at byte"),
    ],
)
def test_a_damaged_row_is_unparsed_and_the_next_row_is_unharmed(
    line: str | bytes, kind: str, reason: str
) -> None:
    damaged, following = parse([*RECV, line, row("<", "NOOP")])
    assert isinstance(damaged, Unparsed)
    assert damaged.kind == kind
    assert damaged.reason.startswith(reason)
    assert isinstance(following, Record)
    assert following.get("data") == "NOOP"


def test_a_row_of_26_fields_under_15_columns_is_unparsed() -> None:
    header = FIELDS + "," + ",".join(f"new-{number}" for number in range(6))
    found = parse([RECV[0], header, "," * 25])[0]
    assert isinstance(found, Unparsed)
    assert (found.kind, found.reason) == ("width", "row has 26 fields; #Fields names 15")


def test_an_empty_line_gives_nothing() -> None:
    assert parse([*RECV, "", row("+")])[0].raw == row("+")


def test_a_quoted_comma_does_not_shift_the_context() -> None:
    found = records([*RECV, row(">", "220 ex1.contoso.example ready at Tue, 5 Mar 2024", "remark")])[0]
    assert (found.get("data"), found.get("context")) == (
        "220 ex1.contoso.example ready at Tue, 5 Mar 2024",
        "remark",
    )
