"""The lists of models, in every vendor's form."""

from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from headgate.access.caller import NO_KEY, Caller
from headgate.canonical.failure import Refused
from headgate.server.account import Account, Standing
from headgate.server.listed import Listed
from headgate.server.models import routes
from headgate.store.database import StoreUnavailable

KEY = {"authorization": "Bearer sk-1"}
ANTHROPIC = KEY | {"anthropic-version": "2023-06-01"}
NAMES = [f"m{number}" for number in range(5)]


async def _caller(headers: list[tuple[bytes, bytes]], query: bytes, address: str | None) -> Caller:
    if (b"authorization", b"Bearer away") in headers:
        raise StoreUnavailable("away")
    if not any(name in {b"authorization", b"x-api-key", b"x-goog-api-key"} for name, _ in headers) and not query:
        raise Refused(NO_KEY)
    return Caller(key_id=1, key_name="k", user_id=1, user_name="u", wallet_id=1)


async def _standing(caller: Caller) -> Standing:
    raise NotImplementedError


@pytest.fixture(scope="module")
def client() -> TestClient:
    """An application that serves the lists alone."""
    models = [Listed(name=name, owner="openai", context=1000, max_output=100) for name in NAMES]
    models.append(Listed(name="vendor/other", owner="groq"))
    account = Account(caller=_caller, models=lambda caller: models, standing=_standing)
    app = FastAPI()

    @app.middleware("http")
    async def with_id(request: Request, call_next: Any) -> Any:
        request.state.id = "id-1"
        return await call_next(request)

    app.include_router(routes(lambda request: account))
    return TestClient(app)


def names(page: dict[str, Any]) -> list[str]:
    return [each["id"] for each in page["data"]]


@pytest.mark.parametrize("path", ["/v1/models", "/v1beta/openai/models"])
def test_openais_form(client: TestClient, path: str) -> None:
    """Also at Google's path for OpenAI's SDK; each model with the protocols it can be reached in."""
    page = client.get(path, headers=KEY).json()
    assert (page["object"], page["success"]) == ("list", True)
    assert names(page) == [*NAMES, "vendor/other"]
    assert page["data"][0] == {
        "id": "m0",
        "object": "model",
        "created": 1626777600,
        "owned_by": "openai",
        "supported_endpoint_types": ["openai", "openai-response", "anthropic", "gemini"],
    }
    assert client.get(f"{path}/vendor/other", headers=KEY).json()["owned_by"] == "groq"


def test_anthropics_form_and_paging(client: TestClient) -> None:
    """Forwards from the start or after a model, backwards before one."""
    page = client.get("/v1/models?limit=2", headers=ANTHROPIC).json()
    assert (names(page), page["has_more"], page["first_id"], page["last_id"]) == (["m0", "m1"], True, "m0", "m1")
    assert page["data"][0] == {
        "type": "model",
        "id": "m0",
        "display_name": "m0",
        "created_at": "2021-07-20T10:40:00Z",
        "max_input_tokens": 1000,
        "max_tokens": 100,
    }
    page = client.get("/v1/models?limit=2&after_id=m1", headers=ANTHROPIC).json()
    assert (names(page), page["has_more"]) == (["m2", "m3"], True)
    page = client.get("/v1/models?after_id=m3", headers=ANTHROPIC).json()
    assert (names(page), page["has_more"]) == (["m4", "vendor/other"], False)
    page = client.get("/v1/models?limit=2&before_id=m3", headers=ANTHROPIC).json()
    assert (names(page), page["has_more"]) == (["m1", "m2"], True)
    page = client.get("/v1/models?before_id=m0", headers=ANTHROPIC).json()
    assert (names(page), page["has_more"], page["first_id"], page["last_id"]) == ([], False, None, None)
    assert client.get("/v1/models/m2", headers=ANTHROPIC).json()["id"] == "m2"


@pytest.mark.parametrize("query", ["limit=0x", "limit=1001", "limit=-1", "after_id=none", "before_id=none"])
def test_impossible_pages_are_refused_in_anthropics_form(client: TestClient, query: str) -> None:
    """A page of nothing would end a client's loop too early."""
    answer = client.get(f"/v1/models?{query}", headers=ANTHROPIC)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_googles_form_and_paging(client: TestClient) -> None:
    """By its path, or by its header or query at the shared one."""
    first = client.get("/v1beta/models?pageSize=4", headers=KEY).json()
    assert first["models"][0] == {
        "name": "models/m0",
        "version": "001",
        "displayName": "m0",
        "description": "m0",
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "inputTokenLimit": 1000,
        "outputTokenLimit": 100,
    }
    rest = client.get(f"/v1beta/models?pageSize=4&pageToken={first['nextPageToken']}", headers=KEY).json()
    assert [each["name"] for each in first["models"] + rest["models"]] == [
        *(f"models/{name}" for name in NAMES),
        "models/vendor/other",
    ]
    assert "nextPageToken" not in rest
    assert "models" in client.get("/v1/models", headers={"x-goog-api-key": "sk-1"}).json()
    assert "models" in client.get("/v1/models?key=sk-1").json()
    assert client.get("/v1beta/models/m1", headers=KEY).json()["name"] == "models/m1"
    answer = client.get("/v1beta/models?pageToken=%21", headers=KEY)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_an_unknown_model_is_told_in_each_form(client: TestClient) -> None:
    """Always a 404."""
    openai = client.get("/v1/models/nope", headers=KEY)
    anthropic = client.get("/v1/models/nope", headers=ANTHROPIC)
    gemini = client.get("/v1beta/models/nope", headers=KEY)
    assert [each.status_code for each in (openai, anthropic, gemini)] == [404] * 3
    assert openai.json()["error"]["code"] == "model_not_found"
    assert anthropic.json()["error"]["type"] == "not_found_error"
    assert gemini.json()["error"]["status"] == "NOT_FOUND"


def test_who_may_not_ask_is_told_in_each_form(client: TestClient) -> None:
    """Without a key, and without a database to look it up in."""
    assert client.get("/v1/models", headers={"anthropic-version": "1"}).json()["type"] == "error"
    assert client.get("/v1beta/models").json()["error"]["status"] == "UNAUTHENTICATED"
    assert client.get("/v1/models", headers={"authorization": "Bearer away"}).status_code == 503


def test_models_are_not_deleted(client: TestClient) -> None:
    """The route is in the documentation of the family, and nothing stands behind it."""
    answer = client.delete("/v1/models/m0", headers=KEY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "api_not_implemented")
