"""What the ledger's tests share: accounts with money, receipts, workers that start and die, and an auditor."""

import asyncio
import itertools
import os
import time
from pathlib import Path

import msgspec
from sqlalchemy import func, select

from headgate.billing import wallets
from headgate.billing.ledger import Ledger, LedgerSettings
from headgate.billing.receipt import Attempt, Receipt
from headgate.billing.supply import Slices
from headgate.canonical.usage import Usage
from headgate.store import books
from headgate.store.database import Database
from headgate.store.schema import SHORTFALL_ACCOUNT, accounts, receipts

_numbers = itertools.count(1)

SMALL = LedgerSettings(slices=Slices(least_nano=10, most_nano=1_000), tick_ms=20, recall_ms=0, batch_records=3)
"""Small slices, small batches, no waiting for others."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def wallet(database: Database, amount_nano: int = 0) -> int:
    """A new wallet with so much in it."""
    return await _fund(database, "wallet", amount_nano)


async def budget(database: Database, amount_nano: int = 0) -> int:
    """A new budget of so much."""
    return await _fund(database, "budget", amount_nano)


async def _fund(database: Database, kind: books.AccountKind, amount_nano: int) -> int:
    async with database.write() as conn:
        account_id = await books.open_account(conn, kind, now_ms())
        if amount_nano:
            await wallets.grant(conn, account_id, amount_nano, now_ms=now_ms())
    return account_id


def receipt(accounts: tuple[int, ...], charge_nano: int = 0, **changes: object) -> Receipt:
    """A finished call of these accounts."""
    plain = Receipt(
        id=f"{next(_numbers):026x}",
        started_at=now_ms(),
        user_id=1,
        key_id=1,
        wallet_id=accounts[0],
        budget_id=accounts[1] if len(accounts) > 1 else None,
        channel_id=7,
        model="gpt-4o",
        operation="chat",
        ending="completed",
        status=200,
        usage=Usage(input=3, output=4),
        charge_nano=charge_nano,
        cost_nano=charge_nano // 2,
        duration_ms=5,
        attempts=(Attempt(7, 200, "", 5),),
    )
    return msgspec.structs.replace(plain, **changes)


async def start(database: Database, directory: Path, settings: LedgerSettings = SMALL) -> Ledger:
    """A worker that does nothing in the background."""
    return await Ledger.start(database, directory, node="test", clock=now_ms, settings=settings, background=False)


async def kill(ledger: Ledger, *, torn: bytes = b"") -> None:
    """What `kill -9` leaves: the files as they are (with the beginning of a record, if given), nobody holding them."""
    for task in (ledger._task, ledger._supply._task):
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
    segments = ledger._journal._segments
    if torn:
        os.write(segments[-1].fd, torn)
    for segment in segments:
        os.close(segment.fd)


async def balance(database: Database, account_id: int) -> int:
    """What the books say the account has, slices included."""
    async with database.read() as conn:
        return (await books.balances(conn, [account_id])).get(account_id, 0)


async def allotted(database: Database, account_ids: tuple[int, ...]) -> int:
    """What workers hold of these accounts."""
    async with database.read() as conn:
        mine = accounts.c.of_account.in_(account_ids)
        query = select(func.coalesce(func.sum(accounts.c.balance_nano), 0)).where(mine)
        return int((await conn.execute(query)).scalar_one())


async def shortfall(database: Database) -> int:
    """What was charged without finding its money."""
    async with database.read() as conn:
        query = select(accounts.c.balance_nano).where(accounts.c.id == SHORTFALL_ACCOUNT)
        return -int((await conn.execute(query)).scalar_one())


async def audit(database: Database) -> None:
    """The books sum to zero, and nobody who may not be is below zero."""
    async with database.read() as conn:
        assert (await conn.execute(select(func.sum(accounts.c.balance_nano)))).scalar_one() == 0
        near = accounts.c.kind.in_(("wallet", "budget", "allotment"))
        lowest = (await conn.execute(select(func.min(accounts.c.balance_nano)).where(near))).scalar_one()
        assert lowest is None or lowest >= 0


async def charged(database: Database) -> dict[str, int]:
    """What each receipt in the database was charged."""
    async with database.read() as conn:
        rows = await conn.execute(select(receipts.c.id, receipts.c.charge_nano))
        return {receipt_id: charge_nano for receipt_id, charge_nano in rows}  # noqa: C416 - rows are not pairs
