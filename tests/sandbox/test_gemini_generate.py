"""Gemini, through Google's own client and against recordings."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from sandbox.shapes import answered, recorded

CITY: Any = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
WEATHER: Any = {"functionDeclarations": [{"name": "get_weather", "parameters": CITY}]}
HELLO: Any = [{"role": "user", "parts": [{"text": "Hello"}]}]
PARIS: Any = [{"role": "user", "parts": [{"text": "What is the weather in Paris?"}]}]
KEY = {"x-goog-api-key": "k-test"}


@pytest.fixture
async def client(url: str) -> AsyncIterator[genai.client.AsyncClient]:
    options = types.HttpOptions(base_url=url, retry_options=types.HttpRetryOptions(attempts=1))
    async with genai.Client(api_key="k-test", http_options=options).aio as made:
        yield made


@pytest.fixture
async def raw(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{url}/v1beta/models", headers=KEY) as made:
        yield made


async def test_a_plain_answer_and_a_streamed_one_say_and_count_the_same(client: genai.client.AsyncClient) -> None:
    """Thoughts beside the answer, and a finish reason in the last chunk alone."""
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
    whole = await client.models.generate_content(model="sandbox", contents="Hello", config=config)
    stream = await client.models.generate_content_stream(model="sandbox", contents="Hello", config=config)
    chunks = [chunk async for chunk in stream]
    assert whole.text == "".join(chunk.text or "" for chunk in chunks) == "You said: Hello"
    assert whole.usage_metadata == chunks[-1].usage_metadata
    assert whole.usage_metadata is not None
    assert whole.usage_metadata.thoughts_token_count == 11
    assert whole.usage_metadata.candidates_token_count == 4
    reasons = [chunk.candidates[0].finish_reason for chunk in chunks if chunk.candidates]
    assert [str(reason) for reason in reasons if reason] == ["FinishReason.STOP"]


async def test_a_stream_without_events_is_one_json_array(raw: httpx.AsyncClient) -> None:
    """The form that is sent unless `alt=sse` asks for events."""
    response = await raw.post("/sandbox:streamGenerateContent", json={"contents": HELLO})
    assert response.headers["content-type"].startswith("application/json")
    texts = [part["text"] for one in response.json() for part in one["candidates"][0]["content"]["parts"]]
    assert "".join(texts) == "You said: Hello"
    broken = await raw.post("/sandbox:interrupt=1:streamGenerateContent", json={"contents": HELLO})
    assert broken.json()[-1]["error"]["status"] == "INTERNAL"
    refused = await raw.post("/sandbox:error=503:streamGenerateContent", json={"contents": HELLO})
    assert (refused.status_code, refused.json()[0]["error"]["status"]) == (503, "UNAVAILABLE")


async def test_a_tool_is_called_and_its_signature_wanted_back(raw: httpx.AsyncClient) -> None:
    """A thinking model refuses the result without it, or with another's; a documented stand-in passes."""
    asked = await raw.post("/sandbox-thinking:generateContent", json={"contents": PARIS, "tools": [WEATHER]})
    part = asked.json()["candidates"][0]["content"]["parts"][0]
    assert part["functionCall"]["args"] == {"city": "Paris"}

    async def answer(sent: dict[str, Any]) -> httpx.Response:
        result = {"functionResponse": {"name": "get_weather", "response": {"output": "sunny"}}}
        said = [{"role": "model", "parts": [sent]}, {"role": "user", "parts": [result]}]
        return await raw.post("/sandbox-thinking:generateContent", json={"contents": PARIS + said, "tools": [WEATHER]})

    given = (await answer(part)).json()["candidates"][0]["content"]["parts"][0]["text"]
    assert given == "The tool answered: sunny"
    assert (await answer({"functionCall": part["functionCall"]})).status_code == 400
    assert (await answer(part | {"thoughtSignature": "A" + part["thoughtSignature"][1:]})).status_code == 400
    altered = {"name": "get_weather", "args": {"city": "Rome"}}
    assert (await answer(part | {"functionCall": altered})).status_code == 400
    assert (await answer(part | {"thoughtSignature": "skip_thought_signature_validator"})).status_code == 200


async def test_both_spellings_of_names_are_taken(raw: httpx.AsyncClient) -> None:
    """camelCase and snake_case."""
    for body in (
        {"generationConfig": {"responseMimeType": "application/json", "responseSchema": CITY}},
        {"generation_config": {"response_mime_type": "application/json", "response_schema": CITY}},
    ):
        response = await raw.post("/sandbox:generateContent", json={"contents": PARIS} | body)
        assert json.loads(response.json()["candidates"][0]["content"]["parts"][0]["text"]) == {"city": "Paris"}


