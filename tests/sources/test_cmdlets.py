"""Cmdlets in all their forms: parameters, secrets, what a call is about and what it means."""

from __future__ import annotations

import time

import pytest

from exnorm.sources.cmdlet_cases import CASES
from exnorm.sources.cmdlets import (
    CASE_NAMES,
    find_case,
    find_mailbox,
    find_secrets,
    find_target,
    hide_dotted,
    hide_secrets,
    is_routine,
    judge_case,
    read_command,
    read_parameters,
    split_caller,
    write_parameters,
)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ('-Identity "a" -Force', [("Identity", "a"), ("Force", "")]),
        ('-ResultSize "1"', [("ResultSize", "1")]),
        ('-Name "a -Password b" -X "1"', [("Name", "a -Password b"), ("X", "1")]),
        ("-Identity a@b.test -Confirm:$False", [("Identity", "a@b.test"), ("Confirm", "$False")]),
        (
            '-ForwardTo "a","b" -Mailbox c',
            [("ForwardTo", 'a","b'), ("Mailbox", "c")],
        ),
        (
            '-Password (ConvertTo-SecureString "x y" -AsPlainText -Force) -Name "n"',
            [("Password", '(ConvertTo-SecureString "x y" -AsPlainText -Force)'), ("Name", "n")],
        ),
        ("{MailboxServer=SCEX02, Identity=DAG1}", [("MailboxServer", "SCEX02"), ("Identity", "DAG1")]),
        ('-Identity "left open', [("Identity", '"left open')]),
        ("no parameters at all", []),
    ],
)
def test_parameters_are_read_in_both_forms(text: str, pairs: list[tuple[str, str]]) -> None:
    assert read_parameters(text) == pairs


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('-Name "n" -Password "s3cret" -X "1"', '-Name "n" -Password "*****" -X "1"'),
        ('-Password "s3cret"', '-Password "*****"'),
        ("-Credential DOMAIN\\u", "-Credential *****"),
        ("-password:s3cret -X 1", "-password:***** -X 1"),
        (
            '-Password (ConvertTo-SecureString "s3cret" -AsPlainText -Force) -X "1"',
            '-Password ***** -X "1"',
        ),
        ('-NewPassword "a -b c"', '-NewPassword "*****"'),
        ('-Identity (open -PfxPassword "s3cret"', '-Identity (open -PfxPassword "*****"'),
        ('-ResetPasswordOnNextLogon "True"', '-ResetPasswordOnNextLogon "True"'),
        ('-Password "<SNIP-PII>"', '-Password "<SNIP-PII>"'),
        ("{Name=n, Password=s3cret, X=1}", "{Name=n, Password=*****, X=1}"),
        ("{Password=s3cret}", "{Password=*****}"),
        ('-Name "the password is known"', '-Name "the password is known"'),
        ('-Password "open', "-Password *****"),
    ],
)
def test_the_value_of_a_secret_parameter_is_hidden_and_no_other(text: str, shown: str) -> None:
    assert hide_secrets(text) == shown


def test_in_a_row_of_csv_quotes_stand_twice() -> None:
    row = '2026,"-Name ""n"" -Password ""a -b c"" -X ""1""",x'
    assert hide_secrets(row, "csv") == '2026,"-Name ""n"" -Password ""*****"" -X ""1""",x'
    torn = '2026,"-Name ""n"" -Password ""a -b'
    assert hide_secrets(torn, "csv") == '2026,"-Name ""n"" -Password *****'


def test_in_a_string_of_json_quotes_have_a_backslash_and_one_without_ends_the_value() -> None:
    text = '{"P":"-Name \\"n\\" -Password \\"a -b c\\"","Q":"","R":"-Token x","S":"y"}'
    assert hide_secrets(text, "json") == (
        '{"P":"-Name \\"n\\" -Password \\"*****\\"","Q":"","R":"-Token *****","S":"y"}'
    )


def test_a_secret_is_sought_elsewhere_only_where_it_is_long_enough() -> None:
    pairs = read_parameters('-Password "abc" -Token "abcd" -Name "name"')
    assert find_secrets(pairs) == ["abcd"]


