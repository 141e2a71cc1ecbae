"""``exnorm completion``: let a shell complete exnorm's commands, options and their values."""

from __future__ import annotations

import os

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

from exnorm.cli import COMPLETE_VARIABLE, OK, cli
from exnorm.cli.click_types import Words
from exnorm.errors import SettingsError, quote, suggest

_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($word, $line, $cursor)
    $env:%(complete_var)s = "powershell_complete"
    $env:COMP_WORDS = $line.ToString().PadRight($cursor).Substring(0, $cursor)
    $env:COMP_WORD = $word
    try {
        %(prog_name)s | ForEach-Object {
            $kind, $value, $help = $_ -split "`t", 3
            if ($kind -eq "plain") {
                [System.Management.Automation.CompletionResult]::new($value, $value, "ParameterValue", $help)
            }
        }
    } finally {
        Remove-Item Env:%(complete_var)s, Env:COMP_WORDS, Env:COMP_WORD -ErrorAction SilentlyContinue
    }
}
"""


class PowerShellComplete(ShellComplete):
    """Completes in PowerShell 5.1 and 7, which itself offers files where there is no completion."""

    name = "powershell"
    source_template = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the finished words, and the word at the cursor."""
        incomplete = os.environ["COMP_WORD"]
        words = split_arg_string(os.environ["COMP_WORDS"])
        return words[1:-1] if incomplete else words[1:], incomplete

    def format_completion(self, item: CompletionItem) -> str:
        """Return one line of kind, value and help, separated by TAB; a tooltip must not be empty."""
        return f"{item.type}\t{item.value}\t{' '.join((item.help or str(item.value)).split())}"


SHELLS: dict[str, type[ShellComplete]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
    "powershell": PowerShellComplete,
}


@click.command("completion")
@click.argument("shell", metavar="|".join(SHELLS), type=Words(SHELLS))
def command(shell: str) -> int:
    """Print the script that lets a shell complete exnorm's commands.

    It completes commands, options and values. For bash, write it to
    ~/.local/share/bash-completion/completions/exnorm; for zsh, to _exnorm in a folder of $fpath; for fish, to
    ~/.config/fish/completions/exnorm.fish; for PowerShell, append it to $PROFILE.
    """
    if shell not in SHELLS:
        raise SettingsError(f"completion: got {quote(shell)}{suggest(shell, SHELLS)}")
    click.echo(_render(SHELLS[shell]), nl=False)
    return OK


def answer_shells() -> None:
    """Add completion for PowerShell, which click does not support itself."""
    add_completion_class(PowerShellComplete)


def _render(shell: type[ShellComplete]) -> str:
    completer = shell(cli, {}, "exnorm", COMPLETE_VARIABLE)
    # source() of bash starts one to ask for its version; the text itself needs none.
    return (completer.source_template % completer.source_vars()).lstrip("\n")
