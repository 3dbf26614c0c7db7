"""The sandbox's door: which path is which protocol, credentials, switches, models, and the books; and how to run it.

`running_sandbox` puts it on the event loop of whoever calls it; `serve` runs it until it is stopped.
"""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import parse_qs

import orjson

from headgate.sandbox import faults as switches
from headgate.sandbox import models, openai_responses, routes
from headgate.sandbox.connection import Connection
from headgate.sandbox.delivery import Delivery
from headgate.sandbox.faults import NEVER, NONE, Faults
from headgate.sandbox.prompt import Json
from headgate.sandbox.reply import Call, House, Refused, Reply, Request, Speaker
from headgate.sandbox.routes import Route

_LISTS = {"anthropic_messages": models.anthropic, "gemini_generate": models.gemini}


class Sandbox:
    """The simulated upstream. `respond` answers one request; nothing here touches a socket."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.house = House(run=secrets.token_hex(4))
        self._clock = clock

    def respond(self, request: Request) -> Delivery:
        """The answer to a request, and how to deliver it."""
        if request.path.startswith("/sandbox/"):
            return Delivery(self._own(request))
        route = routes.find(request)
        try:
            credential = _credential(request)
            match route.kind:
                case "call":
                    return self._call(route, request, credential)
                case "models":
                    return Delivery(_LISTS.get(route.speaker.name, models.openai)(request))
                case "stored":
                    return Delivery(openai_responses.stored(self.house, request))
                case _:
                    raise Refused(404, f"Invalid URL ({request.method} {request.path})")
        except Refused as refused:
            return self._refuse(route.speaker, refused, request, NONE)

    def _call(self, route: Route, request: Request, credential: str) -> Delivery:
        body = _body(request)
        name, faults = _model(body, route, request)
        faults = self.house.dice.cast(faults)
        streamed = body.get("stream") is True or route.action == "streamGenerateContent"
        at_s = int(self._clock())
        call = Call(self.house, request, route.action, body, name, credential, at_s, faults, streamed)
        speaker = route.speaker
        try:
            _refuse_on_request(faults)
            reply = speaker.answer(call)
        except Refused as refused:
            return self._refuse(speaker, refused, request, faults)
        except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as wrong:
            # Requests are read as they come: whatever has another shape than its reader expects ends here.
            misshapen = Refused(400, f"The request has a wrong shape: {wrong!r}", "type")
            return self._refuse(speaker, misshapen, request, faults)
        if faults.type:
            reply = replace(reply, content_type=faults.type)
        interruption = speaker.interrupt(_breakdown(), call) if faults.interrupt >= 0 else b""
        return Delivery(reply, faults, interruption, self._write_down)

    def _write_down(self, reply: Reply, whole: bool) -> None:
        if reply.entry is not None:
            self.house.books.add(reply.entry, whole=whole)

    def _refuse(self, speaker: Speaker, refused: Refused, request: Request, faults: Faults) -> Delivery:
        reply = speaker.refuse(refused, request)
        self.house.books.refused(reply.status)
        return Delivery(reply, faults)

    def _own(self, request: Request) -> Reply:
        """The books: `GET /sandbox/books?ids=1&after=N&limit=M`, `DELETE /sandbox/books`."""
        if request.path != "/sandbox/books" or request.method not in {"GET", "DELETE"}:
            return Reply(404, orjson.dumps({"error": "no such page; there is /sandbox/books"}))
        books = self.house.books
        if request.method == "DELETE":
            books.clear()
            self.house.cache.clear()
        asked = parse_qs(request.query)
        page: Json = {"totals": dict(books.totals), "last": books.written}
        if asked.get("ids", ["0"])[0] not in {"", "0"}:
            try:
                after, limit = (
                    int(asked.get(name, [default])[0]) for name, default in (("after", "0"), ("limit", "10000"))
                )
            except ValueError:
                return Reply(400, orjson.dumps({"error": "after and limit are numbers"}))
            page["entries"] = list(books.after(after, limit))
        return Reply(body=orjson.dumps(page))


def _body(request: Request) -> Json:
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        text = "We could not parse the JSON body of your request. It must be valid JSON."
        raise Refused(400, text) from None
    if not isinstance(body, dict):
        raise Refused(400, "Invalid type for the request body: expected an object.", "type")
    return body


def _model(body: Json, route: Route, request: Request) -> tuple[str, Faults]:
    """The model's name and the switches. Raises Refused."""
    model = route.model or body.get("model")
    if not isinstance(model, str) or not model:
        raise Refused(400, "you must provide a model parameter", "", "model")
    try:
        name, faults = switches.of_model(model)
        if "x-sandbox" in request.headers:
            faults = switches.parse(request.headers["x-sandbox"], ";")
    except switches.UnknownSwitch as unknown:
        raise Refused(400, str(unknown), "value", "model") from None
    return name, faults


