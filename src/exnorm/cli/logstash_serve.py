"""``exnorm logstash serve``: settings, secrets and TLS put together; the service does the rest."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exnorm.cli import OK
from exnorm.cli.click_types import FILE
from exnorm.cli.options import host_key_option, load_settings, log_options, settings_options
from exnorm.errors import SettingsError, quote
from exnorm.extras import require
from exnorm.files.rejects import RejectFile
from exnorm.pipeline.normalizer import Normalizer
from exnorm.settings import NAMES, Settings

if TYPE_CHECKING:
    from exnorm.logstash.service import Reloaded

PASSWORD = "EXNORM_LOGSTASH_PASSWORD"
FORWARD_PASSWORD = "EXNORM_LOGSTASH_FORWARD_PASSWORD"
KIB = 1024
SECONDS_MAX = 3600.0


@click.command("serve")
@settings_options
@click.option(
    "--listen", default="127.0.0.1:9801", show_default=True, metavar="ADDR:PORT",
    help="Where Logstash sends to. Anything but the loopback needs TLS and a password.",
)  # fmt: skip
@click.option("--forward", metavar="URL", help="The next hop, such as http://127.0.0.1:9800.")
@click.option("--tls-cert", metavar="FILE", type=FILE, help="Certificate chain to serve with, PEM.")
@click.option("--tls-key", metavar="FILE", type=FILE, help="Its key, PEM.")
@click.option("--tls-ca", metavar="FILE", type=FILE, help="Certificates to trust in the next hop, PEM.")
@click.option("--auth-user", metavar="NAME", help="User name that a sender must give.")
@click.option("--auth-password-file", metavar="FILE", type=FILE, help=f"Its password; or in {PASSWORD}.")
@click.option("--forward-user", metavar="NAME", help="User name for the next hop.")
@click.option(
    "--forward-password-file", metavar="FILE", type=FILE, help=f"Its password; or in {FORWARD_PASSWORD}."
)
@click.option(
    "--rejects", metavar="FILE", type=FILE, help="Write lines that do not parse to FILE too, as NDJSON."
)
@host_key_option
@click.option(
    "--state", metavar="FILE", type=FILE, help="Keep the header lines of logs here, over a restart."
)
@click.option(
    "--max-in-flight", type=click.IntRange(1, 1000), default=16, show_default=True, metavar="N",
    help="Requests worked on at a time; one more is answered with 429.",
)  # fmt: skip
@click.option(
    "--max-connections", type=click.IntRange(1, 4096), default=128, show_default=True, metavar="N",
    help="Close the quietest, or refuse, where there are more.",
)  # fmt: skip
@click.option(
    "--max-body-bytes", type=click.IntRange(KIB, 1 << 31), default=64 * KIB * KIB, show_default=True,
    metavar="N", help="A larger body is answered with 413, and Logstash drops it.",
)  # fmt: skip
@click.option(
    "--max-unpacked-bytes", type=click.IntRange(KIB, 1 << 32), default=128 * KIB * KIB, show_default=True,
    metavar="N", help="The same for a body without its gzip.",
)  # fmt: skip
@click.option(
    "--max-batch-events", type=click.IntRange(1, 10_000_000), default=100_000, show_default=True,
    metavar="N", help="The same for the events of a body.",
)  # fmt: skip
@click.option(
    "--answer-within", type=float, default=8.0, show_default=True, metavar="SECONDS",
    help="Answer 429 after so long; Logstash gives up after 10.",
)  # fmt: skip
@log_options
def command(settings: Settings, **options: Any) -> int:
    """Take batches from Logstash, normalize them, hand them to the next hop.

    Speaks the protocol of Logstash's own logstash output and input: POST / with JSON lines in gzip,
    answered with 200 only after the next hop took the batch. output { http { format => json_batch } }
    works too. POST /v1/normalize answers the events itself, for filter { http }. GET /healthz,
    /readyz and /metrics say how it goes. SIGHUP reads settings, passwords and certificates again; SIGTERM
    finishes what is in flight. --format is json unless it is given.
    """
    require("logstash serve", "logstash")
    given = click.get_current_context().params
    return serve(settings, lambda: _load_again(given), {**options, "config": given["config"]})


def serve(settings: Settings, load: Callable[[], Settings], options: dict[str, Any]) -> int:
    """Check everything, then run until a signal."""
    from exnorm.logstash.access import (
        check_exposure,
        check_url,
        load_certificate,
        read_address,
        read_credentials,
        serve_tls,
        trust_tls,
    )
    from exnorm.logstash.bodies import Bounds
    from exnorm.logstash.next_hop import NextHop
    from exnorm.logstash.service import Limits, Reloaded, Service, run_service
    from exnorm.relay.headers import Headers
    from exnorm.relay.journal import Journal, take_library_log

    if not 0 < options["answer_within"] <= SECONDS_MAX:
        shown = quote(options["answer_within"])
        raise SettingsError(
            f"answer-within: got {shown}; expected more than 0, at most {SECONDS_MAX:g} seconds"
        )
    limits = Limits(
        options["max_in_flight"],
        options["answer_within"],
        Bounds(options["max_body_bytes"], options["max_unpacked_bytes"], options["max_batch_events"]),
        options["max_connections"],
    )
    address = read_address(options["listen"])
    cert, key = options["tls_cert"], options["tls_key"]
    tls = serve_tls(cert, key)

    def read_password() -> Any:
        return read_credentials(
            options["auth_user"], options["auth_password_file"], os.environ, option="auth-", variable=PASSWORD
        )

    credentials = read_password()
    check_exposure(address, tls is not None, credentials is not None)
    next_hop = None
    if options["forward"]:
        onward = read_credentials(
            options["forward_user"], options["forward_password_file"], os.environ,
            option="forward-", variable=FORWARD_PASSWORD,
        )  # fmt: skip
        url = check_url(options["forward"], onward is not None)
        trusted = trust_tls(options["tls_ca"]) if url.startswith("https:") else None
        next_hop = NextHop(url, onward, trusted, limits.in_flight)

    def reload() -> Reloaded:
        changed = Reloaded(_make_normalizer(load()), read_password())
        check_exposure(address, tls is not None, changed.credentials is not None)
        if tls is not None:
            serve_tls(cert, key)  # first into a context of its own: a broken pair must not reach the live one
            load_certificate(tls, cert, key)
        return changed

    journal = Journal(sys.stderr.buffer, options["log_format"], options["log_level"])
    take_library_log(journal)

    def report(text: str) -> None:
        journal("error", "a file is not written", reason=text)

    headers = Headers(Path(options["state"]) if options["state"] else None, report)
    rejects = RejectFile(Path(options["rejects"]), report) if options["rejects"] else None
    first = Reloaded(_make_normalizer(settings), credentials)
    service = Service(first, next_hop, limits, journal, headers, rejects)
    asyncio.run(run_service(service, next_hop, address, tls, limits, reload, journal, options["config"]))
    return OK


def _make_normalizer(settings: Settings) -> Normalizer:
    """JSON unless told otherwise; a line that does not parse goes on, whatever ``on_error`` says."""
    return Normalizer.from_settings(replace(settings, format=settings.format or "json", on_error="tag"))


def _load_again(params: dict[str, Any]) -> Settings:
    return load_settings(params["config"], {name: params[name] for name in NAMES if name in params})
