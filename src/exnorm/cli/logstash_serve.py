"""``exnorm logstash serve``: the options and secrets of Logstash's protocol; ``http_serve`` does the rest."""

from __future__ import annotations

import os
from typing import Any

import click

from exnorm.cli.click_types import FILE
from exnorm.cli.http_serve import Door, relay_options, serve, tagging, tls_options
from exnorm.cli.options import settings_options
from exnorm.extras import require
from exnorm.settings import Settings

PASSWORD = "EXNORM_LOGSTASH_PASSWORD"
FORWARD_PASSWORD = "EXNORM_LOGSTASH_FORWARD_PASSWORD"


@click.command("serve")
@settings_options
@click.option(
    "--listen", default="127.0.0.1:9801", show_default=True, metavar="ADDR:PORT",
    help="The address that Logstash sends to. Any but loopback needs TLS and a password.",
)  # fmt: skip
@click.option("--forward", metavar="URL", help="The next hop, such as http://127.0.0.1:9800.")
@tls_options
@click.option("--auth-user", metavar="NAME", help="The user name that a sender must give.")
@click.option(
    "--auth-password-file", metavar="FILE", type=FILE, help=f"The file with its password; or set {PASSWORD}."
)
@click.option("--forward-user", metavar="NAME", help="The user name for the next hop.")
@click.option(
    "--forward-password-file",
    metavar="FILE",
    type=FILE,
    help=f"The file with its password; or set {FORWARD_PASSWORD}.",
)
@relay_options
def command(settings: Settings, **options: Any) -> int:
    """Receive batches from Logstash, normalize them, and send them on.

    It speaks the protocol of Logstash's own logstash output and input: POST / with JSON lines in gzip,
    answered with 200 only after the next hop accepted the batch. output { http { format => json_batch } }
    works too. POST /v1/normalize returns the normalized events, for filter { http }. GET /healthz, /readyz
    and /metrics report the state. SIGHUP reads settings, passwords and certificates again; SIGTERM finishes
    the requests in progress. The default of --format is json here.
    """
    require("logstash serve", "logstash")
    from exnorm.logstash.service import Service
    from exnorm.relay.access import PASSWORDS, Credentials, read_credentials

    def read(prefix: str, variable: str) -> Credentials | None:
        user, file = options[f"{prefix}_user"], options[f"{prefix}_password_file"]
        return read_credentials(user, file, os.environ, option=f"{prefix}-", variable=variable)

    door = Door(
        "127.0.0.1:9801",
        PASSWORDS,
        lambda: read("auth", PASSWORD),
        lambda: read("forward", FORWARD_PASSWORD),
        Service,
        lambda settings: tagging(settings, settings.format or "json"),
    )
    return serve(settings, click.get_current_context().params, options, door)
