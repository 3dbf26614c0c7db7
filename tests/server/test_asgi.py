"""What the application answers at paths that are no calls."""

from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient

from headgate.access.caller import Caller
from headgate.server.account import Account, Standing
from headgate.server.asgi import Readiness, Worker, create_asgi
from headgate.server.listed import Listed


async def _caller(headers: list[tuple[bytes, bytes]], query: bytes, address: str | None) -> Caller:
    return Caller(key_id=1, key_name="k", user_id=1, user_name="u", wallet_id=1)


async def _standing(caller: Caller) -> Standing:
    raise NotImplementedError


async def _ready() -> Readiness:
    return Readiness(ready=True, checks={"store": "ok"})


@pytest.fixture
def client() -> Iterator[TestClient]:
    """The application, with one model."""
    listed = [Listed(name="m", owner="openai", context=1000, max_output=100)]
    account = Account(caller=_caller, models=lambda caller: listed, standing=_standing)
    worker = Worker(account=account, readiness=_ready, metrics=lambda: b"", new_id=lambda: "id-1")

    @asynccontextmanager
    async def lifespan(app: Any) -> Any:
        yield {"worker": worker}

    with TestClient(create_asgi(lifespan), base_url="https://gate.example") as made:
        yield made


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_root_answers(client: TestClient, method: str) -> None:
    """Clients ask for it to see whether anybody is there."""
    assert client.request(method, "/").status_code == 200


@pytest.mark.parametrize("path", ["/v1/v1/models", "//v1/models", "/models", "/v1/chat/completions/models"])
def test_models_are_listed_for_a_mistaken_base_url_too(client: TestClient, path: str) -> None:
    """A client that can call should also find the names."""
    assert client.get(path).json() == client.get("/v1/models").json()


def test_a_path_that_means_nothing_is_told_the_base_urls(client: TestClient) -> None:
    """In the address that the caller used."""
    answer = client.post("/v1/chat/completion", json={})
    assert answer.status_code == 404
    message = answer.json()["error"]["message"]
    assert message.startswith("Invalid URL (POST /v1/chat/completion).")
    assert "https://gate.example/v1 for OpenAI clients, https://gate.example for Anthropic's and Google's" in message


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/v1/chat/completions", "/messages"])
def test_a_calls_path_with_the_wrong_method_is_told_the_right_one(client: TestClient, path: str) -> None:
    """405, whatever the base."""
    answer = client.get(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_call_over_a_websocket_is_sent_to_plain_http(client: TestClient) -> None:
    """426, which Codex understands."""
    answer = client.get("/v1/responses", headers={"connection": "Upgrade", "upgrade": "websocket"})
    assert (answer.status_code, answer.headers["upgrade"]) == (426, "HTTP/1.1")
    assert answer.json()["error"]["type"] == "invalid_request_error"
