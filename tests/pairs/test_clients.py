"""The vendors' own clients on upstreams of every protocol, through a running gateway: sixteen pairs, the same stories.

The upstream is the sandbox, which is as strict as the originals: an altered signature or an unanswered call is a 400.
"""

import asyncio
import base64
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
import pytest_asyncio
from google.genai import errors as google_errors
from msgspec.structs import replace

from acceptance.gateway import Gateway, House, housed, sqlite_at
from headgate.canonical.parts import ProtocolName
from headgate.canonical.quirks import Quirks
from headgate.providers.provider import Provider
from headgate.providers.registry import PROVIDERS
from headgate.relay.counting import count_text
from pairs.recordings import PROTOCOLS
from pairs.talks import FINISHES, KEY, TALKS, Gemini, Talk, Wishes

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.parametrize("upstream", PROTOCOLS),
    pytest.mark.parametrize("client", PROTOCOLS),
]

MODELS = {
    "plain": "sandbox",
    "thinker": "sandbox-thinking",
    "searcher": "sandbox-search",
    "locked": "sandbox:error=401",
    "missing": "sandbox:error=404",
    "busy": "sandbox:error=429,retry=7",
    "broken": "sandbox:error=500",
    "halved": "sandbox:interrupt=6",
    "slow": "sandbox:pace=30",
}
VENDORS: dict[ProtocolName, str] = {
    "openai_chat": "openai",
    "openai_responses": "openai",
    "anthropic_messages": "anthropic",
    "gemini_generate": "gemini",
}


def alone(protocol: ProtocolName) -> Provider:
    """The vendor of a protocol, speaking nothing else, with no model's peculiarities."""
    vendor = PROVIDERS[VENDORS[protocol]]
    endpoint = replace(vendor.endpoints[protocol], quirks=Quirks())
    return replace(vendor, name=f"only-{protocol}", endpoints={protocol: endpoint}, rules={})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> AsyncIterator[House]:
    """One gateway with a channel to the sandbox in each protocol; models are named `plain.openai_chat` and so on."""
    count_text("")
    directory = tmp_path_factory.mktemp("pairs")
    rows = {f"only-{protocol}": alone(protocol) for protocol in PROTOCOLS}
    PROVIDERS.update(rows)
    try:
        async with housed(directory, sqlite_at(directory, sqlite_template)) as place:
            channels = [
                {
                    "name": protocol,
                    "provider": f"only-{protocol}",
                    "base_url": f"{place.url}/v1" if protocol.startswith("openai") else place.url,
                    "keys": [f"sk-up-{name}"],
                    "model_map": {f"{name}.{protocol}": upstream},
                }
                for protocol in PROTOCOLS
                for name, upstream in MODELS.items()
            ]
            for number, one in enumerate(channels):
                one["name"] = f"channel-{number}"
            await place.open(channels)
            yield place
    finally:
        for name in rows:
            del PROVIDERS[name]


@pytest.fixture
def gateway(house: House) -> Gateway:
    return house.gateways[0]


def talk(gateway: Gateway, client: ProtocolName, upstream: ProtocolName, model: str) -> Talk:
    return TALKS[client](gateway.url, f"{model}.{upstream}")


