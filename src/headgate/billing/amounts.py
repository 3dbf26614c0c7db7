"""Amounts of money: integer nano-dollars (1e-9 USD), rounded once.

A rate is nano-dollars per million units, so that every price a vendor publishes is an integer. A group's multiplier is
in parts per million. Only `amount` rounds.
"""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext

NANO = 1_000_000_000
"""Nano-dollars in one dollar."""

PPM = 1_000_000
"""Multiplier 1.0."""

UNITS = 1_000_000
"""Units that a rate is for."""

MAX_NANO = 2**63 - 1
"""The largest amount that the books can hold."""

_SCALE = UNITS * PPM


def amount(rated: int, multiplier_ppm: int = PPM) -> int:
    """Round a sum of quantity times rate, times a multiplier, to nano-dollars: half up, never negative, never more than
    the books can hold."""
    nano = (rated * multiplier_ppm + _SCALE // 2) // _SCALE
    return min(max(nano, 0), MAX_NANO)


def parse_usd(text: str | int | Decimal) -> int:
    """A decimal amount of dollars as nano-dollars, half up.

    Raises:
        ValueError: not a finite decimal number, or more than the books can hold. Floats are refused: what they hold is
            not what somebody wrote.
    """
    return scaled(text, NANO)


def scaled(text: str | int | Decimal, factor: int) -> int:
    """A decimal number times an integer, rounded half up to an integer.

    Raises:
        ValueError: as `parse_usd`.
    """
    if isinstance(text, bool) or not isinstance(text, str | int | Decimal):
        raise ValueError(f"{text!r} is not a decimal number")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a decimal number") from None
    if not number.is_finite() or number.adjusted() > 18:
        raise ValueError(f"{text!r} is not an amount")
    with localcontext(prec=60):
        result = int((number * factor).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    if abs(result) > MAX_NANO:
        raise ValueError(f"{text!r} is more than the books can hold")
    return result


def format_usd(nano: int, *, places: int = 2) -> str:
    """Nano-dollars for people: `$1.50`, `-$0.000002`. All digits that are not zero are shown, and at least `places`."""
    whole, rest = divmod(abs(nano), NANO)
    digits = f"{rest:09d}".rstrip("0").ljust(places, "0")
    sign = "-" if nano < 0 else ""
    return f"{sign}${whole:,}.{digits}" if digits else f"{sign}${whole:,}"
