"""``exnorm fluentbit``: what an operator of Fluent Bit needs."""

from __future__ import annotations

import click

from exnorm.cli.fluentbit_config import command as config
from exnorm.cli.fluentbit_serve import command as serve


@click.group("fluentbit")
def command() -> None:
    """Normalize inside Fluent Bit, or beside it."""


command.add_command(config)
command.add_command(serve)
