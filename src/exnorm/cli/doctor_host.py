"""Check a running host for ``exnorm doctor --host URL``: its version, its config, and a sample event."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from exnorm.cli.findings import BAD, FINE, NOTE, Finding
from exnorm.errors import SettingsError, quote

SECONDS = 10.0
_MOST_BYTES = 4 << 20
_KINDS = ("input", "filter", "output")
_START = (
    "is it running, and does it answer there? Fluent Bit: http_server on (port 2020); Logstash: port 9600; "
    "exnorm logstash serve: port 9801"
)
SAMPLE = (
    "2018-11-27T22:40:02.966Z,192.0.2.1,client,192.0.2.2,server,,,SMTP,RECEIVE,1,<doctor@exnorm.invalid>,"
    "a@example.com,,1,1,,,exnorm doctor,b@example.com,b@example.com,,Incoming,,,,"
)
"""A row of message tracking that nobody can take for a message."""


def check_host(url: str) -> Iterator[Finding]:
    """Check what answers at the URL of a host's own API. Raises ``SettingsError`` for an invalid URL."""
    base = url.rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise SettingsError(f"host: got {quote(url)}; expected a URL such as http://127.0.0.1:2020")
    try:
        status, text = _ask(f"{base}/")
    except OSError as error:
        yield Finding(BAD, "host", f"{base}: {getattr(error, 'reason', None) or error}", _START)
        return
    about = _read(text)
    if "fluent-bit" in about:
        yield from _check_fluent_bit(base, about["fluent-bit"])
    elif "version" in about and "pipeline" in about:
        yield from _check_logstash(base, about)
    elif _ask(f"{base}/healthz")[0] in (200, 503):
        yield from _check_service(base)
    else:
        yield Finding(
            BAD, "host", f"{base}: status {status}, neither Fluent Bit, Logstash nor exnorm", _START
        )


def _check_fluent_bit(base: str, about: dict[str, Any]) -> Iterator[Finding]:
    yield Finding(FINE, "host", f"Fluent Bit {about.get('version')} ({about.get('edition')}) at {base}")
    counts = _read(_ask(f"{base}/api/v1/metrics")[1])
    filters = [name for name in counts.get("filter", {}) if name.startswith("exchange")]
    found = "; ".join(f"{kind}s {', '.join(counts.get(kind, {})) or 'none'}" for kind in _KINDS)
    todo = "no filter exchange runs in it: right beside exnorm fluentbit serve only"
    yield Finding(FINE, "config", found) if filters else Finding(NOTE, "config", found, todo)
    for name, numbers in counts.get("output", {}).items():
        lost = numbers.get("dropped_records", 0) + numbers.get("retries_failed", 0)
        shown = ", ".join(f"{numbers.get(key, 0)} {key}" for key in ("proc_records", "errors", "retries"))
        todo = "records were given up: retry_limit no_limits keeps them" if lost else ""
        yield Finding(BAD if lost else FINE, "output", f"{name}: {shown}, {lost} lost", todo)
    yield Finding(
        NOTE, "sample", "Fluent Bit's API takes no records", "the finding 'loading' is a sample through it"
    )


def _check_logstash(base: str, about: dict[str, Any]) -> Iterator[Finding]:
    yield Finding(FINE, "host", f"Logstash {about['version']}, status {about.get('status')}, at {base}")
    pipelines = _read(_ask(f"{base}/_node/pipelines")[1]).get("pipelines", {})
    stats = _read(_ask(f"{base}/_node/stats/pipelines")[1]).get("pipelines", {})
    for name, settings in pipelines.items():
        if name.startswith("."):
            continue
        queue = stats.get(name, {}).get("queue", {}).get("type", "unknown")
        events = stats.get(name, {}).get("events", {})
        found = (
            f"{name}: {settings.get('workers')} workers, queue {queue}, "
            f"{events.get('in', 0)} events in, {events.get('out', 0)} out"
        )
        if settings.get("workers") != 1 and name.startswith("exchange"):
            yield Finding(BAD, "pipeline", found, "pipeline.workers: 1, or rows come before their own header")
        elif queue != "persisted" and name.startswith("exchange"):
            yield Finding(BAD, "pipeline", found, "queue.type: persisted, or a kill loses what is in memory")
        else:
            yield Finding(FINE, "pipeline", found)
    yield Finding(NOTE, "sample", "Logstash's API takes no events", "give --host http://127.0.0.1:9801 too")


def _check_service(base: str) -> Iterator[Finding]:
    status, text = _ask(f"{base}/readyz")
    yield Finding(FINE if status == 200 else BAD, "host", f"exnorm at {base}: {' '.join(text.split())[:200]}")
    event = {"message": SAMPLE, "filename": "MSGTRK2018112722-1.LOG", "host": {"name": "exnorm-doctor"}}
    status, text = _ask(f"{base}/v1/normalize", json.dumps(event).encode())
    made = _read(text)
    if status == 401:
        yield Finding(NOTE, "sample", "it asks for a password", "try from where Logstash has it")
    elif status == 200 and "exnorm_id" in made and "_exnormparsefailure" not in made.get("tags", ()):
        yield Finding(
            FINE, "sample", f"a row of message tracking came back as an event, {quote(made['exnorm_id'])}"
        )
    else:
        yield Finding(BAD, "sample", f"status {status}: {quote(text, 120)}", "is it exnorm logstash serve?")


def _ask(url: str, body: bytes | None = None) -> tuple[int, str]:
    """Return status and text of an answer. Raises ``OSError`` where there is none."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            return answer.status, answer.read(_MOST_BYTES).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(_MOST_BYTES).decode("utf-8", "replace")


def _read(text: str) -> dict[str, Any]:
    """Return an answer that is a JSON object; for any other an empty one."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
