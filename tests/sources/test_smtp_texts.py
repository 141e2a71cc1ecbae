from __future__ import annotations

import time

import pytest

from exnorm.sources import smtp_texts
from exnorm.sources.smtp_texts import Reply


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("MAIL FROM:<a@b.example> SIZE=10 BODY=8BITMIME", "a@b.example"),
        ("mail from: a@b.example SIZE=0 AUTH=<> XMESSAGEVALUE=MediumHigh", "a@b.example"),
        ("MAIL FROM:<>", "<>"),
        ("MAIL FROM: <> SIZE=5", "<>"),
        ("MAIL FROM:", ""),
        ("MAIL FROM: SIZE=5", ""),
        ('MAIL FROM:<"john > doe"@b.example> SIZE=5', '"john > doe"@b.example'),
        ("MAIL FROM:<a@b.example SIZE=5", "a@b.example"),
        ("MAIL FROM:<bounce+x=y@b.example>", "bounce+x=y@b.example"),
        ("RCPT TO:<c@d.example> NOTIFY=NEVER", "c@d.example"),
        ("RCPT TO:c@d.example", "c@d.example"),
        ("RCPT c@d.example", ""),
    ],
)
def test_a_path_is_read_with_and_without_brackets(text: str, address: str) -> None:
    assert smtp_texts.read_path(text) == address


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("550 5.7.1 Unable to relay", Reply("550", "5.7.1", "Unable to relay")),
        ("250-SIZE 10 250 HELP", Reply("250", "", "SIZE 10 250 HELP")),
        ("250  host Hello", Reply("250", "", "host Hello")),
        ("220 10.1.2.3 ready", Reply("220", "", "10.1.2.3 ready")),  # no class of status has this number
        ("250 2.0.0", Reply("250", "2.0.0", "")),
        ("354", Reply("354", "", "")),
        ("3541 x", None),
        ("EHLO x", None),
        ("", None),
    ],
)
def test_a_reply_gives_code_status_and_text(text: str, reply: Reply | None) -> None:
    assert smtp_texts.read_reply(text) == reply


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("220 mx.example.net ESMTP", "mx.example.net"),
        ("220-mx.example.net ESMTP", "mx.example.net"),
        ("220 2.0.0 SMTP server ready", ""),
        ("220 Ready to start TLS", ""),
        ("250 mx.example.net", ""),
    ],
)
def test_only_a_greeting_names_the_server(text: str, name: str) -> None:
    found = smtp_texts.read_banner(text)
    assert found == name


@pytest.mark.parametrize(
    ("text", "verb"),
    [("ehlo x", "EHLO"), (" MAIL FROM:<>", "MAIL"), ("X-EXPS GSSAPI", "X-EXPS"), ("a=b", ""), ("{}", "")],
)
def test_the_verb_is_the_first_word_in_capitals(text: str, verb: str) -> None:
    assert smtp_texts.read_verb(text) == verb


NUMBERS = "0A1B " + "C" * 40 + " 2024-01-01T00:00:00.000Z 2025-01-01T00:00:00.000Z mx.example"


@pytest.mark.parametrize(
    ("names", "subject"),
    [
        ("CN=mx.example CN=CA", "CN=mx.example"),
        ("CN=mx.example, O=Two Words, C=DE CN=CA, O=Other", "CN=mx.example, O=Two Words, C=DE"),
        ("CN=mx.example O=x CN=CA", ""),  # where the issuer begins is not certain
        ("CN=mx.example", ""),
    ],
)
def test_a_subject_is_read_only_where_the_issuer_begins_for_certain(names: str, subject: str) -> None:
    assert smtp_texts.read_certificate_subject(f" {names} {NUMBERS}") == subject


@pytest.mark.parametrize(
    ("text", "tarpit"),
    [
        ("Tarpit for '0.00:00:05' due to '535 5.7.3 x'", (5000, "535 5.7.3 x")),
        ("Tarpit for '1.01:01:01.5'", (90061500, "")),  # 86400 + 3600 + 60 + 1 seconds, and a half
        ("Tarpit for '00:00:05'", (5000, "")),
        ("Tarpit for 'soon'", None),
    ],
)
def test_a_tarpit_is_read_in_milliseconds(text: str, tarpit: tuple[int, str] | None) -> None:
    assert smtp_texts.read_tarpit(text) == tarpit


def test_hostile_texts_take_no_time() -> None:
    started = time.perf_counter()
    for text in ('MAIL FROM:<"' * 20_000, "MAIL FROM:" + " " * 100_000, "220-" + "a." * 100_000):
        smtp_texts.read_path(text)
        smtp_texts.read_banner(text)
    for text in ("CN=a " * 50_000, "0 " * 50_000, " " * 100_000):
        smtp_texts.read_certificate_subject(text + NUMBERS)
        smtp_texts.read_reply("250 " + text)
    assert time.perf_counter() - started < 2
