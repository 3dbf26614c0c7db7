"""The gateway at work, for somebody who sees it for the first time: a real `headgate serve` on a temporary data
directory, the sandbox as upstream, calls through the official OpenAI SDK, and a look into the books afterwards."""

import asyncio
import base64
import os
import struct
import sys
import tempfile
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from string import Template
from typing import Any

import httpx
from msgspec import Struct
from sqlalchemy import func, select

from headgate.access.keys import make_key
from headgate.access.repository import User, list_users
from headgate.billing import archive
from headgate.billing.amounts import format_usd
from headgate.billing.archive import Entry
from headgate.sandbox.server import running_sandbox
from headgate.settings import PREFIX
from headgate.store.database import Database
from headgate.store.schema import accounts

try:
    from openai import APIStatusError, AsyncOpenAI
except ModuleNotFoundError:
    SDK = False
else:
    SDK = True

READY_S = 60.0
BOOKED_S = 10.0

Say = Callable[[str], object]

_CONFIG = Template(
    """\
channels:
  - name: sandbox
    provider: sandbox
    base_url: $upstream/v1
    models: [sandbox]
    model_map: {fast: sandbox-mini}
prices:
  sandbox: {input: 2.5, cache_read: 1.25, output: 10}
  fast: {input: 0.15, output: 0.6}
users:
  - {name: alice, balance_usd: 5}
  - {name: bob, balance_usd: 0.00001}
keys:
  - {name: alice, user: alice, key: $alice}
  - {name: bob, user: bob, key: $bob}
"""
)

WEATHER_TOOL: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class DemoFailed(Exception):
    """Something was not as it should be. The message says what."""


class Told(Struct, frozen=True):
    """What a call brought: the id that the answer carries, and what a person should see of it."""

    call_id: str
    text: str


class Scene(Struct, frozen=True):
    """One call of the demo: what it shows, how it is made, and what its receipt must say."""

    title: str
    play: Callable[["Cast"], Awaitable[Told]]
    ending: str
    user: str = "alice"


class Cast(Struct, frozen=True):
    """The clients that make the calls."""

    alice: "AsyncOpenAI"
    bob: "AsyncOpenAI"


async def run_demo(say: Say) -> None:
    """Play the demo, telling it line by line.

    Raises:
        DemoFailed: a program is missing, or something was not as it should be.
    """
    if not SDK:
        raise DemoFailed(
            "the demo makes its calls with OpenAI's SDK, which is not installed: pip install 'headgate[demo]'"
        )
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headgate-demo-")))
        upstream = await stack.enter_async_context(running_sandbox())
        keys = {"alice": make_key().text, "bob": make_key().text}
        config = directory / "headgate.yaml"
        config.write_text(_CONFIG.substitute(upstream=upstream, **keys), "utf-8")
        say("Starting the gateway: headgate serve --config headgate.yaml --port 0 --data data")
        url = await stack.enter_async_context(running_gateway(config, directory / "data"))
        say(f"It runs on {url}, with SQLite, and the sandbox on {upstream} as its upstream.")
        database = await Database.open(f"sqlite:///{directory / 'data' / 'headgate.db'}", pool_size=1)
        stack.push_async_callback(database.close)
        clients = [
            await stack.enter_async_context(AsyncOpenAI(base_url=f"{url}/v1", api_key=keys[name], max_retries=0))
            for name in keys
        ]
        await _play(database, Cast(*clients), upstream, say)
    say("\nThe gateway is stopped and its data directory is gone. Your own: headgate serve")


async def _play(database: Database, cast: Cast, upstream: str, say: Say) -> None:
    before = await _balances(database)
    say(f"Balances: {_shown(before)}")
    receipts: list[Entry] = []
    for number, scene in enumerate(SCENES, start=1):
        say(f"\n{number}. {scene.title}")
        told = await scene.play(cast)
        for line in told.text.splitlines():
            say(f"   {line}")
        entry = await _receipt(database, told.call_id)
        say(f"   receipt  {_line(entry)}")
        _require(entry.ending == scene.ending, f"the receipt should say {scene.ending}, not {entry.ending}")
        _require(entry.user == scene.user, f"the receipt should be {scene.user}'s, not {entry.user}'s")
        receipts.append(entry)
    after = await _balances(database)
    say(f"\nBalances: {_shown(after)}")
    await _audit(database, upstream, receipts, before, after, say)


