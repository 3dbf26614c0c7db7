"""The operator's own prices."""

import pytest

from billing.bank import now_ms
from headgate.billing.prices import parse_price, remove_price, store_price, stored_prices
from headgate.billing.pricing import charge, of_image
from headgate.canonical.usage import Usage
from headgate.store.database import Database


def test_token_prices_are_dollars_per_million() -> None:
    """As YAML hands them over: integers, binary fractions, text."""
    price = parse_price({"input": 2.5, "output": "10", "cache_read": 1.25})
    assert charge(price, Usage(input=1_000_000)) == 2_500_000_000
    assert charge(price, Usage(cache_read=1, reasoning=1)) == 1_250 + 10_000


@pytest.mark.parametrize(
    ("body", "usage", "nano"),
    [
        ({"per_call": 0.1}, Usage(calls=1), 100_000_000),
        ({"per_image": 0.04}, Usage(images=3), 120_000_000),
        ({"per_second": 0.1}, Usage(milliseconds=1_500), 150_000_000),
        ({"per_character": "0.000015"}, Usage(characters=10), 150_000),
        ({"per_search": 0.002}, Usage(search_units=1), 2_000_000),
        ({"per_search": 0.01}, Usage(web_searches=2), 20_000_000),
        ({"free": True}, Usage(input=10**9), 0),
        ({"input": 1, "tiers": [{"above": 10, "input": 3}]}, Usage(input=11), 33_000),
    ],
)
def test_every_kind_of_price(body: dict[str, object], usage: Usage, nano: int) -> None:
    """One of each, against what it should cost."""
    assert charge(parse_price(body), usage) == nano


@pytest.mark.parametrize(
    "matrix",
    [
        {"1024x1024": {"hd": 0.08, "standard": 0.04}, "512x512": 0.02},
        [
            {"size": "1024x1024", "quality": "hd", "usd": 0.08},
            {"size": "1024x1024", "quality": "standard", "usd": 0.04},
            {"size": "512x512", "usd": 0.02},
        ],
    ],
)
def test_images_are_priced_by_size_and_quality(matrix: object) -> None:
    """A nested mapping and a list of rows say the same; what neither names costs the dearest."""
    price = parse_price({"per_image": matrix})
    usage = Usage(images=1)
    assert charge(of_image(price, "1024x1024", "standard"), usage) == 40_000_000
    assert charge(of_image(price, "512x512", "hd"), usage) == 20_000_000
    assert charge(of_image(price, "9x9", None), usage) == 80_000_000


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "free"),
        ({"inptu": 1}, "inptu"),
        ({"input": -1}, "input"),
        ({"output": "cheap"}, "output"),
        ({"cache_read": True}, "cache_read"),
        ({"input": float("nan")}, "input"),
        ({"free": "yes"}, "free"),
        ({"free": True, "input": 1}, "input"),
        ({"context": 1000}, "free"),
        ({"input": 1, "max_output": 0}, "max_output"),
        ({"per_image": {}}, "per_image"),
        ({"per_image": [{"size": "1x1"}]}, "per_image"),
        ({"per_image": {"1x1": {"hd": "x"}}}, "per_image"),
        ({"input": 1, "tiers": [{"input": 2}]}, "tiers"),
        ({"input": 1, "tiers": {"above": 1}}, "tiers"),
        ({"per_call": 1e30}, "per_call"),
    ],
)
def test_a_wrong_price_names_its_field(body: dict[str, object], field: str) -> None:
    """Unknown, negative, not a number, contradictory, empty."""
    with pytest.raises(ValueError, match=f"^{field}: "):
        parse_price(body)


async def test_prices_are_kept_in_the_database(database: Database) -> None:
    """Set, replaced, removed; a wrong one never gets there."""
    async with database.write() as conn:
        await store_price(conn, database, "m", {"input": 1}, source="console", now_ms=now_ms())
        await store_price(conn, database, "m", {"input": 2.5}, source="console", now_ms=now_ms())
        with pytest.raises(ValueError, match="input"):
            await store_price(conn, database, "n", {"input": -1}, source="console", now_ms=now_ms())
    async with database.read() as conn:
        assert await stored_prices(conn) == {"m": {"input": 2.5}}
    async with database.write() as conn:
        assert await remove_price(conn, "m", now_ms=now_ms())
        assert not await remove_price(conn, "m", now_ms=now_ms())
        assert await stored_prices(conn) == {}
