"""OpenAI Chat Completions, through OpenAI's own client and against recordings."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from sandbox.shapes import answered, recorded

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
HELLO: Any = [{"role": "user", "content": "Hello"}]
PARIS: Any = [{"role": "user", "content": "What is the weather in Paris?"}]


@pytest.fixture
async def client(url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-test", max_retries=0) as made:
        yield made


async def chunks(client: openai.AsyncOpenAI, **wishes: Any) -> list[ChatCompletionChunk]:
    stream = await client.chat.completions.create(**({"model": "sandbox", "messages": HELLO, "stream": True} | wishes))
    return [chunk async for chunk in stream]


def text_of(found: list[ChatCompletionChunk], index: int = 0) -> str:
    deltas = [choice.delta for chunk in found for choice in chunk.choices if choice.index == index]
    return "".join(delta.content or "" for delta in deltas)


async def test_a_plain_answer_and_a_streamed_one_say_and_count_the_same(client: openai.AsyncOpenAI) -> None:
    """Streamed, the usage comes in a last chunk of its own."""
    whole = await client.chat.completions.create(model="sandbox", messages=HELLO)
    found = await chunks(client, stream_options={"include_usage": True})
    assert whole.choices[0].message.content == text_of(found) == "You said: Hello"
    assert whole.system_fingerprint == "fp_sandbox"
    assert (found[-1].choices, found[-1].usage) == ([], whole.usage)
    assert [chunk.usage for chunk in found[:-1]] == [None] * (len(found) - 1)


async def test_usage_is_streamed_only_when_asked_for(client: openai.AsyncOpenAI) -> None:
    """And withheld even then by a switch."""
    assert "usage" not in (await chunks(client))[-1].model_fields_set
    withheld = await chunks(client, model="sandbox:nousage", stream_options={"include_usage": True})
    assert all(chunk.usage is None and chunk.choices for chunk in withheld)


async def test_a_tool_may_take_plain_text(client: openai.AsyncOpenAI) -> None:
    """Whole, streamed, and back again."""
    tools: Any = [{"type": "custom", "custom": {"name": "write_note"}}]
    wishes: Any = {"messages": [{"role": "user", "content": "Call write_note in Paris"}], "tools": tools}
    whole = await client.chat.completions.create(model="sandbox", **wishes)
    [call] = whole.choices[0].message.tool_calls or []
    assert call.type == "custom"
    assert (call.custom.name, call.custom.input) == ("write_note", "Paris")
    deltas: list[Any] = [
        delta for chunk in await chunks(client, **wishes) for delta in chunk.choices[0].delta.tool_calls or []
    ]
    assert (deltas[0].type, deltas[0].custom["name"]) == ("custom", "write_note")
    assert "".join(delta.custom["input"] for delta in deltas) == "Paris"
    back: Any = [whole.choices[0].message.model_dump(exclude_none=True)]
    back.append({"role": "tool", "tool_call_id": call.id, "content": "written"})
    wishes["messages"] = [*wishes["messages"], *back]
    answer = await client.chat.completions.create(model="sandbox", **wishes)
    assert answer.choices[0].message.content == "The tool answered: written"


async def test_a_tool_is_called_and_its_result_quoted(client: openai.AsyncOpenAI) -> None:
    """The whole round, streamed on the way out."""
    found = await chunks(client, messages=PARIS, tools=[WEATHER])
    calls = [call for chunk in found for choice in chunk.choices for call in choice.delta.tool_calls or []]
    arguments = "".join(call.function.arguments or "" for call in calls if call.function)
    assert json.loads(arguments) == {"city": "Paris"}
    assert found[-1].choices[0].finish_reason == "tool_calls"
    function = {"name": "get_weather", "arguments": arguments}
    asked: Any = {"role": "assistant", "tool_calls": [{"id": calls[0].id, "type": "function", "function": function}]}
    result: Any = {"role": "tool", "tool_call_id": calls[0].id, "content": "sunny"}
    answer = await client.chat.completions.create(model="sandbox", messages=[*PARIS, asked, result], tools=[WEATHER])
    assert answer.choices[0].message.content == "The tool answered: sunny"


async def test_a_picture_and_a_file_are_seen(client: openai.AsyncOpenAI, red_png: bytes) -> None:
    """Given as data URLs."""
    picture = {"url": f"data:image/png;base64,{base64.b64encode(red_png).decode()}"}
    file = {"filename": "a.txt", "file_data": f"data:text/plain;base64,{base64.b64encode(b'one two').decode()}"}
    content: Any = [{"type": "image_url", "image_url": picture}, {"type": "file", "file": file}]
    answer = await client.chat.completions.create(model="sandbox", messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content == (
        "I see a PNG picture of 20x10 pixels, mostly red. I received a text named a.txt of 2 words that begins: one two"
    )


async def test_several_choices_are_counted_together(client: openai.AsyncOpenAI) -> None:
    """Plain and streamed."""
    whole = await client.chat.completions.create(model="sandbox", messages=HELLO, n=2)
    assert [choice.message.content for choice in whole.choices] == ["You said: Hello", "You said: Hello (choice 2)"]
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 4 + 8
    assert text_of(await chunks(client, n=2), index=1) == "You said: Hello (choice 2)"


async def test_a_thinking_model_shows_its_reasoning(client: openai.AsyncOpenAI) -> None:
    """In the field that compatible vendors use, and in the count."""
    answer = await client.chat.completions.create(model="sandbox-thinking", messages=HELLO)
    assert answer.choices[0].message.reasoning_content.startswith("The user asks: Hello")  # type: ignore[attr-defined]
    assert answer.usage is not None
    assert answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.reasoning_tokens == 11
    assert answer.usage.completion_tokens == 11 + 4


async def test_logprobs_spell_the_answer(client: openai.AsyncOpenAI) -> None:
    """With as many alternatives as wished."""
    answer = await client.chat.completions.create(model="sandbox", messages=HELLO, logprobs=True, top_logprobs=3)
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert logprobs.content is not None
    assert "".join(token.token for token in logprobs.content) == "You said: Hello"
    assert {len(token.top_logprobs) for token in logprobs.content} == {3}


async def test_limits_and_stops_end_an_answer(client: openai.AsyncOpenAI) -> None:
    """Each with its finish reason."""
    cut = await client.chat.completions.create(model="sandbox", messages=HELLO, max_completion_tokens=2)
    assert (cut.choices[0].message.content, cut.choices[0].finish_reason) == ("You said", "length")
    stopped = await client.chat.completions.create(model="sandbox", messages=HELLO, stop=":")
    assert (stopped.choices[0].message.content, stopped.choices[0].finish_reason) == ("You said", "stop")


@pytest.mark.parametrize(
    ("switch", "kind", "code"),
    [
        ("error=400", openai.BadRequestError, None),
        ("error=context", openai.BadRequestError, "context_length_exceeded"),
        ("error=401", openai.AuthenticationError, "invalid_api_key"),
        ("error=403", openai.PermissionDeniedError, None),
        ("error=404", openai.NotFoundError, "model_not_found"),
        ("error=429", openai.RateLimitError, "rate_limit_exceeded"),
        ("error=quota", openai.RateLimitError, "insufficient_quota"),
        ("error=500", openai.InternalServerError, None),
        ("error=503", openai.InternalServerError, None),
    ],
)
async def test_errors_are_those_of_the_official_client(
    client: openai.AsyncOpenAI, switch: str, kind: type[openai.APIStatusError], code: str | None
) -> None:
    """Each status as its own exception class."""
    with pytest.raises(kind) as caught:
        await client.chat.completions.create(model=f"sandbox:{switch}", messages=HELLO)
    assert caught.value.code == code


async def test_an_error_inside_a_stream_is_raised_by_the_client(client: openai.AsyncOpenAI) -> None:
    """After what came before it."""
    with pytest.raises(openai.APIError, match="break off"):
        await chunks(client, model="sandbox:interrupt=2")


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "robot", "content": "Hi"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": [{"text": "Hi"}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,?"}}]}],
        [{"role": "tool", "tool_call_id": "x", "content": "Hi"}],
        [
            {"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "f"}}]},
            {"role": "user", "content": "?"},
        ],
        [{"role": "assistant", "tool_calls": [{"id": "x" * 41, "function": {"name": "f"}}]}],
        [7],
    ],
)
async def test_misshapen_conversations_are_refused(client: openai.AsyncOpenAI, messages: Any) -> None:
    """As the original refuses them, with a 400."""
    with pytest.raises(openai.BadRequestError):
        await client.chat.completions.create(model="sandbox", messages=messages)


def kind_of(payload: dict[str, Any]) -> str:
    is_usage = payload["object"] == "chat.completion.chunk" and not payload.get("choices")
    return f"{payload['object']}{' of usage' if is_usage else ''}"


@pytest.mark.parametrize("stream", [False, True])
async def test_answers_have_the_fields_of_recorded_ones(url: str, stream: bool) -> None:
    """No field that was never recorded, none missing that all recordings have."""
    wishes: list[dict[str, Any]] = [{}, {"logprobs": True, "top_logprobs": 2}, {"messages": PARIS, "tools": [WEATHER]}]
    wishes += [{"n": 2}, {} if stream else {"web_search_options": {}}]
    streamed = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    bodies = [{"model": "sandbox", "messages": HELLO} | streamed | wish for wish in wishes]
    ours = await answered(f"{url}/v1/chat/completions", kind_of, bodies)
    assert recorded("openai", "chat-completions", kind_of).lacks(ours) == []
