from __future__ import annotations

from pathlib import Path

import click

from exnorm.cli import walk

MAN = Path(__file__).parents[1] / "man"


def test_every_command_has_a_manual_page_that_names_every_option_and_no_other_page_is_there() -> None:
    commands = {context.command_path.replace(" ", "-"): context.command for context in walk()}
    assert sorted(path.stem for path in MAN.glob("*.1")) == sorted(commands), "run tox -e generate"
    for name, command in commands.items():
        page = (MAN / f"{name}.1").read_text(encoding="utf-8").replace("\\-", "-")
        for parameter in command.params:
            for option in parameter.opts if isinstance(parameter, click.Option) else ():
                assert option in page, f"{name}.1 does not name {option}: run tox -e generate"
