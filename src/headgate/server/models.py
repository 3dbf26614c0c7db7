"""The models a key may use, told as its caller's SDK expects: OpenAI's list, Anthropic's with its paging, or Google's.

Which it is follows from the path (`/v1beta/models` is Google's) and from the headers that the vendors' SDKs send
(contract 3.3). Errors are told in the same form.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from headgate.canonical.failure import Blame, Failure, Kind, Refused, refuse
from headgate.canonical.parts import ProtocolName
from headgate.relay.codecs import CODECS
from headgate.server.account import Account
from headgate.server.listed import Listed
from headgate.store.database import StoreUnavailable

CREATED_S = 1_626_777_600
"""A constant, as the family's other gateways answer: nobody knows when a model was made."""
CREATED = "2021-07-20T10:40:00Z"
ENDPOINT_TYPES = ("openai", "openai-response", "anthropic", "gemini")
"""A chat model can be reached in every chat protocol, whatever its channel speaks."""
METHODS = ("generateContent", "countTokens")


Tell = Callable[[Request, Sequence[Listed]], dict[str, Any]]


def routes(account: Callable[[Request], Account]) -> APIRouter:
    """The router. `account` finds the worker's `Account` for a request."""
    router = APIRouter()

    async def answer(request: Request, form: ProtocolName, tell: Tell) -> Response:
        face = account(request)
        address = request.client.host if request.client else ""
        try:
            caller = await face.caller(request.scope["headers"], request.scope["query_string"], address)
            return JSONResponse(tell(request, face.models(caller)))
        except Refused as refused:
            return error(request, form, refused.failure)
        except StoreUnavailable:
            return error(request, form, STORE_AWAY)

    @router.get("/v1/models")
    async def list_models(request: Request) -> Response:
        form = form_of(request)
        return await answer(request, form, LISTS[form])

    @router.get("/v1/models/{model:path}")
    async def retrieve_model(request: Request, model: str) -> Response:
        form = form_of(request)
        return await answer(request, form, lambda _, models: ONES[form](_find(models, model, form)))

    @router.delete("/v1/models/{model:path}")
    async def delete_model(request: Request, model: str) -> Response:
        message = "API not implemented"
        failure = Failure(kind=Kind.NOT_IMPLEMENTED, message=message, code="api_not_implemented")
        return error(request, "openai_chat", failure)

    @router.get("/v1beta/openai/models")
    async def list_openai(request: Request) -> Response:
        return await answer(request, "openai_chat", _openai_list)

    @router.get("/v1beta/openai/models/{model:path}")
    async def retrieve_openai(request: Request, model: str) -> Response:
        form: ProtocolName = "openai_chat"
        return await answer(request, form, lambda _, models: _openai(_find(models, model, form)))

    @router.get("/v1beta/models")
    async def list_gemini(request: Request) -> Response:
        return await answer(request, "gemini_generate", _gemini_list)

    @router.get("/v1beta/models/{model:path}")
    async def retrieve_gemini(request: Request, model: str) -> Response:
        form: ProtocolName = "gemini_generate"
        return await answer(request, form, lambda _, models: _gemini(_find(models, model, form)))

    return router


STORE_AWAY = Failure(
    kind=Kind.UNAVAILABLE,
    message="The gateway cannot reach its database at the moment. Try again shortly.",
    blame=Blame.GATEWAY,
    retry_after_s=2,
)


def form_of(request: Request) -> ProtocolName:
    """Whose SDK asks at a path that several share."""
    if "anthropic-version" in request.headers:
        return "anthropic_messages"
    if "x-goog-api-key" in request.headers or "key" in request.query_params:
        return "gemini_generate"
    return "openai_chat"


def error(request: Request, form: ProtocolName, failure: Failure) -> Response:
    """An error in a protocol's own form."""
    answer = CODECS[form].encode_error(failure, request.state.id)
    return Response(answer.body, answer.status, {"content-type": "application/json", **dict(answer.headers)})


