"""Accounts: one user, one spelling."""

from __future__ import annotations

import pytest

from exnorm.sources.accounts import split_account


@pytest.mark.parametrize(
    ("text", "domain", "name", "mailbox"),
    [
        ("nora", "", "nora", ""),
        (r"EXAMPLE\nora", "EXAMPLE", "nora", ""),
        (r"EXAMPLE\\nora", "EXAMPLE", "nora", ""),
        (r"EXAMPLE\nora\sales", "EXAMPLE", "nora", "sales"),
        ("nora@example.test", "", "nora@example.test", ""),
        (r"nora@example.test\sales", "", "nora@example.test", "sales"),
        ("EXAMPLE%5Cnora", "EXAMPLE", "nora", ""),
        ("EXAMPLE%5cnora%5csales", "EXAMPLE", "nora", "sales"),
        ("nora%40example.test", "", "nora@example.test", ""),
        ("100%25", "", "100%25", ""),  # no sign that it is encoded
        (r"\nora", "", r"\nora", ""),
        ("EXAMPLE\\", "", "EXAMPLE\\", ""),
        (r"a\b\c\d", "", r"a\b\c\d", ""),
        ("", "", "", ""),
        # a slash parts as a backslash does
        ("EXAMPLE/nora", "EXAMPLE", "nora", ""),
        ("example.test/nora", "example.test", "nora", ""),
        ("EXAMPLE%2fnora", "EXAMPLE", "nora", ""),
        ("EXAMPLE/nora/sales", "EXAMPLE", "nora", "sales"),
        ("nora@example.test/sales", "", "nora@example.test", "sales"),
        # but not where it is part of a name of another kind
        ("example.test/Users/nora", "", "example.test/Users/nora", ""),
        ("/o=First/ou=Org/cn=nora", "", "/o=First/ou=Org/cn=nora", ""),
        ("EX:/O=FIRST/CN=NORA", "", "EX:/O=FIRST/CN=NORA", ""),
        ("HTTP/mail.example.test", "", "HTTP/mail.example.test", ""),
        ("nora/admin@EXAMPLE.TEST", "", "nora/admin@EXAMPLE.TEST", ""),
        (r"example.test/Users/nora\sales", "", r"example.test/Users/nora\sales", ""),
        ("a/b/c/d", "", "a/b/c/d", ""),
        ("EXAMPLE/", "", "EXAMPLE/", ""),
    ],
)
def test_an_account_is_taken_apart(text: str, domain: str, name: str, mailbox: str) -> None:
    assert split_account(text) == (domain, name, mailbox)
