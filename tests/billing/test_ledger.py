"""The ledger against real databases: holds, settlements, flushes, several workers."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from billing.bank import (
    SMALL,
    allotted,
    audit,
    balance,
    budget,
    charged,
    kill,
    now_ms,
    receipt,
    shortfall,
    start,
    wallet,
)
from headgate.billing import archive
from headgate.billing.journal import JournalFailed
from headgate.billing.ledger import Ledger, Shortage
from headgate.billing.purse import AlreadyClosed, Hold
from headgate.billing.recovery import give_up_silent
from headgate.store.database import Database, StoreUnavailable


async def held(ledger: Ledger, accounts: tuple[int, ...], amount_nano: int) -> Hold:
    """A hold that must succeed."""
    hold = await ledger.hold(accounts, amount_nano)
    assert isinstance(hold, Hold)
    return hold


async def test_a_call_is_held_settled_and_posted(database: Database, tmp_path: Path) -> None:
    """The charge leaves the wallet, the rest of the hold comes back, and the receipt is stored."""
    account = await wallet(database, 1_000)
    ledger = await start(database, tmp_path)
    assert ledger.try_hold((account,), 300) is None
    hold = await held(ledger, (account,), 300)
    paid = ledger.settle(hold, receipt((account,), 120))
    assert await ledger.balance(account) == 880
    await ledger.flush()
    assert await ledger.balance(account) == 880
    with pytest.raises(AlreadyClosed):
        ledger.settle(hold, receipt((account,), 120))
    await ledger.stop()
    async with database.read() as conn:
        shown = await archive.show(conn, paid.id)
    assert shown is not None
    assert shown.charge_nano == 120
    assert await balance(database, account) == 880
    await audit(database)


async def test_a_budgeted_key_pays_from_both(database: Database, tmp_path: Path) -> None:
    """Wallet and budget shrink alike; the smaller one is the limit, and is named."""
    accounts = (await wallet(database, 1_000), await budget(database, 100))
    ledger = await start(database, tmp_path)
    ledger.settle(await held(ledger, accounts, 60), receipt(accounts, 60))
    assert await ledger.hold(accounts, 60) == Shortage(accounts[1], 40)
    await ledger.stop()
    assert [await balance(database, account) for account in accounts] == [940, 40]
    await audit(database)


async def test_a_shortage_names_the_account_and_what_it_has(database: Database, tmp_path: Path) -> None:
    """A wallet that has less than the minimum refuses; with enough for the minimum it gives what it has."""
    account = await wallet(database, 100)
    ledger = await start(database, tmp_path)
    assert await ledger.hold((account,), 300) == Shortage(account, 100)
    hold = await ledger.hold((account,), 300, 50)
    assert isinstance(hold, Hold)
    assert hold.amount_nano == 100
    assert not await ledger.extend(hold, 1)
    ledger.release(hold)
    assert await ledger.hold((999_999,), 5) == Shortage(999_999, 0)
    await ledger.stop()


async def test_an_overrun_is_recorded_and_not_charged(database: Database, tmp_path: Path) -> None:
    """The worker's purse pays what it has; the rest is the operator's to see."""
    account = await wallet(database, 100)
    ledger = await start(database, tmp_path)
    final = ledger.settle(await held(ledger, (account,), 80), receipt((account,), 130))
    assert (final.charge_nano, final.overrun_nano) == (90, 40)
    assert ledger.counters().overrun_nano == 40
    await ledger.stop()
    assert await balance(database, account) == 10
    assert await shortfall(database) == 0


async def test_a_refused_call_is_recorded_without_a_hold(database: Database, tmp_path: Path) -> None:
    """It costs nothing; with a charge it would be a mistake, and so would another's money."""
    account = await wallet(database, 100)
    ledger = await start(database, tmp_path)
    refused = ledger.settle(None, receipt((account,), ending="refused", status=401))
    with pytest.raises(ValueError, match="without a hold"):
        ledger.settle(None, receipt((account,), 5))
    hold = await held(ledger, (account,), 10)
    with pytest.raises(ValueError, match="cannot be settled"):
        ledger.settle(hold, receipt((account + 1,), 5))
    ledger.release(hold)
    await ledger.stop()
    assert await charged(database) == {refused.id: 0}


