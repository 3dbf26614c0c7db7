"""OpenAI Responses, through OpenAI's own client and against recordings."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from sandbox.shapes import answered, recorded

WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "strict": False,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
SEALED: Any = {"reasoning": {"summary": "auto"}, "include": ["reasoning.encrypted_content"], "store": False}


@pytest.fixture
async def client(url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-test", max_retries=0) as made:
        yield made


async def test_a_plain_answer_and_a_streamed_one_are_the_same(client: openai.AsyncOpenAI) -> None:
    """And its events are numbered without a gap."""
    whole = await client.responses.create(model="sandbox", input="Hello")
    events = [event async for event in await client.responses.create(model="sandbox", input="Hello", stream=True)]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1]
    assert last.type == "response.completed"
    assert whole.output_text == last.response.output_text == "You said: Hello"
    assert whole.usage == last.response.usage


async def test_a_conversation_goes_on_from_a_stored_response(client: openai.AsyncOpenAI) -> None:
    """Over two steps; what was deleted or not stored is not found."""
    first = await client.responses.create(model="sandbox", input="I am Ada")
    second = await client.responses.create(model="sandbox", input="Hello", previous_response_id=first.id)
    third = await client.responses.create(model="sandbox", input="What did I say?", previous_response_id=second.id)
    assert third.output_text == "First you said: I am Ada"
    assert (await client.responses.retrieve(first.id)).output_text == first.output_text
    items = await client.responses.input_items.list(first.id)
    assert items.data[0].model_dump()["content"][0]["text"] == "I am Ada"
    await client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(first.id)
    passing = await client.responses.create(model="sandbox", input="Hello", store=False)
    with pytest.raises(openai.BadRequestError, match="not found"):
        await client.responses.create(model="sandbox", input="Hello", previous_response_id=passing.id)


async def test_tools_are_called_and_their_results_quoted(client: openai.AsyncOpenAI) -> None:
    """A function with JSON arguments, and a custom tool with plain text."""
    question: Any = {"role": "user", "content": "Call get_weather and write_note in Paris"}
    tools: Any = [WEATHER, {"type": "custom", "name": "write_note"}]
    made = await client.responses.create(model="sandbox", input=[question], tools=tools)
    function, custom = made.output
    assert function.type == "function_call"
    assert function.arguments == '{"city":"Paris"}'
    assert custom.type == "custom_tool_call"
    assert custom.input == "Paris"
    results: Any = [
        {"type": "function_call_output", "call_id": function.call_id, "output": "sunny"},
        {"type": "custom_tool_call_output", "call_id": custom.call_id, "output": "written"},
    ]
    asked: Any = [function.model_dump(exclude_none=True), custom.model_dump(exclude_none=True)]
    answer = await client.responses.create(model="sandbox", input=[question, *asked, *results], tools=tools)
    assert answer.output_text == "The tool answered: sunny; written"
    with pytest.raises(openai.BadRequestError, match="No tool output found"):
        await client.responses.create(model="sandbox", input=[question, *asked], tools=tools)
    with pytest.raises(openai.BadRequestError, match="No tool call found"):
        await client.responses.create(model="sandbox", input=[question, results[0]], tools=tools)


async def test_sealed_reasoning_must_come_back_unaltered(client: openai.AsyncOpenAI) -> None:
    """As it was it passes; one letter changed and it does not; nor without what followed it."""
    made = await client.responses.create(model="sandbox-thinking", input="Hello", **SEALED)
    thought: Any = made.output[0].model_dump(exclude_none=True)
    spoken: Any = made.output[1].model_dump(exclude_none=True)
    more: Any = {"role": "user", "content": "Go on"}
    await client.responses.create(model="sandbox-thinking", input=[thought, spoken, more])
    broken: Any = thought | {"encrypted_content": "A" + thought["encrypted_content"][1:]}
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.create(model="sandbox-thinking", input=[broken, spoken, more])
    assert caught.value.code == "invalid_encrypted_content"
    with pytest.raises(openai.BadRequestError, match="without its required following item"):
        await client.responses.create(model="sandbox-thinking", input=[thought, more])


async def test_the_vendors_other_tools_are_taken_as_history(client: openai.AsyncOpenAI) -> None:
    """Agents send back what hosted tools did."""
    history: Any = [
        {"type": "local_shell_call", "id": "lsh_1", "call_id": "c", "action": {}, "status": "completed"},
        {"type": "local_shell_call_output", "call_id": "c", "output": "done"},
        {"role": "user", "content": "Thanks"},
    ]
    assert (await client.responses.create(model="sandbox", input=history)).output_text == "You said: Thanks"


async def test_an_answer_cut_by_its_limit_is_incomplete(client: openai.AsyncOpenAI) -> None:
    """With the reason, also as the last event of a stream."""
    stream = await client.responses.create(model="sandbox", input="Write 50 words", max_output_tokens=16, stream=True)
    last = [event async for event in stream][-1]
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == "max_output_tokens"


async def test_an_error_inside_a_stream_is_raised_by_the_client(client: openai.AsyncOpenAI) -> None:
    """As the error event that the original sends before `response.failed`."""
    with pytest.raises(openai.APIError, match="break off"):
        [event async for event in await client.responses.create(model="sandbox:interrupt=3", input="Hi", stream=True)]


async def test_input_is_counted_without_an_answer(client: openai.AsyncOpenAI) -> None:
    """By the same rule as in usage."""
    counted = await client.responses.input_tokens.count(model="sandbox", input="Hello")
    assert counted.input_tokens == 1 + 4


@pytest.mark.parametrize(
    "given",
    [
        None,
        [{"role": "robot", "content": "Hi"}],
        [{"type": "sandwich"}],
        [{"role": "user", "content": [{"type": "output_text", "text": "Hi"}]}],
        [{"role": "assistant", "content": [{"type": "input_text", "text": "Hi"}]}],
        [{"type": "function_call"}],
        [{"type": "function_call", "call_id": "x" * 65, "name": "f", "arguments": "{}"}],
    ],
)
async def test_misshapen_input_is_refused(client: openai.AsyncOpenAI, given: Any) -> None:
    """With a 400 each."""
    with pytest.raises(openai.BadRequestError):
        await client.responses.create(model="sandbox", input=given)


def kind_of(payload: dict[str, Any]) -> str:
    return str(payload.get("type") or payload.get("object") or "error")


@pytest.mark.parametrize("stream", [False, True])
async def test_answers_have_the_fields_of_recorded_ones(url: str, stream: bool) -> None:
    """Of every event that the sandbox can send."""
    wishes: list[dict[str, Any]] = [{}, SEALED | {"model": "sandbox-thinking"}, {"tools": [{"type": "web_search"}]}]
    wishes += [{"input": "The weather?", "tools": [WEATHER]}, {"input": "Write 50 words", "max_output_tokens": 16}]
    bodies = [{"model": "sandbox", "input": "Hello", "stream": stream} | wish for wish in wishes]
    ours = await answered(f"{url}/v1/responses", kind_of, bodies)
    assert recorded("openai", "responses", kind_of).lacks(ours) == []