@asynccontextmanager
async def running_gateway(config: Path, data: Path) -> AsyncIterator[str]:
    """A gateway in a process of its own; gives its address once it is ready, and stops it in the end.

    Raises:
        DemoFailed: it did not start; the message has what it said.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "headgate", "serve", "--config", str(config), "--data", str(data), "--port", "0"),
        "--no-call-log",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        # Ctrl-C is for the demo, which then stops the gateway in order.
        start_new_session=True,
    )
    try:
        yield await _address(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(READY_S):
            async for line in process.stdout:
                _, found, rest = line.decode().partition(" is ready on ")
                if found:
                    return rest.split()[0]
            said = (await process.stderr.read()).decode().strip()
    except TimeoutError:
        raise DemoFailed(f"the gateway was not ready after {READY_S:g} s") from None
    raise DemoFailed(f"the gateway did not start: {said}")


# --- the calls -------------------------------------------------------------------------------------------------------


async def _plain(cast: Cast) -> Told:
    answer = await cast.alice.chat.completions.create(
        model="sandbox", messages=[{"role": "user", "content": "What is 12 * 4?"}]
    )
    return Told(answer._request_id or "", f"answer   {answer.choices[0].message.content}")


async def _streamed(cast: Cast) -> Told:
    raw = await cast.alice.chat.completions.with_raw_response.create(
        model="fast", messages=[{"role": "user", "content": "Write 12 words"}], stream=True
    )
    pieces = [chunk.choices[0].delta.content or "" async for chunk in raw.parse() if chunk.choices]
    return Told(raw.headers["x-request-id"], f"answer   {'|'.join(filter(None, pieces))}")


async def _image(cast: Cast) -> Told:
    url = "data:image/png;base64," + base64.b64encode(_picture(64, 48, (220, 30, 30))).decode()
    answer = await cast.alice.chat.completions.create(
        model="sandbox",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is in this picture?"},
                    {"type": "image_url", "image_url": {"url": url}},
                ],
            }
        ],
    )
    return Told(answer._request_id or "", f"answer   {answer.choices[0].message.content}")


async def _tool(cast: Cast) -> Told:
    answer = await cast.alice.chat.completions.create(
        model="sandbox",
        messages=[{"role": "user", "content": "How is the weather in Delft?"}],
        tools=[WEATHER_TOOL],
    )
    calls = answer.choices[0].message.tool_calls or []
    _require(len(calls) == 1 and calls[0].type == "function", "the model should have called the tool")
    function = calls[0].function  # type: ignore[union-attr] # looked at above
    return Told(answer._request_id or "", f"answer   calls {function.name} with {function.arguments}")


async def _refused(cast: Cast) -> Told:
    try:
        await cast.bob.chat.completions.create(
            model="sandbox", messages=[{"role": "user", "content": "A question that bob cannot pay. " * 20}]
        )
    except APIStatusError as error:
        body = error.body if isinstance(error.body, dict) else {}
        text = f"refused  {type(error).__name__}, HTTP {error.status_code}: {body.get('message')}"
        return Told(error.request_id or "", text)
    raise DemoFailed("a call that nobody can pay was answered")


SCENES = (
    Scene("A plain call", _plain, "completed"),
    Scene("A streamed call, under a name of the operator's own", _streamed, "completed"),
    Scene("A picture", _image, "completed"),
    Scene("A tool", _tool, "completed"),
    Scene("A call that its user cannot pay", _refused, "refused", user="bob"),
)


def _picture(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """A PNG of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes(colour) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# --- the books -------------------------------------------------------------------------------------------------------


async def _receipt(database: Database, call_id: str) -> Entry:
    """The receipt of a call: the answer's `x-request-id` is its id. It reaches the database within a second."""
    deadline = asyncio.get_running_loop().time() + BOOKED_S
    while asyncio.get_running_loop().time() < deadline:
        async with database.read() as conn:
            entry = await archive.show(conn, call_id)
        if entry is not None:
            return entry
        await asyncio.sleep(0.05)
    raise DemoFailed(f"there is no receipt for the call {call_id!r}")


async def _balances(database: Database) -> dict[str, int]:
    async with database.read() as conn:
        users: list[User] = await list_users(conn)
    return {user.name: user.balance_nano for user in users}


async def _audit(
    database: Database,
    upstream: str,
    receipts: list[Entry],
    before: dict[str, int],
    after: dict[str, int],
    say: Say,
) -> None:
    """Hold the books against each other."""
    for name, had_nano in before.items():
        charged = sum(entry.charge_nano for entry in receipts if entry.user == name)
        _require(had_nano - charged == after[name], f"{name}'s balance and receipts do not agree")
    async with database.read() as conn:
        total = (await conn.execute(select(func.sum(accounts.c.balance_nano)))).scalar_one()
    _require(total == 0, f"all accounts together hold {total}, not 0")
    async with httpx.AsyncClient(trust_env=False) as client:
        books = (await client.get(f"{upstream}/sandbox/books")).json()["totals"]
    read = sum(entry.usage.total_in for entry in receipts)
    written = sum(entry.usage.total_out for entry in receipts)
    _require(read == books["input"] + books["cached"], f"we charged {read} tokens in, the upstream counted {books}")
    _require(written == books["output"], f"we charged {written} tokens out, the upstream counted {books}")
    spent = format_usd(sum(entry.charge_nano for entry in receipts))
    say(f"The books agree: {len(receipts)} receipts for {spent} are what the balances went down by; all accounts")
    say(f"together hold 0; and the upstream counted the same {read} tokens in and {written} tokens out.")


def _line(entry: Entry) -> str:
    tokens = f"{entry.usage.total_in} tokens in, {entry.usage.total_out} out"
    return f"{entry.id}: {entry.ending}, {tokens}, charge {format_usd(entry.charge_nano)}, {entry.duration_ms} ms"


def _shown(balances: dict[str, int]) -> str:
    return ", ".join(f"{name} {format_usd(nano)}" for name, nano in balances.items())


def _require(right: bool, otherwise: str) -> None:
    if not right:
        raise DemoFailed(otherwise)
