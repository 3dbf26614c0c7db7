"""Anthropic Messages, through Anthropic's own client and against recordings."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import pytest
from anthropic.types import Message

from sandbox.shapes import answered, recorded

WEATHER: Any = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
SEARCH: Any = {"type": "web_search_20250305", "name": "web_search"}
THINKING: Any = {"type": "enabled", "budget_tokens": 1024}
HELLO: Any = [{"role": "user", "content": "Hello"}]
PARIS: Any = [{"role": "user", "content": "What is the weather in Paris?"}]


@pytest.fixture
async def client(url: str) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=url, api_key="sk-test", max_retries=0) as made:
        yield made


async def create(client: anthropic.AsyncAnthropic, **wishes: Any) -> Message:
    made: Message = await client.messages.create(
        **({"model": "sandbox", "max_tokens": 2000, "messages": HELLO} | wishes)
    )
    return made


async def streamed(client: anthropic.AsyncAnthropic, **wishes: Any) -> Message:
    defaults: Any = {"model": "sandbox", "max_tokens": 2000, "messages": HELLO}
    async with client.messages.stream(**(defaults | wishes)) as stream:
        return await stream.get_final_message()


@pytest.mark.parametrize(
    "wishes",
    [{}, {"thinking": THINKING}, {"messages": PARIS, "tools": [WEATHER]}, {"tools": [SEARCH]}, {"max_tokens": 2}],
)
async def test_a_plain_answer_and_a_streamed_one_are_the_same(
    client: anthropic.AsyncAnthropic, wishes: dict[str, Any]
) -> None:
    """Put together by the official client, block for block, with the same usage."""
    whole, put_together = await create(client, **wishes), await streamed(client, **wishes)
    for mine, theirs in zip(whole.content, put_together.content, strict=True):
        ids: Any = {"id", "tool_use_id", "parsed_output"}
        assert mine.model_dump(exclude=ids, exclude_none=True) == theirs.model_dump(exclude=ids, exclude_none=True)
    assert (whole.stop_reason, whole.usage) == (put_together.stop_reason, put_together.usage)


async def test_a_tool_is_called_and_its_result_quoted(client: anthropic.AsyncAnthropic, red_png: bytes) -> None:
    """Thinking comes back with it; a picture in the result is seen."""
    asked = await create(client, messages=PARIS, tools=[WEATHER], thinking=THINKING)
    assert [block.type for block in asked.content] == ["thinking", "tool_use"]
    use: Any = asked.content[1]
    assert use.input == {"city": "Paris"}
    said = {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in asked.content]}
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}
    history = [*PARIS, said, {"role": "user", "content": [result]}]
    answer = await create(client, messages=history, tools=[WEATHER], thinking=THINKING)
    assert answer.content[-1].text == "The tool answered: sunny"  # type: ignore[union-attr]
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(red_png).decode()}
    shown = [{"role": "user", "content": [{"type": "image", "source": source}]}]
    assert "mostly red" in (await create(client, messages=shown)).content[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "wishes",
    [
        {},
        {
            "messages": [
                {
                    "role": "user",
                    "content": "\
ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING_46C9A13E193C177646C7398A98432ECCCE4C1253D5E2D82641AC0E52CC2876CB",
                }
            ]
        },
    ],
)
async def test_thinking_must_come_back_unaltered(client: anthropic.AsyncAnthropic, wishes: dict[str, Any]) -> None:
    """Shown or redacted: any change is noticed."""
    made = await create(client, thinking=THINKING, **wishes)
    blocks = [block.model_dump(exclude_none=True) for block in made.content]
    more = {"role": "user", "content": "Go on"}
    await create(client, messages=[*HELLO, {"role": "assistant", "content": blocks}, more])
    broken = dict(blocks[0])
    name = "thinking" if "thinking" in broken else "data"
    broken[name] = "A" + broken[name]
    with pytest.raises(anthropic.BadRequestError, match="Invalid"):
        await create(client, messages=[*HELLO, {"role": "assistant", "content": [broken, blocks[1]]}, more])


async def test_thinking_may_not_be_left_out_before_a_tools_result(client: anthropic.AsyncAnthropic) -> None:
    """While thinking is on."""
    use = {"type": "tool_use", "id": "t", "name": "get_weather", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": "sunny"}
    history = [*PARIS, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    await create(client, messages=history, tools=[WEATHER])
    with pytest.raises(anthropic.BadRequestError, match="Expected `thinking`"):
        await create(client, messages=history, tools=[WEATHER], thinking=THINKING)


async def test_marked_prompts_are_cached(client: anthropic.AsyncAnthropic) -> None:
    """Written the first time, read the second, and the three counts are disjoint."""
    system: Any = [{"type": "text", "text": "word " * 1200, "cache_control": {"type": "ephemeral"}}]
    first, second = [await create(client, system=system) for _ in range(2)]
    assert (first.usage.cache_creation_input_tokens, first.usage.cache_read_input_tokens) == (1205, 0)
    assert (second.usage.cache_creation_input_tokens, second.usage.cache_read_input_tokens) == (0, 1205)
    assert first.usage.input_tokens == second.usage.input_tokens == 1 + 4


async def test_tokens_are_counted_without_an_answer(client: anthropic.AsyncAnthropic) -> None:
    """By the same rule as in usage."""
    assert (await client.messages.count_tokens(model="sandbox", messages=HELLO)).input_tokens == 1 + 4


@pytest.mark.parametrize(
    ("switch", "kind"),
    [
        ("error=400", anthropic.BadRequestError),
        ("error=quota", anthropic.BadRequestError),
        ("error=401", anthropic.AuthenticationError),
        ("error=403", anthropic.PermissionDeniedError),
        ("error=404", anthropic.NotFoundError),
        ("error=429", anthropic.RateLimitError),
        ("error=500", anthropic.InternalServerError),
        ("error=529", anthropic.InternalServerError),
    ],
)
async def test_errors_are_those_of_the_official_client(
    client: anthropic.AsyncAnthropic, switch: str, kind: type[anthropic.APIStatusError]
) -> None:
    """Each status as its own exception class, with a request id."""
    with pytest.raises(kind) as caught:
        await create(client, model=f"sandbox:{switch}")
    assert caught.value.request_id


async def test_an_error_inside_a_stream_is_raised_by_the_client(client: anthropic.AsyncAnthropic) -> None:
    """As the original's error event."""
    with pytest.raises(anthropic.APIStatusError, match="break off"):
        await streamed(client, model="sandbox:interrupt=3")


