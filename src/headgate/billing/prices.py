"""The operator's own prices, as the configuration file and the `prices` table write them.

Tokens are priced in USD per million, everything else per piece: call, image, second, character, search.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Literal, cast

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.billing.amounts import NANO, UNITS, scaled
from headgate.billing.pricing import ImageRate, Price, Tier, resolve
from headgate.store.database import Database
from headgate.store.schema import changes, prices

_TOKENS = (
    "input",
    "cache_read",
    "cache_write",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "audio_in",
    "audio_cache_read",
    "audio_out",
    "image_in",
    "image_cache_read",
    "image_out",
    "video_in",
)
_PER_PIECE = NANO * UNITS
_PIECES: dict[str, tuple[tuple[str, ...], int]] = {
    "per_second": (("milliseconds",), _PER_PIECE // 1000),
    "per_character": (("characters",), _PER_PIECE),
    "per_search": (("web_searches", "search_units"), _PER_PIECE),
}
_LIMITS = ("context", "max_output")

FIELDS: tuple[str, ...] = (*_TOKENS, *_PIECES, "per_call", "per_image", "tiers", "free", *_LIMITS)
"""Every field that a price may have."""

Source = Literal["file", "console"]


def parse_price(body: Mapping[str, object]) -> Price:
    """One price as the operator wrote it.

    `per_image` is a number, or a matrix `{size: {quality: usd}}` or `{size: usd}`, or rows `[{size, quality, usd}]`, of
    which size and quality may be left out. `tiers` are rows `[{above: tokens, input: ...}]` of token prices for calls
    that read more than so many tokens.

    Raises:
        ValueError: the message begins with the name of the field that is wrong.
    """
    for name in body:
        if name not in FIELDS:
            raise ValueError(f"{name}: no such field; there are {', '.join(FIELDS)}")
    free = body.get("free", False)
    if not isinstance(free, bool):
        raise ValueError(f"free: {free!r} is neither true nor false")
    priced = [name for name in body if name not in {"free", *_LIMITS}]
    if free == bool(priced):
        wrong = f"{priced[0]}: a free model has no prices" if free else "free: a price needs at least one amount"
        raise ValueError(wrong)
    rates = _token_rates(body) | _piece_rates(body)
    images = _images(body["per_image"]) if "per_image" in body else ()
    if images:
        rates["images"] = max(row.rate for row in images)
    return Price(
        rates=resolve(rates),
        tiers=_tiers(body.get("tiers", ()), rates),
        per_call=_usd("per_call", body["per_call"], _PER_PIECE) if "per_call" in body else 0,
        images=images if len(images) > 1 else (),
        free=free,
        context=_limit(body, "context"),
        max_output=_limit(body, "max_output"),
    )


async def stored_prices(conn: AsyncConnection) -> dict[str, Mapping[str, object]]:
    """The bodies of all prices in the database, by model."""
    rows = await conn.execute(select(prices.c.model, prices.c.body).order_by(prices.c.model))
    return {model: msgspec.json.decode(body, type=dict[str, object]) for model, body in rows}


async def store_price(
    conn: AsyncConnection, database: Database, model: str, body: Mapping[str, object], *, source: Source, now_ms: int
) -> None:
    """Set the price of a model, and tell the workers.

    Raises:
        ValueError: as `parse_price`.
    """
    parse_price(body)
    row = database.insert(prices).values(model=model, body=msgspec.json.encode(body).decode(), source=source)
    new = {"body": row.excluded.body, "source": row.excluded.source}
    await conn.execute(row.on_conflict_do_update(index_elements=[prices.c.model], set_=new))
    await _announce(conn, now_ms)


async def remove_price(conn: AsyncConnection, model: str, *, now_ms: int) -> bool:
    """Forget the operator's price of a model, and tell the workers; False if there was none."""
    if (await conn.execute(delete(prices).where(prices.c.model == model))).rowcount == 0:
        return False
    await _announce(conn, now_ms)
    return True


async def _announce(conn: AsyncConnection, now_ms: int) -> None:
    await conn.execute(changes.insert().values(subject="price", ref=None, at=now_ms))


def _token_rates(body: Mapping[str, object]) -> dict[str, int]:
    return {name: _usd(name, body[name], NANO) for name in _TOKENS if name in body}


def _piece_rates(body: Mapping[str, object]) -> dict[str, int]:
    return {
        quantity: _usd(name, body[name], factor)
        for name, (quantities, factor) in _PIECES.items()
        if name in body
        for quantity in quantities
    }


def _tiers(body: object, rates: Mapping[str, int]) -> tuple[Tier, ...]:
    tiers = []
    for row in _rows("tiers", body):
        unknown = [name for name in row if name not in {"above", *_TOKENS}]
        if unknown:
            raise ValueError(f"tiers: a tier has no {unknown[0]!r}")
        above = _limit(row, "above")
        if above is None:
            raise ValueError("tiers: a tier needs 'above', the tokens from which it applies")
        tiers.append(Tier(above, resolve({**rates, **_token_rates(row)})))
    return tuple(sorted(tiers, key=lambda tier: tier.above))


def _images(body: object) -> tuple[ImageRate, ...]:
    if isinstance(body, Mapping):
        rows = tuple(row for size, cell in body.items() for row in _image_cells(str(size), cell))
    elif isinstance(body, Sequence) and not isinstance(body, str):
        rows = tuple(map(_image_row, _rows("per_image", body)))
    else:
        rows = (ImageRate(None, None, _usd("per_image", body, _PER_PIECE)),)
    if not rows:
        raise ValueError("per_image: the matrix is empty")
    return rows


def _image_cells(size: str, cell: object) -> list[ImageRate]:
    cells = cell.items() if isinstance(cell, Mapping) else [(None, cell)]
    return [
        ImageRate(size, None if quality is None else str(quality), _usd("per_image", usd, _PER_PIECE))
        for quality, usd in cells
    ]


def _image_row(row: Mapping[str, object]) -> ImageRate:
    if not {"usd"} <= row.keys() <= {"size", "quality", "usd"}:
        raise ValueError("per_image: a row has 'usd', and may have 'size' and 'quality'")
    size, quality = (None if row.get(name) is None else str(row[name]) for name in ("size", "quality"))
    return ImageRate(size, quality, _usd("per_image", row["usd"], _PER_PIECE))


def _rows(field: str, body: object) -> list[Mapping[str, object]]:
    if isinstance(body, str) or not isinstance(body, Sequence) or not all(isinstance(row, Mapping) for row in body):
        raise ValueError(f"{field}: expected a list of rows")
    return cast("list[Mapping[str, object]]", list(body))


def _usd(field: str, value: object, factor: int) -> int:
    """Dollars as a rate. YAML and JSON hand numbers over in binary; their shortest spelling is what was written."""
    if isinstance(value, bool):
        raise ValueError(f"{field}: {value!r} is not a decimal number")
    try:
        rate = scaled(Decimal(str(value)), factor)
    except (InvalidOperation, ValueError):
        raise ValueError(f"{field}: {value!r} is not a price in dollars") from None
    if rate < 0:
        raise ValueError(f"{field}: a price cannot be negative")
    return rate


def _limit(body: Mapping[str, object], field: str) -> int | None:
    value = body.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError(f"{field}: {value!r} is not a number of tokens")
    return value
