"""The books: accounts and transfers, double entry. All SQL about them is here; only the caller commits.

A transfer takes its amount from the debit account and gives it to the credit account. Rows are always locked in the
same order: wallets, budgets and allotments by id, the far side of the books last, because every worker needs that
one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.store.database import Database
from headgate.store.schema import FAR_SIDE, accounts, recalls, transfers, workers

TransferKind = Literal["grant", "allot", "reclaim", "settle", "shortfall", "refund", "adjust"]
AccountKind = Literal["wallet", "budget"]

_FAR_IDS = frozenset(FAR_SIDE.values())


class Transfer(Struct, frozen=True, kw_only=True):
    """One movement of money: `amount_nano` (above zero) from `debit` to `credit`. `corrects` is the transfer that this
    one puts right."""

    debit: int
    credit: int
    amount_nano: int
    kind: TransferKind
    call_id: str | None = None
    corrects: int | None = None
    note: str | None = None


class StoredTransfer(Struct, frozen=True, kw_only=True):
    """A transfer as the books have it."""

    id: int
    debit: int
    credit: int
    amount_nano: int
    kind: TransferKind
    call_id: str | None
    corrects: int | None
    note: str | None
    created_at: int


class Account(Struct, frozen=True, kw_only=True):
    """One row of the books. `of_account` and `worker_id` are set for an allotment."""

    id: int
    kind: str
    balance_nano: int
    of_account: int | None = None
    worker_id: str | None = None


class AccountUnknown(LookupError):
    """There is no such account."""


async def open_account(conn: AsyncConnection, kind: AccountKind, now_ms: int) -> int:
    """Make an empty wallet or budget; returns its id."""
    row = insert(accounts).values(kind=kind, balance_nano=0, created_at=now_ms).returning(accounts.c.id)
    return int((await conn.execute(row)).scalar_one())


async def post(conn: AsyncConnection, moves: Sequence[Transfer], now_ms: int) -> list[int]:
    """Write transfers and change the balances they touch; returns their ids in order. The database refuses to let a
    wallet, budget or allotment go below zero: `lock` first and look.

    Raises:
        AccountUnknown: one of the accounts does not exist.
    """
    changes: dict[int, int] = {}
    for move in moves:
        changes[move.debit] = changes.get(move.debit, 0) - move.amount_nano
        changes[move.credit] = changes.get(move.credit, 0) + move.amount_nano
    for account_id in sorted(changes, key=_lock_order):
        changed = await conn.execute(
            update(accounts)
            .where(accounts.c.id == account_id)
            .values(balance_nano=accounts.c.balance_nano + changes[account_id])
        )
        if changed.rowcount != 1:
            raise AccountUnknown(account_id)
    return [await _insert_transfer(conn, move, now_ms) for move in moves]


async def lock(conn: AsyncConnection, account_ids: Collection[int]) -> dict[int, Account]:
    """Accounts by id, locked until the transaction ends. Unknown ones are missing."""
    chosen = accounts.c.id.in_(account_ids)
    return {account.id: account for account in await _locked(conn, chosen)}


async def lock_allotments(
    conn: AsyncConnection, worker_id: str, account_ids: Collection[int]
) -> tuple[dict[int, Account], dict[int, Account]]:
    """The accounts themselves, and this worker's allotments of them by the account they are of; all locked."""
    mine = (accounts.c.worker_id == worker_id) & accounts.c.of_account.in_(account_ids)
    rows = await _locked(conn, or_(accounts.c.id.in_(account_ids), mine))
    owners = {row.id: row for row in rows if row.of_account is None}
    return owners, {row.of_account: row for row in rows if row.of_account is not None}


async def make_allotments(
    conn: AsyncConnection, database: Database, worker_id: str, account_ids: Iterable[int], now_ms: int
) -> None:
    """Open an empty allotment of each account for this worker, where there is none yet."""
    rows = [
        {
            "kind": "allotment",
            "balance_nano": 0,
            "of_account": account_id,
            "worker_id": worker_id,
            "created_at": now_ms,
        }
        for account_id in sorted(account_ids)
    ]
    if rows:
        await conn.execute(database.insert(accounts).values(rows).on_conflict_do_nothing())


async def allotted_elsewhere(conn: AsyncConnection, worker_id: str, account_ids: Collection[int]) -> dict[int, int]:
    """How much of each account other workers have, where they have any."""
    query = (
        select(accounts.c.of_account, func.sum(accounts.c.balance_nano))
        .where(accounts.c.of_account.in_(account_ids), accounts.c.worker_id != worker_id, accounts.c.balance_nano > 0)
        .group_by(accounts.c.of_account)
    )
    return {account_id: int(total) for account_id, total in await conn.execute(query)}


async def allotments(conn: AsyncConnection, worker_id: str) -> list[Account]:
    """All allotments of a worker that have money, locked."""
    return await _locked(conn, (accounts.c.worker_id == worker_id) & (accounts.c.balance_nano > 0))


async def balances(conn: AsyncConnection, account_ids: Collection[int] | None = None) -> dict[int, int]:
    """What each account has, its allotments included: charges that workers have not yet brought to the books are still
    in it. Without ids: every wallet and budget."""
    owner = func.coalesce(accounts.c.of_account, accounts.c.id)
    query = select(owner, func.sum(accounts.c.balance_nano)).group_by(owner)
    query = query.where(accounts.c.kind.in_(("wallet", "budget", "allotment")))
    if account_ids is not None:
        query = query.where(or_(accounts.c.id.in_(account_ids), accounts.c.of_account.in_(account_ids)))
    return {account_id: int(total) for account_id, total in await conn.execute(query)}


