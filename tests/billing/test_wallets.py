"""The operator's hand in the books."""

from pathlib import Path

import pytest

from billing.bank import audit, balance, budget, now_ms, receipt, start, wallet
from headgate.billing import archive, wallets
from headgate.billing.purse import Hold
from headgate.billing.wallets import NotEnough
from headgate.store import books
from headgate.store.books import AccountUnknown
from headgate.store.database import Database
from headgate.store.schema import REVENUE_ACCOUNT


async def test_money_is_granted_and_adjusted(database: Database) -> None:
    """In and out, but never below zero, and only in accounts that are somebody's."""
    account = await wallet(database, 100)
    async with database.write() as conn:
        await wallets.adjust(conn, account, -30, now_ms=now_ms(), note="mistake")
        await wallets.adjust(conn, account, 5, now_ms=now_ms(), note="courtesy")
        with pytest.raises(NotEnough) as refused:
            await wallets.adjust(conn, account, -76, now_ms=now_ms(), note="too much")
        with pytest.raises(AccountUnknown):
            await wallets.grant(conn, REVENUE_ACCOUNT, 1, now_ms=now_ms())
        with pytest.raises(ValueError, match="not an amount"):
            await wallets.grant(conn, account, -1, now_ms=now_ms())
    assert refused.value.available_nano == 75
    assert await balance(database, account) == 75
    await audit(database)


async def test_a_correction_is_a_new_transfer_that_names_the_old_one(database: Database) -> None:
    """In parts, but never more than was moved."""
    account = await wallet(database)
    async with database.write() as conn:
        wrong = await wallets.grant(conn, account, 100, now_ms=now_ms(), note="typing error")
        first = await wallets.correct(conn, wrong, now_ms=now_ms(), note="part", amount_nano=60)
        await wallets.correct(conn, wrong, now_ms=now_ms(), note="rest")
        with pytest.raises(ValueError, match="0 left to correct"):
            await wallets.correct(conn, wrong, now_ms=now_ms(), note="again")
        with pytest.raises(LookupError):
            await wallets.correct(conn, 10**6, now_ms=now_ms(), note="of nothing")
        stored = await books.transfer(conn, first)
    assert stored is not None
    assert (stored.kind, stored.corrects, stored.amount_nano) == ("adjust", wrong, 60)
    assert await balance(database, account) == 0
    await audit(database)


async def test_a_correction_of_charges_goes_to_the_wallet(database: Database, tmp_path: Path) -> None:
    """Not to the allotment they came from, whose worker may be gone. The receipt names the transfer."""
    account = await wallet(database, 100)
    ledger = await start(database, tmp_path)
    hold = await ledger.hold((account,), 50)
    assert isinstance(hold, Hold)
    paid = ledger.settle(hold, receipt((account,), 50))
    await ledger.stop()
    async with database.write() as conn:
        entry = await archive.show(conn, paid.id)
        assert entry is not None
        assert entry.transfer_id is not None
        await wallets.correct(conn, entry.transfer_id, now_ms=now_ms(), note="should have been free")
    assert await balance(database, account) == 100
    await audit(database)


async def test_a_refund_happens_once(database: Database) -> None:
    """However often it is asked for; wallet and budget alike."""
    payer, limit = await wallet(database, 100), await budget(database, 100)
    async with database.write() as conn:
        assert await wallets.refund(conn, "call", 40, payer, limit, now_ms=now_ms())
        assert not await wallets.refund(conn, "call", 40, payer, limit, now_ms=now_ms())
        with pytest.raises(ValueError, match="above zero"):
            await wallets.refund(conn, "other", 0, payer, limit, now_ms=now_ms())
    assert (await balance(database, payer), await balance(database, limit)) == (140, 140)
    await audit(database)