async def test_a_free_call_needs_no_money(database: Database, tmp_path: Path) -> None:
    """A hold of nothing is always to be had."""
    account = await wallet(database)
    ledger = await start(database, tmp_path)
    ledger.settle(await held(ledger, (account,), 0), receipt((account,)))
    await ledger.stop()
    assert len(await charged(database)) == 1


async def test_a_stream_extends_its_hold_until_the_money_ends(database: Database, tmp_path: Path) -> None:
    """Every extension is paid for, none goes below zero."""
    account = await wallet(database, 500)
    ledger = await start(database, tmp_path)
    hold = await held(ledger, (account,), 100)
    extensions = 0
    while await ledger.extend(hold, 100):
        extensions += 1
    assert extensions == 4
    ledger.settle(hold, receipt((account,), 500))
    await ledger.stop()
    assert await balance(database, account) == 0


async def test_purses_are_filled_before_they_are_empty(database: Database, tmp_path: Path) -> None:
    """Once a wallet is known, calls do not wait: the background keeps ahead of them."""
    account = await wallet(database, 1_000_000)
    ledger = await start(database, tmp_path, replace(SMALL, slices=replace(SMALL.slices, least_nano=500)))
    ledger.release(await held(ledger, (account,), 10))
    for _ in range(200):
        hold = ledger.try_hold((account,), 10)
        assert hold is not None
        ledger.settle(hold, receipt((account,), 10))
        if ledger._supply._task:
            await ledger._supply._task
    assert ledger.counters().top_ups > 1
    await ledger.stop()
    assert await balance(database, account) == 1_000_000 - 2_000


async def test_many_waiters_are_served_by_few_transactions(database: Database, tmp_path: Path) -> None:
    """A burst on a wallet that nobody has seen yet asks the database once or twice, not once a call."""
    account = await wallet(database, 1_000)
    ledger = await start(database, tmp_path)
    holds = await asyncio.gather(*(ledger.hold((account,), 10) for _ in range(50)))
    assert all(isinstance(hold, Hold) for hold in holds)
    assert ledger.counters().top_ups <= 3
    for hold in holds:
        assert isinstance(hold, Hold)
        ledger.release(hold)
    await ledger.stop()


async def test_workers_never_overspend_a_wallet_that_is_nearly_empty(database: Database, tmp_path: Path) -> None:
    """Three workers, sixty calls at once, money for twenty-five: twenty-five are served and paid."""
    account = await wallet(database, 250)
    settings = replace(SMALL, recall_ms=5_000)
    workers = [await Ledger.start(database, tmp_path, node="n", clock=now_ms, settings=settings) for _ in range(3)]

    async def call(number: int) -> bool:
        ledger = workers[number % 3]
        hold = await ledger.hold((account,), 10)
        if isinstance(hold, Shortage):
            return False
        await asyncio.sleep(0)
        ledger.settle(hold, receipt((account,), 10))
        return True

    served = await asyncio.gather(*map(call, range(60)))
    for ledger in workers:
        await ledger.stop()
    assert sum(served) == 25
    assert await balance(database, account) == 0
    assert await shortfall(database) == 0
    await audit(database)


async def test_an_idle_slice_is_recalled_by_a_worker_that_is_short(database: Database, tmp_path: Path) -> None:
    """All the money is in another worker's hands; it comes over within its next ticks."""
    account = await wallet(database, 100)
    settings = replace(SMALL, recall_ms=5_000)
    rich = await Ledger.start(database, tmp_path, node="n", clock=now_ms, settings=settings)
    poor = await Ledger.start(database, tmp_path, node="n", clock=now_ms, settings=settings)
    rich.release(await held(rich, (account,), 100))
    hold = await held(poor, (account,), 90)
    poor.settle(hold, receipt((account,), 90))
    await rich.stop()
    await poor.stop()
    assert await balance(database, account) == 10


