"""Price times usage."""

from typing import get_type_hints

from hypothesis import given
from hypothesis import strategies as st

from headgate.billing.amounts import PPM
from headgate.billing.pricing import QUANTITIES, ImageRate, Price, Tier, charge, covers_text, of_image, resolve
from headgate.canonical.usage import Usage

usages = st.builds(Usage, **{name: st.integers(-5, 10**7) for name in QUANTITIES})


def test_every_quantity_of_usage_has_a_rate() -> None:
    """Adding a quantity without pricing it is noticed here."""
    assert {*QUANTITIES, "calls"} == set(get_type_hints(Usage))


def test_kinds_without_a_rate_cost_what_the_wider_kind_costs() -> None:
    """Reasoning is output, cached and media tokens are input, unless they have a rate of their own."""
    rates = dict(zip(QUANTITIES, resolve({"input": 10, "output": 40, "cache_write": 12}), strict=True))
    assert rates["reasoning"] == rates["image_out"] == rates["audio_out"] == 40
    assert rates["cache_write_5m"] == rates["cache_write_1h"] == 12
    assert rates["cache_read"] == rates["audio_in"] == rates["video_in"] == rates["image_cache_read"] == 10
    assert rates["web_searches"] == rates["images"] == 0


def test_a_charge_is_rounded_once() -> None:
    """Many fractions add up before they are rounded."""
    price = Price(rates=resolve({"input": 300_000, "output": 300_000}))
    assert charge(price, Usage(input=1)) == 0
    assert charge(price, Usage(input=1, output=1)) == 1
    assert charge(price, Usage(input=1), 2 * PPM) == 1


def test_a_tier_rates_the_whole_call() -> None:
    """One token more than the threshold, cached ones included, and every token costs the higher rate."""
    price = Price(
        rates=resolve({"input": PPM}),
        tiers=(Tier(100, resolve({"input": 2 * PPM})), Tier(200, resolve({"input": 5 * PPM}))),
    )
    assert charge(price, Usage(input=100)) == 100
    assert charge(price, Usage(input=50, cache_read=51)) == 202
    assert charge(price, Usage(input=201)) == 1005


def test_a_call_price_is_due_once_for_a_call_that_did_something() -> None:
    """However the codec counts calls; and never for one that measured nothing."""
    price = Price(rates=resolve({}), per_call=7 * PPM)
    assert charge(price, Usage()) == 0
    assert charge(price, Usage(output=1)) == 7
    assert charge(price, Usage(output=1, calls=1)) == 7
    assert charge(price, Usage(calls=3)) == 21


def test_an_image_costs_what_its_size_and_quality_cost() -> None:
    """The closest row of the matrix; the dearest where none fits."""
    rows = (
        ImageRate("big", "hd", 9 * PPM),
        ImageRate("big", None, 5 * PPM),
        ImageRate(None, "hd", 4 * PPM),
    )
    price = Price(rates=resolve({"images": 9 * PPM}), images=rows)
    usage = Usage(images=2)
    assert charge(of_image(price, "big", "hd"), usage) == 18
    assert charge(of_image(price, "big", "low"), usage) == 10
    assert charge(of_image(price, "small", "hd"), usage) == 8
    assert charge(of_image(price, "small", "low"), usage) == 18
    assert charge(price, usage) == 18


@given(usage=usages, more=usages, ppm=st.integers(0, 10 * PPM))
def test_a_charge_is_never_negative_and_grows_with_use(usage: Usage, more: Usage, ppm: int) -> None:
    """Whatever an upstream claims, more of anything never costs less, and nothing is ever paid out."""
    price = Price(rates=tuple(range(1, len(QUANTITIES) + 1)), tiers=(Tier(1000, tuple(range(5, len(QUANTITIES) + 5))),))
    first = charge(price, usage, ppm)
    assert first >= 0
    larger = Usage(**{name: max(getattr(usage, name), getattr(more, name)) for name in QUANTITIES})
    assert charge(price, larger, ppm) >= first


def test_a_price_of_images_says_nothing_about_text() -> None:
    """Chat must not become free because pictures have a price."""
    assert not covers_text(Price(rates=resolve({"images": 40_000_000_000_000})))
    assert covers_text(Price(rates=resolve({"output": 1})))
    assert covers_text(Price(rates=resolve({}), per_call=1))
    assert covers_text(Price(rates=resolve({}), free=True))
