"""A gateway to talk to, the sandbox behind it, and a look at both sides' books."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import select

from headgate.app import Worker
from headgate.billing import archive
from headgate.billing.archive import Entry
from headgate.billing.prices import parse_price
from headgate.channels.repository import PURPOSE
from headgate.config.apply import apply_config
from headgate.config.file import parse_config
from headgate.sandbox import running_sandbox
from headgate.sandbox.server import Sandbox
from headgate.server.asgi import create_asgi
from headgate.server.lane import LaneProtocol
from headgate.settings import Settings
from headgate.store import books
from headgate.store.database import Database
from headgate.store.schema import users
from headgate.store.secrets import Sealer, master_key

KEY = "sk-dev-0123456789abcdef0123456789abcdef"
OTHER_KEY = "sk-two-0123456789abcdef0123456789abcdef"
INPUT_NANO, OUTPUT_NANO = 2_500, 10_000
"""What the tests' models cost a token, where nothing else is said."""

Json = dict[str, Any]


def channel(name: str, url: str, models: Iterable[str] | Mapping[str, str], **more: object) -> Json:
    """A channel of the configuration file, to a sandbox at `url`; a mapping names the upstream model of each."""
    exposed: Json = {"model_map": dict(models)} if isinstance(models, Mapping) else {"models": list(models)}
    address = {"provider": "openai-compatible", "base_url": f"{url}/v1", "keys": [f"sk-up-{name}"]}
    return {"name": name, **address, **exposed, **more}


def configuration(
    channels: Sequence[Json],
    *,
    prices: Mapping[str, object] | None = None,
    balance_usd: object = 100,
    keys: Sequence[Json] | None = None,
    **sections: object,
) -> str:
    """A configuration file with one user, alice, and (unless told otherwise) one key. Every model that a channel
    exposes has a price; `prices` says otherwise, None for no price."""
    names = {name for each in channels for name in (*each.get("models", ()), *each.get("model_map", ()))}
    listed: Json = {name: {"input": 2.5, "output": 10} for name in sorted(names)} | dict(prices or {})
    return json.dumps(
        {
            "channels": list(channels),
            "prices": {name: price for name, price in listed.items() if price is not None},
            "users": [{"name": "alice", "balance_usd": balance_usd}],
            "keys": list(keys or [{"name": "dev", "user": "alice", "key": KEY}]),
            **sections,
        }
    )


def nano(tokens_in: int, tokens_out: int) -> int:
    """What so many tokens cost at the tests' price."""
    return tokens_in * INPUT_NANO + tokens_out * OUTPUT_NANO


