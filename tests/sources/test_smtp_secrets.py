from __future__ import annotations

import time

import pytest

from exnorm.sources import smtp_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("AUTH LOGIN", "AUTH LOGIN"),
        ("AUTH LOGIN dXNlcg==", "AUTH LOGIN *****"),
        ("AUTH=LOGIN dXNlcg==", "AUTH=LOGIN *****"),
        ("AUTH LOGINdXNlcg==", "AUTH *****"),
        ("AUTHdXNlcg==", "AUTH *****"),
        ("AUTHENTICATE PLAIN dXNlcg==", "AUTH *****"),
        ("PASS hunter2", "PASS *****"),
        ("PASSAGE", "PASSAGE"),
        ("dXNlcm5hbWU=", "*****"),
        ("U2VjcmV0UGFzcw", "U2VjcmV0UGFzcw"),  # 14 characters are no base64
        ("STARTTLS", "STARTTLS"),
        ("starttls", "starttls"),
        ("OPTIONS / HTTP/1.1", "OPTIONS / HTTP/1.1"),
        ("HELLOALL", "HELLOALL"),
        ("MAIL FROM:<a@b.example> AUTH=<>", "MAIL FROM:<a@b.example> AUTH=<>"),
        ("", ""),
    ],
)
def test_a_command_shows_its_words_and_no_secret(text: str, shown: str) -> None:
    assert smtp_secrets.hide_command(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("anything at all", "*****"),
        ("QUIT now", "*****"),
        ("*", "*"),
        ("", ""),
        ("<authentication response>", "<authentication response>"),
        ("<hunter2>", "*****"),
        ("AUTH PLAIN x", "AUTH PLAIN *****"),
    ],
)
def test_an_answer_is_hidden_whatever_it_looks_like(text: str, shown: str) -> None:
    assert smtp_secrets.hide_answer(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("334 VXNlcm5hbWU6", "334 *****"),
        ("334 ", "334 "),
        ("334 <authentication response>", "334 <authentication response>"),
        ("250 AUTH PLAIN LOGIN", "250 AUTH PLAIN LOGIN"),
        ("500 5.3.3 Unrecognized command 'dGVzdA=='", "500 5.3.3 Unrecognized command '*****'"),
        ("500 5.3.3 Unrecognized command 'HELLO'", "500 5.3.3 Unrecognized command 'HELLO'"),
        ("535 5.7.3 Authentication unsuccessful", "535 5.7.3 Authentication unsuccessful"),
    ],
)
def test_a_reply_shows_no_challenge_and_repeats_no_secret(text: str, shown: str) -> None:
    assert smtp_secrets.hide_reply(text) == shown


def test_while_auth_goes_on_a_reply_repeats_no_word_that_is_no_command() -> None:
    reply = "500 5.3.3 Unrecognized command 'hunter'"
    assert smtp_secrets.hide_reply(reply) == reply
    assert smtp_secrets.hide_reply(reply, in_auth=True) == "500 5.3.3 Unrecognized command '*****'"


@pytest.mark.parametrize(
    "text",
    [
        "Inbound AUTH LOGIN failed because of LogonDenied",
        "AUTH XOAUTH2 LOGIN PLAIN NTLM",
        "authenticated",
        "Set Session Permissions",
        "This command is not allowed",
    ],
)
def test_a_remark_without_a_secret_stays_as_it_is(text: str) -> None:
    assert smtp_secrets.hide_mention(text) == text


ROW = "2024-03-05T09:00:00.000Z,EX1\\Default EX1,08DC3CF0A1B2C3D4,5,10.0.0.5:25,198.51.100.7:40000,"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"{ROW}<,AUTH PLAIN secret,,x,y", f"{ROW}<,AUTH PLAIN *****"),
        (f'{ROW}<,"AUTH PLAIN se,cret', f'{ROW}<,"AUTH PLAIN *****'),
        (f'{ROW}<,AUTH PLAIN "secret",,x', f"{ROW}<,AUTH PLAIN *****"),
        (f'{ROW}<,"AUTH LOGIN",,x', f'{ROW}<,"AUTH LOGIN",,x'),
        (
            f"{ROW}<,AUTH NTLM <authentication information>,,x",
            f"{ROW}<,AUTH NTLM <authentication information>,,x",
        ),
        (f"{ROW}<,correct horse battery,,x,y", f"{ROW}<,*****"),
        (f"{ROW}>,334 VXNlcm5hbWU6,,x", f"{ROW}>,334 *****"),
        (f"{ROW}<,AUTH LOGIN,,x,y", f"{ROW}<,AUTH LOGIN,,x,y"),
        (f"{ROW}<,EHLO a.example,,x,y", f"{ROW}<,EHLO a.example,,x,y"),
        (f"{ROW}>,550 5.7.1 no,,x,y", f"{ROW}>,550 5.7.1 no,,x,y"),
        (f"{ROW}<,,,x,y", f"{ROW}<,,,x,y"),
        (f"{ROW}*,CONTOSO\\alice,authenticated,x", f"{ROW}*,CONTOSO\\alice,authenticated,x"),
        ("Mar 5 mx smtp: < AUTH PLAIN secret", "Mar 5 mx smtp: < AUTH PLAIN *****"),
        ("a,<,b", "a,<,b"),  # no row of this log
        ("Author: me", "Author: me"),
        ("", ""),
    ],
)
def test_a_line_that_did_not_parse_shows_no_secret_and_else_stays_as_it_is(line: str, shown: str) -> None:
    assert smtp_secrets.hide_line(line) == shown


def test_hostile_lines_take_no_time() -> None:
    started = time.perf_counter()
    for line in (
        ",<," * 100_000,
        "AUTH LOGIN " * 50_000,
        ",AUTH" * 100_000,
        "AUTH" + " " * 200_000,
        "AUTH" + "\t" * 200_000,
    ):
        smtp_secrets.hide_line(ROW + line)
        smtp_secrets.hide_command(line)
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("quote", ["", "'", '"', '""'])
def test_what_a_reply_repeats_of_a_secret_is_hidden_whatever_its_quotes(quote: str) -> None:
    reply = f"500 5.3.3 Unrecognized command {quote}dXNlcjpzM2NyM3Q={quote}"
    assert "dXNlcjpz" not in smtp_secrets.hide_reply(reply, in_auth=True)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("EHLO mail.example.test", "EHLO mail.example.test"),
        ("250 2.1.0 Sender OK", "250 2.1.0 Sender OK"),
        ("334 VXNlcm5hbWU6", "334 *****"),
        ("AUTH LOGIN dXNlcg==", "AUTH LOGIN *****"),
        ("dXNlcg==", "*****"),
        ("hunter2", "*****"),
        ("*", "*"),
        ("", ""),
    ],
)
def test_of_what_anyone_said_only_commands_and_replies_are_shown(said: str, shown: str) -> None:
    assert smtp_secrets.hide_said(said) == shown
