"""Price and usage to charge: pure arithmetic, the same for the quote before a call and the charge after it.

A price has one rate for every quantity of `Usage`. Where a vendor publishes none of its own for a kind of token, the
rate of the wider kind applies (reasoning is output, a cached token is input...); that is worked out once, when the
price is made, so that charging is one sum of products.
"""

from collections.abc import Mapping
from operator import attrgetter, mul

from msgspec import Struct
from msgspec.structs import replace

from headgate.billing.amounts import PPM, amount
from headgate.canonical.usage import Usage

QUANTITIES: tuple[str, ...] = (
    "input",
    "cache_read",
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
    "web_searches",
    "characters",
    "milliseconds",
    "images",
    "search_units",
)
"""The fields of `Usage` that have a rate. `calls` is priced apart: a call is a call even if nobody counted it."""

Rates = tuple[int, ...]
"""Nano-dollars per million units, in the order of `QUANTITIES`."""

_FALLBACKS: dict[str, tuple[str, ...]] = {
    "cache_read": ("input",),
    "cache_write_5m": ("cache_write", "input"),
    "cache_write_1h": ("cache_write", "input"),
    "reasoning": ("output",),
    "audio_in": ("input",),
    "audio_cache_read": ("cache_read", "audio_in", "input"),
    "audio_out": ("output",),
    "image_in": ("input",),
    "image_cache_read": ("cache_read", "image_in", "input"),
    "image_out": ("output",),
    "video_in": ("input",),
}

_counts = attrgetter(*QUANTITIES)
_NOTHING = Usage()
_INPUT, _OUTPUT = QUANTITIES.index("input"), QUANTITIES.index("output")
_IMAGES = QUANTITIES.index("images")


class Tier(Struct, frozen=True):
    """The rates of a whole call that reads more than `above` tokens."""

    above: int
    rates: Rates


class ImageRate(Struct, frozen=True):
    """The rate of images of one size and quality, as the wire spells them; None stands for any."""

    size: str | None
    quality: str | None
    rate: int


class Price(Struct, frozen=True, kw_only=True):
    """What one model costs.

    Attributes:
        rates: for calls of any length, or up to the first tier.
        tiers: in ascending order; the last one that applies rates every token of the call.
        per_call: nano-dollars for a call, in millionths as rates are.
        images: the size and quality matrix; `of_image` picks from it.
        free: the operator gives this model away.
        context, max_output: the model's limits in tokens where they are known.
    """

    rates: Rates
    tiers: tuple[Tier, ...] = ()
    per_call: int = 0
    images: tuple[ImageRate, ...] = ()
    free: bool = False
    context: int | None = None
    max_output: int | None = None


def resolve(rates: Mapping[str, int]) -> Rates:
    """Rates as a vendor publishes them (names of `QUANTITIES`, and `cache_write` for both kinds) to a rate for every
    quantity."""

    def rate(name: str) -> int:
        candidates = (name, *_FALLBACKS.get(name, ()))
        return next((rates[candidate] for candidate in candidates if candidate in rates), 0)

    return tuple(rate(name) for name in QUANTITIES)


def charge(price: Price, usage: Usage, multiplier_ppm: int = PPM) -> int:
    """The price of a usage in nano-dollars: rounded once, never negative.

    A price per call is due once for any usage that measured something, or `usage.calls` times.
    """
    counts = _counts(usage)
    if min(counts) < 0:
        counts = tuple(max(count, 0) for count in counts)
    rates = price.rates
    if price.tiers:
        read = usage.total_in
        for tier in price.tiers:
            if read > tier.above:
                rates = tier.rates
    rated = sum(map(mul, counts, rates))
    if price.per_call and usage != _NOTHING:
        rated += price.per_call * max(usage.calls, 1)
    return amount(rated, multiplier_ppm)


def quote(price: Price, input_tokens: int, output_tokens: int, multiplier_ppm: int = PPM) -> int:
    """`charge` for a call that reads and writes so many tokens of text, in fewer steps."""
    if price.tiers:
        return charge(price, Usage(input=input_tokens, output=output_tokens, calls=1), multiplier_ppm)
    rates = price.rates
    return amount(input_tokens * rates[_INPUT] + output_tokens * rates[_OUTPUT] + price.per_call, multiplier_ppm)


def of_image(price: Price, size: str | None, quality: str | None) -> Price:
    """The price with the image rate that size and quality ask for, chosen from the matrix: the row that names both,
    then one that names the size, then the quality, then neither. A combination that no row covers costs the dearest
    one."""
    if not price.images:
        return price
    table = {(row.size, row.quality): row.rate for row in price.images}
    wanted = ((size, quality), (size, None), (None, quality), (None, None))
    rate = next((table[key] for key in wanted if key in table), max(table.values()))
    return replace(price, rates=_with_image_rate(price.rates, rate))


def covers_text(price: Price) -> bool:
    """Whether this price says anything about a text that is read and answered."""
    rates = price.rates
    return price.free or price.per_call > 0 or rates[_INPUT] > 0 or rates[_OUTPUT] > 0


def _with_image_rate(rates: Rates, rate: int) -> Rates:
    return (*rates[:_IMAGES], rate, *rates[_IMAGES + 1 :])
