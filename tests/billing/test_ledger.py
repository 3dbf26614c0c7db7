"""The ledger against real databases: holds, settlements, flushes, several workers."""

import itertools
import time
from pathlib import Path

import pytest

from headgate.billing import archive, books, wallets
from headgate.billing.ledger import Ledger, LedgerSettings, Shortage
from headgate.billing.purse import AlreadyClosed, Hold
from headgate.billing.receipt import Receipt
from headgate.billing.supply import Slices
from headgate.canonical.usage import Usage
from headgate.store.database import Database

_numbers = itertools.count(1)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def wallet(database: Database, amount_nano: int) -> int:
    async with database.write() as conn:
        account_id = await books.open_account(conn, "wallet", now_ms())
        if amount_nano:
            await wallets.grant(conn, account_id, amount_nano, now_ms=now_ms())
    return account_id


def receipt(wallet_id: int, charge_nano: int = 0, budget_id: int | None = None) -> Receipt:
    return Receipt(
        id=f"{next(_numbers):032d}",
        started_at=now_ms(),
        user_id=1,
        key_id=1,
        wallet_id=wallet_id,
        budget_id=budget_id,
        model="m",
        operation="chat",
        ending="completed",
        status=200,
        usage=Usage(input=3, output=4),
        charge_nano=charge_nano,
        cost_nano=1,
        duration_ms=5,
    )


async def start(database: Database, directory: Path, **settings: object) -> Ledger:
    return await Ledger.start(
        database,
        directory,
        node="test",
        clock=now_ms,
        settings=LedgerSettings(**settings),
        background=False,  # type: ignore[arg-type]
    )


async def test_a_call_is_held_settled_and_posted(database: Database, tmp_path: Path) -> None:
    """The charge leaves the wallet, the rest of the hold comes back, and the receipt is stored."""
    account = await wallet(database, 1_000)
    ledger = await start(database, tmp_path / "j")
    assert ledger.try_hold((account,), 300) is None
    hold = await ledger.hold((account,), 300)
    assert isinstance(hold, Hold)
    paid = ledger.settle(hold, receipt(account, 120))
    assert await ledger.balance(account) == 880
    await ledger.flush()
    assert await ledger.balance(account) == 880
    with pytest.raises(AlreadyClosed):
        ledger.settle(hold, receipt(account, 120))
    await ledger.stop()
    async with database.read() as conn:
        shown = await archive.show(conn, paid.id)
        assert shown is not None
        assert shown.charge_nano == 120
        assert await books.balances(conn, [account]) == {account: 880}


async def test_a_shortage_names_the_account_and_what_it_has(database: Database, tmp_path: Path) -> None:
    """A wallet that has less than the minimum refuses; with enough for the minimum it gives what it has."""
    account = await wallet(database, 100)
    ledger = await start(database, tmp_path / "j", slices=Slices(least_nano=10))
    assert await ledger.hold((account,), 300) == Shortage(account, 100)
    hold = await ledger.hold((account,), 300, 50)
    assert isinstance(hold, Hold)
    assert hold.amount_nano == 100
    ledger.release(hold)
    await ledger.stop()
