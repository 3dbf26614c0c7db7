"""Putting an answer on the line, whole or wrong, as the switches say."""

import asyncio
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from itertools import count
from typing import Protocol

from headgate.sandbox.faults import CUT_HEAD, CUT_MID_HEAD, NONE, Faults
from headgate.sandbox.reply import Frame, Reply

_FRAMES_BETWEEN_BREATHS = 64
_PHRASES = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}


class Line(Protocol):
    """The writing side of a connection."""

    gone: asyncio.Event

    @property
    def closing(self) -> bool: ...
    def write(self, data: bytes) -> None: ...
    async def drain(self) -> None: ...
    def close(self) -> None: ...
    def reset(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """A reply, the faults of its delivery, the event that an `interrupt` sends, and whom to tell when it is done."""

    reply: Reply
    faults: Faults = NONE
    interruption: bytes = b""
    report: Callable[[Reply, bool], None] | None = None

    @property
    def plain(self) -> bool:
        """Whether it can be written in one piece at once."""
        return self.reply.frames is None and self.faults == NONE

    def done(self, *, whole: bool) -> None:
        """Tell that the delivery ended."""
        if self.report is not None:
            self.report(self.reply, whole)


def head_of(reply: Reply, length: int | None, *, keep_alive: bool, encoding: str = "") -> bytes:
    """The status line and headers; without a length the body is chunked."""
    lines = [
        f"HTTP/1.1 {reply.status} {_PHRASES.get(reply.status, 'Unknown')}",
        f"date: {formatdate(usegmt=True)}",
        "server: headgate-sandbox",
        f"content-type: {reply.content_type}",
        "transfer-encoding: chunked" if length is None else f"content-length: {length}",
        *(f"{name}: {value}" for name, value in reply.headers),
    ]
    if encoding:
        lines.append(f"content-encoding: {encoding}")
    if not keep_alive:
        lines.append("connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def deliver(delivery: Delivery, line: Line, *, keep_alive: bool) -> bool:
    """Write the reply down the line. Returns whether all of it was, to an open connection."""
    faults, reply = delivery.faults, delivery.reply
    if faults.hang:
        await line.gone.wait()
        return False
    await _pause(faults.delay, line)
    if faults.cut == CUT_HEAD:
        return _cut(line, faults)
    packer = zlib.compressobj(wbits=31) if faults.gzip else None
    encoding = "gzip" if packer else ""
    body = b"" if reply.frames is not None else _body(reply, faults, packer)
    length = None if reply.frames is not None else len(body)
    head = head_of(reply, length, keep_alive=keep_alive, encoding=encoding)
    if faults.cut == CUT_MID_HEAD:
        line.write(head[: len(head) // 2])
        return _cut(line, faults)
    await _send(head, line, faults)
    if reply.frames is None:
        return await _deliver_body(body, line, faults)
    return await _deliver_frames(reply.frames, delivery, line, packer)


def _body(reply: Reply, faults: Faults, packer: "zlib._Compress | None") -> bytes:
    body = reply.body[: len(reply.body) * 2 // 3] if faults.malformed >= 0 else reply.body
    return packer.compress(body) + packer.flush() if packer else body


async def _deliver_body(body: bytes, line: Line, faults: Faults) -> bool:
    half = len(body) // 2
    if faults.cut >= 0 or faults.cutframe >= 0:
        line.write(body[:half])
        return _cut(line, faults)
    if faults.stall >= 0:
        line.write(body[:half])
        await line.gone.wait()
        return False
    await _pause(faults.first, line)
    await _send(body, line, faults)
    return not line.closing


async def _deliver_frames(
    frames: Iterator[Frame], delivery: Delivery, line: Line, packer: "zlib._Compress | None"
) -> bool:
    faults = delivery.faults
    wait_ms = faults.first
    for number, frame in zip(count(), frames, strict=False):
        if line.closing:
            return False
        if number == faults.cut:
            return _cut(line, faults)
        if number == faults.stall:
            await line.gone.wait()
            return False
        if number == faults.interrupt:
            await _send(_chunk(delivery.interruption, packer) + _last_chunk(packer), line, faults)
            return False
        if frame.last and faults.unfinished:
            continue
        if frame.token:
            await _pause(wait_ms, line)
            wait_ms = faults.pace
        data = _broken(frame.data) if number == faults.malformed else frame.data
        chunk = _chunk(data, packer)
        if number == faults.cutframe:
            line.write(chunk[: len(chunk) // 2])
            return _cut(line, faults)
        await _send(chunk, line, faults)
        if number % _FRAMES_BETWEEN_BREATHS == _FRAMES_BETWEEN_BREATHS - 1:
            await asyncio.sleep(0)
    if line.closing:
        return False
    await _send(_last_chunk(packer), line, faults)
    return not line.closing and not faults.unfinished


def _chunk(data: bytes, packer: "zlib._Compress | None") -> bytes:
    if packer:
        data = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
    return b"%x\r\n%b\r\n" % (len(data), data)


def _last_chunk(packer: "zlib._Compress | None") -> bytes:
    rest = packer.flush() if packer else b""
    return (b"%x\r\n%b\r\n" % (len(rest), rest) if rest else b"") + b"0\r\n\r\n"


def _broken(frame: bytes) -> bytes:
    """The event with the last third of its JSON missing."""
    text = frame.rstrip(b"\n")
    return text[: len(text) * 2 // 3] + frame[len(text) :]


async def _send(data: bytes, line: Line, faults: Faults) -> None:
    if not faults.split:
        line.write(data)
        await line.drain()
        return
    for at in range(0, len(data), faults.split):
        if line.closing:
            return
        line.write(data[at : at + faults.split])
        await line.drain()
        await asyncio.sleep(0.001)  # so that the pieces leave as packets of their own


async def _pause(ms: int, line: Line) -> None:
    """Wait, but not for a client that has left."""
    if ms:
        try:
            await asyncio.wait_for(line.gone.wait(), ms / 1000)
        except TimeoutError:
            return


def _cut(line: Line, faults: Faults) -> bool:
    if faults.reset:
        line.reset()
    else:
        line.close()
    return False
