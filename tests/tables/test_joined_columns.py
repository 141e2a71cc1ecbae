"""Facts within joined columns: the samples are those of Microsoft's page on message traces."""

from __future__ import annotations

import pytest

from exnorm.tables.joined_columns import agent_verdicts, bcl, comp_auth, faults, scl

SPAM = "S:SFA=SUM|SFV=SPM|IPV=CAL|SFS=470454002|SCL=9|SCORE=-1|DI=SN|H=mail.example.com|CLTCTRY="
MALWARE = "S:AMA=SUM|v=1|action=b|error=|atch=1;S:AMA=EV|engine=M|v=1|name=DOS/Test_File|file=filename"
RULE = "S:TRA=ETR|ruleId=19a25eb2|action=ApplyHtmlDisclaimer|mode=Enforce"
CLEAN = "S:DeliveryPriority=Normal;S:AMA=SUM|v=0|action=|error=|atch=0;S:CompCost=|ETR=0"


@pytest.mark.parametrize(
    ("custom_data", "verdicts"),
    [
        (SPAM, "SFA SFV=SPM|IPV=CAL|SCL=9|DI=SN"),
        (MALWARE, "AMA v=1|action=b; AMA engine=M|v=1|name=DOS/Test_File|file=filename"),
        (RULE, "TRA ruleId=19a25eb2|action=ApplyHtmlDisclaimer|mode=Enforce"),
        (CLEAN, None),
        ("", None),
        ("S:SFA=", None),
        ("S:SFA=SUM|||=|SFV", None),
    ],
)
def test_what_each_agent_found_and_did(custom_data: str, verdicts: str | None) -> None:
    assert agent_verdicts(custom_data) == verdicts


def test_a_level_is_what_the_spam_filter_says() -> None:
    assert scl(SPAM) == 9
    assert scl("S:SFA=SUM|SCL=-1") == -1
    assert bcl("S:SFA=SUM|BCL=7") == 7
    assert scl(MALWARE) is None
    assert scl("S:SFA=SUM|SCL=high") is None


def test_what_a_sender_wrote_is_no_verdict() -> None:
    assert scl("S:OriginalFromAddress=|SCL=1@x.example;" + SPAM) == 9
    assert scl("S:PurportedSender=a|SCL=1") is None
    assert comp_auth("S:PurportedSender=a|CompAuth=pass") is None


def test_composite_authentication_in_whichever_case() -> None:
    assert comp_auth("S:SFA=SUM|compauth=fail") == "fail"
    assert comp_auth(SPAM) is None


def test_members_that_speak_of_errors() -> None:
    assert faults(
        "S:Flags=1;S:WLM.Bal=3;I32:ADS.C=2;S:HttpException=timed out;S:LogonError=;S:AuthError=401"
    ) == ("HttpException=timed out; AuthError=401")
    assert faults("S:Flags=error") is None
    assert faults(f"S:{'x' * 100}error=1") is None
