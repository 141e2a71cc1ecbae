"""Realistic rows of an IIS log and of an HttpProxy log, the same for the same seed.

    python benchmarks/web_rows.py --log iis --rows 200000 --output u_ex260101.log
    python benchmarks/web_rows.py --log http_proxy --rows 200000 --output Owa_HttpProxy_2026010100-1.LOG

5000 clients, 2000 users, 300 user agents, a query that differs in every row in half of the rows, a new time
in each. ``--new`` gives each row values that no other has: the worst case of anything that is remembered.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from exnorm.sources.http_proxy import COLUMNS

IIS_COLUMNS = (
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) "
    "sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken X-Forwarded-For"
)
STEMS = (
    "/owa/", "/owa/service.svc", "/owa/auth.owa", "/EWS/Exchange.asmx", "/mapi/emsmdb/", "/mapi/nspi/",
    "/Microsoft-Server-ActiveSync/default.eas", "/autodiscover/autodiscover.xml", "/ecp/default.aspx",
    "/rpc/rpcproxy.dll", "/OAB/oab.xml", "/PowerShell/",
)  # fmt: skip
STATUSES = (("200", "0", "0"),) * 14 + (
    ("401", "1", "2148074254"), ("401", "1", "2148074254"), ("302", "0", "0"), ("403", "4", "5"),
    ("500", "0", "64"), ("401", "1", "1326"),
)  # fmt: skip
HEADERS = {
    "iis": "#Software: Microsoft Internet Information Services 10.0\n#Version: 1.0\n"
    f"#Date: 2026-01-01 00:00:00\n#Fields: {IIS_COLUMNS}\n",
    "http_proxy": "#Software: Microsoft Exchange Server\n#Version: 15.01.2507.039\n"
    "#Log-type: HttpProxy Logs\n"
    f"#Date: 2026-01-01T00:00:00.000Z\n#Fields: {','.join(COLUMNS)}\n",
}


def make_rows(log: str, rows: int, seed: int = 20260101, *, are_new: bool = False) -> Iterator[str]:
    """Rows of a log without a line end; the header is not among them."""
    chance, moment = random.Random(seed), datetime(2026, 1, 1)
    clients = [_address(chance) for _ in range(5000)]
    users = [f"CONTOSO\\user{number}" for number in range(2000)]
    agents = [f"Mozilla/5.0+(Windows+NT+10.{n};+Win64)+Outlook/16.{n}" for n in range(300)]
    for number in range(rows):
        moment += timedelta(milliseconds=chance.randrange(40))
        client, user, agent = chance.choice(clients), chance.choice(users), chance.choice(agents)
        stem = chance.choice(STEMS)
        query = f"&CorrelationID=<empty>;&cafeReqId={_guid(chance)};" if chance.random() < 0.5 else ""
        if are_new:
            client, user, agent = _address(chance), f"CONTOSO\\new{number}", f"Agent/{number}"
            stem, query = f"/owa/{number}", f"id={number}"
        user = user if chance.random() < 0.7 else ""
        write = _iis if log == "iis" else _http_proxy
        yield write(chance, moment, client, user, agent, stem, query)


def _iis(
    chance: random.Random, moment: datetime, client: str, user: str, agent: str, stem: str, query: str
) -> str:
    status, substatus, win32 = chance.choice(STATUSES)
    cells = (
        moment.strftime("%Y-%m-%d"), moment.strftime("%H:%M:%S"), f"10.0.0.{chance.randrange(1, 5)}",
        chance.choice(("GET", "POST")), stem, query or "-", "443", user or "-", client, agent,
        "https://mail.contoso.test/owa/" if chance.random() < 0.1 else "-", status, substatus, win32,
        str(chance.randrange(100, 90000)), str(chance.randrange(100, 9000)), str(chance.randrange(3000)), "-",
    )  # fmt: skip
    return " ".join(cells)


def _http_proxy(
    chance: random.Random, moment: datetime, client: str, user: str, agent: str, stem: str, query: str
) -> str:
    status = chance.choice(STATUSES)[0]
    stamp = moment.isoformat(timespec="milliseconds") + "Z"
    known = {
        "DateTime": stamp, "RequestId": _guid(chance), "MajorVersion": "15", "MinorVersion": "1",
        "BuildVersion": "2507", "RevisionVersion": "39", "ClientRequestId": _guid(chance),
        "Protocol": chance.choice(("Owa", "Ews", "Mapi", "Eas")), "UrlHost": "mail.contoso.test",
        "UrlStem": stem,
        "AuthenticationType": "Negotiate", "IsAuthenticated": "true" if user else "false",
        "AuthenticatedUser": user, "UserAgent": agent.replace("+", " "), "ClientIpAddress": client,
        "ServerHostName": f"EX0{chance.randrange(1, 5)}", "HttpStatus": status, "BackEndStatus": status,
        "Method": chance.choice(("GET", "POST")), "ProxyAction": "Proxy",
        "TargetServer": f"ex0{chance.randrange(1, 5)}.contoso.test", "TargetServerVersion": "15.01.2507.000",
        "RequestBytes": str(chance.randrange(9000)), "ResponseBytes": str(chance.randrange(90000)),
        "BackendProcessingLatency": str(chance.randrange(300)),
        "TotalRequestTime": str(chance.randrange(3000)),
        "UrlQuery": f"?{query}" if query else "",
        "GenericInfo": f"BeginRequest={stamp};CorrelationID=<empty>;SharedCacheGuard=0;EndRequest={stamp};",
    }  # fmt: skip
    return ",".join(known.get(column, "") for column in COLUMNS)


def _address(chance: random.Random) -> str:
    return ".".join(str(chance.randrange(1, 255)) for _ in range(4))


def _guid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def write_log(log: str, path: Path, rows: int, *, are_new: bool = False) -> None:
    """Write a log file."""
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADERS[log])
        file.writelines(f"{row}\n" for row in make_rows(log, rows, are_new=are_new))


def main() -> None:
    """Write a log file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log", choices=sorted(HEADERS), required=True)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--new", action="store_true")
    parser.add_argument("--output", required=True, type=Path)
    given = parser.parse_args()
    write_log(given.log, given.output, given.rows, are_new=given.new)


if __name__ == "__main__":
    main()
