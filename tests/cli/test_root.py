"""The command `headgate` itself."""

import sys
from importlib import import_module

from typer.main import get_command

from cli.conftest import Run
from headgate import __version__
from headgate.cli.root import COMMANDS


def test_version_is_printed(headgate: Run) -> None:
    """By a command, and by the option that people try first."""
    assert headgate("version").stdout == headgate("--version").stdout == f"headgate {__version__}\n"


def test_help_lists_every_command_without_loading_it(headgate: Run) -> None:
    """Help should not wait for a database driver."""
    loaded = set(sys.modules)
    said = headgate("--help").stdout
    assert all(name in said for name in COMMANDS)
    assert not {name for name in set(sys.modules) - loaded if name.startswith("headgate.")}


def test_every_command_of_the_table_can_be_loaded_and_says_what_it_does() -> None:
    """The table is all there is to forget."""
    for name, entry in COMMANDS.items():
        command = get_command(import_module(f"headgate.cli.{entry.module}").app)
        assert command.help, name


def test_an_unknown_command_is_a_usage_error(headgate: Run) -> None:
    """Exit code 2, as everywhere."""
    assert headgate("sevre").exit_code == 2
