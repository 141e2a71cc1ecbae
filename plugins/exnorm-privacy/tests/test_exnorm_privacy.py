from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
from pathlib import Path
from typing import Any

import exnorm_privacy
import pytest
from exnorm_privacy import Cipher, Pseudonyms, cut_to_domain, read_key, replace_word

from exnorm import Event, PluginError, SettingsError
from exnorm.testing import events, normalizer, read_cef, read_wincollect

KEY = bytes(range(32))
ALICE, BOB = "Alice.Example@corp.test", "bob@corp.test"
TRACKING = (
    "#Fields: date-time,client-ip,server-ip,source-context,event-id,recipient-address,recipient-status,"
    "message-subject,sender-address,return-path,related-recipient-address,custom-data"
)
ROW = (
    "2022-09-19T15:02:29.339Z,192.0.2.1,10.0.0.1,from alice.example@CORP.test via 192.0.2.1.,DELIVER,"
    f'{BOB};{ALICE},ok,"the ""secret"" plan",{ALICE},<{ALICE}>,{BOB},S:OriginalFromAddress={ALICE}'
)


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    path = tmp_path / "key"
    path.write_text(KEY.hex() + "\n")
    path.chmod(0o600)
    return str(path)


def token(text: str) -> str:
    """The pseudonym's word, by hand: HMAC-SHA-256 in base 32, its first 26 letters."""
    import base64

    return base64.b32encode(hmac.new(KEY, text.encode(), hashlib.sha256).digest())[:26].decode().lower()


def hidden(key_file: str, fields: Any, lines: list[str] | None = None, **settings: Any) -> Event:
    given = {"privacy": {"key_file": key_file, "fields": fields}}
    (event,) = events(lines or [TRACKING, ROW], exnorm_privacy, plugin_settings=given, **settings)
    assert isinstance(event, Event)
    return event


def everything(event: Event) -> str:
    record = event.record
    return repr((event.fields, event.additional, record.values, record.derived, record.raw)).lower()


# --- pseudonyms ----------------------------------------------------------------------------------


def test_a_pseudonym_is_the_hmac_of_the_address_in_lower_case() -> None:
    assert Pseudonyms(KEY).make(ALICE) == f"{token('alice.example@corp.test')}@pseudonym.invalid"


def test_the_same_address_has_the_same_pseudonym_however_it_is_spelt() -> None:
    make = Pseudonyms(KEY).make
    assert make(ALICE) == make(f"<{ALICE.upper()}>") == make(ALICE.lower())
    assert make(ALICE) != make(BOB)
    assert make(ALICE) != Pseudonyms(bytes(32)).make(ALICE)


def test_a_pseudonym_has_the_shape_of_what_it_stands_for() -> None:
    make = Pseudonyms(KEY).make
    assert ipaddress.ip_address(make("192.0.2.1")) in ipaddress.ip_network("240.0.0.0/4")
    assert ipaddress.ip_address(make("2001:db8::1")) in ipaddress.ip_network("fd00::/8")
    assert make("::ffff:192.0.2.1") == make("192.0.2.1")
    assert make("12345").isdigit()
    assert make("CORP\\alice") == token("corp\\alice")


def test_an_address_is_hidden_everywhere_in_the_event(key_file: str) -> None:
    event = hidden(key_file, {"sourceUserName": "pseudonym"})
    pseudonym = Pseudonyms(KEY).make(ALICE)
    assert event["sourceUserName"] == pseudonym
    assert event["destinationUserName"] == f"{BOB};{pseudonym}"
    assert event["deviceCustomString6"] == pseudonym  # <...> is the same address
    assert event.additional["custom-data"] == f"S:OriginalFromAddress={pseudonym}"
    assert "alice" not in everything(event)


def test_the_same_address_has_the_same_pseudonym_in_every_log_type(key_file: str) -> None:
    given = {"privacy": {"key_file": key_file, "fields": ["sourceUserName"]}}
    agent = [
        "#Fields: Timestamp,P1FromAddress,P2FromAddresses,EnteredOrgFromIP,Recipient,Action",
        f"2022-09-19T15:02:29.339Z,{ALICE},{ALICE},,{BOB},AcceptMessage",
    ]
    iis = [
        "#Software: Microsoft Internet Information Services 10.0",
        "#Fields: date time cs-username cs-method cs-uri-stem sc-status",
        f"2022-09-19 15:02:29 {ALICE.upper()} GET /owa/ 200",
    ]
    old = [
        "# Message Tracking Log File",
        "# Date\tTime\tEvent-ID\tRecipient-Address\tSender-Address",
        f"2003-8-12\t0:58:14 GMT\t1020\t{BOB}\t{ALICE}",
    ]
    found = set()
    for lines in ([TRACKING, ROW], agent, iis, old):
        (event,) = events(lines, exnorm_privacy, plugin_settings=given)
        assert isinstance(event, Event)
        found.add(event["sourceUserName"])
    assert found == {f"{token(ALICE.lower())}@pseudonym.invalid"}


