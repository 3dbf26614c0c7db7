"""Money that an operator gives and takes back: wallets from `funding`, budgets of keys from `granted`.

Every movement is a transfer (`store.books`); nothing here makes or loses money.
"""

from typing import Literal

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.store.books import Transfer, TransferKind, lock, open_account, post
from headgate.store.schema import FUNDING_ACCOUNT, GRANTED_ACCOUNT, SHORTFALL_ACCOUNT, accounts, transfers

FundKind = Literal["wallet", "budget"]

_SOURCE: dict[FundKind, int] = {"wallet": FUNDING_ACCOUNT, "budget": GRANTED_ACCOUNT}


async def open_fund(conn: AsyncConnection, kind: FundKind, now_ms: int) -> int:
    """Make an empty wallet or budget; returns its account id."""
    return await open_account(conn, kind, now_ms)


async def give(
    conn: AsyncConnection, kind: FundKind, account_id: int, amount_nano: int, *, now_ms: int, note: str | None = None
) -> None:
    """Add `amount_nano` (above zero) to a wallet or budget."""
    await _move(conn, _SOURCE[kind], account_id, amount_nano, kind="grant", note=note, now_ms=now_ms)


async def take_back(
    conn: AsyncConnection, kind: FundKind, account_id: int, amount_nano: int, *, now_ms: int, note: str | None = None
) -> int:
    """Take up to `amount_nano` out of a wallet or budget; returns how much was there to be taken. Slices in workers'
    hands are not there."""
    locked = await lock(conn, [account_id])
    taken_nano = min(amount_nano, locked[account_id].balance_nano)
    if taken_nano:
        await _move(conn, account_id, _SOURCE[kind], taken_nano, kind="adjust", note=note, now_ms=now_ms)
    return taken_nano


async def write_off(conn: AsyncConnection, amount_nano: int, *, now_ms: int, note: str) -> None:
    """Record that money which `funding` no longer grants was spent before it could be taken back."""
    await _move(conn, SHORTFALL_ACCOUNT, FUNDING_ACCOUNT, amount_nano, kind="adjust", note=note, now_ms=now_ms)


async def granted_nano(conn: AsyncConnection, account_ids: list[int]) -> dict[int, int]:
    """What each wallet or budget was given in total, less what was taken back."""
    far_side = tuple(_SOURCE.values())
    given = and_(transfers.c.debit_account.in_(far_side), transfers.c.credit_account.in_(account_ids))
    taken = and_(transfers.c.credit_account.in_(far_side), transfers.c.debit_account.in_(account_ids))
    totals = dict.fromkeys(account_ids, 0)
    for sign, side, account in ((1, given, transfers.c.credit_account), (-1, taken, transfers.c.debit_account)):
        query = select(account.label("account"), func.sum(transfers.c.amount_nano).label("total"))
        for row in await conn.execute(query.where(side).group_by(account)):
            totals[row.account] += sign * int(row.total)
    return totals


async def noted_nano(conn: AsyncConnection, note: str) -> int:
    """What `funding` gave under this note, less what came back under it."""
    given = await _sum(conn, and_(transfers.c.debit_account == FUNDING_ACCOUNT, transfers.c.note == note))
    return given - await _sum(conn, and_(transfers.c.credit_account == FUNDING_ACCOUNT, transfers.c.note == note))


async def balances_nano(conn: AsyncConnection, account_ids: list[int]) -> dict[int, int]:
    """What each wallet or budget has, the slices in workers' hands included."""
    owner = func.coalesce(accounts.c.of_account, accounts.c.id)
    query = select(owner.label("account"), func.sum(accounts.c.balance_nano).label("total"))
    chosen = or_(accounts.c.id.in_(account_ids), accounts.c.of_account.in_(account_ids))
    return {row.account: int(row.total) for row in await conn.execute(query.where(chosen).group_by(owner))}


async def _sum(conn: AsyncConnection, chosen: ColumnElement[bool]) -> int:
    total = select(func.coalesce(func.sum(transfers.c.amount_nano), 0)).where(chosen)
    return int((await conn.execute(total)).scalar_one())


async def _move(
    conn: AsyncConnection,
    debit: int,
    credit: int,
    amount_nano: int,
    *,
    kind: TransferKind,
    note: str | None,
    now_ms: int,
) -> None:
    await post(conn, [Transfer(debit=debit, credit=credit, amount_nano=amount_nano, kind=kind, note=note)], now_ms)
