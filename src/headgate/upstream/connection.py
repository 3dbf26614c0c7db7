"""One HTTP/1.1 connection: writes a request, parses its answer, and says when it is free again.

Everything happens in the socket's own callbacks. A connection is *free* (no exchange), *asked* (`_waiter` awaits the
head) or *answering* (`_answer` takes the body). It knows its pool only as an `Owner`.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from typing import Protocol, cast

from httptools import HttpParserCallbackError, HttpParserError, HttpParserUpgrade, HttpResponseParser

from headgate.upstream.answer import Answer, Sink
from headgate.upstream.errors import Broken, FirstByteTimedOut, IdleTimedOut, ProtocolError
from headgate.upstream.origin import Timeouts

QUIET_LIMIT = 64 * 1024
"""Most bytes that may arrive with nothing of the body among them: bounds heads, interim answers, trailers and chunk
sizes."""

NO_BODY = frozenset((204, 304))


class Stale(Exception):
    """A kept connection turned out to be dead before a byte of the answer arrived."""


class Owner(Protocol):
    """Who keeps the connections."""

    idle_lifetime_s: float

    def freed(self, connection: "Connection") -> None:
        """The connection can take another request."""

    def lost(self, connection: "Connection") -> None:
        """The connection is closed; said once."""


class Connection(asyncio.Protocol):
    __slots__ = (
        "_allowance",
        "_answer",
        "_answered",
        "_blocked",
        "_deadline",
        "_feeder",
        "_has_length",
        "_head_only",
        "_headers",
        "_held",
        "_idle_s",
        "_keep_alive",
        "_ours",
        "_owner",
        "_parser",
        "_quiet",
        "_repeatable",
        "_reused",
        "_spent",
        "_touched",
        "_transport",
        "_waiter",
        "deliver",
    )

    deliver: Sink

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._parser: HttpResponseParser | None = HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._waiter: asyncio.Future[Answer] | None = None
        self._answer: Answer | None = None
        self._feeder: asyncio.Task[None] | None = None
        self._blocked: asyncio.Future[None] | None = None  # set while the socket takes no more
        self._reused = False
        self._repeatable = False  # the request can be sent again
        self._quiet = 0
        self._answered = False  # the answer's last byte has been parsed
        self._spent = False  # can take no other request
        self._keep_alive = False
        self._has_length = False
        self._head_only = False
        self._held = False  # the socket is not being read
        self._ours = False  # waiting for our own side: time-outs do not run
        self._touched = True
        self._allowance = owner.idle_lifetime_s
        self._idle_s = 0.0
        self._deadline = 0.0

    def __repr__(self) -> str:
        state = "answering" if self._answer else "asked" if self._waiter else "free" if self.usable else "closed"
        return f"<Connection {state}>"

    @property
    def usable(self) -> bool:
        transport = self._transport
        return transport is not None and not transport.is_closing()

    # --- the client's side

    def ask(
        self,
        loop: asyncio.AbstractEventLoop,
        head: bytes,
        body: bytes | AsyncIterable[bytes],
        timeouts: Timeouts,
        length: int | None,
    ) -> "asyncio.Future[Answer]":
        """Sends a request; the future gives its answer once the head is there, or raises Stale or UpstreamError."""
        waiter: asyncio.Future[Answer] = loop.create_future()
        self._waiter = waiter
        self._repeatable = isinstance(body, bytes)
        self._quiet = 0
        self._answered = False
        self._allowance = timeouts.first_byte_s
        self._idle_s = timeouts.idle_s
        self._touched = True
        self._head_only = head.startswith(b"HEAD ")
        transport = self._transport
        if transport is None or transport.is_closing():
            self._fail(Broken())
        elif isinstance(body, bytes):
            if body:
                transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
            elif head.startswith((b"GET ", b"HEAD ")):
                transport.write(head + b"\r\n")
            else:
                transport.write(head + b"content-length: 0\r\n\r\n")
        else:
            framing = (
                b"transfer-encoding: chunked\r\n\r\n" if length is None else b"content-length: %d\r\n\r\n" % length
            )
            transport.write(head + framing)
            self._feeder = loop.create_task(self._feed(body, length))
        return waiter

    def abort(self) -> None:
        """Closes at once, whatever is under way."""
        if self._feeder is not None:
            self._feeder.cancel()
        if self._transport is not None:
            self._transport.abort()

    def overdue(self, now: float) -> bool:
        """Asked at each sweep. Activity since the last one starts the allowance afresh: the hot path reads no clock."""
        if self._touched or self._ours:
            self._touched = False
            self._deadline = now + self._allowance
            return False
        return now > self._deadline

    def expire(self) -> None:
        """The allowance is used up."""
        if self._waiter is not None:
            self._fail(FirstByteTimedOut(received=self._quiet > 0))
        elif self._answer is not None:
            self._fail(IdleTimedOut(received=True))
        else:
            self.abort()

    # --- the answer's side

    def hold(self, *, by_reader: bool) -> None:
        """Stops reading. While the reader wants it so, the upstream's silence is not its fault."""
        self._ours = by_reader
        if not self._held and self._transport is not None and not self._transport.is_closing():
            self._held = True
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Reads again."""
        self._ours = False
        self._touched = True
        if self._held and self._transport is not None and not self._transport.is_closing():
            self._held = False
            self._transport.resume_reading()

    def abandon(self) -> None:
        """Nobody wants the rest of the answer."""
        self._answer = None
        self.abort()

    # --- the socket's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transports are not registered as such

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if parser is None or (self._waiter is None and self._answer is None):
            self.abort()  # nothing was asked
            return
        self._quiet += len(data)
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if self._answered:  # the answer is good; what came after it is not
                self._spent = True
                self._complete()
            else:
                self._fail(_cause(error))
        else:
            if self._answered:
                self._complete()
            elif self._quiet > QUIET_LIMIT:
                self._fail(ProtocolError("Its head is too large.", received=True))
            elif self._answer is not None:
                self._touched = True

    def eof_received(self) -> None:
        """Closes: a half-closed connection is of no use to us. What was received is judged in `connection_lost`."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and exc is None and not self._has_length:
            self._keep_alive = False
            self._complete()
        elif self._answer is not None or self._waiter is not None:
            self._fail(Broken(str(exc) if exc else "", received=self._quiet > 0 or self._answer is not None))
        self._transport = None
        self._parser = None  # it holds our bound methods: a cycle
        self.resume_writing()
        if self._feeder is not None:
            self._feeder.cancel()
        self._owner.lost(self)

    def pause_writing(self) -> None:
        if self._blocked is None:
            self._blocked = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        blocked, self._blocked = self._blocked, None
        if blocked is not None and not blocked.done():
            blocked.set_result(None)

    # --- the parser's side

    def on_message_begin(self) -> None:
        if self._answered:  # more than was asked for: raising stops the parser
            raise ProtocolError("It answered twice.", received=True)
        self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._answer is None:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser, waiter = self._parser, self._waiter
        if self._answered or parser is None or waiter is None:
            return
        status = parser.get_status_code()
        if status < 200:
            return  # an interim answer; the parser itself raises HttpParserUpgrade for 101
        headers, self._headers = self._headers, []
        encoding = self._read_framing(headers, status)
        self._answer = answer = Answer(status, headers, self, encoding)
        self._waiter = None
        self._allowance = self._idle_s
        if self._feeder is not None and status >= 400:
            self._spent = True
            self._feeder.cancel()  # refused: the rest of the body is not wanted
        if not waiter.done():
            waiter.set_result(answer)
        if self._head_only:
            self._answered = True
            self._keep_alive = False  # the parser would take the next answer for this one's body
            self.deliver = _discard

    def on_body(self, data: bytes) -> None:
        self._quiet = 0
        self.deliver(data)

    def on_message_complete(self) -> None:
        if self._answer is not None and self._parser is not None:
            self._answered = True
            self._keep_alive = self._parser.should_keep_alive()

    # --- inside

    def _read_framing(self, headers: list[tuple[bytes, bytes]], status: int) -> bytes | None:
        """Finds out how the body ends; the parser has refused what conflicts. Returns the content encoding."""
        encoding = None
        has_length = status in NO_BODY
        for name, value in headers:
            if name == b"content-length":
                has_length = True
            elif name == b"transfer-encoding":
                if value.strip().lower() != b"chunked":
                    raise ProtocolError(f"Its transfer encoding is unknown: {value[:40]!r}.", received=True)
                has_length = True
            elif name == b"content-encoding":
                encoding = value
        self._has_length = has_length
        return encoding

    def _complete(self) -> None:
        """The answer has been parsed to its end: lets go of it, and of this connection."""
        answer, self._answer = self._answer, None
        if self._held:
            self.go_on()
        self._ours = False
        transport = self._transport
        if (
            self._keep_alive
            and not self._spent
            and self._feeder is None
            and transport is not None
            and not transport.get_write_buffer_size()
        ):
            self._reused = True
            self._touched = True
            self._allowance = self._owner.idle_lifetime_s
            self._owner.freed(self)
        else:
            self.abort()
        if answer is not None:
            answer.end()

    def _fail(self, failure: BaseException) -> None:
        """Ends the exchange and the connection."""
        waiter, self._waiter = self._waiter, None
        answer, self._answer = self._answer, None
        self.abort()
        if waiter is not None and not waiter.done():
            stale = self._reused and self._repeatable and self._quiet == 0 and isinstance(failure, Broken)
            waiter.set_exception(Stale() if stale else failure)
        if answer is not None:
            answer.fail(failure)

    async def _feed(self, body: AsyncIterable[bytes], length: int | None) -> None:
        """Sends a body that comes in pieces, as fast as the socket takes them."""
        sent = 0
        try:
            self._ours = True
            async for piece in body:
                self._ours = False
                self._touched = True
                sent += len(piece)
                if length is not None and sent > length:
                    raise ValueError(f"the request body is longer than the {length} bytes that were promised")
                self._send_piece(piece, chunked=length is None)
                if self._blocked is not None:
                    await self._blocked
                if sent == length:
                    break
                self._ours = True
            self._feed_end(sent, length)
        except asyncio.CancelledError:
            pass  # by us: the connection is lost, or the answer came first
        except Exception as failure:  # noqa: BLE001 - the body is the caller's; what it raises is raised to the caller
            self._feeder = None
            self._fail(failure)
        finally:
            self._ours = False
            self._touched = True
            self._feeder = None
            if isinstance(body, AsyncGenerator):
                await body.aclose()

    def _feed_end(self, sent: int, length: int | None) -> None:
        if length is None:
            if self._transport is not None:
                self._transport.write(b"0\r\n\r\n")
        elif sent != length:
            raise ValueError(f"the request body has {sent} bytes where {length} were promised")

    def _send_piece(self, piece: bytes, *, chunked: bool) -> None:
        if self._transport is None or not piece:
            return
        self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)


def _discard(data: bytes) -> None:
    """Takes what is nobody's."""


def _cause(error: Exception) -> BaseException:
    """What the parser's complaint stands for: where one of our callbacks raised, that."""
    match error:
        case HttpParserCallbackError():
            return error.__context__ or ProtocolError(received=True)
        case HttpParserUpgrade():
            return ProtocolError("It switches protocols unasked.", received=True)
        case _:
            return ProtocolError(f"{error}.", received=True)
