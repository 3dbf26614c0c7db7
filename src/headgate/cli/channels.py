"""`headgate channels`."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Annotated

import typer
from msgspec.structs import replace

from headgate.channels.channel import Channel
from headgate.channels.repository import ListedCredential, list_channels, list_credentials, load_channels
from headgate.cli.failures import Unable, run
from headgate.cli.output import Row, duration, show_json, show_table, yes
from headgate.cli.place import ConfigOption, DataOption, JsonOption, locate, opened, sealer
from headgate.cli.probe import Tried, try_channel
from headgate.providers.registry import PROVIDERS
from headgate.relay.signing import Signers
from headgate.sandbox.server import running_sandbox
from headgate.upstream import Client

app = typer.Typer(add_completion=False, no_args_is_help=True, help="List and try channels.")


@app.command("list")
def list_all(data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List channels with the state of their credentials."""
    run(_list(data, config, as_json))


async def _list(data: DataOption, config: ConfigOption, as_json: bool) -> None:
    settings = locate(data, config)
    async with opened(settings) as database, database.read() as conn:
        channels = await list_channels(conn)
        credentials = await list_credentials(conn, sealer(settings)) if channels else []
    if as_json:
        show_json(_row(channel, _of(channel, credentials)) for channel in channels)
        return
    show_table(
        ("name", "provider", "models", "groups", "priority", "weight", "credentials", "enabled", "from"),
        [
            (
                channel.name,
                channel.provider,
                ", ".join(_exposed(channel)),
                ", ".join(channel.groups),
                str(channel.priority),
                str(channel.weight),
                ", ".join(_state(credential) for credential in _of(channel, credentials)),
                yes(channel.enabled),
                channel.source,
            )
            for channel in channels
        ],
        empty="There are no channels. Describe them in headgate.yaml; docs/configuration.md says how.",
        right=("priority", "weight"),
    )


@app.command("test")
def try_out(
    name: Annotated[str | None, typer.Argument(help="The channel. Default: all enabled ones.")] = None,
    model: Annotated[str | None, typer.Option(help="The model, as callers name it. Default: the first.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a small real call through a channel with each of its credentials, whole and streamed.

    It goes past the gateway, is charged to no user, and costs what the upstream asks for some 20 tokens.
    """
    if not run(_test(name, model, data, config, as_json)):
        raise typer.Exit(1)


async def _test(name: str | None, model: str | None, data: DataOption, config: ConfigOption, as_json: bool) -> bool:
    settings = locate(data, config)
    async with opened(settings) as database, database.read() as conn:
        channels = await load_channels(conn, sealer(settings))
    chosen = [channel for channel in channels if (channel.enabled if name is None else channel.name == name)]
    if not chosen:
        raise Unable("there are no channels to test" if name is None else f"there is no channel '{name}'")
    good = True
    client, signers = Client(), Signers()
    try:
        for channel in chosen:
            good &= await _test_one(client, signers, channel, model, as_json)
    finally:
        signers.close()
        await client.close()
    return good


async def _test_one(client: Client, signers: Signers, channel: Channel, model: str | None, as_json: bool) -> bool:
    names = _exposed(channel)
    asked = model or next(iter(names), None)
    problem = None
    if channel.provider not in PROVIDERS:
        problem = f"there is no provider '{channel.provider}'"
    elif asked is None or asked not in names:
        problem = f"the channel does not expose {asked or 'any model'}"
    elif not channel.credentials:
        problem = "all of its credentials are switched off; see: headgate channels list"
    if problem is not None:
        _report(channel, asked, Tried(stream=False, problem=problem, duration_ms=0), as_json)
        return False
    good = True
    async with AsyncExitStack() as stack:
        if PROVIDERS[channel.provider].embedded and not channel.base_url:
            url = await stack.enter_async_context(running_sandbox())
            channel = replace(channel, base_url=url)
        for _, secret in channel.credentials:
            for stream in (False, True):
                tried = await try_channel(
                    client, signers, PROVIDERS[channel.provider], channel, secret, names[str(asked)], stream=stream
                )
                _report(channel, asked, tried, as_json)
                good &= tried.problem is None
    return good


def _report(channel: Channel, model: str | None, tried: Tried, as_json: bool) -> None:
    if as_json:
        row = {
            "channel": channel.name,
            "model": model,
            "stream": tried.stream,
            "ok": tried.problem is None,
            "problem": tried.problem,
            "duration_ms": tried.duration_ms,
            "first_byte_ms": tried.first_byte_ms,
            "tokens_in": tried.usage.total_in if tried.usage else None,
            "tokens_out": tried.usage.total_out if tried.usage else None,
        }
        show_json([row])
        return
    kind = "streamed" if tried.stream else "whole"
    label = f"{channel.name}  {model or '-'}  {kind:<8}"
    if tried.problem is not None:
        typer.echo(f"{label}  failed after {duration(tried.duration_ms)}: {tried.problem}")
        return
    tokens = f"{tried.usage.total_in} tokens in, {tried.usage.total_out} out" if tried.usage else "no usage reported"
    first = f", first byte {duration(tried.first_byte_ms)}" if tried.first_byte_ms is not None else ""
    typer.echo(f"{label}  ok in {duration(tried.duration_ms)}{first}; {tokens}; said {tried.text[:40]!r}")


def _exposed(channel: Channel) -> dict[str, str]:
    """Exposed name to upstream name."""
    return {name: name for name in channel.models} | dict(channel.model_map)


def _of(channel: Channel, credentials: Sequence[ListedCredential]) -> list[ListedCredential]:
    return [credential for credential in credentials if credential.channel_id == channel.id]


def _state(credential: ListedCredential) -> str:
    return credential.hint if credential.enabled else f"{credential.hint} off ({credential.reason or 'by hand'})"


def _row(channel: Channel, credentials: Sequence[ListedCredential]) -> Row:
    return {
        "id": channel.id,
        "name": channel.name,
        "provider": channel.provider,
        "base_url": channel.base_url,
        "models": _exposed(channel),
        "groups": list(channel.groups),
        "priority": channel.priority,
        "weight": channel.weight,
        "enabled": channel.enabled,
        "credentials": [
            {"id": one.id, "hint": one.hint, "enabled": one.enabled, "reason": one.reason} for one in credentials
        ],
        "source": channel.source,
    }
