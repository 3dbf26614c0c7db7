"""AWS event streams (`application/vnd.amazon.eventstream`), in which Bedrock carries the events of other protocols.

A message is a prelude (total length, length of the headers, CRC of both), headers, a payload and a CRC of everything
before it; numbers are big-endian. https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html;
recorded: bedrock/invoke-with-response-stream.
"""

from base64 import b64decode
from binascii import crc32
from contextlib import suppress
from struct import Struct as Layout

import msgspec
from msgspec import Struct

from headgate.canonical.failure import Blame, Failure, Kind, Refused
from headgate.protocols.framing.frame import DEFAULT_LIMIT, too_large
from headgate.protocols.framing.sse import encode_event

CONTENT_TYPE = b"application/vnd.amazon.eventstream"

_PRELUDE = Layout(">III")
_CRC = Layout(">I")
_LENGTH = Layout(">H")
_OVERHEAD = _PRELUDE.size + _CRC.size
_STRING = 7
# The sizes of header values that are no strings, by type: booleans, numbers, a timestamp, a UUID. 6 is bytes.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class Message(Struct, frozen=True):
    """One message; of its headers, those that are strings."""

    headers: dict[str, str]
    payload: bytes


class AwsFramer:
    """Bytes in any cut to messages. `limit` is the largest message in bytes.

    `feed` raises `Refused` (blame: upstream) for a message that is too large or whose checksums do not fit. `pending`
    tells whether half a message is left.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._kept = bytearray()

    @property
    def pending(self) -> bool:
        return bool(self._kept)

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes; return the messages they complete."""
        kept = self._kept
        kept += data
        found: list[Message] = []
        start = 0
        while len(kept) - start >= _PRELUDE.size:
            total, headers, crc = _PRELUDE.unpack_from(kept, start)
            if crc32(kept[start : start + 8]) != crc or total < _OVERHEAD + headers:
                raise _damaged("prelude")
            if total > self._limit:
                raise too_large(self._limit)
            if len(kept) - start < total:
                break
            found.append(_message(bytes(kept[start : start + total]), headers))
            start += total
        del kept[:start]
        return found


def _message(data: bytes, headers: int) -> Message:
    end = len(data) - _CRC.size
    if crc32(data[:end]) != _CRC.unpack_from(data, end)[0]:
        raise _damaged("message")
    first = _PRELUDE.size
    try:
        return Message(_headers(data[first : first + headers]), data[first + headers : end])
    except (IndexError, KeyError, ValueError) as error:
        raise _damaged("headers") from error


def _headers(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        name_end = at + 1 + data[at]
        name, kind = data[at + 1 : name_end].decode(), data[name_end]
        at = name_end + 1
        if kind not in (6, _STRING):
            at += _SIZES[kind]
            continue
        if len(data) < at + _LENGTH.size:
            raise ValueError("a header's length is cut off")
        value_end = at + _LENGTH.size + _LENGTH.unpack_from(data, at)[0]
        if kind == _STRING:
            found[name] = data[at + _LENGTH.size : value_end].decode()
        at = value_end
    if at != len(data):
        raise ValueError("a header is cut off")
    return found


def _damaged(what: str) -> Refused:
    message = f"the upstream sent a damaged event stream ({what})"
    return Refused(Failure(kind=Kind.UPSTREAM, message=message, blame=Blame.UPSTREAM))


# --- what Bedrock puts into it -------------------------------------------------------------------------------------


class _Chunk(Struct):
    bytes: str = ""


class _Kind(Struct):
    type: str | None = None


class _Words(Struct):
    message: str | None = None


_read_chunk = msgspec.json.Decoder(_Chunk).decode
_read_kind = msgspec.json.Decoder(_Kind).decode
_read_words = msgspec.json.Decoder(_Words).decode

# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ResponseStream.html.
_ERRORS = {
    "throttlingException": "rate_limit_error",
    "validationException": "invalid_request_error",
    "serviceUnavailableException": "overloaded_error",
    "modelTimeoutException": "timeout_error",
}


def as_anthropic_event(message: Message) -> bytes:
    """A message of `invoke-with-response-stream` as the server-sent event that Anthropic's own API sends; empty for
    one that carries none.

    Raises:
        Refused: the payload is not what Bedrock sends.
    """
    if message.headers.get(":message-type") in {"exception", "error"}:
        return _error(message)
    if message.headers.get(":event-type") != "chunk":
        return b""
    try:
        event = b64decode(_read_chunk(message.payload).bytes, validate=True)
        kind = _read_kind(event).type
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _damaged("payload") from error
    return encode_event(event, kind)


def _error(message: Message) -> bytes:
    code = message.headers.get(":exception-type") or message.headers.get(":error-code") or ""
    words = message.headers.get(":error-message") or ""
    with suppress(msgspec.MsgspecError, ValueError, RecursionError):
        words = _read_words(message.payload).message or words
    error = {"type": _ERRORS.get(code, "api_error"), "message": words or "the upstream failed"}
    return encode_event(msgspec.json.encode({"type": "error", "error": error}), "error")
