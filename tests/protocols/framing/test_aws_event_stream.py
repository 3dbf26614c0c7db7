"""AWS event streams, and the events that Bedrock carries in them."""

import json
from base64 import b64encode
from binascii import crc32
from struct import pack

import pytest

from fakes.wire import Entry, entries, read, wire_params
from headgate.canonical.failure import Blame, Refused
from headgate.protocols.framing.aws_event_stream import AwsFramer, Message, as_anthropic_event


def message(payload: bytes, **headers: str) -> bytes:
    """A message on the wire; underscores in names stand for dashes, and each name begins with a colon."""
    block = b""
    for name, value in headers.items():
        wire = f":{name.replace('_', '-')}".encode()
        block += bytes([len(wire)]) + wire + b"\x07" + pack(">H", len(value)) + value.encode()
    prelude = pack(">II", 16 + len(block) + len(payload), len(block))
    whole = prelude + pack(">I", crc32(prelude)) + block + payload
    return whole + pack(">I", crc32(whole))


def chunk(event: dict[str, object]) -> bytes:
    payload = json.dumps({"bytes": b64encode(json.dumps(event).encode()).decode(), "p": "abc"}).encode()
    return message(payload, event_type="chunk", content_type="application/json", message_type="event")


STREAM = chunk({"type": "message_start"}) + chunk({"type": "ping"}) + chunk({"type": "message_stop"})


def test_chunks_become_server_sent_events() -> None:
    """Named by their type, as Anthropic's own API names them."""
    told = b"".join(map(as_anthropic_event, AwsFramer().feed(STREAM)))
    assert told == (
        b'event: message_start\ndata: {"type": "message_start"}\n\n'
        b'event: ping\ndata: {"type": "ping"}\n\n'
        b'event: message_stop\ndata: {"type": "message_stop"}\n\n'
    )


def test_any_cut_gives_the_same_messages() -> None:
    """Cut at every byte, and byte by byte."""
    whole = AwsFramer().feed(STREAM)
    for cut in range(len(STREAM) + 1):
        framer = AwsFramer()
        assert framer.feed(STREAM[:cut]) + framer.feed(STREAM[cut:]) == whole
        assert not framer.pending
    framer = AwsFramer()
    assert [found for byte in STREAM for found in framer.feed(bytes([byte]))] == whole


def test_half_a_message_is_pending() -> None:
    """So that whoever reads can tell that the stream broke off."""
    framer = AwsFramer()
    assert framer.feed(STREAM[:-1]) == AwsFramer().feed(STREAM)[:-1]
    assert framer.pending


@pytest.mark.parametrize("place", [0, 5, 9, 20, -3])
def test_a_damaged_byte_is_noticed(place: int) -> None:
    """In the prelude before its length is believed, elsewhere before anything is passed on."""
    damaged = bytearray(chunk({"type": "ping"}))
    damaged[place] ^= 1
    with pytest.raises(Refused) as caught:
        AwsFramer().feed(bytes(damaged))
    assert caught.value.failure.blame is Blame.UPSTREAM


def test_a_huge_message_is_refused_before_it_comes() -> None:
    """The prelude tells its size."""
    with pytest.raises(Refused, match="more than 100 bytes"):
        AwsFramer(limit=100).feed(message(b"x" * 200)[:12])


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("throttlingException", "rate_limit_error"),
        ("modelStreamErrorException", "api_error"),
        ("serviceUnavailableException", "overloaded_error"),
        ("newException", "api_error"),
    ],
)
def test_an_exception_becomes_an_error_event(name: str, type_: str) -> None:
    """In Anthropic's words, which its decoder and clients know."""
    (found,) = AwsFramer().feed(
        message(b'{"message":"Too many requests"}', exception_type=name, message_type="exception")
    )
    event = as_anthropic_event(found)
    assert event.startswith(b"event: error\ndata: ")
    assert json.loads(event[len(b"event: error\ndata: ") :]) == {
        "type": "error",
        "error": {"type": type_, "message": "Too many requests"},
    }


def test_headers_of_every_type_are_stepped_over() -> None:
    """Only strings are kept."""
    block = b"\x01a\x00" + b"\x01b\x04\x00\x00\x00\x07" + b"\x01c\x06\x00\x02hi" + b"\x01d\x09" + bytes(16)
    block += b"\x01e\x07\x00\x02ok"
    prelude = pack(">II", 16 + len(block), len(block))
    whole = prelude + pack(">I", crc32(prelude)) + block
    assert AwsFramer().feed(whole + pack(">I", crc32(whole))) == [Message({"e": "ok"}, b"")]


@pytest.mark.parametrize("payload", [b"{}", b"no json", b'{"bytes":"!"}', b'{"bytes":"bm8="}'])
def test_a_chunk_without_an_event_is_refused(payload: bytes) -> None:
    """Better an error than a stream with a hole."""
    with pytest.raises(Refused):
        as_anthropic_event(Message({":event-type": "chunk", ":message-type": "event"}, payload))


RECORDED = [each for each in entries(provider="bedrock", endpoint="invoke-with-response-stream") if each.status == 200]


@pytest.mark.parametrize("entry", wire_params(RECORDED))
def test_recorded_streams_are_read_whole(entry: Entry) -> None:
    """Every checksum fits, every chunk is an event, and nothing is left over."""
    framer = AwsFramer()
    found = framer.feed(read(entry).response.content)
    assert found
    assert not framer.pending
    assert all(as_anthropic_event(each) for each in found)
