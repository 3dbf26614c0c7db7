"""The listening connection: uvicorn's HTTP protocol with a lane of its own for calls.

uvicorn accepts connections, runs the workers and shuts down in order; this class reads each request head and decides.
A call (see `lanes.py`) becomes an `Exchange` and goes to the relay without touching ASGI; any other path takes
uvicorn's stock way to the ASGI application. Answers leave in the order of the requests, whichever way they took.

What is refused here, before anything is charged: heads and bodies that are too large or too slow, and every way of
framing a message that two HTTP implementations could read differently (RFC 9112 sections 6.3 and 11.2).
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httptools
from msgspec import Struct
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from headgate.canonical.codec import ErrorAnswer
from headgate.canonical.failure import Failure, Kind
from headgate.relay.asked import Asked
from headgate.server import lanes
from headgate.server.content import too_large
from headgate.server.exchange import Exchange

SWEEP_S = 0.5
GOODBYE_S = 2.0
"""How long a connection that we close early goes on swallowing what the peer still sends, so that the peer can read
our answer instead of a reset."""


class Limits(Struct, frozen=True, kw_only=True):
    """What one connection may use. Sizes in bytes, times in seconds."""

    head_bytes: int = 65_536
    head_s: float = 15.0
    body_bytes: int = 128 * 1024 * 1024
    body_s: float = 120.0
    idle_s: float = 75.0


class LaneState:
    """What all connections of a worker share: the way to the relay, the limits, and the sweep that ends slow ones.

    Args:
        serve: takes a call from its exchange to settled.
        refuse: an error answer in the protocol of what was asked, and the id it carries.
        limits: what one connection may use.
    """

    def __init__(
        self,
        *,
        serve: Callable[[Exchange, Asked], Coroutine[Any, Any, None]],
        refuse: Callable[[Asked, Failure], tuple[str, ErrorAnswer]],
        limits: Limits,
    ) -> None:
        self.serve = serve
        self.refuse = refuse
        self.limits = limits
        self.connections: set[LaneProtocol] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._dated: list[tuple[bytes, bytes]] | None = None
        self._date = b""

    def date(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """The date as a header line, out of uvicorn's default headers, which are a new list every second."""
        if headers is not self._dated:
            self._dated = headers
            self._date = b"".join(b"date: " + value + b"\r\n" for name, value in headers if name == b"date")
        return self._date

    def join(self, connection: "LaneProtocol") -> None:
        self.connections.add(connection)
        if self._timer is None:
            self._timer = connection.loop.call_later(SWEEP_S, self._sweep, connection.loop)

    def leave(self, connection: "LaneProtocol") -> None:
        self.connections.discard(connection)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in [each for each in self.connections if each.deadline <= now]:
            connection.expire()
        self._timer = loop.call_later(SWEEP_S, self._sweep, loop) if self.connections else None


NEVER = float("inf")
_SINGLE = (b"content-length", b"transfer-encoding", b"host", b"content-type", b"expect")


