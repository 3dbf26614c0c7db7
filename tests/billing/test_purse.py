"""Arithmetic of a worker's money."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.billing.purse import AlreadyClosed, Purse, place


def test_a_hold_is_in_every_purse_or_in_none() -> None:
    """A budget that cannot pay leaves the wallet untouched."""
    wallet, budget = Purse(1, 100), Purse(2, 10)
    assert place((wallet, budget), 11) is None
    assert (wallet.available_nano, budget.available_nano) == (100, 10)
    hold = place((wallet, budget), 10)
    assert hold is not None
    assert (wallet.held_nano, budget.held_nano) == (10, 10)
    assert not hold.extend(1)
    assert hold.affords_nano() == 10


def test_a_hold_closes_once() -> None:
    """Neither a second settlement, nor a release after one, nor an extension."""
    purse = Purse(1, 100)
    hold = place((purse,), 60)
    assert hold is not None
    hold.settle(25)
    assert (purse.available_nano, purse.held_nano, purse.owed_nano) == (75, 0, 25)
    for again in (hold.release, lambda: hold.settle(1), lambda: hold.extend(1)):
        with pytest.raises(AlreadyClosed):
            again()
    assert purse.total_nano == 100


def test_a_charge_above_the_hold_takes_from_the_purse_but_never_more() -> None:
    """What the purse has not got cannot be charged; nor can less than nothing."""
    purse = Purse(1, 100)
    hold = place((purse,), 60)
    assert hold is not None
    for charge in (101, -1):
        with pytest.raises(ValueError, match="cannot be settled"):
            hold.settle(charge)
    hold.settle(100)
    assert (purse.available_nano, purse.owed_nano) == (0, 100)


def test_negative_holds_are_refused() -> None:
    """They would be gifts."""
    with pytest.raises(ValueError, match="negative"):
        place((Purse(1, 5),), -1)


def test_what_the_database_says_corrects_only_what_is_free() -> None:
    """Held and owed money stays promised; a purse that lost more than it had free has nothing free."""
    purse = Purse(1, 100)
    place((purse,), 60)
    purse.correct(130)
    assert purse.available_nano == 70
    purse.correct(10)
    assert (purse.available_nano, purse.held_nano) == (0, 60)


@given(st.lists(st.tuples(st.sampled_from(["hold", "extend", "settle", "release", "put", "take"]), st.integers(0, 50))))
def test_money_is_neither_made_nor_lost(history: list[tuple[str, int]]) -> None:
    """Whatever is done: the three states add up to what was put in less what was taken out, and none is below zero."""
    purse, inside, open_holds = Purse(1, 100), 100, []
    for what, amount in history:
        if what == "put":
            purse.put(amount)
            inside += amount
        elif what == "take":
            inside -= purse.take(amount)
        elif what == "hold":
            open_holds.append(place((purse,), amount))
        elif open_holds and (hold := open_holds.pop()):
            if what == "extend":
                hold.extend(amount)
                open_holds.append(hold)
            else:
                hold.settle(min(amount, hold.affords_nano()) if what == "settle" else 0)
        assert purse.total_nano == inside
        assert min(purse.available_nano, purse.held_nano, purse.owed_nano) >= 0
