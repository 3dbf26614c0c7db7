"""`headgate version`."""

import typer

from headgate import __version__

app = typer.Typer(add_completion=False)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"headgate {__version__}")