class Gateway:
    """A running worker and its door."""

    def __init__(self, worker: Worker, url: str, stack: AsyncExitStack) -> None:
        self.worker = worker
        self.url = url
        self._stack = stack
        self._client: httpx.AsyncClient | None = None

    async def client(self, key: str | None = KEY) -> httpx.AsyncClient:
        """A client of its own connections, with a key."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_connections=None)
        client = httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30, limits=limits)
        return await self._stack.enter_async_context(client)

    async def http(self) -> httpx.AsyncClient:
        """The client that most calls use."""
        if self._client is None:
            self._client = await self.client()
        return self._client

    async def chat(self, model: str, text: str = "Hello there", *, key: str = KEY, **members: object) -> httpx.Response:
        """One call, read to its end."""
        headers = {"authorization": f"Bearer {key}"}
        return await (await self.http()).post("/v1/chat/completions", json=ask(model, text, **members), headers=headers)

    @asynccontextmanager
    async def stream(self, model: str, text: str = "Hello there", **members: object) -> AsyncIterator[httpx.Response]:
        """One streamed call, to be read; leaving the block early closes the connection."""
        body = ask(model, text, stream=True, **members)
        async with (await self.http()).stream("POST", "/v1/chat/completions", json=body) as answer:
            yield answer

    async def flush(self) -> None:
        """Bring what this worker has settled into the books now, rather than at its next tick."""
        await self.worker._ledger.flush()

    def held_nano(self) -> int:
        """What this worker holds for running calls."""
        return self.worker._ledger.counters().held_nano


class House:
    """A sandbox, a database, and the gateways that a test opens on them."""

    def __init__(self, directory: Path, database_url: str, sandbox: Sandbox, url: str, stack: AsyncExitStack) -> None:
        self.directory = directory
        self.database_url = database_url
        self.sandbox = sandbox
        self.url = url
        self.gateways: list[Gateway] = []
        self._stack = stack
        self.database: Database

    def channel(self, name: str, models: Iterable[str] | Mapping[str, str], **more: object) -> Json:
        """A channel to this house's sandbox."""
        return channel(name, self.url, models, **more)

    async def _apply(self, text: str) -> None:
        """Make the database equal to a configuration file."""
        config = parse_config(text, "test", environ={}, check_price=parse_price)
        sealer = Sealer(master_key(None, self.directory), PURPOSE)
        await apply_config(config, self.database, sealer, now_ms=time.time_ns() // 1_000_000)

    async def open(self, channels: Sequence[Json], *, settings: Json | None = None, **more: Any) -> Gateway:
        """Start a gateway with this configuration."""
        self.database = await Database.open(self.database_url)
        self._stack.push_async_callback(self.database.close)
        await self._apply(configuration(channels, **more))
        return await self.another(settings)

    async def reconfigure(self, channels: Sequence[Json], **more: Any) -> None:
        """Apply another configuration while gateways run."""
        await self._apply(configuration(channels, **more))

    async def another(self, settings: Json | None = None) -> Gateway:
        """One more worker on the same database and data directory."""
        told = Settings(data=self.directory, database_url=self.database_url, **(settings or {}))
        gateway = await self._stack.enter_async_context(_serving(told))
        self.gateways.append(gateway)
        return gateway

    async def receipts(self) -> list[Entry]:
        """All receipts, oldest first."""
        for gateway in self.gateways:
            await gateway.flush()
        async with self.database.read() as conn:
            return (await archive.listed(conn, archive.Filter(), limit=100_000))[::-1]

    async def receipt(self, answer: httpx.Response) -> Entry:
        """The receipt of an answer: there is exactly one of its id."""
        wanted = answer.headers["x-request-id"]
        assert answer.headers["x-oneapi-request-id"] == wanted
        (found,) = [entry for entry in await self.receipts() if entry.id == wanted]
        return found

    async def last_receipt(self, count: int) -> Entry:
        """The newest receipt, once there are so many."""
        async with asyncio.timeout(20):
            while len(found := await self.receipts()) < count:
                await asyncio.sleep(0.02)
        assert len(found) == count
        return found[-1]

    async def balance(self) -> int:
        """What alice has, in nano-dollars, with every settled call in the books."""
        await self.receipts()
        async with self.database.read() as conn:
            wallet = (await conn.execute(select(users.c.wallet_id).where(users.c.name == "alice"))).scalar_one()
            return (await books.balances(conn, [wallet])).get(wallet, 0)


class Peer:
    """A client that sends exactly the bytes it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, url: str) -> "Peer":
        """Connect to a gateway."""
        address = httpx.URL(url)
        return cls(*await asyncio.open_connection(address.host, address.port))

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def rest(self) -> bytes:
        """All that comes until the other side closes; then this side closes too."""
        data = await asyncio.wait_for(self._reader.read(-1), 20)
        await self.close()
        return data

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()


class Door(uvicorn.Server):
    """uvicorn's server without what belongs to the test run: signal handlers, and the end of the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.enough = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait for the end rather than look for it ten times a second."""
        await self.on_tick(0)
        await self.enough.wait()

    async def run_here(self) -> None:
        """Serve until told to stop; what keeps it from starting is in the log."""
        with suppress(SystemExit):
            await self.serve()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _serving(settings: Settings) -> AsyncIterator[Gateway]:
    workers: list[Worker] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Json]:
        worker = await Worker.start(settings)
        workers.append(worker)
        try:
            yield {"lane": worker.lane, "worker": worker.face()}
        finally:
            await worker.stop()

    config = uvicorn.Config(
        create_asgi(lifespan),
        port=0,
        http=LaneProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    door = Door(config)
    serving = asyncio.create_task(door.run_here())
    while not door.started and not serving.done():
        await asyncio.sleep(0.005)
    assert door.started, "the gateway did not start"
    port = door.servers[0].sockets[0].getsockname()[1]
    try:
        async with AsyncExitStack() as stack:
            yield Gateway(workers[0], f"http://127.0.0.1:{port}", stack)
    finally:
        door.enough.set()
        await serving


@asynccontextmanager
async def housed(directory: Path, database_url: str) -> AsyncIterator[House]:
    """A sandbox on this loop, and what a test opens before it."""
    sandbox = Sandbox()
    async with running_sandbox(sandbox=sandbox) as url, AsyncExitStack() as stack:
        yield House(directory, database_url, sandbox, url, stack)


def sqlite_at(directory: Path, template: Path) -> str:
    """A fresh migrated SQLite database in a directory."""
    shutil.copyfile(template, directory / "headgate.db")
    return f"sqlite:///{directory / 'headgate.db'}"


def ask(model: str, text: str = "Hello there", **members: object) -> Json:
    """The body of a call."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **members}


def events(body: bytes) -> list[Any]:
    """The data of a stream's events: JSON, and the closing word as text."""
    found = [block.removeprefix("data: ") for block in body.decode().split("\n\n") if block]
    return [item if item == "[DONE]" else json.loads(item) for item in found]


def said(stream: Iterable[Any]) -> str:
    """The text that a stream's events spell."""
    chunks = [event for event in stream if isinstance(event, dict)]
    deltas = [choice["delta"] for event in chunks for choice in event.get("choices", ())]
    return "".join(delta.get("content") or "" for delta in deltas)
