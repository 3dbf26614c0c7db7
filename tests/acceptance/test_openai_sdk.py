"""The official OpenAI SDK, unmodified, with nothing changed but its base URL and key."""

import asyncio
import base64
import zlib
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from acceptance.gateway import KEY, OTHER_KEY, Gateway, House, nano

MODELS = {
    "sandbox": "sandbox",
    "reasoner": "sandbox-thinking",
    "limited": "sandbox:error=429,retry=1",
    "broken": "sandbox:error=500",
    "overlong": "sandbox:error=context",
    "filtered": "sandbox:error=filter",
    "poor": "sandbox:error=quota",
    "halved": "sandbox:interrupt=3",
    "priceless": "unheard-of",
}
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
HELLO: Any = [{"role": "user", "content": "Hello there"}]


@pytest.fixture
async def gateway(house: House) -> Gateway:
    """A gateway with one channel for everything, and a second key that may use one model alone."""
    keys = [
        {"name": "dev", "user": "alice", "key": KEY},
        {"name": "two", "user": "alice", "key": OTHER_KEY, "models": ["sandbox"]},
    ]
    return await house.open([house.channel("one", MODELS)], keys=keys, prices={"priceless": None})


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[AsyncOpenAI]:
    """The asynchronous client, without its own retries."""
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=KEY, max_retries=0) as sdk:
        yield sdk


