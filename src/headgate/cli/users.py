"""`headgate users`."""

from decimal import Decimal
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.access import repository as access
from headgate.access.repository import User
from headgate.billing.amounts import format_usd, parse_usd
from headgate.cli.failures import Unable, run
from headgate.cli.output import Row, show_json, show_table, yes
from headgate.cli.place import ConfigOption, DataOption, JsonOption, locate, now_ms, opened

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Make, credit and list users.")


@app.command()
def create(
    name: str,
    balance: Annotated[str, typer.Option("--balance-usd", help="What to put into the wallet.")] = "0",
    group: Annotated[str, typer.Option(help="The group, whose multiplier and channels count.")] = "default",
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a user with a wallet."""
    run(_create(name, usd(balance), group, data, config, as_json))


async def _create(
    name: str, balance_nano: int, group: str, data: DataOption, config: ConfigOption, as_json: bool
) -> None:
    if balance_nano < 0:
        raise Unable("a user cannot begin with less than nothing")
    async with opened(locate(data, config)) as database, database.write() as conn:
        try:
            user = await access.create_user(conn, name, group=group, now_ms=now_ms())
        except access.AlreadyExists:
            raise Unable(f"there is a user '{name}' already") from None
        if balance_nano:
            await access.credit_user(conn, user.id, balance_nano, now_ms=now_ms(), note="command line")
        user = await access.get_user(conn, user.id)
    if as_json:
        show_json([_row(user)])
    else:
        typer.echo(
            f"Made the user {name} with {format_usd(user.balance_nano)}. Next: headgate keys create --user {name}"
        )


@app.command()
def credit(
    name: str,
    amount: Annotated[str, typer.Argument(metavar="USD", help="Below zero takes out: -- -5.")],
    note: Annotated[str | None, typer.Option(help="Why; kept with the transfer.")] = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put money into a user's wallet, or take out what is there."""
    run(_credit(name, usd(amount), note, data, config, as_json))


async def _credit(
    name: str, amount_nano: int, note: str | None, data: DataOption, config: ConfigOption, as_json: bool
) -> None:
    if amount_nano == 0:
        raise Unable("there is nothing to do for an amount of 0")
    async with opened(locate(data, config)) as database, database.write() as conn:
        user = await find(conn, name)
        moved_nano = await access.credit_user(conn, user.id, amount_nano, now_ms=now_ms(), note=note or "command line")
        user = await access.get_user(conn, user.id)
    if as_json:
        show_json([_row(user)])
        return
    direction = "Put {} into" if moved_nano >= 0 else "Took {} out of"
    said = f"{direction.format(format_usd(abs(moved_nano)))} the wallet of {name}, which has "
    typer.echo(said + f"{format_usd(user.balance_nano)} now.")
    if moved_nano != amount_nano:
        typer.echo("headgate: that is all there was; what a running gateway holds comes back in seconds", err=True)


@app.command("list")
def list_users(data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List users with their balances.

    A balance includes what a running gateway holds of it; charges of the last quarter of a second may be missing.
    """
    run(_list(data, config, as_json))


async def _list(data: DataOption, config: ConfigOption, as_json: bool) -> None:
    async with opened(locate(data, config)) as database, database.read() as conn:
        users = await access.list_users(conn)
    if as_json:
        show_json(map(_row, users))
        return
    show_table(
        ("name", "balance", "group", "enabled", "from"),
        [(u.name, format_usd(u.balance_nano), u.group, yes(u.enabled), u.source) for u in users],
        empty="There are no users. Make one: headgate users create NAME",
        right=("balance",),
    )


async def find(conn: AsyncConnection, name: str) -> User:
    """The user of that name.

    Raises:
        Unable: there is none.
    """
    for user in await access.list_users(conn):
        if user.name == name:
            return user
    raise Unable(f"there is no user '{name}'")


def usd(text: str) -> int:
    """An amount of dollars as nano-dollars; what is no amount ends the command."""
    try:
        return parse_usd(Decimal(text.removeprefix("$")))
    except (ArithmeticError, ValueError):
        raise typer.BadParameter(f"'{text}' is not an amount of dollars") from None


def _row(user: User) -> Row:
    return {
        "id": user.id,
        "name": user.name,
        "balance_nano": user.balance_nano,
        "group": user.group,
        "enabled": user.enabled,
        "source": user.source,
        "created_at": user.created_at_ms,
    }
