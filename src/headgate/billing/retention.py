"""Old receipts go, roll-ups stay."""

from headgate.billing import archive
from headgate.store.database import Database

DAY_MS = 86_400_000


async def remove_old_receipts(database: Database, *, now_ms: int, days: int, batch_records: int = 500) -> int:
    """Delete the receipts of calls that started more than so many days ago, in transactions small enough that nobody
    waits for them; returns how many there were.

    Raises:
        StoreUnavailable: the rest is for the next time.
        ValueError: `days` is not above zero.
    """
    if days <= 0:
        raise ValueError(f"receipts are kept for at least a day, not {days}")
    removed = 0
    while True:
        async with database.write() as conn:
            count = await archive.remove_before(conn, now_ms - days * DAY_MS, batch_records)
        removed += count
        if count < batch_records:
            return removed