def square() -> str:
    """A red PNG of 8 by 8 pixels."""

    def block(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    head = (8).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    rows = zlib.compress((b"\0" + b"\xff\0\0" * 8) * 8)
    png = b"\x89PNG\r\n\x1a\n" + block(b"IHDR", head) + block(b"IDAT", rows) + block(b"IEND", b"")
    return base64.b64encode(png).decode()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_plain_answer(gateway: Gateway, client: ProtocolName, upstream: ProtocolName, stream: bool) -> None:
    """The same words, a finish that says so, and usage to the token as the upstream counted it."""
    said = talk(gateway, client, upstream, "plain")
    said.user("Hello there")
    answer = await said.send(Wishes(stream=stream))
    assert answer.text == "You said: Hello there"
    assert answer.finish == FINISHES[client]["done"]
    direct = TALKS[upstream](gateway.url, f"plain.{upstream}")
    direct.user("Hello there")
    assert answer.tokens == (await direct.send(Wishes(stream=stream))).tokens


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_tool_is_called_and_answers(
    gateway: Gateway, client: ProtocolName, upstream: ProtocolName, stream: bool
) -> None:
    """Two at once, each with its id and arguments; their results find them."""
    said = talk(gateway, client, upstream, "plain")
    said.user("Use get_weather and get_population for Paris")
    wishes = Wishes(stream=stream, tools=("get_weather", "get_population"))
    answer = await said.send(wishes)
    assert [call.name for call in answer.calls] == ["get_weather", "get_population"]
    assert all(call.arguments["city"] for call in answer.calls)
    assert len({call.id for call in answer.calls}) == 2
    assert answer.finish == FINISHES[client]["calls"]
    said.returned([(call, f"{call.name} done") for call in answer.calls])
    last = await said.send(wishes)
    assert "The tool answered: " in last.text
    assert "get_population done" in last.text


async def test_an_image_is_seen(gateway: Gateway, client: ProtocolName, upstream: ProtocolName) -> None:
    """Inline, as base64."""
    said = talk(gateway, client, upstream, "plain")
    said.user("What is this?", png=square())
    answer = await said.send(Wishes())
    assert "8" in answer.text
    assert "red" in answer.text


async def test_a_document_is_read(gateway: Gateway, client: ProtocolName, upstream: ProtocolName) -> None:
    """A PDF, inline."""
    said = talk(gateway, client, upstream, "plain")
    pdf = b"%PDF-1.4\n1 0 obj<</Type/Pages/Count 1/Kids[2 0 R]>>endobj\n2 0 obj<</Type /Page>>endobj\n%%EOF\n"
    said.user("What is in it?", pdf=base64.b64encode(pdf).decode())
    answer = await said.send(Wishes())
    assert "PDF" in answer.text


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_thinking_with_tools_survives_a_second_turn(
    gateway: Gateway, client: ProtocolName, upstream: ProtocolName, stream: bool
) -> None:
    """The upstream gets its signatures, seals and encrypted thoughts back unaltered, or it would refuse the turn."""
    said = talk(gateway, client, upstream, "thinker")
    said.user("What is the weather in Paris?")
    wishes = Wishes(stream=stream, thinking=True, tools=("get_weather",))
    answer = await said.send(wishes)
    assert [call.name for call in answer.calls] == ["get_weather"]
    if upstream != "openai_chat" and (client, upstream) != ("openai_chat", "openai_responses"):
        # OpenAI shows none on Chat Completions, and on Responses only to those who ask for a summary.
        assert answer.thoughts
    said.returned([(call, "sunny") for call in answer.calls])
    last = await said.send(wishes)
    assert "sunny" in last.text


async def test_json_follows_its_schema(gateway: Gateway, client: ProtocolName, upstream: ProtocolName) -> None:
    """Whatever each protocol calls it."""
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
        "required": ["city", "people"],
        "additionalProperties": False,
    }
    said = talk(gateway, client, upstream, "plain")
    said.user("Tell me of Paris with 7 people")
    found = json.loads((await said.send(Wishes(schema=schema))).text)
    assert isinstance(found["city"], str)
    assert isinstance(found["people"], int)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_limits_are_told(gateway: Gateway, client: ProtocolName, upstream: ProtocolName, stream: bool) -> None:
    """An answer that was cut at its limit says so."""
    said = talk(gateway, client, upstream, "plain")
    said.user("Write 50 words")
    answer = await said.send(Wishes(stream=stream, max_tokens=20))
    assert answer.finish == FINISHES[client]["length"]
    assert answer.tokens[1] == 20