async def transfer(conn: AsyncConnection, transfer_id: int) -> StoredTransfer | None:
    """One transfer."""
    row = (await conn.execute(select(transfers).where(transfers.c.id == transfer_id))).one_or_none()
    if row is None:
        return None
    values = dict(row._mapping)
    return StoredTransfer(debit=values.pop("debit_account"), credit=values.pop("credit_account"), **values)


async def corrected_nano(conn: AsyncConnection, transfer_id: int) -> int:
    """How much of a transfer has been taken back already."""
    query = select(func.coalesce(func.sum(transfers.c.amount_nano), 0)).where(transfers.c.corrects == transfer_id)
    return int((await conn.execute(query)).scalar_one())


async def refunded(conn: AsyncConnection, call_id: str, debit: int) -> bool:
    """Whether a call was refunded out of this far-side account."""
    query = select(transfers.c.id).where(
        transfers.c.call_id == call_id, transfers.c.kind == "refund", transfers.c.debit_account == debit
    )
    return (await conn.execute(query)).first() is not None


# --- workers and recalls -------------------------------------------------------------------------------------------


async def register_worker(conn: AsyncConnection, database: Database, worker_id: str, node: str, now_ms: int) -> None:
    """Say that this worker lives."""
    row = database.insert(workers).values(id=worker_id, node=node, started_at=now_ms, seen_at=now_ms)
    await conn.execute(row.on_conflict_do_update(index_elements=[workers.c.id], set_={"seen_at": now_ms}))


async def touch_worker(conn: AsyncConnection, worker_id: str, now_ms: int) -> bool:
    """Say that this worker still lives; False if it has been given up, and its allotments with it."""
    seen = await conn.execute(update(workers).where(workers.c.id == worker_id).values(seen_at=now_ms))
    return seen.rowcount == 1


async def silent_workers(conn: AsyncConnection, before_ms: int) -> list[str]:
    """Workers not seen since then."""
    query = select(workers.c.id).where(workers.c.seen_at < before_ms).order_by(workers.c.id)
    return list(await conn.scalars(query))


async def forget_worker(conn: AsyncConnection, worker_id: str, before_ms: int | None = None) -> bool:
    """Strike a worker off; with `before_ms` only if it has not been seen since. False if it was not struck off."""
    statement = delete(workers).where(workers.c.id == worker_id)
    if before_ms is not None:
        statement = statement.where(workers.c.seen_at < before_ms)
    return (await conn.execute(statement)).rowcount == 1


async def ask_recall(conn: AsyncConnection, database: Database, account_ids: Iterable[int], now_ms: int) -> None:
    """Ask all workers to give back what they do not need of these accounts."""
    rows = [{"account_id": account_id, "asked_at": now_ms} for account_id in sorted(account_ids)]
    statement = database.insert(recalls).values(rows)
    again = {"asked_at": statement.excluded.asked_at}
    await conn.execute(statement.on_conflict_do_update(index_elements=[recalls.c.account_id], set_=again))


async def recalled(conn: AsyncConnection) -> set[int]:
    """The accounts that somebody is short of now."""
    return set(await conn.scalars(select(recalls.c.account_id)))


async def end_recalls(conn: AsyncConnection, account_ids: Collection[int] = (), before_ms: int | None = None) -> None:
    """Nobody waits for these any more; with `before_ms`, nor for any asked for before."""
    over: ColumnElement[bool] = recalls.c.account_id.in_(account_ids)
    if before_ms is not None:
        over = or_(over, recalls.c.asked_at < before_ms)
    await conn.execute(delete(recalls).where(over))


async def return_allotments(
    conn: AsyncConnection, worker_id: str, amounts: Mapping[int, int] | None, now_ms: int
) -> None:
    """Give allotments back to their accounts: so much of each account's, or all that the worker has (None). Never more
    than is there."""
    if amounts is None:
        query = select(accounts.c.of_account, accounts.c.balance_nano).where(accounts.c.worker_id == worker_id)
        amounts = {account_id: balance_nano for account_id, balance_nano in await conn.execute(query) if balance_nano}
    _, mine = await lock_allotments(conn, worker_id, amounts.keys())
    moves = [
        Transfer(debit=allotment.id, credit=account_id, amount_nano=amount_nano, kind="reclaim")
        for account_id, allotment in mine.items()
        if (amount_nano := min(amounts[account_id], allotment.balance_nano)) > 0
    ]
    await post(conn, moves, now_ms)


async def _insert_transfer(conn: AsyncConnection, move: Transfer, now_ms: int) -> int:
    row = insert(transfers).values(
        debit_account=move.debit,
        credit_account=move.credit,
        amount_nano=move.amount_nano,
        kind=move.kind,
        call_id=move.call_id,
        corrects=move.corrects,
        note=move.note,
        created_at=now_ms,
    )
    return int((await conn.execute(row.returning(transfers.c.id))).scalar_one())


async def _locked(conn: AsyncConnection, condition: ColumnElement[bool]) -> list[Account]:
    columns = (
        accounts.c.id,
        accounts.c.kind,
        accounts.c.balance_nano,
        accounts.c.of_account,
        accounts.c.worker_id,
    )
    # Rows that refer to an account lock its key; a lock that excluded those would deadlock with another of its kind.
    query = select(*columns).where(condition).order_by(accounts.c.id).with_for_update(key_share=True)
    return [Account(**row._mapping) for row in await conn.execute(query)]


def _lock_order(account_id: int) -> tuple[bool, int]:
    return account_id in _FAR_IDS, account_id
