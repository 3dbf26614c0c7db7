"""Money in and out of wallets and budgets by the operator's hand, whether or not workers run."""

from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.store import books
from headgate.store.books import AccountUnknown, Transfer, TransferKind
from headgate.store.schema import FUNDING_ACCOUNT, GRANTED_ACCOUNT, REVENUE_ACCOUNT, SPENT_ACCOUNT

_SOURCES = {"wallet": FUNDING_ACCOUNT, "budget": GRANTED_ACCOUNT}


class NotEnough(Exception):
    """The account does not have so much that could be taken out now: `available_nano` is what it has. Slices that
    workers hold come back when they are idle."""

    def __init__(self, account_id: int, available_nano: int) -> None:
        super().__init__(f"account {account_id} has only {available_nano}")
        self.account_id = account_id
        self.available_nano = available_nano


async def grant(
    conn: AsyncConnection, account_id: int, amount_nano: int, *, now_ms: int, note: str | None = None
) -> int:
    """Put money into a wallet, or raise a budget; returns the transfer's id.

    Raises:
        AccountUnknown: no such wallet or budget.
        ValueError: not above zero.
    """
    return await _move(conn, account_id, amount_nano, kind="grant", now_ms=now_ms, note=note)


async def adjust(conn: AsyncConnection, account_id: int, delta_nano: int, *, now_ms: int, note: str) -> int:
    """Put right what a wallet or budget has, up or down; returns the transfer's id.

    Raises:
        AccountUnknown: no such wallet or budget.
        NotEnough: it has less than is to be taken out.
        ValueError: nothing to change.
    """
    return await _move(conn, account_id, delta_nano, kind="adjust", now_ms=now_ms, note=note)


async def correct(
    conn: AsyncConnection, transfer_id: int, *, now_ms: int, note: str, amount_nano: int | None = None
) -> int:
    """Undo a transfer, or a part of it, by a new one that names it; returns the new one's id. What came out of an
    allotment goes back to the wallet or budget itself.

    Raises:
        LookupError: no such transfer.
        NotEnough: the account that got the money has spent it.
        ValueError: more than the transfer moved, less what was corrected before.
    """
    wrong = await books.transfer(conn, transfer_id)
    if wrong is None:
        raise LookupError(f"there is no transfer {transfer_id}")
    rows = await books.lock(conn, {wrong.debit, wrong.credit})
    left_nano = wrong.amount_nano - await books.corrected_nano(conn, transfer_id)
    amount_nano = left_nano if amount_nano is None else amount_nano
    if not 0 < amount_nano <= left_nano:
        raise ValueError(f"transfer {transfer_id} has {left_nano} left to correct, not {amount_nano}")
    payer, receiver = rows[wrong.credit], rows[wrong.debit]
    if payer.kind in {*_SOURCES, "allotment"} and payer.balance_nano < amount_nano:
        raise NotEnough(payer.id, payer.balance_nano)
    back = Transfer(
        debit=payer.id,
        credit=receiver.of_account or receiver.id,
        amount_nano=amount_nano,
        kind="adjust",
        corrects=transfer_id,
        note=note,
    )
    return (await books.post(conn, [back], now_ms))[0]


async def refund(
    conn: AsyncConnection, call_id: str, amount_nano: int, wallet_id: int, budget_id: int | None, *, now_ms: int
) -> bool:
    """Give a call's charge back, exactly once however often it is asked; returns whether it was now.

    Raises:
        AccountUnknown: no such wallet or budget.
        ValueError: not above zero.
    """
    if amount_nano <= 0:
        raise ValueError(f"a refund is above zero, not {amount_nano}")
    await books.lock(conn, [wallet_id])
    if await books.refunded(conn, call_id, REVENUE_ACCOUNT):
        return False
    sides = [(REVENUE_ACCOUNT, wallet_id)] + ([] if budget_id is None else [(SPENT_ACCOUNT, budget_id)])
    moves = [
        Transfer(debit=source, credit=account, amount_nano=amount_nano, kind="refund", call_id=call_id)
        for source, account in sides
    ]
    await books.post(conn, moves, now_ms)
    return True


async def _move(
    conn: AsyncConnection, account_id: int, delta_nano: int, *, kind: TransferKind, now_ms: int, note: str | None
) -> int:
    account = (await books.lock(conn, [account_id])).get(account_id)
    if account is None or account.kind not in _SOURCES:
        raise AccountUnknown(account_id)
    if delta_nano == 0 or (kind == "grant" and delta_nano < 0):
        raise ValueError(f"{delta_nano} is not an amount to {kind}")
    if account.balance_nano + delta_nano < 0:
        raise NotEnough(account_id, account.balance_nano)
    source = _SOURCES[account.kind]
    debit, credit = (source, account_id) if delta_nano > 0 else (account_id, source)
    move = Transfer(debit=debit, credit=credit, amount_nano=abs(delta_nano), kind=kind, note=note)
    return (await books.post(conn, [move], now_ms))[0]