@pytest.mark.parametrize(
    "wishes",
    [
        {"messages": []},
        {"max_tokens": 0},
        {"messages": [{"role": "system", "content": "Hi"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "sandwich"}]}]},
        {"tools": [{"name": "f", "input_schema": {}}]},
        {"system": [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}] * 5},
        {"tools": [{"name": "a.b", "input_schema": {"type": "object"}}]},
        {
            "messages": [
                *HELLO,
                {"role": "assistant", "content": [{"type": "tool_use", "id": "a b", "name": "f", "input": {}}]},
            ]
        },
        {"thinking": {"type": "enabled", "budget_tokens": 5}},
        {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        {"thinking": THINKING, "tools": [WEATHER], "tool_choice": {"type": "any"}},
        {"thinking": THINKING, "extra_body": {"temperature": 0.5}},
        {"extra_body": {"frequency_penalty": 1}},
    ],
)
async def test_what_the_original_refuses_is_refused(client: anthropic.AsyncAnthropic, wishes: dict[str, Any]) -> None:
    """With a 400, as strictly as there."""
    with pytest.raises(anthropic.BadRequestError):
        await create(client, **wishes)


async def test_a_system_message_is_taken_after_the_users(client: anthropic.AsyncAnthropic) -> None:
    """As models since Opus 4.8 take it, and nowhere else."""
    system: Any = {"role": "system", "content": "Be brief."}
    assert (await create(client, messages=[*HELLO, system])).content[0].text == "You said: Hello"  # type: ignore[union-attr]
    with pytest.raises(anthropic.BadRequestError, match="must follow"):
        await create(client, messages=[system, *HELLO])


async def test_models_are_listed_in_pages(client: anthropic.AsyncAnthropic) -> None:
    """As the official client turns them."""
    names = [model.id async for model in client.models.list(limit=3)]
    assert names == ["sandbox", "sandbox-mini", "sandbox-thinking", "sandbox-search"]
    assert (await client.models.retrieve("sandbox")).id == "sandbox"


def kind_of(payload: dict[str, Any]) -> str:
    inner = payload.get("content_block") or payload.get("delta") or {}
    return f"{payload['type']} {inner.get('type', '')}"


@pytest.mark.parametrize("stream", [False, True])
async def test_answers_have_the_fields_of_recorded_ones(url: str, stream: bool) -> None:
    """Of every event and block that the sandbox can send."""
    wishes: list[dict[str, Any]] = [{}, {"thinking": THINKING}, {"messages": PARIS, "tools": [WEATHER]}]
    wishes.append({"tools": [SEARCH]})
    bodies = [{"model": "sandbox", "max_tokens": 2000, "messages": HELLO, "stream": stream} | wish for wish in wishes]
    ours = await answered(f"{url}/v1/messages", kind_of, bodies)
    assert recorded("anthropic", "messages", kind_of).lacks(ours) == []
