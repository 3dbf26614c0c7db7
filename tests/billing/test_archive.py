"""Receipts and roll-ups in the database."""

from sqlalchemy import select

from billing.bank import now_ms, receipt
from headgate.billing import archive
from headgate.billing.archive import HOUR_MS, Filter
from headgate.billing.receipt import Attempt, Receipt
from headgate.billing.retention import remove_old_receipts
from headgate.canonical.usage import Usage
from headgate.store.database import Database
from headgate.store.schema import accounts, channels, keys, receipts, rollups, users


async def store(database: Database, *finished: Receipt) -> None:
    """Store receipts as the flusher does."""
    async with database.write() as conn:
        await archive.roll_up(conn, database, finished)
        await archive.add(conn, database, finished, {})


async def people(database: Database) -> None:
    """A user, a key and a channel that receipts can name."""
    async with database.write() as conn:
        wallet = {"kind": "wallet", "balance_nano": 0, "created_at": 0}
        account = (await conn.execute(accounts.insert().values(wallet).returning(accounts.c.id))).scalar_one()
        row = {"enabled": True, "source": "file", "created_at": 0}
        await conn.execute(users.insert().values(id=1, name="alice", group_name="g", wallet_id=account, **row))
        await conn.execute(keys.insert().values(id=1, name="dev", user_id=1, hash=b"h" * 32, hint="sk-…", **row))
        await conn.execute(
            channels.insert().values(id=7, name="main", provider="openai", priority=0, weight=1, settings="{}", **row)
        )


async def test_a_receipt_comes_back_as_it_was_stored(database: Database) -> None:
    """Every field, with the names of its user, key and channel."""
    await people(database)
    original = receipt(
        (5,),
        upstream_model="gpt-4o-2024",
        usage=Usage(input=1, output=2, reasoning=3),
        overrun_nano=4,
        estimated=True,
        stream=True,
        first_byte_ms=12,
        attempts=(Attempt(6, 500, "upstream_error", 9), Attempt(7, 200, "", 5)),
        dropped=("seed",),
    )
    await store(database, original)
    async with database.read() as conn:
        shown = await archive.show(conn, original.id)
        assert await archive.show(conn, "nothing") is None
    assert shown is not None
    assert (shown.user, shown.key, shown.channel) == ("alice", "dev", "main")
    for name in set(Receipt.__struct_fields__) - {"wallet_id", "budget_id"}:
        assert getattr(shown, name) == getattr(original, name), name


async def test_a_plain_call_needs_no_detail(database: Database) -> None:
    """Its one attempt is told from the receipt itself."""
    plain, refused = receipt((5,)), receipt((5,), channel_id=None, attempts=(), ending="refused")
    await store(database, plain, refused)
    async with database.read() as conn:
        assert set(await conn.scalars(select(receipts.c.detail))) == {None}
        shown = [await archive.show(conn, each.id) for each in (plain, refused)]
    assert [entry.attempts for entry in shown if entry] == [(Attempt(7, 200, "", 5),), ()]


async def test_a_batch_of_any_length_is_stored_whole(database: Database) -> None:
    """All its receipts, each once and with its own values, however they are divided among statements."""
    batch = [receipt((5,), duration_ms=number) for number in range(256 + 2 * 32 + 4 + 3)]
    await store(database, *batch)
    async with database.read() as conn:
        stored = await conn.execute(select(receipts.c.id, receipts.c.duration_ms))
    assert sorted(tuple(row) for row in stored) == sorted((each.id, each.duration_ms) for each in batch)


async def test_receipts_are_listed_in_pages_newest_first(database: Database) -> None:
    """By user, key, model, ending and time; the last id of a page leads to the next; new ones can be followed."""
    all_ = [receipt((5,), key_id=1 + number % 2, model=f"m{number % 3}", started_at=number) for number in range(9)]
    await store(database, *all_)
    ids = [each.id for each in all_]
    async with database.read() as conn:
        first = await archive.listed(conn, Filter(), limit=5)
        rest = await archive.listed(conn, Filter(), limit=5, before=first[-1].id)
        assert [entry.id for entry in first + rest] == ids[::-1]
        assert [entry.id for entry in await archive.listed(conn, Filter(), after=ids[6])] == ids[7:]
        assert [entry.id for entry in await archive.listed(conn, Filter(key_id=1, model="m0"))] == [ids[6], ids[0]]
        assert [entry.id for entry in await archive.listed(conn, Filter(since_ms=2, until_ms=4))] == [ids[3], ids[2]]
        assert await archive.listed(conn, Filter(user_id=2)) == await archive.listed(conn, Filter(ending="empty")) == []


async def test_roll_ups_add_up_by_the_hour(database: Database) -> None:
    """Calls, failures, tokens and money, over several batches."""
    hour = 500_000 * HOUR_MS
    good = [receipt((5,), 100, started_at=hour + number) for number in range(3)]
    bad = receipt((5,), ending="upstream_failed", started_at=hour + 9, usage=Usage(), channel_id=None)
    await store(database, *good[:2])
    await store(database, good[2], bad)
    async with database.read() as conn:
        rows = {row.channel_id: row for row in await conn.execute(select(rollups))}
        assert await archive.spent_nano(conn, user_id=1) == await archive.spent_nano(conn, key_id=1) == 300
        assert await archive.spent_nano(conn, user_id=2) == 0
    assert (rows[7].hour, rows[7].calls, rows[7].failures, rows[7].charge_nano) == (hour, 3, 0, 300)
    assert (rows[7].tokens_in, rows[7].tokens_out, rows[7].duration_ms) == (9, 12, 15)
    assert (rows[0].calls, rows[0].failures) == (1, 1)


async def test_what_an_upstream_claims_cannot_overflow_a_sum(database: Database) -> None:
    """An absurd token count is kept in the receipt and capped in the roll-up."""
    absurd = receipt((5,), usage=Usage(input=10**30))
    await store(database, absurd)
    async with database.read() as conn:
        assert (await conn.execute(select(rollups.c.tokens_in))).scalar_one() == 10**12
        shown = await archive.show(conn, absurd.id)
    assert shown is not None
    assert shown.usage == absurd.usage


async def test_old_receipts_go_and_roll_ups_stay(database: Database) -> None:
    """In small batches, until none is left."""
    day = 86_400_000
    old = [receipt((5,), 10, started_at=now_ms() - 40 * day) for _ in range(7)]
    new = receipt((5,), 10)
    await store(database, *old, new)
    assert await remove_old_receipts(database, now_ms=now_ms(), days=30, batch_records=3) == 7
    async with database.read() as conn:
        assert [entry.id for entry in await archive.listed(conn, Filter())] == [new.id]
        assert await archive.spent_nano(conn) == 80
