"""`headgate db`."""

import typer

from headgate.cli.failures import Unable, run
from headgate.cli.place import ConfigOption, DataOption, locate, sqlite_file
from headgate.store.migrate import pending
from headgate.store.migrate import upgrade as migrate

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Bring the database to the newest schema.")


@app.callback()
def db() -> None:
    """Bring the database to the newest schema."""


@app.command()
def upgrade(data: DataOption = None, config: ConfigOption = None) -> None:
    """Run every migration that is still to be run. `serve` does so by itself."""
    run(_upgrade(data, config))


async def _upgrade(data: DataOption, config: ConfigOption) -> None:
    settings = locate(data, config)
    try:
        file = sqlite_file(settings)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        steps = await pending(settings.database_address)
        await migrate(settings.database_address)
    except ValueError as error:
        raise Unable(f"HEADGATE_DATABASE_URL: {error}") from None
    typer.echo(f"Ran {', '.join(steps)}." if steps else "The database has the newest schema already.")
