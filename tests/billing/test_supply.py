"""Slices of wallets, in and out."""

from pathlib import Path

from msgspec.structs import replace

from billing.bank import SMALL, allotted, receipt, start, wallet
from headgate.billing.purse import Hold
from headgate.store import books
from headgate.store.database import Database


async def test_a_worker_never_takes_more_than_a_quarter_on_top_of_its_need(database: Database, tmp_path: Path) -> None:
    """However large its slices are: the others find something, too."""
    account = await wallet(database, 1_000)
    ledger = await start(database, tmp_path, replace(SMALL, slices=replace(SMALL.slices, least_nano=900)))
    assert isinstance(await ledger.hold((account,), 100), Hold)
    assert await allotted(database, (account,)) == 350
    await ledger.stop()


async def test_slices_grow_with_use(database: Database, tmp_path: Path) -> None:
    """A purse that is filled again soon gets twice as much each time, up to the bound."""
    account = await wallet(database, 1_000_000)
    ledger = await start(database, tmp_path, replace(SMALL, slices=replace(SMALL.slices, most_nano=80)))
    given = [(await ledger._supply.fill(account, 0)).given_nano for _ in range(5)]
    assert given == [10, 20, 40, 80, 80]
    await ledger.stop()


async def test_while_somebody_is_short_nobody_takes_more_than_it_needs(database: Database, tmp_path: Path) -> None:
    """A contested account is given out to the nano-dollar; when the asking ends, slices are back."""
    account = await wallet(database, 1_000)
    ledger = await start(database, tmp_path)
    async with database.write() as conn:
        await books.ask_recall(conn, database, [account], 1)
    await ledger.tick()
    assert (await ledger._supply.fill(account, 30)).given_nano == 30
    async with database.write() as conn:
        await books.end_recalls(conn, [account])
    await ledger.tick()
    assert (await ledger._supply.fill(account, 30)).given_nano > 30
    await ledger.stop()


async def test_a_recall_takes_only_what_nobody_holds(database: Database, tmp_path: Path) -> None:
    """The call that runs keeps its money."""
    account = await wallet(database, 1_000)
    ledger = await start(database, tmp_path)
    hold = await ledger.hold((account,), 100)
    assert isinstance(hold, Hold)
    async with database.write() as conn:
        await books.ask_recall(conn, database, [account], 1)
    await ledger.tick()
    assert await allotted(database, (account,)) == 100
    assert ledger.settle(hold, receipt((account,), 100)).charge_nano == 100
    await ledger.stop()
