"""Integers, and one rounding."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.billing.amounts import MAX_NANO, NANO, PPM, amount, format_usd, parse_usd


@pytest.mark.parametrize(
    ("rated", "ppm", "nano"),
    [(499_999, PPM, 0), (500_000, PPM, 1), (1_000_000, 1_500_000, 2), (-5_000_000, PPM, 0), (10**40, PPM, MAX_NANO)],
)
def test_an_amount_is_rounded_half_up_once_and_kept_within_bounds(rated: int, ppm: int, nano: int) -> None:
    """Half up, never negative, never more than 64 bits."""
    assert amount(rated, ppm) == nano


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("1", NANO),
        ("0.000000001", 1),
        ("0.0000000005", 1),
        ("0.00000000049", 0),
        ("-2.5", -2_500_000_000),
        (3, 3 * NANO),
    ],
)
def test_dollars_are_read_exactly(text: str | int, nano: int) -> None:
    """Decimal text becomes nano-dollars without passing through binary."""
    assert parse_usd(text) == nano


@pytest.mark.parametrize("text", ["", "ten", "NaN", "Infinity", "1e30", "99999999999", True, 0.1])
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    """Not numbers, too large, and floats, which do not hold what somebody wrote."""
    with pytest.raises(ValueError, match=r"amount|number|hold"):
        parse_usd(text)


@pytest.mark.parametrize(
    ("nano", "text"),
    [(0, "$0.00"), (1, "$0.000000001"), (1_500_000_000, "$1.50"), (-2_000, "-$0.000002"), (1234 * NANO, "$1,234.00")],
)
def test_amounts_are_shown_with_all_their_digits(nano: int, text: str) -> None:
    """Nothing is rounded away, and cents are always there."""
    assert format_usd(nano) == text


@given(st.integers(-MAX_NANO, MAX_NANO))
def test_what_is_shown_can_be_read_back(nano: int) -> None:
    """Formatting loses nothing."""
    assert parse_usd(Decimal(format_usd(nano).replace("$", "").replace(",", ""))) == nano