class LaneProtocol(HttpToolsProtocol):
    """One client connection.

    `app_state["lane"]`, put there by the application's start-up, is the worker's `LaneState`.
    """

    cycle: RequestResponseCycle | Exchange | None  # type: ignore[assignment]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.lane: LaneState = app_state["lane"]
        self.deadline = NEVER
        self._head_size = 0
        self._reading: Exchange | None = None
        self._answering: Exchange | None = None
        self._goodbye = False
        self._in_head = True
        self._fault: Failure | None = None
        self.fields: dict[bytes, bytes] = {}
        self.version = "1.1"
        self._address = ""

    # --- connection ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self.lane.join(self)
        self.deadline = self.loop.time() + self.lane.limits.head_s

    def connection_lost(self, exc: Exception | None) -> None:
        self.lane.leave(self)
        for exchange in (self._answering, self._reading):
            if exchange is not None:
                exchange.leave()
        self._answering = self._reading = None
        if isinstance(self.cycle, Exchange):
            self.cycle = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._goodbye:
            return
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        if self._in_head:
            self._head_size += len(data)
            if self.deadline == NEVER or self._head_size == len(data):
                self.deadline = self.loop.time() + self.lane.limits.head_s
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._ignore_upgrade()
        except httptools.HttpParserError:
            self._break_off(self._fault or _malformed("it does not parse"))
        else:
            if self._in_head and self._head_size > self.lane.limits.head_bytes:
                self._break_off(HEAD_TOO_LARGE)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._answering is not None and self._answering.on_flow is not None:
            self._answering.on_flow(True)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._answering is not None and self._answering.on_flow is not None:
            self._answering.on_flow(False)

    def shutdown(self) -> None:
        if self._answering is not None:
            self._answering.keep_alive = False
        elif isinstance(self.cycle, Exchange):
            self.transport.close()
        else:
            super().shutdown()

    def expire(self) -> None:
        """The deadline has passed: answer 408 where half a request has come, else just close."""
        self.deadline = NEVER
        if self._goodbye or (self._in_head and self._head_size == 0):
            self.transport.close()
        else:
            words = "The request did not arrive in time."
            self._break_off(Failure(kind=Kind.REQUEST_TIMEOUT, message=words, code="request_timeout"))

    # --- parser callbacks ---

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        self.deadline = self.loop.time() + self.lane.limits.body_s
        self._fault = self._fault_in_head()
        self._head_size = 0
        if self._fault is not None:
            raise httptools.HttpParserCallbackError(self._fault.message)
        path, _, query = self.url.partition(b"?")
        asked = lanes.find(self.parser.get_method(), path, query)
        if asked is None:
            self._to_asgi()
        else:
            self._open_exchange(asked, path, query)

    def on_body(self, body: bytes) -> None:
        exchange = self._reading
        if self._goodbye:
            return
        if exchange is None:
            super().on_body(body)
        elif not exchange.take(body):
            self._break_off(too_large(exchange.limit).failure)

    def on_message_complete(self) -> None:
        if self._goodbye:
            return
        # Between here and the next request's first byte the head counters start again.
        self._in_head = True
        self._head_size = 0
        self.deadline = NEVER
        exchange = self._reading
        if exchange is None:
            super().on_message_complete()
            return
        self._reading = None
        exchange.complete = True
        if self._answering is exchange:
            self._start(exchange)

    # --- the lane ---

    def _fault_in_head(self) -> Failure | None:
        """Why this request is not taken: its head is too large, or its framing ambiguous."""
        limit = self.lane.limits.head_bytes
        if self._head_size > limit and sum(len(name) + len(value) + 4 for name, value in self.headers) > limit:
            return HEAD_TOO_LARGE
        ambiguity = self._ambiguity()
        return None if ambiguity is None else _malformed(ambiguity)

    def _ambiguity(self) -> str | None:
        fields = self.fields = dict(self.headers)
        version = self.version = self.parser.get_http_version()
        if version not in {"1.1", "1.0"}:
            return f"HTTP/{version} is not spoken here"
        if len(fields) != len(self.headers):
            names = [name for name, _ in self.headers]
            if any(names.count(single) > 1 for single in _SINGLE):
                return "a header that may come once came twice"
        coding = fields.get(b"transfer-encoding")
        if coding is not None:
            if coding.strip().lower() != b"chunked":
                return "an unsupported transfer-encoding"
            if b"content-length" in fields or version != "1.1":
                return "a transfer-encoding where a content-length stands"
        if b"host" not in fields and version == "1.1":
            return "no host header"
        if not self.url.startswith((b"/", b"http://", b"https://", b"*")):
            return "a strange target"
        return None

    def _to_asgi(self) -> None:
        """Let uvicorn take this request its own way: make the scope that its parser callbacks would have made."""
        headers, url, expect = self.headers, self.url, self.expect_100_continue
        super().on_message_begin()
        self.headers.extend(headers)
        self.url = url
        self.expect_100_continue = expect
        self._in_head = False
        super().on_headers_complete()

    def _open_exchange(self, asked: Asked, path: bytes, query: bytes) -> None:
        exchange = Exchange(
            self,
            asked,
            path=path,
            query=query,
            headers=self.headers,
            address=self._address,
            keep_alive=self.parser.should_keep_alive(),
            version=self.version,
            limit=self.lane.limits.body_bytes,
        )
        busy = self._answering is not None or (self.cycle is not None and not self.cycle.response_complete)
        self._reading = exchange
        self.cycle = exchange
        if busy:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, None))  # type: ignore[arg-type]
            return
        self._answering = exchange
        if int(self.fields.get(b"content-length", b"0")) > exchange.limit:
            self._break_off(too_large(exchange.limit).failure)
        elif self.expect_100_continue:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _start_asgi_task(self, cycle: RequestResponseCycle | Exchange, app: Any) -> None:
        """uvicorn's hook for the next pipelined request, which may be a call."""
        if not isinstance(cycle, Exchange):
            super()._start_asgi_task(cycle, app)
            return
        self._answering = cycle
        if cycle.complete:
            self._start(cycle)

    def _start(self, exchange: Exchange) -> None:
        task = exchange.task = self.loop.create_task(self.lane.serve(exchange, exchange.asked))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def send(self, data: bytes) -> None:
        """Write to the peer."""
        self.transport.write(data)

    def drop(self) -> None:
        """Close at once: a half answer cannot be made whole."""
        self.transport.abort()

    def date(self) -> bytes:
        """The `date` header line, which uvicorn keeps up to date."""
        return self.lane.date(self.server_state.default_headers)

    def answered(self, exchange: Exchange) -> None:
        """An exchange has sent its last byte: close, or go on with the next request."""
        self._answering = None
        self.server_state.total_requests += 1
        if not exchange.complete or self._goodbye:
            self._say_goodbye()
            return
        if not exchange.keep_alive:
            self.transport.close()
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if self.deadline == NEVER:
            self.deadline = self.loop.time() + self.lane.limits.idle_s

    def _break_off(self, failure: Failure) -> None:
        """Refuse what is being read and close. Where an earlier answer is still on its way, that one is finished
        first and nothing is said."""
        exchange, self._reading = self._reading, None
        if self._answering is not None and self._answering is not exchange:
            self._answering.keep_alive = False
            self.pipeline.clear()
            self._goodbye = True
            return
        if self.cycle is not None and not isinstance(self.cycle, Exchange) and not self.cycle.response_complete:
            self.transport.close()
            return
        last = exchange or Exchange(
            self,
            lanes.CHAT,
            path=b"",
            query=b"",
            headers=[],
            address=self._address,
            keep_alive=False,
            version="1.1",
            limit=0,
        )
        last.keep_alive = False
        call_id, answer = self.lane.refuse(last.asked, failure)
        last.named(call_id)
        self._answering = last
        last.refuse(answer)

    def _ignore_upgrade(self) -> None:
        """Answer a request that offers to change protocols (Java's client offers h2c) as if it had not; the parser is
        of no use afterwards. WebSockets take uvicorn's way where they are spoken at all."""
        if self._answering is not None and self._answering.complete:
            self._answering.keep_alive = False
        elif self._should_upgrade():
            self.handle_websocket_upgrade()
        elif isinstance(self.cycle, RequestResponseCycle) and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        else:
            self._break_off(_invalid("Protocol upgrades are not supported here."))

    def _say_goodbye(self) -> None:
        """Close our side now and the connection soon."""
        self._goodbye = True
        self.deadline = self.loop.time() + GOODBYE_S
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()
        else:
            self.transport.close()

    def eof_received(self) -> None:
        self.transport.close()


def _malformed(what: str) -> Failure:
    return _invalid(f"The HTTP request is malformed: {what}.")


def _invalid(message: str, status: int = 0) -> Failure:
    return Failure(kind=Kind.INVALID_REQUEST, message=message, status=status, code="invalid_request")


HEAD_TOO_LARGE = _invalid("The request head is too large.", status=431)
