"""The command `headgate` and the table of its commands.

A command's module is imported when the command is run: `headgate version` should not wait for a database driver, nor
`headgate --help` for a web framework.
"""

import gc
from importlib import import_module
from typing import Any

import typer
from msgspec import Struct
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from headgate import __version__


class Entry(Struct, frozen=True):
    """A command: the module with its `app`, and a line for the list of commands."""

    module: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "serve": Entry("serve", "Start the gateway."),
    "demo": Entry("demo", "See the gateway at work: a minute, no account, nothing left behind."),
    "doctor": Entry("doctor", "Say what is wrong with a set-up and how to mend it."),
    "sandbox": Entry("sandbox", "Run the simulated upstream by itself."),
    "config": Entry("config", "Check a configuration file."),
    "users": Entry("users", "Make, credit and list users."),
    "keys": Entry("keys", "Make, list and revoke API keys."),
    "channels": Entry("channels", "List and try channels."),
    "providers": Entry("providers", "List the providers that a channel can name."),
    "receipts": Entry("receipts", "List, show and follow the records of finished calls."),
    "db": Entry("db", "Bring the database to the newest schema."),
    "version": Entry("version", "Print the version."),
}


class Deferred(TyperGroup):
    """A group whose commands are imported when they are run."""

    _listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command itself; or, while help is written, its name and summary only."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        if self._listing:
            return TyperCommand(cmd_name, help=entry.summary)
        # Modules are made of many objects and no garbage: looking for some takes a tenth of the time to start.
        gc.disable()
        command = get_command(import_module(f"headgate.cli.{entry.module}").app)
        gc.enable()
        command.name = cmd_name
        return command

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        self._listing = True
        super().format_help(ctx, formatter)


app = typer.Typer(
    cls=Deferred,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_show_locals=False,
    help="A self-hosted AI gateway: every model API behind one address and one key, with books that balance.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"headgate {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
) -> None:
    """Takes the options that stand before a command."""


def main() -> None:
    """The entry point of the program `headgate`."""
    app(prog_name="headgate")
