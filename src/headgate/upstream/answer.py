"""One answer: its head, and its body as it arrives.

The connection calls `take`, `end` and `fail`; the reader calls `read` or `pipe` once. Until one of them is called the
body is kept, up to `KEEP` bytes; then the connection stops reading. In the steady state of a stream a piece goes from
the parser to the reader's sink in one plain call: no queue, no task switch.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

from headgate.upstream.decoding import Decoder, decoder_for
from headgate.upstream.errors import Broken, ProtocolError, TooLarge

KEEP = 64 * 1024

Sink = Callable[[bytes], None]


class Line(Protocol):
    """What an answer needs of its connection."""

    deliver: Sink

    def hold(self, *, by_reader: bool) -> None: ...

    def go_on(self) -> None: ...

    def abandon(self) -> None: ...


class Answer:
    """`status`; `headers` in order, names in lower case, as received: the body is given decoded all the same, so
    `content-encoding` and `content-length` speak of what was on the wire."""

    __slots__ = (
        "_decoder",
        "_emit",
        "_ended",
        "_failure",
        "_held",
        "_limit",
        "_line",
        "_paused",
        "_pieces",
        "_received",
        "_waiter",
        "headers",
        "status",
    )

    def __init__(
        self, status: int, headers: list[tuple[bytes, bytes]], line: Line, encoding: bytes | None = None
    ) -> None:
        self.status = status
        self.headers = headers
        self._line: Line | None = line
        self._pieces: list[bytes] = []
        self._held = 0
        self._limit = 0
        self._emit: Sink = self._keep
        self._decoder: Decoder | None = decoder_for(encoding) if encoding is not None else None
        self._paused = False
        self._received = False  # the connection has handed over the whole body
        self._ended = False  # the reader has, or has failed
        self._failure: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None
        line.deliver = self._keep if self._decoder is None else partial(self._decode, self._decoder)

    def __repr__(self) -> str:
        state = "failed" if self._failure else "complete" if self._ended else "open"
        return f"<Answer {self.status} {state}>"

    def header(self, name: bytes) -> bytes | None:
        """The value of the first header of that (lower-case) name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    @property
    def complete(self) -> bool:
        """The whole body has arrived: reading it will not wait, and cannot fail but for its size."""
        return self._ended and self._failure is None

    # --- the reader's side

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises TooLarge past `limit` decoded bytes, and what `pipe` raises."""
        self._limit = limit
        if not self._ended or self._failure is not None or self._held > limit:
            await self._drain_to(self._collect)
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def pipe(self, sink: Sink) -> None:
        """Calls `sink` with each piece as it arrives, straight from the socket's callback; returns after the last one.

        Raises UpstreamError when the answer cannot be finished, and what the sink raises; both, like the cancellation
        of the waiting task, close the connection.
        """
        await self._drain_to(sink)

    def pause(self) -> None:
        """Back-pressure: stops reading from the socket. What has already been read may still be delivered."""
        self._paused = True
        if self._line is not None:
            self._line.hold(by_reader=True)

    def resume(self) -> None:
        """Goes on after `pause`."""
        if not self._paused:
            return
        self._paused = False
        self._flow()

    def close(self) -> None:
        """Gives the answer up: unless its body is complete, the connection is closed at once."""
        self._fail(Broken("The answer was abandoned.", received=True))

    # --- the connection's side

    def end(self) -> None:
        """The connection has received the whole body; it is no longer ours."""
        self._received = True
        self._line = None
        if self._decoder is None:
            self._finish(None)
        else:
            self._flow()

    def fail(self, failure: BaseException) -> None:
        """The connection is gone."""
        self._line = None
        self._finish(failure)

    # --- inside

    async def _drain_to(self, sink: Sink) -> None:
        self._turn_to(sink)
        if not self._ended:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            except asyncio.CancelledError:
                self.close()
                raise
        if self._failure is not None:
            raise self._failure

    def _turn_to(self, sink: Sink) -> None:
        """From now on pieces go to `sink`, first those kept so far."""
        kept, self._pieces = self._pieces, []
        overfull, self._held = self._held > KEEP, 0
        self._emit = sink
        if self._line is not None and self._decoder is None:
            self._line.deliver = sink
        try:
            for piece in kept:
                sink(piece)
        except BaseException:
            self._failure = None
            self.close()
            raise
        if overfull and not self._paused:
            self._flow()

    def _keep(self, data: bytes) -> None:
        self._pieces.append(data)
        self._held += len(data)
        if self._held > KEEP and self._line is not None:
            self._line.hold(by_reader=False)

    def _collect(self, data: bytes) -> None:
        self._held += len(data)
        if self._held > self._limit:
            raise TooLarge(f"The limit is {self._limit} bytes.", received=True)
        self._pieces.append(data)

    def _decode(self, decoder: Decoder, data: bytes) -> None:
        """Decodes and delivers what arrives, but no more than the reader can take: a small compressed body may be a
        huge one."""
        decoder.feed(data)
        self._empty(decoder)

    def _empty(self, decoder: Decoder) -> bool:
        """Delivers decoded pieces until there are none (true), or until the reader wants no more (false)."""
        while not self._stopped:
            piece = decoder.next()
            if not piece:
                return True
            self._emit(piece)
        return False

    @property
    def _stopped(self) -> bool:
        return self._paused or (self._held > KEEP and self._emit == self._keep)

    def _flow(self) -> None:
        """Delivers what was held back, then lets the connection go on or ends the answer."""
        if self._ended:
            return
        decoder = self._decoder
        if decoder is not None:
            try:
                if not self._empty(decoder):
                    return
                if self._received and not decoder.finished:
                    raise ProtocolError("The compressed body is incomplete.", received=True)
            except Exception as failure:  # noqa: BLE001 - the sink is the caller's; what it raises is raised by `pipe`
                self._fail(failure)
                return
        if self._received:
            self._finish(None)
        elif self._line is not None:
            self._line.go_on()

    def _fail(self, failure: BaseException) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.abandon()
        self._finish(failure)

    def _finish(self, failure: BaseException | None) -> None:
        if self._ended:
            return
        self._ended = True
        self._failure = failure
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
