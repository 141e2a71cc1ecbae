"""``exnorm otlp``: the commands between senders and receivers of OTLP."""

from __future__ import annotations

import os
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import click

from exnorm.cli.click_types import FILE
from exnorm.cli.http_serve import Door, Parts, relay_options, serve, tagging, tls_options
from exnorm.cli.options import settings_options
from exnorm.extras import require
from exnorm.settings import Settings

TOKEN = "EXNORM_OTLP_TOKEN"
FORWARD_TOKEN = "EXNORM_OTLP_FORWARD_TOKEN"


@click.group("otlp", cls=Parts)
def command() -> None:
    """Normalize the logs of an OpenTelemetry Collector."""


@command.command("serve")
@settings_options
@click.option(
    "--listen", default="127.0.0.1:4318", show_default=True, metavar="ADDR:PORT",
    help="The address to listen on. Any but loopback needs TLS and an access token.",
)  # fmt: skip
@click.option(
    "--forward", metavar="URL",
    help="The next hop, such as http://127.0.0.1:4319; the default path is /v1/logs.",
)  # fmt: skip
@tls_options
@click.option(
    "--auth-token-file", metavar="FILE", type=FILE,
    help=f"The file with the access token that a sender must give; or set {TOKEN}.",
)  # fmt: skip
@click.option(
    "--forward-token-file", metavar="FILE", type=FILE,
    help=f"The file with the access token for the next hop; or set {FORWARD_TOKEN}.",
)  # fmt: skip
@click.option(
    "--row-key", metavar="NAME[,NAME]",
    help="The attributes that have the raw row, tried before the body.",
)  # fmt: skip
@relay_options
def serve_command(settings: Settings, row_key: str | None, **options: Any) -> int:
    """Receive logs over OTLP/HTTP, normalize them, and send them on.

    POST /v1/logs accepts protobuf and JSON, plain, in gzip or in zstd, and is answered with 200 only after
    the next hop accepted the logs. A record whose body is a line of an Exchange log, or that has its columns,
    gets the event's fields as attributes; with --format the payload is its body. A header line gives nothing;
    any other record is passed on unchanged. GET /healthz, /readyz and /metrics report the state. SIGHUP reads
    settings, tokens and certificates again; SIGTERM finishes the requests in progress.
    """
    require("otlp serve", "otlp")
    from exnorm.otlp.messages import PROTOBUF
    from exnorm.otlp.service import LOGS, Service
    from exnorm.relay.access import TOKENS, Token, read_token

    def read(prefix: str, variable: str) -> Token | None:
        file = options[f"{prefix}_token_file"]
        return read_token(file, os.environ, option=f"{prefix}-token-file", variable=variable)

    def complete(url: str) -> str:
        return url if urlsplit(url).path not in ("", "/") else url.rstrip("/") + LOGS

    row_keys = [name.strip() for name in (row_key or "").split(",") if name.strip()]
    door = Door(
        "127.0.0.1:4318",
        TOKENS,
        lambda: read("auth", TOKEN),
        lambda: read("forward", FORWARD_TOKEN),
        partial(Service, row_keys=row_keys),
        lambda settings: tagging(settings, settings.format or "json"),
        PROTOBUF,
        complete,
    )
    return serve(settings, click.get_current_context().params, options, door)