def red_square() -> str:
    """A red PNG of 8 by 8 pixels, as a data address."""

    def block(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    head = block(b"IHDR", bytes([0, 0, 0, 8, 0, 0, 0, 8, 8, 2, 0, 0, 0]))
    rows = block(b"IDAT", zlib.compress((b"\0" + b"\xe0\x05\x05" * 8) * 8))
    picture = b"\x89PNG\r\n\x1a\n" + head + rows + block(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(picture).decode()


async def test_the_synchronous_client_gets_an_answer_and_its_request_id(house: House, gateway: Gateway) -> None:
    """A plain call: text, usage, and an id that the receipt has too."""

    def call() -> Any:
        with OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY) as sdk:
            return sdk.chat.completions.create(model="sandbox", messages=HELLO)

    answer = await asyncio.to_thread(call)
    assert answer.choices[0].message.content == "You said: Hello there"
    (receipt,) = await house.receipts()
    assert receipt.id == answer._request_id
    assert receipt.ending == "completed"
    assert (receipt.usage.input, receipt.usage.output) == (answer.usage.prompt_tokens, answer.usage.completion_tokens)


async def test_the_synchronous_client_streams(gateway: Gateway) -> None:
    """Chunks come one by one and spell the answer."""

    def call() -> list[str]:
        with OpenAI(base_url=f"{gateway.url}/v1", api_key=KEY) as sdk:
            stream = sdk.chat.completions.create(model="sandbox", messages=HELLO, stream=True)
            return [chunk.choices[0].delta.content or "" for chunk in stream]

    assert "".join(await asyncio.to_thread(call)) == "You said: Hello there"


async def test_a_stream_reports_usage_only_where_it_was_asked_for(house: House, client: AsyncOpenAI) -> None:
    """The usage chunk that metering wants is not shown to a caller who did not; both calls are charged alike."""
    plain = await client.chat.completions.create(model="sandbox", messages=HELLO, stream=True)
    assert [chunk async for chunk in plain if chunk.usage or not chunk.choices] == []
    asked = await client.chat.completions.create(
        model="sandbox", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    (usage,) = [chunk.usage async for chunk in asked if chunk.usage]
    first, second = await house.receipts()
    assert first.charge_nano == second.charge_nano == nano(usage.prompt_tokens, usage.completion_tokens)
    assert not first.estimated


async def test_tools_are_called_and_answered(client: AsyncOpenAI) -> None:
    """A whole round: the model calls a tool, gets its result, and tells it."""
    question: Any = {"role": "user", "content": "What is the weather in Paris?"}
    asked = await client.chat.completions.create(model="sandbox", messages=[question], tools=[WEATHER])
    message = asked.choices[0].message
    assert asked.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls
    call: Any = message.tool_calls[0]
    assert call.function.name == "get_weather"
    history: Any = [question, message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    told = await client.chat.completions.create(model="sandbox", messages=history, tools=[WEATHER])
    assert told.choices[0].message.content == "The tool answered: sunny"


async def test_the_sdks_stream_helper_gathers_tool_calls(client: AsyncOpenAI) -> None:
    """The helper that assembles a stream is content with ours."""
    messages: Any = [{"role": "user", "content": "What is the weather in Paris?"}]
    async with client.chat.completions.stream(model="sandbox", messages=messages, tools=[WEATHER]) as stream:
        final = await stream.get_final_completion()
    calls: Any = final.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather"]


async def test_a_picture_reaches_the_model(client: AsyncOpenAI) -> None:
    """An image given as data is seen."""
    content = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": red_square()}}]
    messages: Any = [{"role": "user", "content": content}]
    answer = await client.chat.completions.create(model="sandbox", messages=messages)
    text = answer.choices[0].message.content
    assert text
    assert "8" in text
    assert "red" in text


class City(BaseModel):
    """What the structured answer should look like."""

    name: str
    people: int


async def test_a_structured_answer_is_parsed(client: AsyncOpenAI) -> None:
    """The SDK's `parse` gets an object of the class it asked for."""
    messages: Any = [{"role": "user", "content": "Tell me about a city of 500 people."}]
    answer = await client.chat.completions.parse(model="sandbox", messages=messages, response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)


async def test_several_choices_are_all_charged(house: House, client: AsyncOpenAI) -> None:
    """`n` answers, and the usage of all of them."""
    answer = await client.chat.completions.create(model="sandbox", messages=HELLO, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert answer.usage
    (receipt,) = await house.receipts()
    assert receipt.charge_nano == nano(answer.usage.prompt_tokens, answer.usage.completion_tokens)


async def test_reasoning_is_shown_and_charged_once(house: House, client: AsyncOpenAI) -> None:
    """Reasoning tokens stand in the receipt beside the visible ones."""
    answer = await client.chat.completions.create(model="reasoner", messages=HELLO)
    assert answer.usage
    assert answer.usage.completion_tokens_details
    (receipt,) = await house.receipts()
    assert receipt.usage.reasoning == answer.usage.completion_tokens_details.reasoning_tokens
    assert receipt.usage.reasoning
    assert receipt.usage.output + receipt.usage.reasoning == answer.usage.completion_tokens


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize(
    ("model", "kind", "status", "code"),
    [
        ("nothing-like-it", openai.NotFoundError, 404, "model_not_found"),
        ("priceless", openai.BadRequestError, 400, "model_price_error"),
        ("overlong", openai.BadRequestError, 400, "context_length_exceeded"),
        ("filtered", openai.BadRequestError, 400, "content_policy_violation"),
        ("limited", openai.RateLimitError, 429, "rate_limit_exceeded"),
        ("broken", openai.InternalServerError, 500, None),
        ("poor", openai.InternalServerError, 503, None),
    ],
)
async def test_errors_become_the_sdks_own_exceptions(
    client: AsyncOpenAI,
    house: House,
    model: str,
    kind: type[openai.APIStatusError],
    status: int,
    code: str | None,
    stream: bool,
) -> None:
    """Each status has its class; the id is on it, in its text, and in the receipt; nothing was charged."""
    with pytest.raises(kind) as caught:
        await client.chat.completions.create(model=model, messages=HELLO, stream=stream)
    error = caught.value
    assert error.status_code == status
    assert code is None or error.code == code
    assert error.request_id
    assert error.request_id in error.message
    assert isinstance(error.body, dict)
    assert set(error.body) == {"message", "type", "param", "code"}
    (receipt,) = await house.receipts()
    assert receipt.id == error.request_id
    assert receipt.charge_nano == 0
    assert await house.balance() == 100_000_000_000


@pytest.mark.parametrize(
    ("key", "model", "kind"),
    [
        ("sk-wrong-0123456789abcdef0123456789abcdef", "sandbox", openai.AuthenticationError),
        (OTHER_KEY, "reasoner", openai.PermissionDeniedError),
    ],
)
async def test_a_key_that_may_not_is_told_so(gateway: Gateway, key: str, model: str, kind: type[Exception]) -> None:
    """A wrong key is 401; a right one where it may not go is 403."""
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
        with pytest.raises(kind):
            await client.chat.completions.create(model=model, messages=HELLO)


async def test_a_stream_that_breaks_raises_after_what_came(client: AsyncOpenAI) -> None:
    """An error event in mid-stream is the SDK's APIError; what came before it was delivered."""
    stream = await client.chat.completions.create(model="halved", messages=HELLO, stream=True)
    assert (await anext(stream)).choices
    with pytest.raises(openai.APIError, match="break off"):
        [chunk async for chunk in stream]


async def test_models_are_listed_and_retrieved(gateway: Gateway, client: AsyncOpenAI) -> None:
    """The list has what the key may use and what has a price, and each can be retrieved."""
    names = {model.id async for model in client.models.list()}
    assert names == set(MODELS) - {"priceless"}
    assert (await client.models.retrieve("sandbox")).id == "sandbox"
    with pytest.raises(openai.NotFoundError) as caught:
        await client.models.retrieve("nothing-like-it")
    assert caught.value.code == "model_not_found"
    async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=OTHER_KEY) as other:
        assert [model.id async for model in other.models.list()] == ["sandbox"]


async def test_what_the_sdk_sends_beside_the_standard_survives(house: House, client: AsyncOpenAI) -> None:
    """Unknown members of the body go through, and nothing is lost on the way back."""
    raw = await client.chat.completions.with_raw_response.create(
        model="sandbox", messages=HELLO, logprobs=True, extra_body={"some_new_member": {"a": [1]}}
    )
    answer = raw.parse()
    assert answer.choices[0].logprobs
    (receipt,) = await house.receipts()
    assert raw.headers["x-request-id"] == receipt.id
