"""Shared by the commands of services over HTTP: options, TLS, limits, and the run until a signal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from exnorm.cli import OK
from exnorm.cli.click_types import FILE
from exnorm.cli.options import host_key_option, load_settings, log_options
from exnorm.errors import SettingsError, quote, suggest
from exnorm.files.rejects import RejectFile
from exnorm.pipeline.normalizer import Normalizer
from exnorm.settings import NAMES, Settings

if TYPE_CHECKING:
    from exnorm.relay.access import Secret, Words
    from exnorm.relay.headers import Headers
    from exnorm.relay.http_service import HttpService, Limits, Reloaded
    from exnorm.relay.journal import Journal
    from exnorm.relay.next_hop import NextHop

KIB = 1024
SECONDS_MAX = 3600.0
Command = TypeVar("Command", bound=Callable[..., Any])


def tls_options(command: Command) -> Command:
    """Add the options for certificates."""
    return _add(
        command,
        click.option("--tls-cert", metavar="FILE", type=FILE, help="The service's certificate chain, PEM."),
        click.option("--tls-key", metavar="FILE", type=FILE, help="Its key, PEM."),
        click.option(
            "--tls-ca", metavar="FILE", type=FILE, help="The certificates to trust for the next hop, PEM."
        ),
    )


def relay_options(command: Command) -> Command:
    """Add the options for further files, limits and the log."""
    return _add(
        command,
        click.option(
            "--rejects", metavar="FILE", type=FILE,
            help="Also write lines that do not parse to FILE, as NDJSON.",
        ),
        host_key_option,
        click.option(
            "--state", metavar="FILE", type=FILE, help="The file that keeps header lines of logs."
        ),
        click.option(
            "--max-in-flight", type=click.IntRange(1, 1000), default=16, show_default=True, metavar="N",
            help="The number of requests processed at the same time; further ones are answered with 429.",
        ),
        click.option(
            "--max-connections", type=click.IntRange(1, 4096), default=128, show_default=True, metavar="N",
            help="The most connections; beyond that, idle ones are closed or new ones refused.",
        ),
        click.option(
            "--max-body-bytes", type=click.IntRange(KIB, 1 << 31), default=64 * KIB * KIB, show_default=True,
            metavar="N", help="The largest body; a larger one is answered with 413, and its sender drops it.",
        ),
        click.option(
            "--max-unpacked-bytes", type=click.IntRange(KIB, 1 << 32), default=128 * KIB * KIB,
            show_default=True, metavar="N", help="The largest decompressed body; likewise.",
        ),
        click.option(
            "--max-batch-events", type=click.IntRange(1, 10_000_000), default=100_000, show_default=True,
            metavar="N", help="The most events in a body; likewise.",
        ),
        click.option(
            "--answer-within", type=float, default=8.0, show_default=True, metavar="SECONDS",
            help="The time after which 429 is answered; senders give up after 10 seconds.",
        ),
        log_options,
    )  # fmt: skip


def _add(command: Command, *options: Callable[[Command], Command]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


class Parts(click.Group):
    """A group that suggests the nearest name for an unknown command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command as click does, with our own message for an unknown name."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            ctx.fail(f"no such command '{args[0]}'{suggest(args[0], self.commands)}")
        return super().resolve_command(ctx, args)


@dataclass(frozen=True)
class Door:
    """The properties of one service over HTTP.

    ``read_secret`` returns the secret that senders must give, ``read_onward`` the one for the next hop;
    ``words`` are for messages. ``url`` completes the next hop's address.
    """

    example: str
    words: Words
    read_secret: Callable[[], Secret | None]
    read_onward: Callable[[], Secret | None]
    make: Callable[[Reloaded, NextHop | None, Limits, Journal, Headers, RejectFile | None], HttpService]
    make_normalizer: Callable[[Settings], Normalizer]
    content_type: str = "application/x-ndjson"
    url: Callable[[str], str] = str


def serve(settings: Settings, params: dict[str, Any], options: dict[str, Any], door: Door) -> int:
    """Check everything, then run until a signal; ``params`` are read again at each reload."""
    from exnorm.relay.access import (
        check_exposure,
        check_url,
        load_certificate,
        read_address,
        serve_tls,
        trust_tls,
    )
    from exnorm.relay.bodies import Bounds
    from exnorm.relay.headers import Headers
    from exnorm.relay.http_service import Limits, Reloaded, run_service
    from exnorm.relay.journal import Journal, take_library_log
    from exnorm.relay.next_hop import NextHop

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
    address = read_address(options["listen"], door.example)
    cert, key = options["tls_cert"], options["tls_key"]
    tls = serve_tls(cert, key)
    secret = door.read_secret()
    check_exposure(address, tls is not None, secret is not None, door.words)
    next_hop = None
    if options["forward"]:
        onward = door.read_onward()
        url = check_url(options["forward"], onward is not None, door.words, f"http://{door.example}")
        trusted = trust_tls(options["tls_ca"]) if url.startswith("https:") else None
        next_hop = NextHop(door.url(url), onward, trusted, limits.in_flight, door.content_type)

    def reload() -> Reloaded:
        again = load_settings(params["config"], {name: params[name] for name in NAMES if name in params})
        changed = Reloaded(door.make_normalizer(again), door.read_secret(), bool(again.format))
        check_exposure(address, tls is not None, changed.secret is not None, door.words)
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
    first = Reloaded(door.make_normalizer(settings), secret, bool(settings.format))
    service = door.make(first, next_hop, limits, journal, headers, rejects)
    asyncio.run(run_service(service, next_hop, address, tls, limits, reload, journal, params["config"]))
    return OK


def tagging(settings: Settings, format_name: str) -> Normalizer:
    """Return a normalizer of that format; unparsed lines are passed on, whatever ``on_error`` says."""
    return Normalizer.from_settings(replace(settings, format=format_name, on_error="tag"))
