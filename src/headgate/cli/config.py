"""`headgate config`."""

from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.failures import told
from headgate.cli.place import ConfigOption, read_config
from headgate.config.file import ConfigFile
from headgate.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Check a configuration file.")


@app.callback()
def config() -> None:
    """Check a configuration file."""


@app.command()
def check(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Default: --config, or headgate.yaml.")] = None,
    config: ConfigOption = None,
) -> None:
    """Read a configuration file as `serve` would, and change nothing."""
    with told():
        path = file or Settings.load({"config": config} if config else {}).config or Path("headgate.yaml")
        found = read_config(path)
        _check_owners(found)
        Settings.load(file=found.settings)
    counts = (
        _count(len(found.channels), "channel"),
        _count(len(found.prices), "price"),
        _count(len(found.users), "user"),
        _count(len(found.keys), "key"),
    )
    typer.echo(f"{path} is good: {', '.join(counts)}.")


def _check_owners(config: ConfigFile) -> None:
    """Keys may also belong to users made elsewhere: that is worth a word, not an error."""
    users = {user.name for user in config.users}
    for key in config.keys:
        if key.user not in users:
            typer.echo(
                f"{config.path}:{key.line}: note: the key '{key.name}' is for user '{key.user}', who is not in this "
                "file and must be in the database",
                err=True,
            )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
