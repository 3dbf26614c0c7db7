"""The record of a call."""

import msgspec

from billing.bank import receipt
from headgate.billing.receipt import ENDINGS, Receipt


def test_journals_of_an_earlier_version_stay_readable() -> None:
    """A record without the fields that came later has their defaults; one with more is read as far as it is known."""
    whole = msgspec.msgpack.decode(msgspec.msgpack.encode(receipt((1,), 5)))
    earlier = msgspec.convert(whole[:14], Receipt)
    assert (earlier.wallet_id, earlier.charge_nano, earlier.dropped) == (1, 5, ())
    assert msgspec.convert([*whole, "new"], Receipt) == msgspec.convert(whole, Receipt)


def test_the_accounts_are_those_that_pay() -> None:
    """The wallet first, then the budget if there is one."""
    assert receipt((1,)).accounts == (1,)
    assert receipt((1, 2)).accounts == (1, 2)


def test_every_ending_fits_its_column() -> None:
    """The database keeps 24 characters."""
    assert max(map(len, ENDINGS)) <= 24