async def test_idle_slices_go_back(database: Database, tmp_path: Path) -> None:
    """What nobody has used since the last look is returned; what is held stays."""
    accounts = (await wallet(database, 100), await wallet(database, 100))
    ledger = await start(database, tmp_path)
    ledger.release(await held(ledger, accounts[:1], 50))
    kept = await held(ledger, accounts[1:], 50)
    await ledger.return_idle()
    assert await allotted(database, accounts[:1]) > 0
    await ledger.return_idle()
    assert await allotted(database, accounts[:1]) == 0
    assert await allotted(database, accounts[1:]) >= 50
    ledger.release(kept)
    await ledger.stop()


async def test_a_dead_workers_calls_are_replayed_before_its_money_goes_back(database: Database, tmp_path: Path) -> None:
    """Killed after settling: the next start stores the receipt and returns only the rest."""
    account = await wallet(database, 1_000)
    ledger = await start(database, tmp_path)
    await held(ledger, (account,), 200)
    final = ledger.settle(await held(ledger, (account,), 300), receipt((account,), 120))
    await kill(ledger)
    after = await start(database, tmp_path)
    assert await charged(database) == {final.id: 120}
    assert await allotted(database, (account,)) == 0
    assert await balance(database, account) == 880
    await after.stop()


async def test_names_of_dead_workers_are_used_again(database: Database, tmp_path: Path) -> None:
    """Restarting for years does not fill the books with allotments."""
    first = await start(database, tmp_path)
    await first.stop()
    second = await start(database, tmp_path)
    assert second.worker_id == first.worker_id
    await kill(second)
    third = await start(database, tmp_path)
    assert third.worker_id == first.worker_id
    await third.stop()


async def test_a_silent_worker_loses_its_slices_and_settles_from_the_wallet(database: Database, tmp_path: Path) -> None:
    """Its late charge takes what the wallet still has; what is missing is a shortfall; no wallet goes below zero."""
    account = await wallet(database, 100)
    lost = await start(database, tmp_path / "lost")
    hold = await held(lost, (account,), 100)
    assert await give_up_silent(database, lambda: now_ms() + 10_000, silence_ms=1_000) == 1
    other = await start(database, tmp_path / "other")
    other.settle(await held(other, (account,), 70), receipt((account,), 70))
    await other.stop()
    lost.settle(hold, receipt((account,), 50))
    await lost.flush()
    await lost.heartbeat()
    assert await balance(database, account) == 0
    assert await shortfall(database) == 20
    assert lost.try_hold((account,), 1) is None
    await lost.stop()
    await audit(database)


async def test_a_worker_out_of_touch_stops_spending(database: Database, tmp_path: Path) -> None:
    """Before the others take its slices back, it no longer uses them."""
    account = await wallet(database, 100)
    ledger = await start(database, tmp_path, replace(SMALL, silence_ms=0))
    ledger.release(await held(ledger, (account,), 50))
    await ledger.tick()
    assert ledger.try_hold((account,), 1) is None
    with pytest.raises(StoreUnavailable):
        await ledger.hold((account,), 1)
    await ledger.stop()


