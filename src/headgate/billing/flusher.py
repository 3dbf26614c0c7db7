"""Carries this worker's journal into the books, batch by batch."""

import asyncio
from collections.abc import Callable, Mapping

from headgate.billing.journal import Journal
from headgate.billing.posting import charges, decode, post_batch
from headgate.billing.purse import Purse
from headgate.store import books
from headgate.store.database import Database


class Flusher:
    """One worker's. `lock` serialises everything this worker does to its allotments in the database."""

    def __init__(
        self,
        database: Database,
        journal: Journal,
        worker_id: str,
        purses: Mapping[int, Purse],
        clock: Callable[[], int],
        *,
        batch_records: int,
    ) -> None:
        self._database = database
        self._journal = journal
        self._worker_id = worker_id
        self._purses = purses
        self._clock = clock
        self._batch_records = batch_records
        self.lock = asyncio.Lock()
        self.in_doubt = False
        """Whether the last batch may or may not have reached the books."""
        self.posted = 0
        """Records that have reached the books."""

    async def flush(self) -> None:
        """Bring everything that is in the journal now into the books.

        Raises:
            StoreUnavailable: some of it could not be brought; it stays in the journal.
        """
        target = self.posted + self._journal.pending
        while self.posted < target:
            async with self.lock:
                if not await self.flush_batch():
                    return

    async def flush_batch(self) -> int:
        """The oldest records, in one transaction; returns how many. The caller holds `lock`.

        Raises:
            StoreUnavailable: they stay in the journal.
        """
        payloads = self._journal.read(self._batch_records)
        if not payloads:
            return 0
        batch = decode(payloads)
        self.in_doubt = True
        async with self._database.write() as conn:
            await post_batch(conn, self._database, self._worker_id, batch, self._clock())
        self.in_doubt = False
        self._journal.confirm()
        self.posted += len(payloads)
        for account_id, amount_nano in charges(batch).accounts.items():
            self._purses[account_id].posted(amount_nano)
        return len(payloads)

    async def totals(self) -> dict[int, int]:
        """What the database says is allotted to this worker, by account, after all of the journal has reached the
        books. The caller holds `lock`.

        Raises:
            StoreUnavailable: it cannot be said.
        """
        async with self._database.write() as conn:
            rows = await books.allotments(conn, self._worker_id)
        return {row.of_account: row.balance_nano for row in rows if row.of_account is not None}
