from __future__ import annotations

from typing import Any

import pytest

from exnorm import Normalizer, SettingsError
from exnorm.origin import HOST_KEYS, find_text, list_paths, read_key


@pytest.mark.parametrize(
    "record",
    [
        {"host": {"name": "ex01", "ip": ["10.0.0.1"]}, "agent": {"hostname": "collector"}},
        {"host": {"hostname": "ex01"}},
        {"host": "ex01"},
        {"host.name": "ex01"},
        {"agent": {"hostname": "ex01", "name": "x"}},
        {"agent": {"name": "ex01"}},
        {"beat": {"hostname": "ex01"}},
        {"hostname": "ex01"},
        {"Hostname": "ex01"},
        {"host": {"name": ""}, "computer_name": "ex01"},
        {"host": 7, "winlog": {"computer_name": "ex01"}},
    ],
)
def test_the_host_is_where_shippers_say_it(record: dict[str, Any]) -> None:
    assert find_text(record, list_paths(HOST_KEYS)) == "ex01"


def test_a_record_may_tell_no_host() -> None:
    assert find_text({"host": {"ip": "10.0.0.1"}, "agent": None}, list_paths(HOST_KEYS)) == ""


@pytest.mark.parametrize(
    "text", ["fields.server", "[fields][server]", "$fields['server']", '$fields["server"]']
)
def test_a_key_may_be_written_as_each_shipper_writes_it(text: str) -> None:
    assert read_key(text) == "fields.server"
    assert find_text({"fields": {"server": "ex01"}}, list_paths([text])) == "ex01"


@pytest.mark.parametrize("text", ["", "[a", "a..b", "a b", "$a", "[a][]"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="host_key: got"):
        read_key(text)


def test_a_wrong_key_is_refused_before_the_first_line() -> None:
    with pytest.raises(SettingsError, match="host_key: got"):
        Normalizer(host_key="[host")