async def test_stop_sequences_stop(gateway: Gateway, client: ProtocolName, upstream: ProtocolName) -> None:
    """Where both have them."""
    if "openai_responses" in (client, upstream):
        pytest.skip("the Responses API has no stop sequences; the loss is declared")
    said = talk(gateway, client, upstream, "plain")
    said.user("Write 50 words")
    answer = await said.send(Wishes(stop="word5"))
    assert answer.text.rstrip().endswith("word4")
    known = upstream == "anthropic_messages" or client != "anthropic_messages"
    assert answer.finish == FINISHES[client]["stopped" if known else "done"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_search_brings_its_sources(
    gateway: Gateway, client: ProtocolName, upstream: ProtocolName, stream: bool
) -> None:
    """In the caller's form of citation."""
    said = talk(gateway, client, upstream, "searcher" if upstream == "openai_chat" else "plain")
    said.user("Search for Headgate")
    answer = await said.send(Wishes(stream=stream, search=True))
    assert [source for source in answer.sources if "www.example.com" in source]


ERRORS = (openai.APIStatusError, anthropic.APIStatusError, google_errors.APIError)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("model", "status"), [("locked", 503), ("missing", 404), ("busy", 429), ("broken", 500)])
async def test_errors_are_the_clients_own(
    gateway: Gateway, client: ProtocolName, upstream: ProtocolName, model: str, status: int, stream: bool
) -> None:
    """Each client raises its own exception for them. That the operator's key is wrong is not the caller's fault; a
    channel that has failed is left alone for a while (503)."""
    said = talk(gateway, client, upstream, model)
    said.user("Hello")
    with pytest.raises(ERRORS) as raised:
        await said.send(Wishes(stream=stream))
    error: Any = raised.value
    found = error.code if isinstance(error, google_errors.APIError) else error.status_code
    assert found in (status, 503), str(error)


async def test_an_error_in_a_stream_is_told(gateway: Gateway, client: ProtocolName, upstream: ProtocolName) -> None:
    """In the protocol's own event, which every client turns into an exception."""
    said = talk(gateway, client, upstream, "halved")
    said.user("Write 50 words")
    expected = (openai.APIError, anthropic.APIError, google_errors.APIError, RuntimeError)
    with pytest.raises(expected):
        await said.send(Wishes(stream=True))


async def test_a_client_that_leaves_pays_for_what_it_got(
    house: House, gateway: Gateway, client: ProtocolName, upstream: ProtocolName
) -> None:
    """The upstream is cancelled, and the receipt says so."""
    before = len(await house.receipts())
    said = talk(gateway, client, upstream, "slow")
    said.user("Write 300 words")
    await said.leave()
    receipt = await house.last_receipt(before + 1)
    assert receipt.ending == "client_gone"
    assert 0 < receipt.usage.total_out < 300
    assert receipt.charge_nano > 0
    assert gateway.held_nano() == 0


async def test_thinking_is_forced_and_forbidden_by_the_models_name(
    gateway: Gateway, client: ProtocolName, upstream: ProtocolName
) -> None:
    """`-thinking`, `-thinking-N`, `-low`, `-high` and `-nothinking` work on every upstream, for every client."""
    for ending, thinks in (("thinking", True), ("thinking-1500", True), ("low", True), ("high", True)):
        said = TALKS[client](gateway.url, f"plain.{upstream}-{ending}")
        said.user("Hello there")
        answer = await said.send(Wishes(max_tokens=8000))
        assert "Hello there" in answer.text, ending
        if upstream != "openai_chat":
            assert bool(answer.thoughts) == thinks, ending
    said = TALKS[client](gateway.url, f"plain.{upstream}-nothinking")
    said.user("Hello there")
    assert not (await said.send(Wishes(max_tokens=8000, thinking=upstream != "openai_chat"))).thoughts


async def test_tokens_are_counted_free_of_charge(
    house: House, gateway: Gateway, client: ProtocolName, upstream: ProtocolName
) -> None:
    """For the two clients whose protocol can ask."""
    model = f"plain.{upstream}"
    if client == "anthropic_messages":
        async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key=KEY) as sdk:
            messages: Any = [{"role": "user", "content": "Hello there"}]
            assert (await sdk.messages.count_tokens(model=model, messages=messages)).input_tokens > 0
    elif client == "gemini_generate":
        said = Gemini(gateway.url, model)
        async with aclosing(said.client().aio) as counting:
            assert (await counting.models.count_tokens(model=model, contents="Hello there")).total_tokens
    else:
        pytest.skip("OpenAI's protocols cannot ask")
    await asyncio.sleep(0)
    assert (await house.receipts())[-1].charge_nano == 0
