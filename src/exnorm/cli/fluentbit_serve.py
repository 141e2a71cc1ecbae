"""``exnorm fluentbit serve``: receive Fluent Bit's forward protocol, send it on, acknowledge end to end."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exnorm.cli import OK
from exnorm.cli.click_types import FILE
from exnorm.cli.options import host_key_option, log_options, setting_flags
from exnorm.errors import SettingsError, quote
from exnorm.extras import require
from exnorm.files.rejects import RejectFile
from exnorm.fluentbit.addresses import Address, is_local, parse_address

if TYPE_CHECKING:
    from exnorm.fluentbit.reload_counts import Accounts
    from exnorm.fluentbit.sender import NextHop
    from exnorm.fluentbit.service import Listener, Service
    from exnorm.model import Unparsed
    from exnorm.relay.pages import Panel

_MEBI = 1024 * 1024


@click.command("serve")
@click.option(
    "--listen", default="127.0.0.1:24330", show_default=True, metavar="ADDR",
    help="The address to listen on: host:port or unix:/path. Any but loopback and unix needs TLS and a "
    "shared key.",
)  # fmt: skip
@click.option(
    "--forward", required=True, metavar="ADDR", help="The address to send to: host:port or unix:/path."
)
@click.option(
    "--tag-prefix",
    default="normalized.",
    metavar="TEXT",
    help="The prefix for each tag sent on, so that returned events do not match the rule that "
    "sends here.  [default: normalized.]",
)
@setting_flags
@click.option(
    "--key-name",
    metavar="NAME[,NAME]",
    help="The keys of a record that have the raw line.  [default: log,message]",
)
@click.option(
    "--file-key",
    metavar="NAME[,NAME]",
    help="The keys of a record that have the file's path.  [default: filename,file,log.file.path]",
)
@host_key_option
@click.option("--reserve-data", is_flag=True, default=None, help="Also keep a record's other keys.")
@click.option(
    "--read-header",
    metavar="on|off",
    help="Read a log's header from the file itself where it was not received.  [default: on; off for a "
    "listener on the network]",
)
@click.option("--state", metavar="FILE", type=FILE, help="The file that keeps header lines of logs.")
@click.option(
    "--on-error", metavar="tag|skip", help="Tag a line that does not parse, or skip it.  [default: tag]"
)
@click.option("--listen-cert", metavar="FILE", type=FILE, help="TLS: our certificate (PEM), with its chain.")
@click.option("--listen-key", metavar="FILE", type=FILE, help="TLS: its key, if it is not in the same file.")
@click.option(
    "--listen-ca", metavar="FILE", type=FILE, help="TLS: accept only clients with a certificate of this CA."
)
@click.option(
    "--listen-secret-file",
    metavar="FILE",
    type=FILE,
    help="The shared key of the sender (or EXNORM_LISTEN_SECRET).",
)
@click.option(
    "--socket-mode", default="0600", metavar="OCTAL", help="Mode of a unix socket.  [default: 0600]"
)
@click.option("--forward-tls", is_flag=True, help="Send over TLS; certificate and name are verified.")
@click.option(
    "--forward-ca", metavar="FILE", type=FILE, help="TLS: a CA of the next hop, in addition to the system's."
)
@click.option(
    "--forward-name", default="", metavar="NAME", help="TLS: the name in the next hop's certificate."
)
@click.option("--forward-cert", metavar="FILE", type=FILE, help="TLS: our certificate as a client.")
@click.option("--forward-key", metavar="FILE", type=FILE, help="TLS: its key, if it is not in the same file.")
@click.option(
    "--forward-secret-file",
    metavar="FILE",
    type=FILE,
    help="The shared key of the next hop (or EXNORM_FORWARD_SECRET).",
)
@click.option(
    "--slots",
    type=click.IntRange(1, 64),
    default=2,
    help="The number of chunks processed at the same time.  [default: 2]",
)
@click.option(
    "--max-connections", type=click.IntRange(1, 512), default=64,
    help="The most connections; beyond that, idle ones are closed or new ones refused.  [default: 64]",
)  # fmt: skip
@click.option(
    "--max-chunk-mb",
    type=click.IntRange(1, 1024),
    default=32,
    help="Refuse larger chunks, compressed or decompressed.  [default: 32]",
)
@click.option(
    "--send-mb",
    type=click.IntRange(1, 256),
    default=4,
    help="Send chunks of about this size; Fluent Bit refuses more than its buffer_max_size.  [default: 4]",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    default=60.0,
    help="Seconds for the next hop to acknowledge, and for a sender to finish a message.  [default: 60]",
)
@click.option(
    "--rejects", metavar="FILE", type=FILE, help="Also write lines that do not parse to FILE, as NDJSON."
)
@click.option(
    "--metrics",
    metavar="ADDR",
    help="The address of /metrics, /healthz and /readyz: a port on loopback, or unix:/path.",
)
@log_options
def command(**given: Any) -> int:
    """Receive events from Fluent Bit, normalize them, and send them back.

    For packages and containers that cannot load the filter: Fluent Bit's forward output sends to --listen,
    its forward input receives what exnorm sends to --forward. A chunk is acknowledged only after the next hop
    has acknowledged its normalized form, so nothing is lost while either side is down; set
    require_ack_response on and Retry_Limit no_limits in the output (exnorm fluentbit config writes both).
    exnorm stores nothing.

    A listener on any address but loopback or a unix socket needs TLS and a shared key. SIGTERM finishes the
    chunks in progress and stops; SIGHUP reads the settings of --config again. Log lines go to standard error
    and contain no subject or address, except at --log-level debug.
    """
    state = given.pop("state")
    names = _take_names(given)
    given["state"] = state
    return _serve(names, given, os.environ)


def _take_names(given: dict[str, Any]) -> dict[str, Any]:
    """Return the filter's settings among the options, by name; the other options stay."""
    from exnorm.fluentbit.options import KNOWN_NAMES

    names = {name: given.pop(name) for name in list(given) if name in KNOWN_NAMES}
    return {name: value for name, value in names.items() if value not in (None, ())}


