"""`headgate providers`."""

from typing import Annotated

import typer

from headgate.cli.output import show_json, show_table
from headgate.providers.registry import PROVIDERS

app = typer.Typer(add_completion=False)


@app.command()
def providers(as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False) -> None:
    """List the providers that a channel can name."""
    rows = [
        {
            "name": provider.name,
            "title": provider.title,
            "base_url": provider.base_url or None,
            "protocols": list(provider.endpoints),
            "prices": provider.catalogue is not None,
        }
        for provider in PROVIDERS.values()
    ]
    if as_json:
        show_json(rows)
        return
    show_table(
        ("name", "who", "base URL", "protocols"),
        [
            (p.name, p.title, p.base_url or ("built in" if p.embedded else "to be given"), ", ".join(p.endpoints))
            for p in PROVIDERS.values()
        ],
        empty="",
    )
