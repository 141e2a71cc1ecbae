from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from exnorm.cli import cli

MAN = Path(__file__).parents[1] / "man"


def walk(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from walk(f"{name}-{below}", found)


def test_every_command_has_a_manual_page_that_names_every_option_and_no_other_page_is_there() -> None:
    commands = dict(walk("exnorm", cli))
    assert sorted(path.stem for path in MAN.glob("*.1")) == sorted(commands), "run tox -e generate"
    for name, command in commands.items():
        page = (MAN / f"{name}.1").read_text(encoding="utf-8").replace("\\-", "-")
        for parameter in command.params:
            for option in parameter.opts if isinstance(parameter, click.Option) else ():
                assert option in page, f"{name}.1 does not name {option}: run tox -e generate"