def _serve(names: Mapping[str, Any], given: Mapping[str, Any], environ: Mapping[str, str]) -> int:
    if given["metrics"] is None:
        require("fluentbit serve", "fluentbit", "fluent")
    else:
        require("fluentbit serve --metrics", "fluentbit")
    from exnorm.fluentbit.chunk import ChunkFilter
    from exnorm.fluentbit.options import read_options
    from exnorm.fluentbit.reload_counts import Accounts
    from exnorm.fluentbit.service import Doors, Service, ServiceLimits
    from exnorm.relay.headers import Headers
    from exnorm.relay.journal import Journal, take_library_log

    journal = Journal(sys.stderr.buffer, given["log_format"], given["log_level"])
    take_library_log(journal)
    metrics_address = _read_metrics_address(given["metrics"])
    listener, hop = _read_listener(given, environ), _read_hop(given, environ)
    if listener.address == hop.address and listener.address.port != 0:
        raise SettingsError(f"listen and forward are the same address, {listener.address}")
    limits = ServiceLimits(
        slots=given["slots"],
        max_connections=given["max_connections"],
        max_chunk_bytes=given["max_chunk_mb"] * _MEBI,
        send_bytes=given["send_mb"] * _MEBI,
        timeout=given["timeout"],
    )
    if not is_local(listener.address):  # who sends over the network must not name files for us to open
        names = {"read_header": "off", **names}
    names = {**names, "log_details": "on" if given["log_level"] == "debug" else "off"}
    accounts = Accounts()

    def report(text: str) -> None:
        journal("warning", "filter failed", reason=text)

    def note_unparsed(line: Unparsed) -> None:
        details = {"reason": line.reason, "file": line.path, "line": line.line_number}
        journal.repeat("warning", "a line does not parse", line.kind, details)
        if rejects is not None:
            rejects.add(line)

    def report_file(text: str) -> None:
        journal("error", "a file is not written", reason=text)

    rejects = RejectFile(Path(given["rejects"]), report_file) if given["rejects"] else None
    headers: list[Headers] = []

    def load() -> ChunkFilter:
        options = read_options(names, environ)
        if not headers:  # a reload keeps them: they are not read from the file again
            path = given["state"] or options.state
            headers.append(Headers(Path(path) if path else None, report_file))
        made = ChunkFilter(options, log=report, on_unparsed=note_unparsed, headers=headers[0])
        accounts.follow(made.counts)
        if rejects is not None:
            rejects.reopen()
        return made

    service = Service(Doors(listener, hop), load(), limits, given["tag_prefix"], journal, accounts, rejects)
    panel = None if metrics_address is None else _make_panel(service, accounts, metrics_address)
    if not is_local(hop.address) and not (hop.tls and hop.shared_key):
        journal(
            "warning",
            "next hop on the network without TLS and a shared key",
            forward=str(hop.address),
        )
    if not given["tag_prefix"]:
        journal("warning", "no tag prefix: what comes back must not match the rule that sends here")
    asyncio.run(service.run(panel, load, names.get("config")))
    return OK


def _read_listener(given: Mapping[str, Any], environ: Mapping[str, str]) -> Listener:
    from exnorm.fluentbit import credentials as secret
    from exnorm.fluentbit.service import Listener

    return Listener(
        parse_address(given["listen"], "listen"),
        secret.make_server_context(given["listen_cert"], given["listen_key"], given["listen_ca"]),
        secret.read_secret(given["listen_secret_file"], secret.LISTEN_SECRET, environ, "listen-secret-file"),
        _read_mode(given["socket_mode"]),
    )


def _read_hop(given: Mapping[str, Any], environ: Mapping[str, str]) -> NextHop:
    from exnorm.fluentbit import credentials as secret
    from exnorm.fluentbit.sender import NextHop

    return NextHop(
        parse_address(given["forward"], "forward"),
        given["timeout"],
        secret.make_client_context(
            given["forward_tls"], given["forward_ca"], given["forward_cert"], given["forward_key"]
        ),
        given["forward_name"],
        secret.read_secret(
            given["forward_secret_file"], secret.FORWARD_SECRET, environ, "forward-secret-file"
        ),
    )


def _read_metrics_address(text: str | None) -> Address | None:
    if text is None:
        return None
    address = parse_address(text, "metrics")
    if not is_local(address):
        raise SettingsError(
            f"metrics: {quote(text)} is reachable from the network, and nobody is asked for a password "
            "there; listen on 127.0.0.1 or unix:/path"
        )
    return address


def _make_panel(service: Service, accounts: Accounts, address: Address) -> Panel:
    from exnorm.relay.metrics import Metrics
    from exnorm.relay.pages import Pages, Panel

    pages = Pages(Metrics("fluentbit", accounts.counts, service.numbers), service.readiness)
    return Panel(pages, address.host, address.port, address.path)


def _read_mode(text: str) -> int:
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777:
        raise SettingsError(f"socket_mode: got {quote(text)}; expected an octal mode such as 0660")
    return mode
