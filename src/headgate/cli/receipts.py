"""`headgate receipts`."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Annotated

import typer
from msgspec.structs import asdict, replace
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.access import repository as access
from headgate.billing import archive
from headgate.billing.amounts import format_usd
from headgate.billing.archive import Entry, Filter
from headgate.billing.receipt import ENDINGS, Attempt
from headgate.channels.repository import list_channels
from headgate.cli import users
from headgate.cli.failures import Unable, run
from headgate.cli.output import Row, duration, moment, show_fields, show_json, show_table
from headgate.cli.place import ConfigOption, DataOption, JsonOption, locate, now_ms, opened

FOLLOW_S = 0.5
LATE_MS = 15_000
"""How long after its end a call may reach the database and still be printed."""
LONGEST_MS = 1_800_000
"""Calls that took longer are not printed."""
PAGE = 500

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="List, show and follow the records of finished calls."
)

Wanted = tuple[str | None, str | None, str | None, str | None]
"""User, key, model, ending."""

UserOption = Annotated[str | None, typer.Option(help="Only this user's.")]
KeyOption = Annotated[str | None, typer.Option(help="Only of the key with this name.")]
ModelOption = Annotated[str | None, typer.Option(help="Only for this model, as callers name it.")]
EndingOption = Annotated[str | None, typer.Option(help=f"Only with this ending: {', '.join(ENDINGS)}.")]


@app.command("list")
def list_receipts(
    user: UserOption = None,
    key: KeyOption = None,
    model: ModelOption = None,
    ending: EndingOption = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many, the newest; 0 for all.")] = 50,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List finished calls, newest first."""
    run(_list((user, key, model, ending), limit, data, config, as_json))


async def _list(wanted: Wanted, limit: int, data: DataOption, config: ConfigOption, as_json: bool) -> None:
    async with opened(locate(data, config)) as database, database.read() as conn:
        which = await _filter(conn, wanted)
        names = await _channel_names(conn)
        entries = _pages(conn, which, limit or None)
        if not as_json:
            _show([entry async for entry in entries])
            return
        async for entry in entries:
            show_json([_row(entry, names)])


