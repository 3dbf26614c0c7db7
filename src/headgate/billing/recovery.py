"""What dead workers left behind: their journals are brought into the books, then their allotments go back."""

from collections.abc import Callable
from pathlib import Path

from headgate.billing.journal import Orphan, adopt
from headgate.billing.posting import decode, post_batch
from headgate.store import books
from headgate.store.database import Database

# Nobody waits longer than this for money that was recalled: whoever asked before is dead.
_RECALL_MS = 60_000


async def replay_orphans(
    database: Database, directory: Path, clock: Callable[[], int], *, batch_records: int
) -> list[Path]:
    """Replay every journal here whose worker is dead, and give its allotments back. Returns the files that were set
    aside because they are damaged.

    Raises:
        StoreUnavailable: some of it is still to be done; nothing is lost or done twice.
    """
    damaged: list[Path] = []
    orphans = adopt(directory)
    try:
        for orphan in orphans:
            await _replay(database, orphan, clock, batch_records)
            damaged += orphan.damaged
    finally:
        for orphan in orphans:
            orphan.close()
    return damaged


async def give_up_silent(database: Database, clock: Callable[[], int], *, silence_ms: int) -> int:
    """Give back the allotments of workers that have not been heard of for so long, here or on another node; returns how
    many there were. If one of them is alive after all, it has stopped using its allotments long before, and what it
    still has in its journal is taken from the wallets when it comes back.

    Raises:
        StoreUnavailable: to be done later.
    """
    before_ms = clock() - silence_ms
    async with database.write() as conn:
        silent = await books.silent_workers(conn, before_ms)
        for worker_id in silent:
            if await books.forget_worker(conn, worker_id, before_ms):
                await books.return_allotments(conn, worker_id, None, clock())
        await books.end_recalls(conn, before_ms=clock() - _RECALL_MS)
    return len(silent)


async def _replay(database: Database, orphan: Orphan, clock: Callable[[], int], batch_records: int) -> None:
    for payloads in orphan.batches(batch_records):
        if payloads:
            async with database.write() as conn:
                await post_batch(conn, database, orphan.worker_id, decode(payloads), clock())
    async with database.write() as conn:
        await books.return_allotments(conn, orphan.worker_id, None, clock())
        await books.forget_worker(conn, orphan.worker_id)
