"""From journal to books: a batch of finished calls in one transaction, each exactly once.

The call's id decides: a receipt that the database already has moved its money before, so replaying a journal, or trying
again after a commit of unknown outcome, changes nothing.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.billing import archive
from headgate.billing.receipt import Receipt
from headgate.store import books
from headgate.store.books import Account, Transfer
from headgate.store.database import Database
from headgate.store.schema import REVENUE_ACCOUNT, SHORTFALL_ACCOUNT, SPENT_ACCOUNT

_decoder = msgspec.msgpack.Decoder(Receipt)
_encoder = msgspec.msgpack.Encoder()

_LONGEST_TEXT = 200


class Charges(Struct, frozen=True):
    """What a batch takes from each account."""

    wallets: Mapping[int, int]
    budgets: Mapping[int, int]

    @property
    def accounts(self) -> dict[int, int]:
        return {**self.wallets, **self.budgets}


def encode(receipt: Receipt) -> bytes:
    """A receipt as a journal record."""
    return _encoder.encode(receipt)


def decode(payloads: Sequence[bytes]) -> list[Receipt]:
    """Journal records as receipts."""
    return [_decoder.decode(payload) for payload in payloads]


def storable(receipt: Receipt) -> Receipt:
    """The receipt with texts that came from outside cut to what a database column can hold."""
    return msgspec.structs.replace(
        receipt,
        model=_text(receipt.model),
        upstream_model=None if receipt.upstream_model is None else _text(receipt.upstream_model),
        dropped=tuple(_text(name) for name in receipt.dropped[:100]),
    )


def charges(batch: Sequence[Receipt]) -> Charges:
    """The sums of a batch by paying account."""
    wallets: dict[int, int] = {}
    budgets: dict[int, int] = {}
    for receipt in batch:
        if receipt.charge_nano:
            wallets[receipt.wallet_id] = wallets.get(receipt.wallet_id, 0) + receipt.charge_nano
            if receipt.budget_id is not None:
                budgets[receipt.budget_id] = budgets.get(receipt.budget_id, 0) + receipt.charge_nano
    return Charges(wallets, budgets)


async def post_batch(
    conn: AsyncConnection, database: Database, worker_id: str, batch: Sequence[Receipt], now_ms: int
) -> int:
    """Store the receipts that are new and move their charges out of this worker's allotments; returns how many were
    new. What an allotment no longer has comes from its account, and what that has not either from `shortfall`."""
    first = {receipt.id: receipt for receipt in reversed(batch)}
    stored = await archive.known(conn, database, first)
    fresh = [_fitting(receipt) for receipt in reversed(first.values()) if receipt.id not in stored]
    if not fresh:
        return 0
    await archive.roll_up(conn, database, fresh)
    due = charges(fresh)
    owners, mine = await books.lock_allotments(conn, worker_id, due.accounts)
    moves = [
        move
        for far_side, sums in ((REVENUE_ACCOUNT, due.wallets), (SPENT_ACCOUNT, due.budgets))
        for account_id, amount_nano in sorted(sums.items())
        for move in _collect(account_id, amount_nano, far_side, mine.get(account_id), owners.get(account_id))
    ]
    ids = await books.post(conn, moves, now_ms)
    await archive.add(conn, database, fresh, _transfer_of(due, moves, ids, mine))
    return len(fresh)


def _collect(
    account_id: int, amount_nano: int, far_side: int, allotment: Account | None, owner: Account | None
) -> list[Transfer]:
    """The transfers that bring one account's charges together."""
    sources: list[tuple[int, int]] = []
    for account in (allotment, owner):
        found_nano = min(amount_nano, account.balance_nano) if account else 0
        if account and found_nano:
            sources.append((account.id, found_nano))
            amount_nano -= found_nano
    moves = [
        Transfer(debit=source, credit=far_side, amount_nano=found_nano, kind="settle") for source, found_nano in sources
    ]
    if amount_nano:
        note = f"of account {account_id}"
        missing = Transfer(
            debit=SHORTFALL_ACCOUNT, credit=far_side, amount_nano=amount_nano, kind="shortfall", note=note
        )
        moves.append(missing)
    return moves


def _transfer_of(
    due: Charges, moves: Sequence[Transfer], ids: Sequence[int], mine: Mapping[int, Account]
) -> dict[int, int]:
    """The first transfer of each wallet's charges."""
    by_debit = dict(reversed([(move.debit, number) for move, number in zip(moves, ids, strict=True)]))
    found = {
        wallet_id: by_debit.get(mine[wallet_id].id if wallet_id in mine else wallet_id) or by_debit.get(wallet_id)
        for wallet_id in due.wallets
    }
    return {wallet_id: number for wallet_id, number in found.items() if number is not None}


def _fitting(receipt: Receipt) -> Receipt:
    """One receipt that the database will not take would keep all that come after it waiting for ever."""
    fits = len(receipt.model) <= _LONGEST_TEXT and "\0" not in receipt.model
    if receipt.upstream_model is not None:
        fits = fits and len(receipt.upstream_model) <= _LONGEST_TEXT and "\0" not in receipt.upstream_model
    if fits and not receipt.dropped:
        return receipt
    return storable(receipt)


def _text(text: str) -> str:
    """Without what PostgreSQL or UTF-8 cannot hold, and no longer than a column."""
    return text[:_LONGEST_TEXT].replace("\0", "").encode(errors="replace").decode()
