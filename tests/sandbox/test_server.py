"""The door: credentials, switches, models, books, bad requests, and running it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from headgate.sandbox import Sandbox, running_sandbox, serve

CHAT: Any = {"model": "sandbox", "messages": [{"role": "user", "content": "Hello"}]}
BODIES: dict[str, Any] = {
    "/v1/chat/completions": CHAT,
    "/v1/responses": {"model": "sandbox", "input": "Hello"},
    "/v1/messages": CHAT | {"max_tokens": 100},
    "/v1beta/models/sandbox:generateContent": {"contents": [{"parts": [{"text": "Hello"}]}]},
}


@pytest.fixture
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async def version(request: httpx.Request) -> None:
        if request.url.path.endswith("/messages"):
            request.headers["anthropic-version"] = "2023-06-01"

    hooks: Any = {"request": [version]}
    async with httpx.AsyncClient(
        base_url=url, headers={"authorization": "Bearer sk-0123456789"}, event_hooks=hooks
    ) as it:
        yield it


@pytest.mark.parametrize("path", BODIES)
async def test_keys_decide_in_each_vendors_form(client: httpx.AsyncClient, path: str) -> None:
    """Any key is taken, wherever a vendor puts it; none, a wrong and an exhausted one are not."""
    del client.headers["authorization"]
    for headers in ({"authorization": "Bearer k"}, {"x-api-key": "k"}, {"x-goog-api-key": "k"}):
        assert (await client.post(path, json=BODIES[path], headers=headers)).status_code == 200
    assert (await client.post(f"{path}?key=k", json=BODIES[path])).status_code == 200
    gemini, anthropic = "generateContent" in path, path.endswith("/messages")
    assert (await client.post(path, json=BODIES[path])).status_code == (403 if gemini else 401)
    wrong = await client.post(path, json=BODIES[path], headers={"x-api-key": "sk-invalid"})
    assert wrong.status_code == (400 if gemini else 401)
    empty = await client.post(path, json=BODIES[path], headers={"x-api-key": "sk-exhausted"})
    assert empty.status_code == (400 if anthropic else 429)


@pytest.mark.parametrize("path", BODIES)
async def test_the_books_hold_every_answer(client: httpx.AsyncClient, path: str) -> None:
    """By its own id, with what its usage says, and errors apart."""
    body = (await client.post(path, json=BODIES[path])).json()
    await client.post(path, json=BODIES[path], headers={"x-sandbox": "error=500"})
    page = (await client.get("/sandbox/books?ids=1")).json()
    (entry,) = page["entries"]
    assert entry["id"] == body.get("id", body.get("responseId"))
    assert (entry["model"], entry["credential"], entry["whole"]) == ("sandbox", "23456789", True)
    assert entry["counts"]["input"] == 1 + 4
    assert (page["totals"]["answers"], page["totals"]["refused:500"]) == (1, 1)
    emptied = await client.delete("/sandbox/books")
    assert emptied.status_code == 200
    assert (await client.get("/sandbox/books?ids=1")).json() == {"totals": {}, "last": 1, "entries": []}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'"x"', b"null"])
async def test_a_body_that_is_no_object_is_refused(client: httpx.AsyncClient, path: str, body: bytes) -> None:
    """In every protocol's own form."""
    response = await client.post(path, content=body)
    assert response.status_code == 400
    assert response.json()["error"]["message"]


@pytest.mark.parametrize("path", [path for path in BODIES if "generate" not in path])
@pytest.mark.parametrize("wrong", [{"model": None}, {"model": 7}, {"model": ""}, {"model": "sandbox:sleep=1"}])
async def test_a_wrong_model_is_refused(client: httpx.AsyncClient, path: str, wrong: dict[str, Any]) -> None:
    """Missing, mistyped, or with a switch that does not exist."""
    assert (await client.post(path, json=BODIES[path] | wrong)).status_code == 400


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("junk", [7, "x", [7], [[]], {"type": 7}, [{"type": "text"}], True])
async def test_fields_of_a_wrong_shape_do_no_harm(client: httpx.AsyncClient, path: str, junk: Any) -> None:
    """Whatever stands where: an answer or a 400, and the sandbox lives on."""
    for name in (
        "messages",
        "input",
        "contents",
        "tools",
        "tool_choice",
        "system",
        "thinking",
        "stop",
        "max_tokens",
        "n",
    ):
        for extra in ({name: junk}, {name: junk, "stream": True}):
            response = await client.post(path, json=BODIES[path] | extra)
            assert response.status_code in {200, 400}, (name, response.text)


async def test_anthropics_version_header_is_demanded(url: str) -> None:
    """As at the original."""
    async with httpx.AsyncClient(base_url=url, headers={"x-api-key": "k"}) as client:
        response = await client.post("/v1/messages", json=BODIES["/v1/messages"])
    assert (response.status_code, response.json()["error"]["message"]) == (400, "anthropic-version: header is required")


async def test_switches_in_a_header_win(client: httpx.AsyncClient) -> None:
    """For callers that talk to the sandbox itself."""
    body = CHAT | {"model": "sandbox:error=500"}
    response = await client.post("/v1/chat/completions", json=body, headers={"x-sandbox": "error=503; retry=4"})
    assert (response.status_code, response.headers["retry-after"]) == (503, "4")


@pytest.mark.parametrize(
    ("path", "headers", "names"),
    [
        ("/v1/models", {}, "data"),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, "data"),
        ("/v1beta/models", {}, "models"),
        ("/v1beta/openai/models", {}, "data"),
    ],
)
async def test_models_are_listed_in_the_form_of_who_asks(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], names: str
) -> None:
    """One path, told apart by headers."""
    assert len((await client.get(path, headers=headers)).json()[names]) == 4
    missing = await client.get(f"{path}/gpt-9", headers=headers)
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("POST", "/v1/embeddings"), ("PUT", "/v1/models"), ("GET", "/v1")]
)
async def test_an_unknown_page_is_not_found(client: httpx.AsyncClient, method: str, path: str) -> None:
    """In OpenAI's form."""
    response = await client.request(method, path)
    assert response.json()["error"]["type"] == "invalid_request_error"


async def test_ids_are_unique_over_restarts() -> None:
    """So that books of several runs can be compared."""
    ids = set()
    for _ in range(2):
        async with running_sandbox() as url, httpx.AsyncClient(base_url=url, headers={"x-api-key": "k"}) as client:
            ids.add((await client.post("/v1/chat/completions", json=CHAT)).json()["id"])
    assert len(ids) == 2


async def test_stopping_ends_what_is_under_way() -> None:
    """A stream that would last for ever does not hold the sandbox up."""
    async with httpx.AsyncClient(headers={"x-api-key": "k"}) as client:
        async with running_sandbox(sandbox=Sandbox(clock=lambda: 7.0)) as url:
            body = CHAT | {"model": "sandbox:stall=1", "stream": True}
            request = client.build_request("POST", f"{url}/v1/chat/completions", json=body)
            response = await client.send(request, stream=True)
            lines = response.aiter_lines()
            assert '"created":7' in await anext(lines)
        with pytest.raises(httpx.TransportError):
            [line async for line in lines]
        await response.aclose()


async def test_serving_ends_on_a_signal() -> None:
    """And says its address when it listens."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve("127.0.0.1", 0, ready=ready.set_result))
    async with httpx.AsyncClient(headers={"x-api-key": "k"}) as client:
        assert (await client.get(f"{await ready}/v1/models")).status_code == 200
    os.kill(os.getpid(), signal.SIGTERM)
    await serving
