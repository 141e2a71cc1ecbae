"""Folders of logs written row by row, so that what a page must say of them can be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

COLUMNS = (
    "date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,"
    "event-id,internal-message-id,message-id,network-message-id,recipient-address,recipient-status,"
    "total-bytes,recipient-count,related-recipient-address,reference,message-subject,sender-address,"
    "return-path,message-info,directionality,tenant-id,original-client-ip,original-server-ip,custom-data,"
    "transport-traffic-type,log-id,schema-version"
)
VERSION = "15.01.2507.039"
SENT = ("SEND", "SENDEXTERNAL", "SUBMIT")
"""Events in which the client columns name the server that wrote the row; else the server columns do."""


def stamp(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def ms(text: str) -> int:
    return int(stamp(text).timestamp() * 1000)


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def header(version: str = VERSION, columns: str = COLUMNS) -> str:
    return (
        "#Software: Microsoft Exchange Server\r\n"
        f"#Version: {version}\r\n#Log-type: Message Tracking Log\r\n"
        f"#Date: 2026-01-01T00:00:00.000Z\r\n#Fields: {columns}\r\n"
    )


def row(
    moment: datetime | str,
    server: str = "EX01",
    event: str = "RECEIVE",
    subject: str = "Quarterly figures",
    sender: str = "anna@partner.example",
    recipient: str = "bo@contoso.test",
    client: str = "203.0.113.7",
    version: str = VERSION,
) -> str:
    time = moment if isinstance(moment, str) else iso(moment)
    here = ("10.0.0.1", f"{server}.contoso.test")
    there = (client, "mx.partner.example")
    sides = (*here, *there) if event in SENT else (*there, *here)
    cells = [
        time, *sides, "", "", "SMTP", event,
        "1", "<1@partner.example>", "0fd591fe-1cc4-47f0-0bbc-08d654b944f3", recipient, "", "1000", "1", "",
        "", subject, sender, sender, "", "Incoming", "", "", "", "", "Email", "", version,
    ]  # fmt: skip
    return ",".join(cells) + "\r\n"


def every(minutes: int, begin: str, end: str) -> list[datetime]:
    """Times from begin up to, but without, end."""
    found, moment = [], stamp(begin)
    while moment < stamp(end):
        found.append(moment)
        moment += timedelta(minutes=minutes)
    return found


def write(folder: Path, name: str, rows: Iterable[str], head: str | None = None) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((header() if head is None else head) + "".join(rows), encoding="utf-8", newline="")
    return path


def plant(folder: Path) -> Path:
    """Two servers, three days, and one fault of each kind."""
    days = ("2026-01-05", "2026-01-06", "2026-01-07")
    for day in days:
        date = day.replace("-", "")
        times = every(5, f"{day}T00:00", f"{day}T23:59")
        # EX01 is silent from 03:00 to 09:00 of the second day; EX02 stops at noon of the third.
        first = [t for t in times if not (day.endswith("06") and 3 <= t.hour < 9)]
        second = [t for t in times if not (day.endswith("07") and t.hour >= 12)]
        write(folder, f"EX01/MSGTRK{date}00-1.LOG", (row(t) for t in first))
        write(folder, f"EX02/MSGTRK{date}00-1.LOG", (row(t, "EX02", "SENDEXTERNAL") for t in second))
    moments = every(5, "2026-01-05T10:00", "2026-01-05T11:00")
    broken = [row(t, event="DELIVER") for t in moments]
    broken[3] = '2026-01-05T10:15:00.000Z,10.0.0.1,"secret merger,RECEIVE\r\n'  # an open quote
    broken[4] = row("yesterday", subject="secret merger")
    broken[5] = "2026-01-05T10:25:00.000Z,too,few\r\n"
    broken[6] = row(moments[6], event="SHINYNEWEVENT")
    broken[7] = row("2026-01-05T08:00:00.000Z", event="DELIVER")  # two and a half hours back
    write(folder, "EX01/MSGTRKMD2026010510-1.LOG", broken)
    wide = header("15.02.1118.026", COLUMNS + ",priority-lane")
    rows = [row(t, "EX02", version="15.02.1118.026").rstrip() + ",fast\r\n" for t in moments]
    write(folder, "EX02/MSGTRKMS2026010510-1.LOG", rows, wide)
    write(
        folder, "EX02/MSGTRKMS2026010511-1.LOG", [row(t, "EX02", "SUBMIT") for t in moments], ""
    )  # no header
    write(folder, "EX02/MSGTRKMS2026010512-1.LOG", [])
    write(folder, "notes.txt", ["these are my notes\r\n"], "")
    write(folder, "EX01/MSGTRK2099010100-1.LOG", [row("2099-01-01T00:00:00.000Z", event="RESOLVE")])
    write(folder, "EX01/copy of MSGTRKMD.LOG", [row(t, event="RESOLVE") for t in moments])
    write(folder, "EX01/MSGTRKMD2026010511-1.LOG", [row(t, event="RESOLVE") for t in moments])
    return folder


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of planted faults; tests only read it."""
    return plant(tmp_path_factory.mktemp("planted") / "logs")


class Logs:
    """The functions above, for tests."""

    columns = COLUMNS
    stamp = staticmethod(stamp)
    ms = staticmethod(ms)
    header = staticmethod(header)
    row = staticmethod(row)
    every = staticmethod(every)
    write = staticmethod(write)


@pytest.fixture
def logs() -> Logs:
    return Logs()