def _find(models: Sequence[Listed], name: str, form: ProtocolName) -> Listed:
    found = next((each for each in models if each.name == name), None)
    if found is not None:
        return found
    message = {
        "anthropic_messages": f"model: {name[:200]}",
        "gemini_generate": f"models/{name[:200]} is not found for this API version.",
    }.get(form, f"The model '{name[:200]}' does not exist")
    raise Refused(Failure(kind=Kind.MODEL_NOT_FOUND, message=message, code="model_not_found", param="model"))


# --- OpenAI ---


def _openai_list(_: Request, models: Sequence[Listed]) -> dict[str, Any]:
    return {"success": True, "object": "list", "data": [_openai(each) for each in models]}


def _openai(model: Listed) -> dict[str, Any]:
    return {
        "id": model.name,
        "object": "model",
        "created": CREATED_S,
        "owned_by": model.owner,
        "supported_endpoint_types": [*ENDPOINT_TYPES],
    }


# --- Anthropic ---


def _anthropic_list(request: Request, models: Sequence[Listed]) -> dict[str, Any]:
    """One page: the first, or what follows `after_id`, or what precedes `before_id`; `has_more` speaks of the same
    direction."""
    asked = request.query_params
    limit = _number(asked.get("limit"), "limit", default=20, most=1000)
    rest = list(models)
    if "before_id" in asked:
        rest = rest[: _place(models, asked["before_id"], "before_id")]
        shown = rest[-limit:]
    else:
        if "after_id" in asked:
            rest = rest[_place(models, asked["after_id"], "after_id") + 1 :]
        shown = rest[:limit]
    return {
        "data": [_anthropic(each) for each in shown],
        "has_more": len(shown) < len(rest),
        "first_id": shown[0].name if shown else None,
        "last_id": shown[-1].name if shown else None,
    }


def _anthropic(model: Listed) -> dict[str, Any]:
    limits = {"max_input_tokens": model.context, "max_tokens": model.max_output}
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": CREATED,
        **{name: limit for name, limit in limits.items() if limit},
    }


def _place(models: Sequence[Listed], name: str, param: str) -> int:
    for place, model in enumerate(models):
        if model.name == name:
            return place
    raise refuse(f"{param}: there is no model '{name[:200]}'", param=param)


# --- Google ---


def _gemini_list(request: Request, models: Sequence[Listed]) -> dict[str, Any]:
    """One page. Its token names the last model shown, so that it stays right when models come and go."""
    asked = request.query_params
    size = min(_number(asked.get("pageSize", asked.get("page_size")), "pageSize", default=50, most=10_000), 1000)
    token = asked.get("pageToken", asked.get("page_token", ""))
    start = _place(models, _read_token(token), "pageToken") + 1 if token else 0
    shown = models[start : start + size]
    page: dict[str, Any] = {"models": [_gemini(each) for each in shown]}
    if start + size < len(models):
        page["nextPageToken"] = urlsafe_b64encode(shown[-1].name.encode()).decode()
    return page


def _gemini(model: Listed) -> dict[str, Any]:
    limits = {"inputTokenLimit": model.context, "outputTokenLimit": model.max_output}
    return {
        "name": f"models/{model.name}",
        "version": "001",
        "displayName": model.name,
        "description": model.name,
        "supportedGenerationMethods": [*METHODS],
        **{name: limit for name, limit in limits.items() if limit},
    }


def _read_token(token: str) -> str:
    try:
        return urlsafe_b64decode(token).decode()
    except (BadBase64, ValueError):
        raise refuse("pageToken: it is none of ours", param="pageToken") from None


def _number(given: str | None, name: str, *, default: int, most: int) -> int:
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= most and len(given) < 9):
        # Google's SDK sends 0 for "as you like".
        if given == "0":
            return default
        raise refuse(f"{name}: must be a whole number from 1 to {most}", param=name)
    return int(given)


LISTS: dict[ProtocolName, Tell] = {
    "openai_chat": _openai_list,
    "anthropic_messages": _anthropic_list,
    "gemini_generate": _gemini_list,
}
ONES: dict[ProtocolName, Callable[[Listed], dict[str, Any]]] = {
    "openai_chat": _openai,
    "anthropic_messages": _anthropic,
    "gemini_generate": _gemini,
}