async def test_a_picture_is_seen(client: genai.client.AsyncClient, red_png: bytes) -> None:
    """As inline data."""
    picture = types.Part.from_bytes(data=red_png, mime_type="image/png")
    answer = await client.models.generate_content(model="sandbox", contents=[picture, "What is it?"])
    assert answer.text == "I see a PNG picture of 20x10 pixels, mostly red."


async def test_searched_answers_are_grounded(client: genai.client.AsyncClient) -> None:
    """Places are counted in bytes."""
    config = types.GenerateContentConfig(tools=[types.Tool(google_search=types.GoogleSearch())])
    answer = await client.models.generate_content(model="sandbox", contents="Grüße?", config=config)
    assert answer.candidates is not None
    found = answer.candidates[0].grounding_metadata
    assert found is not None
    text = (answer.text or "").encode()
    for support in found.grounding_supports or []:
        segment = support.segment
        assert segment is not None
        assert text[segment.start_index or 0 : segment.end_index].decode() == segment.text


async def test_tokens_are_counted_and_models_listed(client: genai.client.AsyncClient) -> None:
    """In Google's forms, paged."""
    assert (await client.models.count_tokens(model="sandbox", contents="Hello")).total_tokens == 1 + 4
    names = [model.name async for model in await client.models.list(config={"page_size": 3})]
    assert names == [f"models/{name}" for name in ("sandbox", "sandbox-mini", "sandbox-thinking", "sandbox-search")]


@pytest.mark.parametrize(
    ("model", "code", "status"),
    [
        ("sandbox:error=400", 400, "INVALID_ARGUMENT"),
        ("sandbox:error=403", 403, "PERMISSION_DENIED"),
        ("sandbox:error=404", 404, "NOT_FOUND"),
        ("sandbox:error=quota", 429, "RESOURCE_EXHAUSTED"),
        ("sandbox:error=500", 500, "INTERNAL"),
        ("sandbox:error=503,retry=9", 503, "UNAVAILABLE"),
    ],
)
async def test_errors_are_those_of_the_official_client(
    client: genai.client.AsyncClient, model: str, code: int, status: str
) -> None:
    """With Google's own names."""
    with pytest.raises(errors.APIError) as caught:
        await client.models.generate_content(model=model, contents="Hello")
    assert (caught.value.code, caught.value.status) == (code, status)


@pytest.mark.parametrize(
    ("action", "body", "code"),
    [
        ("generateContent", {}, 400),
        ("generateContent", {"contents": HELLO, "messages": []}, 400),
        ("generateContent", {"contents": [{"role": "assistant", "parts": []}]}, 400),
        ("generateContent", {"contents": [*HELLO, {"role": "model", "parts": [{"functionCall": {"name": "f"}}]}]}, 400),
        ("generateContent", {"contents": HELLO, "tools": [{"functionDeclarations": [{"name": "a b"}]}]}, 400),
        ("generateContent", {"contents": HELLO, "generationConfig": {"candidateCount": 99}}, 400),
        ("generateContent", {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "?"}}]}]}, 400),
        ("generateText", {"contents": HELLO}, 404),
    ],
)
async def test_what_the_original_refuses_is_refused(
    raw: httpx.AsyncClient, action: str, body: dict[str, Any], code: int
) -> None:
    """Unknown fields and actions among it."""
    response = await raw.post(f"/sandbox:{action}", json=body)
    assert response.status_code == code, response.text


async def test_a_wrong_key_is_answered_as_google_does(raw: httpx.AsyncClient) -> None:
    """With a 400 of its own reason."""
    response = await raw.post(
        "sandbox:generateContent", json={"contents": HELLO}, headers={"x-goog-api-key": "invalid"}
    )
    assert (response.status_code, response.json()["error"]["details"][0]["reason"]) == (400, "API_KEY_INVALID")


@pytest.mark.parametrize("action", ["generateContent", "streamGenerateContent", "streamGenerateContent?alt=sse"])
async def test_answers_have_the_fields_of_recorded_ones(url: str, action: str) -> None:
    """Plain, as events and as an array."""
    wishes: list[dict[str, Any]] = [{}, {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}]
    wishes += [{"contents": PARIS, "tools": [WEATHER]}, {"tools": [{"googleSearch": {}}]}]
    bodies = [{"contents": HELLO} | wish for wish in wishes]
    ours = await answered(f"{url}/v1beta/models/sandbox-thinking:{action}", lambda _: "answer", bodies)
    theirs = recorded("gemini", action.partition("?")[0], lambda payload: "error" if "error" in payload else "answer")
    assert theirs.lacks(ours) == []
