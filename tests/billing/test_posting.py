"""Journal records into the books."""

from collections.abc import Sequence

from billing.bank import audit, balance, budget, charged, now_ms, receipt, shortfall, wallet
from headgate.billing.posting import charges, decode, encode, post_batch
from headgate.billing.receipt import Receipt
from headgate.store.database import Database


async def post(database: Database, batch: Sequence[Receipt]) -> int:
    """One batch of a worker that has no allotments left."""
    async with database.write() as conn:
        return await post_batch(conn, database, "w", batch, now_ms())


def test_a_record_is_its_receipt() -> None:
    """Nothing is lost on the way through the journal."""
    original = receipt((1, 2), 5, dropped=("seed",), first_byte_ms=3)
    assert decode([encode(original)]) == [original]


def test_a_batch_is_summed_by_account() -> None:
    """A budgeted call counts for both; a free one for none."""
    batch = [receipt((1,), 5), receipt((1, 2), 7), receipt((3,), 0)]
    assert charges(batch).accounts == {1: 12, 2: 7}


async def test_a_batch_posted_again_changes_nothing(database: Database) -> None:
    """Wholly, in part, or with the same call twice in it."""
    account = await wallet(database, 100)
    batch = [receipt((account,), 10), receipt((account,), 20)]
    assert await post(database, batch) == 2
    assert await post(database, batch) == 0
    more = receipt((account,), 5)
    assert await post(database, [*batch, more, more]) == 1
    assert await balance(database, account) == 65
    assert len(await charged(database)) == 3
    await audit(database)


async def test_missing_money_is_a_shortfall(database: Database) -> None:
    """The wallet is emptied, not overdrawn, and the operator sees what was lost; the budget likewise."""
    payer, limit = await wallet(database, 30), await budget(database, 100)
    assert await post(database, [receipt((payer, limit), 50)]) == 1
    assert (await balance(database, payer), await balance(database, limit)) == (0, 50)
    assert await shortfall(database) == 20
    await audit(database)
