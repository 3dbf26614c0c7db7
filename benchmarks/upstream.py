"""The upstream of the streaming scenarios: 100 events a response, in OpenAI's or Anthropic's form, as fast as can be.

A program of its own: `python upstream.py PORT`. Nothing is computed while it serves: a response is a list of pieces
made at the start, and one turn of the event loop writes one piece of every stream that runs. A piece has
`EVENTS_A_WRITE` events, each in an HTTP chunk of its own. `/slow/…` sends an event every `SLOW_S` for ever, for
counting live streams.

What it serves is chosen by path: `…/messages` in Anthropic's form, all else in OpenAI's.
"""

import asyncio
import json
import sys
from typing import cast

import uvloop

EVENTS = 100
EVENTS_A_WRITE = 4
SLOW_S = 2.0

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
WORDS = (" the", " water", " level", " rises", " slowly", " behind", " a", " headgate", ",", " and", " then", " falls")


def main() -> None:
    """Serve until killed."""
    uvloop.run(serve(int(sys.argv[1])))


async def serve(port: int) -> None:
    """Listen on loopback, for ever."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=8192)
    await server.serve_forever()


class Upstream(asyncio.Protocol):
    """One connection: request after request, without pipelining."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._next: tuple[list[bytes], int] | None = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, ended, body = self._received.partition(b"\r\n\r\n")
        if not ended or len(body) < _content_length(head):
            return
        self._received = b""
        target = head.split(b" ", 2)[1]
        pieces = ANTHROPIC if target.endswith(b"/messages") else OPENAI
        if target.startswith(b"/slow"):
            self._transport.write(pieces[0])
            self._timer = self._loop.call_later(SLOW_S, self._drip)
        else:
            self._write(pieces, 0)

    def _write(self, pieces: list[bytes], position: int) -> None:
        self._transport.write(pieces[position])
        if position + 1 == len(pieces):
            return
        if self._paused:
            self._next = (pieces, position + 1)
        else:
            self._loop.call_soon(self._write, pieces, position + 1)

    def _drip(self) -> None:
        self._transport.write(DRIP)
        self._timer = self._loop.call_later(SLOW_S, self._drip)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._next is not None:
            following, self._next = self._next, None
            self._write(*following)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


# --- what is said ---


def openai_events() -> list[bytes]:
    """One hundred events of a chat completion: role, words, finish, usage, end."""
    words = [_openai({"content": WORDS[n % len(WORDS)]}) for n in range(EVENTS - 4)]
    usage = {
        "prompt_tokens": 23,
        "completion_tokens": 96,
        "total_tokens": 119,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
    return [
        _openai({"role": "assistant", "content": "", "refusal": None}),
        *words,
        _openai({}, finish="stop"),
        _openai(None, usage=usage),
        b"data: [DONE]\n\n",
    ]


def _openai(
    delta: dict[str, object] | None, *, finish: str | None = None, usage: dict[str, object] | None = None
) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    chunk = {
        "id": "chatcmpl-BHeadgateBenchmark00000000001",
        "object": "chat.completion.chunk",
        "created": 1795600000,
        "model": "gpt-4o-2024-08-06",
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
        "choices": [] if delta is None else [choice],
        "usage": usage,
        "obfuscation": "Hg5x2",
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def anthropic_events() -> list[bytes]:
    """One hundred events of a message: start, block, ping, words, ends, usage."""
    message: dict[str, object] = {
        "id": "msg_01HeadgateBenchmark0000001",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 23,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 1,
            "service_tier": "standard",
        },
    }
    words = [
        _anthropic("content_block_delta", index=0, delta={"type": "text_delta", "text": WORDS[n % len(WORDS)]})
        for n in range(EVENTS - 6)
    ]
    return [
        _anthropic("message_start", message=message),
        _anthropic("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        _anthropic("ping"),
        *words,
        _anthropic("content_block_stop", index=0),
        _anthropic(
            "message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 94}
        ),
        _anthropic("message_stop"),
    ]


def _anthropic(kind: str, **fields: object) -> bytes:
    data = json.dumps({"type": kind, **fields}, separators=(",", ":"))
    return f"event: {kind}\ndata: {data}\n\n".encode()


def pieces(events: list[bytes]) -> list[bytes]:
    """A response as it is written: its head with the first events, then the others, some a write."""
    chunks = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
    groups = [b"".join(chunks[at : at + EVENTS_A_WRITE]) for at in range(0, len(chunks), EVENTS_A_WRITE)]
    return [HEAD + groups[0], *groups[1:-1], groups[-1] + LAST]


OPENAI = pieces(openai_events())
ANTHROPIC = pieces(anthropic_events())
DRIP = b"%x\r\n%b\r\n" % (len(openai_events()[1]), openai_events()[1])

if __name__ == "__main__":
    main()