@pytest.mark.parametrize(
    ("text", "name", "pairs"),
    [
        ("Get-InboxRule", "Get-InboxRule", []),
        ("Pipeline.1|Get-MailboxRegionalConfiguration", "Get-MailboxRegionalConfiguration", []),
        (
            "Set-OabVirtualDirectory.ExternalUrl='https://a.test/x.y'.Identity='EX\\OAB (Default Web Site)'",
            "Set-OabVirtualDirectory",
            [("ExternalUrl", "https://a.test/x.y"), ("Identity", "EX\\OAB (Default Web Site)")],
        ),
        (
            "Set-X.A=$true.B=$null.C='it''s | me'",
            "Set-X",
            [("A", "$true"), ("B", ""), ("C", "it's | me")],
        ),
        ("Set-X.Identity=a.b.c.Force=$true", "Set-X", [("Identity", "a.b.c"), ("Force", "$true")]),
        ("", "", []),
    ],
)
def test_a_command_of_the_admin_center_is_read(text: str, name: str, pairs: list[tuple[str, str]]) -> None:
    assert read_command(text) == (name, pairs)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("New-Mailbox.Password='s3cret'.Name='n'", "New-Mailbox.Password='*****'.Name='n'"),
        (
            "'S:CMD=New-Mailbox.Password=''s.3''.Name=''n'''",
            "'S:CMD=New-Mailbox.Password=''*****''.Name=''n'''",
        ),
        ("New-Mailbox.Password=s3.cret.Name='n'", "New-Mailbox.Password=*****.Name='n'"),
    ],
)
def test_a_secret_of_the_admin_center_is_hidden(text: str, shown: str) -> None:
    assert hide_dotted(text) == shown


@pytest.mark.parametrize("hide", [hide_secrets, hide_dotted])
@pytest.mark.parametrize("piece", ['"', "-Password (", "-a", ".a=", "''", "{Password=", '-Password ""', "-"])
def test_hostile_text_takes_no_longer_than_its_length_says(hide: object, piece: str) -> None:
    text = "-Password x" + piece * 40_000
    began = time.process_time()
    assert callable(hide)
    hide(text)
    read_parameters(text)
    read_command(text)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("cmdlet", "text", "case"),
    [
        ("Set-Mailbox", '-Identity "a" -ForwardingSmtpAddress "smtp:b@c.test"', "MAILBOX-FORWARDING"),
        ("set-mailbox", '-ForwardingAddress "b"', "MAILBOX-FORWARDING"),
        ("Set-Mailbox", '-ForwardingSmtpAddress "$null"', "CHANGE"),
        ("Set-Mailbox", '-AuditEnabled "False"', "AUDIT-OFF"),
        ("Set-Mailbox", '-AuditEnabled "True"', "CHANGE"),
        ("Set-Mailbox", '-Quota "1"', "CHANGE"),
        ("New-MailboxExportRequest", '-Mailbox "a" -FilePath "\\\\fs\\x.pst"', "MAILBOX-EXPORT"),
        ("New-MailboxExportRequest", '-FilePath "\\\\fs\\c$\\x.aspx"', "EXPORT-TO-PAGE"),
        ("New-MailboxExportRequest", '-FilePath "\\\\127.0.0.1\\c$\\x.pst"', "EXPORT-TO-PAGE"),
        ("New-ManagementRoleAssignment", '-Role "Mailbox Import Export" -User "a"', "MAILBOX-ROLE-ASSIGNED"),
        ("New-ManagementRoleAssignment", '-Role "Reset Password"', "ROLE-ASSIGNMENT"),
        ("Add-MailboxPermission", '-AccessRights "FullAccess"', "FULL-ACCESS"),
        ("Add-MailboxPermission", '-AccessRights "ReadPermission"', "MAILBOX-PERMISSION"),
        ("New-InboxRule", '-Name "x" -ForwardTo "a@b.test"', "INBOX-RULE-FORWARD"),
        ("New-InboxRule", '-DeleteMessage "True"', "INBOX-RULE-HIDE"),
        ("New-InboxRule", '-Name "x"', "INBOX-RULE"),
        ("New-TransportRule", '-BlindCopyTo "a@b.test"', "TRANSPORT-RULE-COPY"),
        ("New-TransportRule", '-Name "x"', "TRANSPORT-RULE"),
        ("Set-OABVirtualDirectory", "-ExternalUrl \"http://f/<script language='JScript'>\"", "OAB-SCRIPT"),
        ("Set-OabVirtualDirectory", '-ExternalUrl "https://mail.example.test/OAB"', "VIRTUAL-DIRECTORY"),
        ("New-ExchangeCertificate", '-GenerateRequest -RequestFile "\\\\h\\c$\\x.aspx"', "CERTIFICATE-PAGE"),
        ("Set-AdminAuditLogConfig", '-AdminAuditLogEnabled "$false"', "AUDIT-LOG-OFF"),
        ("Search-Mailbox", "-DeleteContent", "MAILBOX-SEARCH-DELETE"),
        ("Get-Mailbox", "", "LOOK-ROUND"),
        ("Get-Anything", "", "READ"),
        ("Export-Anything", "", "SEARCH"),
        ("Invoke-Anything", "", "RUN"),
        ("", "", "RUN"),
    ],
)
def test_the_first_row_that_fits_names_the_case(cmdlet: str, text: str, case: str) -> None:
    assert find_case(cmdlet, read_parameters(text)) == case
    assert case in CASE_NAMES


