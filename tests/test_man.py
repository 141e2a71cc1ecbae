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


def test_no_description_of_a_command_is_cut_in_help_and_in_manual_pages() -> None:
    for context in walk():
        text = context.command.get_short_help_str()
        assert text.rstrip(".") + "." == text, f"{context.command_path}: {text}"
        page = (
            (MAN / f"{context.command_path.replace(' ', '-')}.1")
            .read_text(encoding="utf-8")
            .replace("\\", "")
        )
        assert f" - {text}\n" in page
        if context.parent is not None:
            below = context.parent.get_help()
            assert text in " ".join(below.split()), f"{context.command_path}: {below}"
