from __future__ import annotations

import pytest

from exnorm.convert import address_list, mailbox_list


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a@x.test;", "a@x.test"),
        ("a@x.test;b@x.test;", "a@x.test;b@x.test"),
        ("a@x.test", "a@x.test"),
        ("'a@x.test';'b@x.test';", "a@x.test;b@x.test"),
        (";", None),
    ],
)
def test_the_empty_member_after_the_last_semicolon_is_left_out(text: str, expected: str | None) -> None:
    assert address_list(text) == expected


def test_the_null_sender_is_an_address_but_no_user() -> None:
    assert address_list("<>") == "<>"
    assert mailbox_list("<>") is None
