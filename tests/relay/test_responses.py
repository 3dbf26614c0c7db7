"""Responses that an upstream keeps."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from msgspec import Struct

from fakes.caller import FakeClient
from fakes.peer import Peer, Reply, ok, peer, reply
from headgate.access.caller import Caller
from headgate.billing.pricebook import PriceBook
from headgate.canonical.failure import Failure, Refused
from headgate.channels.channel import Channel
from headgate.channels.pins import Pins
from headgate.channels.routes import Route
from headgate.providers.registry import PROVIDERS
from headgate.relay.asked import Asked
from headgate.relay.call import Call
from headgate.relay.responses import StoredResponses
from headgate.relay.snapshot import Snapshot, Way
from headgate.store.database import Database
from headgate.upstream import Client

ALICE = Caller(key_id=1, key_name="k", user_id=1, user_name="alice", wallet_id=1)
BOB = Caller(key_id=2, key_name="k", user_id=2, user_name="bob", wallet_id=2)


class PartOfCall(Struct, frozen=True, kw_only=True):
    """What `StoredResponses` looks at of a call."""

    caller: Caller
    body: bytes
    routes: tuple[Route, ...]
    credential_id: int | None = None
    stored: bool = True


class Bench:
    """Two channels for one model, the second with two credentials; both upstreams are the same peer."""

    def __init__(self, it: Peer, client: Client, database: Database) -> None:
        self.peer = it
        self.pins = Pins(database)
        self.stored = StoredResponses(self.pins, client, lambda: 5)
        self.channels = [self._channel(1, (1, "sk-1")), self._channel(2, (2, "sk-2"), (3, "sk-3"))]
        self.snapshot = self.load(self.channels)

    def load(self, channels: list[Channel]) -> Snapshot:
        return Snapshot(
            channels=channels, prices=PriceBook({}, clock=lambda: 0), multipliers_ppm={}, providers=PROVIDERS
        )

    def _channel(self, channel_id: int, *credentials: tuple[int, str]) -> Channel:
        base_url = f"http://127.0.0.1:{self.peer.port}/v1"
        return Channel(
            id=channel_id,
            name=f"c{channel_id}",
            provider="openai",
            base_url=base_url,
            models=("gpt",),
            credentials=credentials,
        )

    def call(self, caller: Caller = ALICE, **body: Any) -> Call:
        """As much of a call as matters here."""
        content = json.dumps({"model": "gpt", "input": "hi", **body}).encode()
        routes = self.snapshot.routes.routes("default", "gpt")
        return cast("Call", PartOfCall(caller=caller, body=content, routes=routes))

    async def make(self, response_id: str, credential: tuple[int, str] = (3, "sk-3"), **body: Any) -> None:
        """A response made through the second channel, by alice."""
        route = self.snapshot.routes.routes("default", "gpt")[1]
        way: Way = self.snapshot.way(route, credential, "openai_responses")
        self.stored.made(await self.stored.placed(self.call(**body)), way, response_id)

    async def ask(
        self, response_id: str, *, caller: Caller = ALICE, method: str = "GET", detail: str = "", query: bytes = b""
    ) -> FakeClient:
        """Ask about an earlier response."""
        client = FakeClient(query=query)
        asked = Asked(protocol="openai_responses", operation="stored", name=response_id, method=method, detail=detail)
        await self.stored.serve(client, asked, caller, self.snapshot)
        return client

    async def refusal(self, response_id: str, **asked: Any) -> Failure:
        """Ask, and be refused."""
        with pytest.raises(Refused) as caught:
            await self.ask(response_id, **asked)
        return caught.value.failure


@asynccontextmanager
async def bench(database: Database, *script: Reply) -> AsyncIterator[Bench]:
    async with peer(*script) as it:
        client = Client()
        yield Bench(it, client, database)
        await client.close()


async def test_a_response_is_asked_for_where_it_was_made(database: Database) -> None:
    """With the credential that made it; of the query only what the API knows is sent on, and never a key."""
    async with bench(database, reply(ok(b'{"id":"resp_1"}'))) as it:
        await it.make("resp_1")
        client = await it.ask("resp_1", query=b"include%5B%5D=a&key=sk-mine&limit=3")
        ((line, headers, body),) = it.peer.requests
    assert (client.status, client.sent) == (200, b'{"id":"resp_1"}')
    assert line == "GET /v1/responses/resp_1?include%5B%5D=a&limit=3"
    assert headers["authorization"] == "Bearer sk-3"
    assert body == b""


@pytest.mark.parametrize(
    ("method", "detail", "line"),
    [
        ("GET", "input_items", "GET /v1/responses/resp_1/input_items"),
        ("POST", "cancel", "POST /v1/responses/resp_1/cancel"),
        ("DELETE", "", "DELETE /v1/responses/resp_1"),
    ],
)
async def test_what_else_can_be_done_with_it(database: Database, method: str, detail: str, line: str) -> None:
    """The path is the upstream's own."""
    async with bench(database, reply(ok(b"{}"))) as it:
        await it.make("resp_1")
        await it.ask("resp_1", method=method, detail=detail)
        assert it.peer.requests[0][0] == line


