"""`headgate sandbox`."""

import asyncio
from typing import Annotated

import typer

from headgate.sandbox.server import serve

app = typer.Typer(add_completion=False)


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 8600,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Run the simulated upstream by itself, until Ctrl-C.

    It speaks OpenAI Chat, OpenAI Responses, Anthropic Messages and Gemini, takes any key, and misbehaves on request;
    docs/sandbox.md lists its switches.
    """

    def ready(url: str) -> None:
        typer.echo(f"The sandbox is ready on {url}  (OpenAI clients: {url}/v1; its books: {url}/sandbox/books)")

    try:
        asyncio.run(serve(host, port, ready=ready))
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        typer.echo(f"headgate: cannot listen on {host} port {port}: {reason}; choose another with --port", err=True)
        raise typer.Exit(1) from None
