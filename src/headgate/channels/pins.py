"""What an upstream keeps for a caller, and where: a response that is asked for again goes to the channel and credential
that made it, and to its own user alone.

A pin is known in this worker's memory at once and reaches the database in the background, in batches; nothing on the
relay path waits for it. What memory does not know is looked up.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct
from sqlalchemy import delete, select

from headgate.store.database import Database, StoreUnavailable
from headgate.store.schema import pins

REMEMBERED = 10_000
FLUSH_S = 0.2
RETENTION_DAYS = 30
"""As long as OpenAI keeps responses (https://platform.openai.com/docs/guides/your-data)."""
MOST_WAITING = 100_000
"""While the database is away, the oldest pins beyond this many are given up."""
BATCH = 500
LONGEST_ID = 200

Key = TypeVar("Key", int, str)


class Pin(Struct, frozen=True, kw_only=True):
    """Something called `id` belongs to a user and is kept by a channel, under one of its credentials.

    `made_at` is in Unix milliseconds.
    """

    id: str
    user_id: int
    channel_id: int
    credential_id: int
    model: str
    upstream_model: str
    made_at: int


class Pins:
    """The pins, as one worker knows them. `run` has to be running."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[str, Pin] = OrderedDict()
        self._waiting: OrderedDict[str, Pin] = OrderedDict()
        self._latest: OrderedDict[int, Pin] = OrderedDict()
        self._due = asyncio.Event()

    def note(self, pin: Pin) -> None:
        """Know a pin from now on. An id that no vendor would give is not kept."""
        if not 0 < len(pin.id) <= LONGEST_ID:
            return
        _keep(self._known, pin.id, pin, REMEMBERED)
        _keep(self._latest, pin.user_id, pin, REMEMBERED)
        _keep(self._waiting, pin.id, pin, MOST_WAITING)
        self._due.set()

    async def find(self, pin_id: str, user_id: int) -> Pin | None:
        """The user's pin of that id; None for an unknown one and for another user's. What another worker has made a
        moment ago is waited for.

        Raises:
            StoreUnavailable: it is not known here and cannot be looked up.
        """
        pin = self._known.get(pin_id)
        if pin is None and 0 < len(pin_id) <= LONGEST_ID:
            pin = await self._look_up(pin_id)
            if pin is None:
                await asyncio.sleep(2 * FLUSH_S)
                pin = await self._look_up(pin_id)
        return pin if pin is not None and pin.user_id == user_id else None

    async def latest(self, user_id: int) -> Pin | None:
        """What was made last for the user.

        Raises:
            StoreUnavailable: as for `find`.
        """
        pin = self._latest.get(user_id)
        if pin is not None:
            return pin
        newest = select(pins).where(pins.c.user_id == user_id).order_by(pins.c.made_at.desc()).limit(1)
        async with self._database.read() as conn:
            row = (await conn.execute(newest)).one_or_none()
        return Pin(**row._mapping) if row is not None else None

    async def forget(self, pin_id: str) -> None:
        """The upstream has deleted it.

        Raises:
            StoreUnavailable: it may come back after a restart.
        """
        self._waiting.pop(pin_id, None)
        pin = self._known.pop(pin_id, None)
        if pin is not None and self._latest.get(pin.user_id) is pin:
            del self._latest[pin.user_id]
        async with self._database.write() as conn:
            await conn.execute(delete(pins).where(pins.c.id == pin_id))

    async def run(self, failed: Callable[[StoreUnavailable], None]) -> None:
        """Bring pins to the database for ever; `failed` is told when that has to be put off."""
        while True:
            await self._due.wait()
            await asyncio.sleep(FLUSH_S)
            try:
                await self.flush()
            except StoreUnavailable as error:
                failed(error)

    async def flush(self) -> None:
        """Bring all pins that wait to the database.

        Raises:
            StoreUnavailable: those that are left wait on.
        """
        waiting = list(self._waiting)
        for start in range(0, len(waiting), BATCH):
            batch = [self._waiting[pin_id] for pin_id in waiting[start : start + BATCH] if pin_id in self._waiting]
            rows = [{name: getattr(pin, name) for name in Pin.__struct_fields__} for pin in batch]
            async with self._database.write() as conn:
                await conn.execute(self._database.insert(pins).on_conflict_do_nothing(), rows)
            for pin in batch:
                if self._waiting.get(pin.id) is pin:
                    del self._waiting[pin.id]
        self._due.clear()

    async def _look_up(self, pin_id: str) -> Pin | None:
        async with self._database.read() as conn:
            row = (await conn.execute(select(pins).where(pins.c.id == pin_id))).one_or_none()
        if row is None:
            return None
        pin = Pin(**row._mapping)
        _keep(self._known, pin.id, pin, REMEMBERED)
        return pin


async def remove_before(database: Database, made_at: int) -> int:
    """Delete the pins made before `made_at` (Unix milliseconds), a few at a time; returns how many.

    Raises:
        StoreUnavailable: some are left for another time.
    """
    old = select(pins.c.id).where(pins.c.made_at < made_at).order_by(pins.c.made_at).limit(BATCH)
    removed = 0
    while True:
        async with database.write() as conn:
            gone = (await conn.execute(delete(pins).where(pins.c.id.in_(old)))).rowcount
        removed += gone
        if gone < BATCH:
            return removed
        await asyncio.sleep(0.05)


def _keep(table: OrderedDict[Key, Pin], key: Key, pin: Pin, most: int) -> None:
    table[key] = pin
    table.move_to_end(key)
    if len(table) > most:
        table.popitem(last=False)
