"""Reports on the logs of administrators, back ends and http.sys: rows, servers, events, masks."""

from __future__ import annotations

from pathlib import Path

import pytest

from exnorm.cli import OK, run
from exnorm.report.survey import Survey, Surveyor
from exnorm.settings import make_settings

SAMPLES = Path(__file__).parents[1] / "samples"
TITLES = {
    "rps_cmdlet/Rps_Cmdlet_2026030409-1.LOG": "Exchange Rps_Cmdlet log of remote PowerShell",
    "rps_http/Rps_Http_2026030409-1.LOG": "Exchange Rps_Http log of remote PowerShell",
    "ews/Ews_2026030409-1.LOG": "Exchange EWS log",
    "ecp_server/ECPServer20260304-1.LOG": "Exchange ECP Server and Activity log",
}


def survey(path: str) -> Survey:
    surveyor = Surveyor(make_settings({"tz": "UTC"}), ("arcsight", "jsa"))
    data = (SAMPLES / path).read_bytes()
    for _ in surveyor.read(f"logs/{Path(path).name}", len(data), [data]):
        pass
    return surveyor.finish()


@pytest.mark.parametrize(
    ("path", "servers", "events"),
    [
        ("rps_cmdlet/Rps_Cmdlet_2026030409-1.LOG", {"EX01": 4},
         {"SET-MAILBOX": 1, "NEW-MAILBOX": 1, "NEW-MAILBOXEXPORTREQUEST": 1, "GET-ACCEPTEDDOMAIN": 1}),
        # of remote PowerShell one row is a 401; the others were answered
        ("rps_http/Rps_Http_2026030409-1.LOG", {"EX01": 4}, {"REQUEST": 3, "AUTH-CHALLENGE": 1}),
        # a call that was refused names no operation
        ("ews/Ews_2026030409-1.LOG", {"EX01": 5},
         {"EXPORTITEMS": 1, "GETUSERAVAILABILITY": 1, "SBSC_CONNSTATUS": 1, "GETFOLDER": 1, "": 1}),
        ("ecp_server/ECPServer20260304-1.LOG", {"EX01": 3}, {"SET-OABVIRTUALDIRECTORY": 2, "NEW-MAILBOX": 1}),
        # http.sys names its server by the address that was asked
        ("httperr/httperr1.log", {"192.0.2.10": 5, "2001:db8::10": 1},
         {"TIMER_CONNECTIONIDLE": 1, "FORBIDDEN": 1, "QUEUEFULL": 1, "BADREQUEST": 1, "N/A": 1,
          "CONNECTION_ABANDONED_BY_REQQUEUE": 1}),
        ("admin_audit/wevtutil.xml", {"EX01": 1, "EX02": 1},
         {"ADD-MAILBOXPERMISSION": 1, "ADD-DATABASEAVAILABILITYGROUPSERVER": 1}),
        # mailboxes in the cloud are on no server of one's own; the cmdlet ran on one
        ("audit_export/unified.ndjson", {"(folder logs)": 4, "EX01": 1},
         {"MAILITEMSACCESSED": 1, "NEW-INBOXRULE": 1, "HARDDELETE": 1, "NEW-MAILBOX": 1, "SOMETHINGNEW": 1}),
    ],
)  # fmt: skip
def test_rows_are_counted_by_server_and_event(
    path: str, servers: dict[str, int], events: dict[str, int]
) -> None:
    found = survey(path)
    source = path.partition("/")[0]
    assert {key: series.rows for key, series in found.series.items()} == {
        (source, server): rows for server, rows in servers.items()
    }
    assert {name: count.rows for name, count in found.events[source].items()} == events
    assert (found.rows, found.unparsed) == (sum(events.values()), 0)


def test_a_page_has_a_part_for_each_of_them_and_shows_no_name_and_no_secret(tmp_path: Path) -> None:
    pytest.importorskip("jinja2", reason="needs exnorm[report]")
    page = tmp_path / "report.html"
    logs = [str(SAMPLES / path) for path in TITLES]
    assert run(["report", "-q", "--tz", "UTC", "-o", str(page), *logs]) == OK
    text = page.read_text("utf-8")
    for title in TITLES.values():
        assert title in text
    for named in ("olga@example.test", "svc.sync@example.test", "192.0.2.77", "P@ssw0rd"):
        assert named not in text
    assert run(["report", "-q", "--tz", "UTC", "--force", "--show-values", "-o", str(page), *logs]) == OK
    assert "olga@example.test" in page.read_text("utf-8")  # so that there was something to hide
