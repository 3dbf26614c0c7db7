"""Counting tokens, by an upstream or here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from fakes.caller import FakeClient
from fakes.peer import Peer, Reply, ok, peer, reply
from headgate.access.caller import Caller
from headgate.billing.pricebook import PriceBook
from headgate.canonical.failure import Kind, Refused
from headgate.channels.channel import Channel
from headgate.providers.registry import PROVIDERS
from headgate.relay.asked import Asked
from headgate.relay.counting_tokens import count_tokens
from headgate.relay.snapshot import Snapshot
from headgate.upstream import Client

CALLER = Caller(key_id=1, key_name="k", user_id=1, user_name="u", wallet_id=1, models=frozenset({"claude", "gone"}))
MESSAGES = Asked(protocol="anthropic_messages", operation="count_tokens")
BODY = b'{"model":"claude","messages":[{"role":"user","content":"hi"}]}'
FAILED = reply(b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}")


class Bench:
    """A channel of some provider whose upstream is a peer."""

    def __init__(self, it: Peer, client: Client, provider: str) -> None:
        self.peer = it
        self._client = client
        self._snapshot = Snapshot(
            channels=[
                Channel(
                    id=1,
                    name="c",
                    provider=provider,
                    base_url=f"http://127.0.0.1:{it.port}",
                    model_map={"claude": "upstream-claude"},
                    credentials=((1, "sk-up"),),
                )
            ],
            prices=PriceBook({}, clock=lambda: 0),
            multipliers_ppm={},
            providers=PROVIDERS,
        )

    async def count(self, asked: Asked = MESSAGES, model: str = "claude", body: bytes = BODY) -> bytes:
        client = FakeClient(headers=[(b"anthropic-beta", b"b")])
        return await count_tokens(client, asked, CALLER, model, body, self._snapshot, self._client)


@asynccontextmanager
async def bench(*script: Reply, provider: str = "anthropic") -> AsyncIterator[Bench]:
    async with peer(*script) as it:
        client = Client()
        yield Bench(it, client, provider)
        await client.close()


async def test_an_upstream_of_the_callers_protocol_counts() -> None:
    """It is asked under its own name of the model, and its answer passed on as it is."""
    async with bench(reply(ok(b'{"input_tokens": 77}'))) as it:
        assert await it.count() == b'{"input_tokens": 77}'
        ((line, headers, body),) = it.peer.requests
    assert line == "POST /v1/messages/count_tokens"
    assert (headers["x-api-key"], headers["anthropic-beta"]) == ("sk-up", "b")
    assert body == b'{"model":"upstream-claude","messages":[{"role":"user","content":"hi"}]}'


@pytest.mark.parametrize(
    "bad", [FAILED, reply(ok(b"no json")), reply(ok(b'{"tokens":1}')), reply(then="close")], ids=range(4)
)
async def test_where_it_fails_we_count(bad: Reply) -> None:
    """A caller who counts is about to call: an estimate is better than an error."""
    async with bench(bad) as it:
        assert b'"input_tokens":' in await it.count()
        assert len(it.peer.requests) >= 1


async def test_where_it_cannot_count_it_is_not_asked() -> None:
    """A provider of another protocol, or without such a call."""
    async with bench(provider="openai-compatible") as it:
        assert b'"input_tokens":' in await it.count()
        assert it.peer.requests == []


async def test_google_and_openai_count_too() -> None:
    """At their own paths."""
    asked = Asked(protocol="gemini_generate", operation="count_tokens", model="claude")
    async with bench(reply(ok(b'{"totalTokens": 5}')), provider="gemini") as it:
        assert await it.count(asked, body=b'{"contents":[]}') == b'{"totalTokens": 5}'
        assert it.peer.requests[0][0] == "POST /v1beta/models/upstream-claude:countTokens"
    asked = Asked(protocol="openai_responses", operation="count_tokens")
    async with bench(reply(ok(b'{"input_tokens": 6}')), provider="openai") as it:
        assert await it.count(asked, body=b'{"model":"claude","input":"hi"}') == b'{"input_tokens": 6}'
        assert it.peer.requests[0][0] == "POST /responses/input_tokens"


async def test_an_ending_that_asks_for_thinking_is_no_other_model() -> None:
    """The name without it is what is offered."""
    async with bench(reply(ok(b'{"input_tokens": 7}'))) as it:
        body = BODY.replace(b"claude", b"claude-thinking")
        assert await it.count(model="claude-thinking", body=body) == b'{"input_tokens": 7}'
        assert b'"upstream-claude"' in it.peer.requests[0][2]


@pytest.mark.parametrize(("model", "kind"), [("gone", Kind.MODEL_NOT_FOUND), ("other", Kind.PERMISSION)])
async def test_what_may_not_be_called_is_not_counted(model: str, kind: Kind) -> None:
    """A model that is not offered, and one that the key may not use."""
    async with bench() as it:
        with pytest.raises(Refused) as caught:
            await it.count(model=model)
    assert caught.value.failure.kind is kind


async def test_chat_completions_has_no_such_call() -> None:
    """There is no form to answer in."""
    async with bench() as it:
        with pytest.raises(Refused) as caught:
            await it.count(Asked(protocol="openai_chat", operation="count_tokens"))
    assert caught.value.failure.kind is Kind.NOT_FOUND