def test_no_format_lets_a_hidden_address_through(key_file: str) -> None:
    for taxonomy, format in (
        ("arcsight", "cef"),
        ("arcsight", "json"),
        ("jsa", "leef"),
        ("jsa", "wincollect"),
    ):
        running = normalizer(
            exnorm_privacy,
            taxonomy=taxonomy,
            format=format,
            keep_original=True,
            plugin_settings={"privacy": {"key_file": key_file}},
        )
        (payload,) = running.encode([TRACKING, ROW])
        assert b"alice" not in payload.lower(), format
        assert b"bob@" not in payload.lower(), format
        assert running.counts.plugin_errors == {}


def test_the_native_payload_is_made_of_pseudonyms(key_file: str) -> None:
    running = normalizer(
        exnorm_privacy, taxonomy="jsa", format="wincollect",
        plugin_settings={"privacy": {"key_file": key_file}},
    )  # fmt: skip
    (payload,) = running.encode([TRACKING, ROW])
    assert read_wincollect(payload).pairs["sender-address"] == Pseudonyms(KEY).make(ALICE)


def test_an_ip_address_in_a_text_is_hidden_with_its_field(key_file: str) -> None:
    event = hidden(key_file, {"sourceAddress": "pseudonym"})
    assert "192.0.2.1" not in everything(event)
    assert event["sourceAddress"] == Pseudonyms(KEY).make("192.0.2.1")


def test_a_list_that_was_cut_ends_in_a_whole_pseudonym(key_file: str) -> None:
    many = ";".join(f"user{number:03}@corp.test" for number in range(100))  # 1799 bytes; the field has 1023
    event = hidden(key_file, ["destinationUserName"], [TRACKING, ROW.replace(f"{BOB};{ALICE}", many)])
    shown = str(event["destinationUserName"]).split(";")
    assert len(";".join(shown)) <= 1023
    make = Pseudonyms(KEY).make
    assert "user0" not in everything(event)  # neither those past the cut
    assert shown == [make(f"user{number:03}@corp.test") for number in range(len(shown))]
    assert event.additional["recipient-address"] == ";".join(make(a) for a in many.split(";"))


def test_an_event_that_cannot_be_hidden_is_left_out(key_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, event: Event) -> Event:
        raise ValueError

    monkeypatch.setattr(exnorm_privacy.Hider, "hide", fail)
    running = normalizer(exnorm_privacy, plugin_settings={"privacy": {"key_file": key_file}})
    assert list(running.normalize([TRACKING, ROW])) == []
    assert running.counts.removed == {"privacy": 1}


# --- the other methods ---------------------------------------------------------------------------


def test_drop_takes_field_column_and_raw_text_away(key_file: str) -> None:
    event = hidden(key_file, {"Message": "drop"})
    assert "message" not in event
    assert "secret" not in everything(event)


def test_a_column_may_be_named_like_a_field(key_file: str) -> None:
    event = hidden(key_file, {"related-recipient-address": "domain"})
    assert event.additional["related-recipient-address"] == "corp.test"
    assert event["destinationUserName"] == f"corp.test;{ALICE}"


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        (ALICE, "corp.test"),
        ("<a@b@corp.test>", "corp.test"),
        ("CORP\\alice", "corp"),
        ("ex01.corp.test", "corp.test"),
        ("ex01", ""),
        ("192.0.2.77", "192.0.2.0"),
        ("2001:db8:1:2::3", "2001:db8:1::"),
        ("Re: version 2.0", ""),
    ],
)
def test_domain_leaves_what_lies_above(text: str, domain: str) -> None:
    assert cut_to_domain(text) == domain


def test_without_pseudonyms_no_key_is_needed() -> None:
    assert hidden("", {"sourceUserName": "domain"})["sourceUserName"] == "corp.test"


@pytest.mark.parametrize(
    "text",
    [ALICE.lower(), "192.0.2.1", "2001:db8::1", "123456789", "first_last+tag@corp.test", "corp\\alice"],
)
def test_what_is_encrypted_keeps_its_format_and_can_be_read_back(text: str) -> None:
    pytest.importorskip("ff3")
    cipher = Cipher(KEY)
    found = cipher.encrypt(text)
    assert found != text
    assert cipher.decrypt(found) == text
    shape = str.maketrans(dict.fromkeys("0123456789abcdefghijklmnopqrstuvwxyz", "x"))
    if "@" in text:
        assert found.partition("@")[2] == "corp.test"
        assert found.translate(shape) == text.translate(shape)
    assert type(exnorm_privacy.read_address(found)) is type(exnorm_privacy.read_address(text))