def _credential(request: Request) -> str:
    """The key of a request, in any vendor's place. Keys that say so are refused as invalid or exhausted."""
    headers = request.headers
    key = headers.get("authorization", "").removeprefix("Bearer ").strip()
    key = key or headers.get("x-api-key", "") or headers.get("x-goog-api-key", "")
    key = key or parse_qs(request.query).get("key", [""])[0]
    if not key:
        raise Refused(401, "You didn't provide an API key. The sandbox takes any.", "no key")
    if "invalid" in key:
        shown = f"{key[:4]}{'*' * 8}{key[-4:]}"
        raise Refused(401, f"Incorrect API key provided: {shown}. This is the sandbox.", "auth")
    if "exhausted" in key:
        raise Refused(429, "You exceeded your current quota, please check your plan and billing details.", "quota")
    return key


def _refuse_on_request(faults: Faults) -> None:
    """Raise the error that the switches ask for."""
    if not faults.error:
        return
    retry = None if faults.retry == NEVER else faults.retry
    match faults.error:
        case "quota":
            text = "You exceeded your current quota, please check your plan and billing details."
            raise Refused(429, text, "quota", retry_s=retry)
        case "context":
            text = "This model's maximum context length is 8192 tokens. However, your messages resulted in more."
            raise Refused(400, text, "context", "messages")
        case "filter":
            raise Refused(400, "The request was rejected by the content policy of the sandbox.", "filter")
        case status:
            code = {"401": "auth", "404": "model"}.get(status, "")
            raise Refused(int(status), f"The sandbox was asked to answer {status}.", code, retry_s=retry)


def _breakdown() -> Refused:
    return Refused(500, "The sandbox was asked to break off here.")


async def listen(sandbox: Sandbox, host: str, port: int) -> tuple[asyncio.Server, set[Connection]]:
    """Bind the sandbox on the running loop. Returns the server and the set of its living connections."""
    connections: set[Connection] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(sandbox.respond, connections), host, port, backlog=2048)
    return server, connections


@asynccontextmanager
async def running_sandbox(port: int = 0, host: str = "127.0.0.1", sandbox: Sandbox | None = None) -> AsyncIterator[str]:
    """Run a sandbox on the current event loop and give its address, `http://host:port`; port 0 takes a free one."""
    server, connections = await listen(sandbox or Sandbox(), host, port)
    try:
        bound = server.sockets[0].getsockname()[1]
        yield f"http://{host}:{bound}"
    finally:
        server.close()
        await asyncio.gather(*(connection.stop() for connection in tuple(connections)))
        await server.wait_closed()


async def serve(host: str, port: int, *, ready: Callable[[str], None] | None = None) -> None:
    """Run a sandbox until SIGINT or SIGTERM, or until cancelled. `ready` is told the address once it listens."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        async with running_sandbox(port, host) as url:
            if ready is not None:
                ready(url)
            await stopped.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
