"""Whose price counts."""

from datetime import UTC, datetime

import pytest

from headgate.billing.pricebook import Limits, PriceBook
from headgate.billing.prices import parse_price

NOON_MS = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()) * 1000


def book(**overrides: dict[str, object]) -> PriceBook:
    return PriceBook(overrides, clock=lambda: NOON_MS)


def test_the_operators_word_comes_first() -> None:
    """Then the provider's list, then the vendor's."""
    own = {"input": 1, "output": 2}
    prices = PriceBook({"gpt-4o": own}, clock=lambda: NOON_MS)
    assert prices.find("gpt-4o", "openai") == parse_price(own)
    assert book().find("gpt-4o", "azure") == book().cost("gpt-4o", "azure")
    assert book().find("gpt-4o", "groq") == book().find("gpt-4o") is not None


def test_a_model_nobody_prices_is_none() -> None:
    """So that it can be refused; and an upstream cost that nobody knows is none, too."""
    assert book().find("my-own-model", "openai") is None
    assert book().cost("my-own-model", "openai") is None
    assert book().cost("gpt-4o", None) is None


def test_an_override_does_not_change_what_the_upstream_costs() -> None:
    """Margin is the difference of the two."""
    gift = PriceBook({"gpt-4o": {"free": True}}, clock=lambda: NOON_MS)
    assert gift.cost("gpt-4o", "openai") == book().find("gpt-4o", "openai")


def test_limits_come_from_the_operator_or_the_data_set() -> None:
    """Context where the data set knows it, maximum output where the operator says it."""
    assert book().limits("gpt-4o") == Limits(128_000, None)
    assert book(mine={"input": 1, "context": 10, "max_output": 5}).limits("mine") == Limits(10, 5)
    assert book().limits("my-own-model") == Limits(None, None)


def test_a_wrong_override_names_model_and_field() -> None:
    """The whole book is refused."""
    with pytest.raises(ValueError, match=r"^m: input: "):
        book(m={"input": "x"})


def test_prices_that_change_by_the_hour_are_looked_up_again() -> None:
    """An answer holds for its minute, not for the life of the book."""
    now = [NOON_MS]
    kept = PriceBook({}, clock=lambda: now[0])
    for hour in range(24):
        now[0] = NOON_MS + hour * 3_600_000
        fresh = PriceBook({}, clock=lambda: now[0])
        assert kept.find("deepseek-chat", "deepseek") == fresh.find("deepseek-chat", "deepseek") is not None