@pytest.mark.parametrize("text", ["al@corp.test", "x" * 40 + "@corp.test", "müller@corp.test"])
def test_what_cannot_be_encrypted_gets_a_pseudonym(text: str) -> None:
    pytest.importorskip("ff3")
    assert Cipher(KEY).encrypt(text) == Pseudonyms(KEY).make(text)
    assert Cipher(KEY).decrypt(Pseudonyms(KEY).make(text)) == ""


def test_the_vectors_of_ff3_are_those_of_its_authors() -> None:
    ff3 = pytest.importorskip("ff3")
    # NIST's first sample for FF3 with AES-128
    cipher = ff3.FF3Cipher("EF4359D8D580AA4F7F036D6F04FC6A94", "D8E7920AFA330A73")
    assert cipher.encrypt("890121234567890000") == "750918814058654607"


def test_encrypted_values_are_read_back_by_command(key_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ff3")
    event = hidden(key_file, {"sourceUserName": "encrypt"})
    assert exnorm_privacy.main([key_file, str(event["sourceUserName"])]) == 0
    assert capsys.readouterr().out == ALICE.lower() + "\n"
    assert exnorm_privacy.main([key_file]) == 2
    assert exnorm_privacy.main(["/none", "x"]) == 2


# --- words in texts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a@b.c", "X"),
        ("<A@B.C>, a@b.c.", "<X>, X."),
        ("ba@b.c", "ba@b.c"),
        ("a@b.com", "a@b.com"),
        ("x.a@b.c", "x.X"),
        ("İ a@b.c", "İ X"),
        ("", ""),
    ],
)
def test_a_word_is_replaced_between_other_signs(text: str, expected: str) -> None:
    assert replace_word(text, "a@b.c", "X") == expected


# --- the key -------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(key_file: str, mode: int) -> None:
    Path(key_file).chmod(mode)
    with pytest.raises(
        SettingsError, match=f"has mode {mode:04o}, so others can use it; expected 0600 or 0400$"
    ):
        read_key(key_file)


def test_a_key_is_hex_digits_or_bytes(key_file: str) -> None:
    assert read_key(key_file) == KEY
    Path(key_file).write_bytes(b"\xff" * 40)
    assert read_key(key_file) == b"\xff" * 40


@pytest.mark.parametrize("content", ["", "00" * 31, "short secret"])
def test_a_short_key_is_refused_and_never_shown(key_file: str, content: str) -> None:
    Path(key_file).write_text(content)
    with pytest.raises(SettingsError, match="expected at least 32") as refusal:
        read_key(key_file)
    assert not content or content not in str(refusal.value)


def test_a_key_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read: No such file or directory$"):
        read_key(str(tmp_path / "none"))
    with pytest.raises(SettingsError, match=r"cannot be read: Is a directory$"):
        read_key(str(tmp_path))


def test_the_plugin_does_not_run_without_a_key() -> None:
    with pytest.raises(PluginError, match=r"privacy: key_file: got nothing; expected a file"):
        normalizer(exnorm_privacy)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"key": "x"}, "unknown setting 'key'; expected one of fields, key_file"),
        (
            {"fields": {"suser": "hash"}},
            "fields: suser: got 'hash'; expected one of domain, drop, encrypt, pseudonym",
        ),
        (
            {"fields": {"suzer": "drop"}},
            "fields: 'suzer' is no field of arcsight, no column; did you mean",
        ),
        ({"fields": {"sender-adress": "drop"}}, "did you mean 'sender-address'?"),
        ({"fields": "suser"}, "fields: got 'suser'; expected methods by field"),
    ],
)
def test_a_wrong_setting_is_refused_before_any_line(given: dict[str, object], message: str) -> None:
    with pytest.raises(PluginError) as refusal:
        normalizer(exnorm_privacy, plugin_settings={"privacy": given})
    assert message in str(refusal.value)


def test_fields_may_be_named_by_label_name_or_key(key_file: str) -> None:
    for wanted in ("Source User Name", "sourceUserName", "suser"):
        assert str(hidden(key_file, [wanted])["sourceUserName"]).endswith("@pseudonym.invalid")


def test_a_payload_stays_well_formed_and_times_and_counts_are_left(key_file: str) -> None:
    running = normalizer(exnorm_privacy, plugin_settings={"privacy": {"key_file": key_file}})
    (payload,) = running.encode([TRACKING, ROW])
    read = read_cef(payload)
    assert read.pairs["rt"] == "1663599749339"  # 2022-09-19T15:02:29.339Z
    assert read.pairs["src"] == "192.0.2.1"  # not in the list
    assert read.header["deviceEventClassId"] == "DELIVER"


def test_the_raw_line_is_written_anew(key_file: str) -> None:
    running = normalizer(
        exnorm_privacy, format="json", keep_original=True, plugin_settings={"privacy": {"key_file": key_file}}
    )
    (payload,) = running.encode([TRACKING, ROW])
    original = json.loads(payload)["event"]["original"]
    assert original.startswith("2022-09-19T15:02:29.339Z,192.0.2.1,10.0.0.1,")
    assert '"the ""secret"" plan"' in original