def test_a_failed_attempt_keeps_its_case_and_a_failed_look_is_one_of_its_own() -> None:
    assert find_case("New-MailboxExportRequest", [], failed=True) == "MAILBOX-EXPORT"
    assert find_case("Get-Anything", [], failed=True) == "READ-FAILED"


def test_every_row_of_the_table_can_be_reached() -> None:
    for case in CASES:
        assert case.parameters or not case.value
        assert all("-" in cmdlet or cmdlet == "UpdateInboxRules" for cmdlet in case.cmdlets)


def test_what_became_of_a_case_and_how_much_it_weighs() -> None:
    assert judge_case("READ", "success", False) == ("READ", "READ", "READ")
    assert judge_case("READ", "", False) == ("READ", "READ/ATTEMPTED", "READ")
    assert judge_case("READ", "failure", True) == ("READ", "READ/FAILED", "READ/ROUTINE")


@pytest.mark.parametrize(
    ("cmdlet", "text", "target", "mailbox"),
    [
        ("Set-Mailbox", '-Identity "olga" -Force', "olga", "olga"),
        ("New-InboxRule", '-Name "R1" -Mailbox "olga"', "olga", "olga"),
        ("Set-InboxRule", '-Identity "olga\\R1"', "olga\\R1", ""),
        ("Add-MailboxFolderPermission", '-Identity "olga:\\Calendar" -User "x"', "olga:\\Calendar", "olga"),
        ("New-TransportRule", '-Name "T"', "T", ""),
        ("New-TransportRule", '-Name "<SNIP-PII>"', "", ""),
        ("Get-AcceptedDomain", "", "", ""),
    ],
)
def test_what_a_call_is_about(cmdlet: str, text: str, target: str, mailbox: str) -> None:
    pairs = read_parameters(text)
    assert (find_target(pairs), find_mailbox(cmdlet, pairs)) == (target, mailbox)


@pytest.mark.parametrize(
    ("caller", "parts"),
    [
        ("NT AUTHORITY\\SYSTEM (MSExchangeHMHost)", ("NT AUTHORITY\\SYSTEM", "MSExchangeHMHost")),
        ("AUTORITE NT\\Système (MSExchangeHMHost)", ("AUTORITE NT\\Système", "MSExchangeHMHost")),
        ("example.test/Users/adm.ines", ("example.test/Users/adm.ines", "")),
        ("Ines (Admin", ("Ines (Admin", "")),
        (")", (")", "")),
    ],
)
def test_a_caller_is_taken_apart_from_its_program(caller: str, parts: tuple[str, str]) -> None:
    assert split_caller(caller) == parts


def test_exchange_itself_is_known_by_its_mailboxes_and_programs() -> None:
    assert is_routine("HealthMailboxabc123", "PowerShell")
    assert is_routine("EXAMPLE\\HealthMailboxabc123", "")
    assert is_routine("anyone", "ActiveMonitor")
    assert is_routine("NT AUTHORITY\\SYSTEM", "MSExchangeHMHost")
    assert not is_routine("adm.ines", "PowerShell")
    assert not is_routine("NT AUTHORITY\\SYSTEM", "w3wp")


def test_pairs_are_written_as_the_shell_writes_them() -> None:
    assert write_parameters([("Identity", "a b"), ("Force", "")]) == '-Identity "a b" -Force'
