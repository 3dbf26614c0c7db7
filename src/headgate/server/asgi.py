"""The ASGI application: everything at our address that is no call.

Errors are told as OpenAI tells them, with the id that the answer also carries as a header; a path that exists only as a
call answers 405 here, since the lane has already taken the right method.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from msgspec import Struct
from starlette.exceptions import HTTPException

from headgate import __version__
from headgate.canonical.failure import Blame, Failure, Kind, Refused
from headgate.protocols.openai_error import encode_error
from headgate.server import account, lanes, models
from headgate.server.account import Account
from headgate.store.database import StoreUnavailable

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[dict[str, Any]]]


class Readiness(Struct, frozen=True, kw_only=True):
    """Whether this worker can do its work now. `checks` says for each part `ok` or what is wrong with it."""

    ready: bool
    checks: dict[str, str]


class Worker(Struct, frozen=True, kw_only=True):
    """What the application's routes need of the worker they run in; put into the state by its start-up."""

    account: Account
    readiness: Callable[[], Awaitable[Readiness]]
    metrics: Callable[[], bytes]
    new_id: Callable[[], str]


def create_asgi(lifespan: Lifespan) -> FastAPI:
    """The application.

    Args:
        lifespan: yields the state with the worker's `Worker` under `worker`.
    """
    app = FastAPI(title="Headgate", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["*"],
    )
    app.include_router(account.routes(lambda request: _worker(request).account))
    app.include_router(models.routes(lambda request: _worker(request).account))
    _add_health(app)
    _add_errors(app)
    return app


def _worker(request: Request) -> Worker:
    worker = request.state.worker
    assert isinstance(worker, Worker)
    return worker


def _add_health(app: FastAPI) -> None:
    # Claude Code asks for it before its first call (2.1.197, seen 2026-11-23).
    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def root() -> dict[str, str]:
        return {"name": "Headgate", "version": __version__}

    @app.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    async def readyz(request: Request) -> JSONResponse:
        readiness = await _worker(request).readiness()
        status = "ok" if readiness.ready else "not ready"
        return JSONResponse({"status": status, "checks": readiness.checks}, 200 if readiness.ready else 503)

    @app.get("/health", include_in_schema=False)
    async def health(request: Request) -> JSONResponse:
        readiness = await _worker(request).readiness()
        status = "ok" if readiness.ready else "degraded"
        return JSONResponse({"status": status, "version": __version__, "checks": readiness.checks})

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        return Response(_worker(request).metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _add_errors(app: FastAPI) -> None:
    @app.middleware("http")
    async def with_id(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        request.state.id = _worker(request).new_id()
        request.scope["path"] = lanes.meant(request.scope["path"].encode()).decode()
        response = await call_next(request)
        response.headers["x-request-id"] = request.state.id
        response.headers["x-oneapi-request-id"] = request.state.id
        return response

    @app.exception_handler(Refused)
    async def refused(request: Request, refused: Refused) -> Response:
        return _error(request, refused.failure)

    @app.exception_handler(StoreUnavailable)
    async def unavailable(request: Request, error: StoreUnavailable) -> Response:
        message = "The gateway cannot reach its database at the moment. Try again shortly."
        failure = Failure(kind=Kind.UNAVAILABLE, message=message, blame=Blame.GATEWAY, retry_after_s=2)
        return _error(request, failure)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        allowed = lanes.methods(request.url.path.encode())
        if allowed and request.headers.get("upgrade", "").lower() == "websocket":
            return _plain_http(request)
        if allowed and error.status_code in {404, 405}:
            message = f"{request.method} is not allowed here; use {' or '.join(allowed)}."
            failure = Failure(kind=Kind.METHOD_NOT_ALLOWED, message=message, type="invalid_request_error")
            answer = _error(request, failure)
            answer.headers["allow"] = ", ".join(allowed)
            return answer
        if error.status_code == 404:
            message = f"Invalid URL ({request.method} {request.url.path}). {_right_bases(request)}"
            return _error(request, Failure(kind=Kind.NOT_FOUND, message=message, type="invalid_request_error"))
        failure = Failure(kind=Kind.INVALID_REQUEST, message=str(error.detail), status=error.status_code)
        return _error(request, failure)


def _plain_http(request: Request) -> Response:
    """To a caller who would rather call over a WebSocket. 426 is what makes Codex go on over plain HTTP at once; after
    any other answer it first tries six times more (0.169.0, seen 2026-11-23)."""
    message = "Calls are made over plain HTTP here, not over a WebSocket."
    answer = _error(request, Failure(kind=Kind.INVALID_REQUEST, message=message, status=426))
    answer.headers["upgrade"] = "HTTP/1.1"
    return answer


def _right_bases(request: Request) -> str:
    """What to give each kind of client as its base URL."""
    here = f"{request.url.scheme}://{request.url.netloc}"
    return f"The base URL is {here}/v1 for OpenAI clients, {here} for Anthropic's and Google's."


def _error(request: Request, failure: Failure) -> Response:
    answer = encode_error(failure, request.state.id)
    headers = {"content-type": "application/json", **dict(answer.headers)}
    return Response(answer.body, answer.status, headers)