class Outage:
    """A database that can be away: before a transaction, or in the moment of its commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.dialect = database.dialect
        self.insert = database.insert
        self.away = False
        self.commit_unknown = False

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        if self.away:
            raise StoreUnavailable("away")
        async with self._database.write() as conn:
            yield conn
        if self.commit_unknown:
            raise StoreUnavailable("gone after the commit")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        if self.away:
            raise StoreUnavailable("away")
        async with self._database.read() as conn:
            yield conn


async def test_calls_go_on_while_the_database_is_away(database: Database, tmp_path: Path) -> None:
    """From the slices at hand, into the journal; when it is back, everything is caught up."""
    account = await wallet(database, 1_000)
    outage = Outage(database)
    ledger = await start(outage, tmp_path)  # type: ignore[arg-type]
    ledger.release(await held(ledger, (account,), 100))
    outage.away = True
    hold = ledger.try_hold((account,), 90)
    assert hold is not None
    ledger.settle(hold, receipt((account,), 90))
    with pytest.raises(StoreUnavailable):
        await ledger.flush()
    with pytest.raises(StoreUnavailable):
        await ledger.hold((account,), 500)
    assert ledger.counters().unflushed == 1
    outage.away = False
    await ledger.tick()
    await ledger.stop()
    assert await balance(database, account) == 910


async def test_a_commit_of_unknown_outcome_moves_money_once(database: Database, tmp_path: Path) -> None:
    """Flush, top-up and return are committed, but the answer is lost: afterwards memory and books agree again."""
    account = await wallet(database, 1_000)
    outage = Outage(database)
    ledger = await start(outage, tmp_path)  # type: ignore[arg-type]
    ledger.settle(await held(ledger, (account,), 100), receipt((account,), 60))
    outage.commit_unknown = True
    with pytest.raises(StoreUnavailable):
        await ledger.flush()
    with pytest.raises(StoreUnavailable):
        await ledger.hold((account,), 400)
    outage.commit_unknown = False
    await ledger.heartbeat()
    purse = ledger._purses[account]
    assert purse.total_nano == await allotted(database, (account,))
    outage.commit_unknown = True
    purse.touched = False
    with pytest.raises(StoreUnavailable):
        await ledger.return_idle()
    outage.commit_unknown = False
    ledger.settle(await held(ledger, (account,), 100), receipt((account,), 40))
    await ledger.flush()
    assert ledger._purses[account].total_nano == await allotted(database, (account,))
    await ledger.stop()
    assert await balance(database, account) == 900
    assert await shortfall(database) == 0
    await audit(database)


async def test_a_full_disk_refuses_calls_before_anything_is_sent(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settlement fails and charges nothing, no further call begins, and all is well when there is room again."""
    account = await wallet(database, 1_000)
    ledger = await start(database, tmp_path)
    hold = await held(ledger, (account,), 100)

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(JournalFailed):
            ledger.settle(hold, receipt((account,), 50))
        assert ledger.try_hold((account,), 1) is None
        assert hold.open
    await ledger.tick()
    ledger.settle(hold, receipt((account,), 50))
    await ledger.stop()
    assert await balance(database, account) == 950


async def test_texts_from_outside_cannot_block_the_books(database: Database, tmp_path: Path) -> None:
    """Names that a column cannot hold are cut, and what comes after them is stored."""
    account = await wallet(database, 1_000)
    ledger = await start(database, tmp_path)
    names = ["x" * 70_000, "nul\0byte", "half \ud800 pair", "m" * 300]
    for name in names:
        ledger.settle(None, receipt((account,), ending="refused", model=name, dropped=(name,)))
    await ledger.stop()
    async with database.read() as conn:
        models = [entry.model for entry in await archive.listed(conn, archive.Filter())]
    assert models == ["m" * 200, "half ? pair", "nulbyte", "x" * 200]


async def test_the_background_does_all_of_it(database: Database, tmp_path: Path) -> None:
    """With nobody calling flush, a settled call reaches the books, and large journals are rotated away."""
    account = await wallet(database, 1_000)
    settings = replace(SMALL, segment_bytes=100)
    ledger = await Ledger.start(database, tmp_path, node="n", clock=now_ms, settings=settings)
    for _ in range(20):
        ledger.settle(await held(ledger, (account,), 10), receipt((account,), 10))
        await asyncio.sleep(0.005)
    while ledger.counters().unflushed:
        await asyncio.sleep(0.01)
    assert await balance(database, account) == 800
    await ledger.stop()
    assert ledger.counters().flushed == 20