async def test_a_deleted_response_is_unknown(database: Database) -> None:
    """Without asking the upstream again."""
    async with bench(database, reply(ok(b'{"deleted":true}'))) as it:
        await it.make("resp_1")
        await it.ask("resp_1", method="DELETE")
        assert (await it.refusal("resp_1")).http_status == 404
        assert len(it.peer.requests) == 1


async def test_foreign_and_unknown_ids_are_the_same_to_a_caller(database: Database) -> None:
    """Nobody learns whether another user's response exists."""
    async with bench(database) as it:
        await it.make("resp_1")
        foreign, unknown = await it.refusal("resp_1", caller=BOB), await it.refusal("resp_2")
        assert foreign.http_status == unknown.http_status == 404
        assert foreign.message.replace("resp_1", "") == unknown.message.replace("resp_2", "")
        assert it.peer.requests == []


async def test_a_stream_is_carried_on(database: Database) -> None:
    """`stream=true` on a stored response."""
    events = b'data: {"type":"response.created"}\n\n'
    async with bench(database, reply(ok(events, b"content-type: text/event-stream"))) as it:
        await it.make("resp_1")
        client = await it.ask("resp_1", query=b"stream=true")
    assert client.answered["content-type"].startswith("text/event-stream")
    assert (client.sent, client.done) == (events, True)


async def test_a_channel_that_is_gone_keeps_nothing(database: Database) -> None:
    """Nor one whose credential was taken away."""
    async with bench(database) as it:
        await it.make("resp_1")
        it.snapshot = it.load(it.channels[:1])
        assert (await it.refusal("resp_1")).http_status == 404


@pytest.mark.parametrize(("status", "told"), [(404, 404), (400, 400), (401, 503), (500, 500)])
async def test_an_upstreams_refusal_is_told(database: Database, status: int, told: int) -> None:
    """But not that it refused our credential."""
    refusal = b'HTTP/1.1 %d No\r\nContent-Length: 27\r\n\r\n{"error":{"message":"mine"}}'[:-1] % status + b"}"
    async with bench(database, reply(refusal)) as it:
        await it.make("resp_1")
        assert (await it.refusal("resp_1")).http_status == told


async def test_a_call_goes_on_where_its_predecessor_was_made(database: Database) -> None:
    """To that channel alone, with that credential; a call that leans on nothing stays free."""
    async with bench(database) as it:
        await it.make("resp_1")
        placed = await it.stored.placed(it.call(previous_response_id="resp_1"))
        assert [route.channel.id for route in placed.routes] == [2]
        assert placed.credential_id == 3
        free = await it.stored.placed(it.call())
        assert len(free.routes) == 2
        assert free.credential_id is None


async def test_a_named_item_is_looked_for_where_the_user_was_last(database: Database) -> None:
    """Nobody keeps a list of items."""
    async with bench(database) as it:
        with pytest.raises(Refused):
            await it.stored.placed(it.call(input=[{"type": "item_reference", "id": "msg_1"}]))
        await it.make("resp_1")
        placed = await it.stored.placed(it.call(input=[{"type": "item_reference", "id": "msg_1"}]))
        assert placed.credential_id == 3


async def test_nobody_goes_on_from_anothers_response(database: Database) -> None:
    """Told in OpenAI's words, also where the name of the member is written with escapes."""
    async with bench(database) as it:
        await it.make("resp_1")
        call = it.call(BOB, previous_response_id="resp_1")
        escaped = call.body.replace(b"previous_", b"previous\\u005f")
        for body in (call.body, escaped):
            with pytest.raises(Refused) as caught:
                await it.stored.placed(cast("Call", PartOfCall(caller=BOB, body=body, routes=call.routes)))
            assert caught.value.failure.http_status == 400
            assert caught.value.failure.code == "previous_response_not_found"


@pytest.mark.parametrize(
    ("body", "status"),
    [({"conversation": "conv_1"}, 404), ({"conversation": {"id": "c"}}, 404), ({"background": True}, 400)],
)
async def test_what_is_not_served_is_refused(database: Database, body: dict[str, Any], status: int) -> None:
    """Conversations cannot be made here, and background answers would be work that nobody pays for."""
    async with bench(database) as it:
        with pytest.raises(Refused) as caught:
            await it.stored.placed(it.call(**body))
    assert caught.value.failure.http_status == status


async def test_what_is_not_to_be_stored_is_not_remembered(database: Database) -> None:
    """`store` is false."""
    async with bench(database) as it:
        await it.make("resp_1", store=False)
        assert (await it.refusal("resp_1")).http_status == 404
