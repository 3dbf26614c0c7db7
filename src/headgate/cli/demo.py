"""`headgate demo`."""

import asyncio

import typer

from headgate.demo import DemoFailed, run_demo

app = typer.Typer(add_completion=False)


@app.command()
def demo() -> None:
    """See the gateway at work: a minute, no account, nothing left behind.

    Starts a gateway on a temporary data directory with the sandbox as upstream, makes calls through the official OpenAI
    SDK, shows each answer with its receipt, and checks that the books agree.
    """
    try:
        asyncio.run(run_demo(typer.echo))
    except DemoFailed as failed:
        typer.echo(f"headgate: {failed}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("Stopped.", err=True)
        raise typer.Exit(130) from None
