"""`headgate keys`."""

from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Annotated

import typer

from headgate.access import repository as access
from headgate.access.caller import Network
from headgate.access.keys import make_key
from headgate.access.repository import Key, KeyTerms
from headgate.billing.amounts import format_usd
from headgate.cli import users
from headgate.cli.failures import Unable, run
from headgate.cli.output import Row, moment, show_fields, show_json, show_table, yes
from headgate.cli.place import ConfigOption, DataOption, JsonOption, locate, now_ms, opened

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Make, list and revoke API keys.")


@app.command()
def create(
    user: Annotated[str, typer.Option(help="Whose key it is.")],
    name: Annotated[str, typer.Option(help="What people call it.")] = "default",
    group: Annotated[str | None, typer.Option(help="Another group than the user's.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="A model it may use; repeatable. Default: all.")] = None,
    address: Annotated[
        list[str] | None,
        typer.Option(help="An address or network it may come from; repeatable. Default: all."),
    ] = None,
    limit: Annotated[
        str | None, typer.Option("--limit-usd", help="What it may spend in all. Default: no limit.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="A date, or date and time (UTC), when it expires.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an API key and print it, this once: only its hash is stored."""
    terms = KeyTerms(
        group=group,
        models=tuple(model) if model else None,
        networks=tuple(map(_network, address or ())),
        expires_at_ms=None if expires is None else _moment_ms(expires),
        limit_nano=None if limit is None else users.usd(limit),
    )
    run(_create(user, name, terms, data, config, as_json))


async def _create(user: str, name: str, terms: KeyTerms, data: DataOption, config: ConfigOption, as_json: bool) -> None:
    key = make_key()
    async with opened(locate(data, config)) as database, database.write() as conn:
        owner = await users.find(conn, user)
        if any(other.name == name for other in await access.list_keys(conn, user_id=owner.id)):
            raise Unable(f"{user} has a key '{name}' already; choose another --name")
        key_id = await access.create_key(conn, key, name=name, user_id=owner.id, now_ms=now_ms(), terms=terms)
    if as_json:
        show_json([{"id": key_id, "name": name, "user": user, "key": key.text, "hint": key.hint}])
        return
    typer.echo(key.text)
    typer.echo(f"This is the key '{name}' of {user}. It is shown this once.", err=True)


@app.command("list")
def list_keys(
    user: Annotated[str | None, typer.Option(help="Only this user's.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List API keys; of each only its beginning and end are known."""
    run(_list(user, data, config, as_json))


async def _list(user: str | None, data: DataOption, config: ConfigOption, as_json: bool) -> None:
    async with opened(locate(data, config)) as database, database.read() as conn:
        owner_id = None if user is None else (await users.find(conn, user)).id
        keys = await access.list_keys(conn, user_id=owner_id)
    if as_json:
        show_json(map(_row, keys))
        return
    show_table(
        ("id", "name", "user", "key", "limit", "left", "models", "expires", "enabled", "from"),
        [
            (
                str(key.id),
                key.name,
                key.user_name,
                key.hint,
                "" if key.limit_nano is None else format_usd(key.limit_nano),
                "" if key.left_nano is None else format_usd(key.left_nano),
                "all" if key.models is None else ", ".join(key.models),
                "never" if key.expires_at_ms is None else moment(key.expires_at_ms),
                yes(key.enabled),
                key.source,
            )
            for key in keys
        ],
        empty="There are no keys. Make one: headgate keys create --user NAME",
        right=("limit", "left"),
    )


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Its name, or its id where names are not enough.")],
    user: Annotated[str | None, typer.Option(help="Whose key it is.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
) -> None:
    """Revoke an API key: a running gateway refuses it within a second."""
    run(_revoke(key, user, data, config))


async def _revoke(named: str, user: str | None, data: DataOption, config: ConfigOption) -> None:
    async with opened(locate(data, config)) as database, database.write() as conn:
        keys = [key for key in await access.list_keys(conn) if user in {None, key.user_name}]
        found = [key for key in keys if key.name == named] or [key for key in keys if str(key.id) == named]
        match found:
            case []:
                raise Unable(f"there is no key '{named}'; see: headgate keys list")
            case [key]:
                await access.set_key_enabled(conn, key.id, False, now_ms=now_ms())
            case _:
                choices = ", ".join(f"{key.id} ({key.user_name})" for key in found)
                raise Unable(f"there are {len(found)} keys '{named}'; give --user or one of these ids: {choices}")
    show_fields([("revoked", f"{key.name} of {key.user_name} ({key.hint})")])
    if key.source == "file":
        typer.echo("headgate: a configuration file that still has this key allows it again at the next start", err=True)


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not an address or network") from None


def _moment_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not a date such as 2027-01-31 or 2027-01-31T12:00:00") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _row(key: Key) -> Row:
    return {
        "id": key.id,
        "name": key.name,
        "user": key.user_name,
        "hint": key.hint,
        "group": key.group,
        "models": None if key.models is None else list(key.models),
        "addresses": list(key.networks),
        "limit_nano": key.limit_nano,
        "left_nano": key.left_nano,
        "expires_at": key.expires_at_ms,
        "enabled": key.enabled,
        "source": key.source,
        "created_at": key.created_at_ms,
    }