@app.command()
def show(
    receipt_id: Annotated[str, typer.Argument(metavar="ID", help="The answer's x-request-id.")],
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one call in full."""
    run(_show_one(receipt_id, data, config, as_json))


async def _show_one(receipt_id: str, data: DataOption, config: ConfigOption, as_json: bool) -> None:
    async with opened(locate(data, config)) as database, database.read() as conn:
        entry = await archive.show(conn, receipt_id)
        names = await _channel_names(conn)
    if entry is None:
        raise Unable(f"there is no receipt {receipt_id}")
    if as_json:
        show_json([_row(entry, names)])
    else:
        show_fields(_fields(entry, names))


@app.command()
def follow(
    user: UserOption = None,
    key: KeyOption = None,
    model: ModelOption = None,
    ending: EndingOption = None,
    data: DataOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print calls as they end, until Ctrl-C."""
    try:
        run(_follow((user, key, model, ending), data, config, as_json))
    except KeyboardInterrupt:
        raise typer.Exit from None


async def _follow(wanted: Wanted, data: DataOption, config: ConfigOption, as_json: bool) -> None:
    """Ids ascend with the beginning of calls, but calls are recorded as they end: look at what has ended lately, and
    remember what of it was printed."""
    async with opened(locate(data, config)) as database:
        async with database.read() as conn:
            which = await _filter(conn, wanted)
        since_ms = now_ms()
        printed: dict[str, int] = {}
        if not as_json:
            typer.echo("Waiting for calls to end; Ctrl-C stops.", err=True)
        while True:
            lately = replace(which, since_ms=since_ms - LONGEST_MS, ended_since_ms=since_ms)
            async with database.read() as conn:
                ended = [entry async for entry in _pages(conn, lately)]
                names = await _channel_names(conn)
            for entry in reversed(ended):
                if entry.id not in printed:
                    printed[entry.id] = entry.started_at + entry.duration_ms
                    _print(entry, names, as_json)
            since_ms = max(since_ms, now_ms() - LATE_MS)
            printed = {call_id: at_ms for call_id, at_ms in printed.items() if at_ms >= since_ms}
            await asyncio.sleep(FOLLOW_S)


def _print(entry: Entry, names: Mapping[int, str], as_json: bool) -> None:
    if as_json:
        show_json([_row(entry, names)])
    else:
        typer.echo(_line(entry))


async def _pages(conn: AsyncConnection, which: Filter, limit: int | None = None) -> AsyncIterator[Entry]:
    """All that match, newest first, or so many of them; read in pages."""
    before: str | None = None
    while True:
        size = PAGE if limit is None else min(limit, PAGE)
        page = await archive.listed(conn, which, before=before, limit=size) if size else []
        for entry in page:
            yield entry
        if len(page) < PAGE:
            return
        before = page[-1].id
        limit = None if limit is None else limit - len(page)


async def _filter(conn: AsyncConnection, wanted: Wanted) -> Filter:
    user, key, model, ending = wanted
    if ending is not None and ending not in ENDINGS:
        raise Unable(f"no call ends as '{ending}'; endings are {', '.join(ENDINGS)}")
    user_id = None if user is None else (await users.find(conn, user)).id
    return Filter(
        user_id=user_id,
        key_id=None if key is None else await _key_id(conn, key, user_id),
        model=model,
        ending=ending,
    )


async def _key_id(conn: AsyncConnection, name: str, user_id: int | None) -> int:
    found = [key for key in await access.list_keys(conn, user_id=user_id) if key.name == name]
    if len(found) != 1:
        raise Unable(f"there are {len(found)} keys '{name}'; give --user too" if found else f"there is no key '{name}'")
    return found[0].id


async def _channel_names(conn: AsyncConnection) -> dict[int, str]:
    return {channel.id: channel.name for channel in await list_channels(conn)}


def _attempts(entry: Entry) -> list[Attempt]:
    """All tries, the one that answered last."""
    tries = list(entry.attempts)
    if entry.channel_id is not None and entry.status < 400 and all(attempt.reason for attempt in tries):
        rest_ms = max(0, entry.duration_ms - sum(attempt.duration_ms for attempt in tries))
        tries.append(Attempt(entry.channel_id, entry.status, "", rest_ms))
    return tries


def _row(entry: Entry, names: Mapping[int, str]) -> Row:
    return {
        "id": entry.id,
        "user": entry.user,
        "key": entry.key,
        "model": entry.model,
        "channel": entry.channel,
        "upstream_model": entry.upstream_model,
        "operation": entry.operation,
        "ending": entry.ending,
        "status": entry.status,
        "stream": entry.stream,
        "usage": {name: count for name, count in asdict(entry.usage).items() if count},
        "charge_nano": entry.charge_nano,
        "cost_nano": entry.cost_nano,
        "overrun_nano": entry.overrun_nano,
        "estimated": entry.estimated,
        "attempts": [
            {
                "channel": names.get(attempt.channel_id),
                "status": attempt.status,
                "reason": attempt.reason,
                "duration_ms": attempt.duration_ms,
            }
            for attempt in _attempts(entry)
        ],
        "dropped": list(entry.dropped),
        "started_at": entry.started_at,
        "duration_ms": entry.duration_ms,
        "first_byte_ms": entry.first_byte_ms,
    }


def _show(entries: list[Entry]) -> None:
    show_table(
        ("started", "id", "user", "key", "model", "channel", "ending", "in", "out", "charge", "took"),
        [
            (
                moment(entry.started_at),
                entry.id,
                entry.user or "",
                entry.key or "",
                entry.model,
                entry.channel or "",
                _ending(entry),
                str(entry.usage.total_in),
                str(entry.usage.total_out),
                format_usd(entry.charge_nano),
                duration(entry.duration_ms),
            )
            for entry in entries
        ],
        empty="There are no receipts yet.",
        right=("in", "out", "charge", "took"),
    )


def _ending(entry: Entry) -> str:
    return entry.ending if entry.status < 400 else f"{entry.ending} {entry.status}"


def _line(entry: Entry) -> str:
    tokens = f"{entry.usage.total_in} in, {entry.usage.total_out} out"
    return "  ".join(
        (
            moment(entry.started_at),
            entry.id,
            f"{entry.user or '?'}/{entry.key or '?'}",
            entry.model,
            entry.channel or "-",
            _ending(entry),
            tokens,
            format_usd(entry.charge_nano),
            duration(entry.duration_ms),
        )
    )


def _fields(entry: Entry, names: Mapping[int, str]) -> list[tuple[str, str]]:
    usage = ", ".join(f"{name} {count}" for name, count in asdict(entry.usage).items() if count)
    fields = [
        ("id", entry.id),
        ("started", moment(entry.started_at)),
        ("user", entry.user or "?"),
        ("key", entry.key or "?"),
        ("model", entry.model),
        ("channel", entry.channel or "none"),
        ("sent as", entry.upstream_model or ""),
        ("operation", f"{entry.operation}{', streamed' if entry.stream else ''}"),
        ("ending", f"{entry.ending}, HTTP {entry.status}"),
        ("usage", f"{usage or 'none'}{' (counted here)' if entry.estimated else ''}"),
        ("charge", format_usd(entry.charge_nano)),
        ("cost", format_usd(entry.cost_nano)),
        ("overrun", format_usd(entry.overrun_nano) if entry.overrun_nano else ""),
        ("took", duration(entry.duration_ms)),
        ("first byte", duration(entry.first_byte_ms)),
        ("dropped", ", ".join(entry.dropped)),
    ]
    for number, attempt in enumerate(_attempts(entry), start=1):
        channel = names.get(attempt.channel_id, "?")
        outcome = attempt.reason or "answered"
        fields.append((f"attempt {number}", f"{channel}: {outcome}, {duration(attempt.duration_ms)}"))
    return [(name, value) for name, value in fields if value]
