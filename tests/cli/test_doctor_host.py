"""``exnorm doctor --host`` against what hosts answer: their own API, with the words that they use."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from exnorm.cli.doctor_host import SAMPLE, check_host
from exnorm.errors import SettingsError
from exnorm.logstash import EventNormalizer
from exnorm.model import Event
from exnorm.pipeline.normalizer import Normalizer

Answers = dict[str, Any]
Serve = Callable[[Answers], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server of JSON by path, or of what a function makes of the request's body; its URL."""
    started: list[ThreadingHTTPServer] = []

    def start(answers: Answers) -> str:
        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                found = answers.get(self.path)
                content = json.dumps(found(json.loads(body)) if callable(found) else found).encode()
                self.send_response(404 if found is None else 200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer

            def log_message(self, *given: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        started.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def shown(url: str) -> list[tuple[str, str]]:
    return [(found.state, found.subject) for found in check_host(url)]


def test_a_fluent_bit_says_its_version_its_plugins_and_what_it_gave_up(serve: Serve) -> None:
    about = {"fluent-bit": {"version": "5.1.1", "edition": "Community"}}
    counts = {
        "input": {"tail.0": {"records": 5}},
        "filter": {"exchange.0": {}},
        "output": {"syslog.0": {"proc_records": 3, "errors": 1, "retries": 2, "retries_failed": 2}},
    }
    url = serve({"/": about, "/api/v1/metrics": counts})
    assert shown(url) == [("ok", "host"), ("ok", "config"), ("bad", "output"), ("note", "sample")]
    said = [found.found for found in check_host(url)]
    assert "Fluent Bit 5.1.1" in said[0]
    assert said[1] == "inputs tail.0; filters exchange.0; outputs syslog.0"
    assert said[2] == "syslog.0: 3 proc_records, 1 errors, 2 retries, 2 lost"
    counts["filter"] = {}
    assert shown(url)[1] == ("note", "config")


@pytest.mark.parametrize(
    ("workers", "queue", "state"),
    [(1, "persisted", "ok"), (4, "persisted", "bad"), (1, "memory", "bad")],
)
def test_a_logstash_whose_pipeline_would_swap_or_lose_rows_is_told(
    workers: int, queue: str, state: str, serve: Serve
) -> None:
    stats = {"exchange-in": {"queue": {"type": queue}, "events": {"in": 7}}}
    settings = {"exchange-in": {"workers": workers}, ".monitoring": {"workers": 9}}
    url = serve({
        "/": {"version": "9.3.8", "status": "green", "pipeline": {"workers": 2}},
        "/_node/pipelines": {"pipelines": settings},
        "/_node/stats/pipelines": {"pipelines": stats},
    })  # fmt: skip
    assert shown(url) == [("ok", "host"), (state, "pipeline"), ("note", "sample")]
    assert "7 events in" in list(check_host(url))[1].found


def test_a_sample_goes_through_the_service_and_comes_back_as_an_event(serve: Serve) -> None:
    events = EventNormalizer(Normalizer(format="json"))
    answers = {
        "/healthz": {"status": "ok"},
        "/readyz": {"status": "ready"},
        "/v1/normalize": lambda event: events.normalize(event)[0],
    }
    assert shown(serve(answers)) == [("ok", "host"), ("ok", "sample")]
    answers["/v1/normalize"] = lambda event: event
    assert shown(serve(answers)) == [("ok", "host"), ("bad", "sample")]


def test_the_sample_is_a_row_that_parses() -> None:
    normalizer = Normalizer(format="json")
    (event,) = normalizer.normalize([SAMPLE], normalizer.stream("MSGTRK2018112722-1.LOG"))
    assert isinstance(event, Event)
    assert event.fields["deviceEventClassId"] == "RECEIVE"


def test_what_answers_otherwise_or_not_at_all_is_bad(serve: Serve) -> None:
    assert shown(serve({"/": {"a": 1}})) == [("bad", "host")]
    assert shown("http://127.0.0.1:1") == [("bad", "host")]
    with pytest.raises(SettingsError, match="host: got"):
        list(check_host("127.0.0.1:2020"))
