"""Workers are killed in the midst of their work, again and again: no answer that a caller has is missing from the
books, and none is there twice."""

import asyncio
import os
import random
import signal
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from acceptance.gateway import KEY, ask, channel, configuration, events
from acceptance.process import Process, running
from billing.bank import audit, shortfall
from headgate.billing import archive
from headgate.sandbox import running_sandbox
from headgate.sandbox.server import Sandbox
from headgate.store import books
from headgate.store.database import Database
from headgate.store.schema import users

GRANTED = 1_000_000_000
KILLS = 6
CALLERS = 8


class Caller:
    """One who calls and calls, and remembers each answer that came whole: its id, by the id of its receipt."""

    def __init__(self, url: str, number: int) -> None:
        self.whole: dict[str, str] = {}
        self.broken = 0
        self._url = url
        self._number = number

    async def call_until(self, enough: asyncio.Event) -> None:
        headers = {"authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(base_url=self._url, headers=headers, timeout=30) as client:
            turn = self._number
            while not enough.is_set():
                turn += 1
                body = ask("it" if turn % 3 else "slow", f"Write {turn % 20} words", stream=bool(turn % 2))
                try:
                    self._note(await client.post("/v1/chat/completions", json=body))
                except httpx.TransportError:
                    self.broken += 1
                    await asyncio.sleep(0.02)

    def _note(self, answer: httpx.Response) -> None:
        if answer.status_code != 200:
            self.broken += 1
            return
        streamed = answer.headers["content-type"].startswith("text/event-stream")
        told: list[Any] = events(answer.content) if streamed else [answer.json(), "[DONE]"]
        if told[-1] != "[DONE]" or any("error" in event for event in told[:-1]):
            self.broken += 1
            return
        assert answer.headers["x-request-id"] not in self.whole
        self.whole[answer.headers["x-request-id"]] = told[0]["id"]


async def kill_again_and_again(gateway: Process) -> None:
    """Kill one worker after the other, each time when all are there."""
    for _ in range(KILLS):
        async with asyncio.timeout(30):
            while len(workers := gateway.workers()) < 3:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        os.kill(random.choice(workers), signal.SIGKILL)
        await asyncio.sleep(0.1)


async def test_killed_workers_lose_no_answer_and_charge_none_twice(empty_database_url: str, tmp_path: Path) -> None:
    """For every answer that a caller received whole there is one receipt with the sandbox's own numbers; the wallet is
    what was granted less the receipts; the books sum to zero."""
    sandbox = Sandbox()
    settings = {"database_url": empty_database_url, "call_log": "false"}
    async with running_sandbox(sandbox=sandbox) as url:
        models = {"it": "sandbox", "slow": "sandbox:pace=3,delay=10"}
        text = configuration([channel("one", url, models)], balance_usd=GRANTED / 10**9)
        enough = asyncio.Event()
        with running(tmp_path, text, workers=3, settings=settings) as gateway:
            callers = [Caller(gateway.url, number) for number in range(CALLERS)]
            calling = [asyncio.create_task(caller.call_until(enough)) for caller in callers]
            await kill_again_and_again(gateway)
            enough.set()
            await asyncio.gather(*calling)
            assert await asyncio.to_thread(gateway.stop) == 0
        with running(tmp_path, text, workers=1, settings=settings) as again:
            assert await asyncio.to_thread(again.stop) == 0
    await check_books(empty_database_url, sandbox, callers)


async def check_books(url: str, sandbox: Sandbox, callers: list[Caller]) -> None:
    """Hold what the callers have against our books and the sandbox's."""
    database = await Database.open(url)
    try:
        async with database.read() as conn:
            receipts = {each.id: each for each in await archive.listed(conn, archive.Filter(), limit=1_000_000)}
            wallet = (await conn.execute(select(users.c.wallet_id))).scalar_one()
            left = (await books.balances(conn, [wallet]))[wallet]
        whole = {call: answer for caller in callers for call, answer in caller.whole.items()}
        served = {entry.id: entry for entry in sandbox.house.books.entries}
        assert len(whole) > 100
        assert sum(caller.broken for caller in callers) > 0, "no kill was noticed: nothing was tested"
        missing = whole.keys() - receipts.keys()
        assert not missing
        for call, answer in whole.items():
            usage, counts = receipts[call].usage, served[answer].counts
            assert (usage.input, usage.cache_read, usage.output) == (counts.input, counts.cached, counts.output)
            assert (receipts[call].ending, receipts[call].estimated) == ("completed", False)
        assert len(set(whole.values())) == len(whole)
        assert left == GRANTED - sum(receipt.charge_nano for receipt in receipts.values())
        assert len(receipts) <= len(whole) + sum(caller.broken for caller in callers)
        assert await shortfall(database) == 0
        await audit(database)
    finally:
        await database.close()
