"""Every recorded answer of every protocol, told in each of the others: the vendor's own client takes it, and it says
the same."""

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from msgspec import Struct

from fakes.wire import Entry, read
from headgate.canonical.failure import Refused
from headgate.canonical.parts import ProtocolName, Reasoning, Signature, ToolCall
from headgate.canonical.stream import Response, StreamEvent, assemble, disassemble
from headgate.relay.codecs import CODECS
from pairs.recordings import PAIRS, PROTOCOLS, question, recorded
from pairs.sayings import arguments, counted, expected, sayings
from pairs.sdks import events_of, next_turn, take_stream, take_whole

SHORT = 3000
CUT_ALL = 6
"""How many short streams of a protocol are cut at every byte; the others are cut at random."""


class Told(Struct, frozen=True):
    """A recorded answer as its own protocol's codec understands it; `events` as they came, where it was streamed."""

    name: str
    body: bytes
    streamed: bool
    events: tuple[StreamEvent, ...]
    response: Response


def stream_events(protocol: ProtocolName, pieces: Sequence[bytes]) -> list[StreamEvent]:
    decoder = CODECS[protocol].stream_decoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + list(decoder.close())


def understood(protocol: ProtocolName, entry: Entry) -> Told | None:
    """None where it is no answer: an error in a stream, a list of stored answers, an answer yet to come, or one whose
    pictures were cut short by whoever published it."""
    body = read(entry).response.content
    streamed = not body.lstrip().startswith(b"{")
    if entry.status != 200 or (b"..." in body and b'"image_generation_call"' in body):
        return None
    try:
        if streamed:
            events = stream_events(protocol, [body])
            response = assemble(events)
        else:
            response = CODECS[protocol].decode_response(body)
            events = list(disassemble(response))
    except Refused:
        return None
    broken = any(candidate.finish == "error" for candidate in response.candidates)
    if not response.candidates or broken or not any(candidate.parts for candidate in response.candidates):
        return None
    return Told(entry.file, body, streamed, tuple(events), response)


# What another vendor's own tools did is told to Google's client in the form of its own tools; it warns of their names.
pytestmark = pytest.mark.filterwarnings("ignore:.* is not a valid ToolType")

ANSWERS: dict[ProtocolName, list[Told]] = {
    protocol: [told for entry in recorded(protocol) if (told := understood(protocol, entry)) is not None]
    for protocol in PROTOCOLS
}


def present(source: ProtocolName) -> list[Told]:
    if not ANSWERS[source]:
        pytest.skip("recorded exchanges not found; set HEADGATE_WIRE")
    return ANSWERS[source]


def stream(target: ProtocolName, batches: Sequence[Sequence[StreamEvent]]) -> bytes:
    encoder = CODECS[target].stream_encoder(question(target))
    return b"".join(encoder.feed(batch) for batch in batches) + encoder.close()


def same(told: Told, again: Response, target: ProtocolName) -> None:
    """The answer says what the recorded one says, its usage is exact, its calls keep their signatures."""
    want, got = expected(sayings(told.response), target), sayings(again)
    assert got == want, told.name
    assert again.usage is None or told.response.usage is not None or target == "anthropic_messages", told.name
    if told.response.usage is not None:
        assert again.usage is not None, told.name
        assert counted(again.usage, target) == counted(told.response.usage, target), told.name
        assert again.usage.total_in == told.response.usage.total_in, told.name
        assert again.usage.total_out == told.response.usage.total_out, told.name


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_answer_is_told_whole(source: ProtocolName, target: ProtocolName) -> None:
    """Also those that came as a stream."""
    for told in present(source):
        written = CODECS[target].encode_response(told.response, question(target))
        take_whole(target, written)
        same(told, CODECS[target].decode_response(written), target)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_answer_is_told_as_a_stream(source: ProtocolName, target: ProtocolName) -> None:
    """Event by event as it came; a whole answer as a stream would have told it."""
    for told in present(source):
        written = stream(target, [[event] for event in told.events])
        same(told, assemble(stream_events(target, [written])), target)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_the_sdk_puts_every_stream_together(source: ProtocolName, target: ProtocolName) -> None:
    """What the vendor's own accumulator makes of it says the same again."""
    for told in [one for one in present(source) if one.streamed]:
        if len(told.response.candidates) > 1:
            continue  # The accumulators of some SDKs know one answer only.
        taken = take_stream(target, stream(target, [told.events]))
        back = CODECS[target].decode_request(next_turn(target, taken), "m", False)
        parts = [part for message in back.messages for part in message.parts]
        calls = [(part.id, part.name, arguments(part)) for part in parts if isinstance(part, ToolCall)]
        (want,) = expected(sayings(told.response), target)
        if want.finish == "length":
            # Arguments that were cut off are no JSON, of which each client makes something of its own.
            assert [call[:2] for call in calls] == [call[:2] for call in want.calls], told.name
        else:
            assert tuple(calls) == want.calls, told.name


def opaque(response: Response) -> list[Signature]:
    """What the upstream wants back unchanged."""
    found: list[Signature | None] = []
    for part in response.candidates[0].parts:
        if isinstance(part, Reasoning):
            found += [part.signature, part.redacted]
        elif isinstance(part, ToolCall):
            found.append(part.signature)
    return [signature for signature in found if signature is not None]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_opaque_state_comes_back_to_its_vendor(source: ProtocolName, target: ProtocolName) -> None:
    """A client that sends its answer back, as every agent does, brings every signature, seal and encrypted thought to
    the upstream that issued it."""
    for told in present(source):
        wanted = opaque(told.response)
        if not wanted:
            continue
        whole = take_whole(target, CODECS[target].encode_response(told.response, question(target)))
        streamed = take_stream(target, stream(target, [told.events]))
        for answer in (whole, streamed):
            request = CODECS[target].decode_request(next_turn(target, answer), "m", False)
            parts = [part for message in request.messages for part in message.parts]
            found = [part.signature for part in parts if isinstance(part, Reasoning | ToolCall)]
            found += [part.redacted for part in parts if isinstance(part, Reasoning)]
            assert [one for one in wanted if one not in found] == [], told.name


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_streams_say_the_same_in_any_cut(source: ProtocolName, target: ProtocolName) -> None:
    """Some short ones byte by byte, the others in a few pieces of any size."""
    dice = random.Random(f"{source} {target}")
    streams = [told for told in present(source) if told.streamed and len(told.body) < 200_000]
    short = [told for told in streams if len(told.body) < SHORT]
    bytewise = dice.sample(short, min(CUT_ALL, len(short)))
    for told in [*bytewise, *dice.sample(streams, min(25, len(streams)))]:
        every = told in bytewise
        cuts = range(len(told.body)) if every else sorted(dice.sample(range(len(told.body)), 5))
        places = [0, *cuts, len(told.body)]
        pieces = [told.body[at:end] for at, end in pairwise(places)]
        decoder, encoder = CODECS[source].stream_decoder(), CODECS[target].stream_encoder(question(target))
        out = b"".join(encoder.feed(decoder.feed(piece)) for piece in pieces)
        out += encoder.feed(decoder.close()) + encoder.close()
        assert out.count(b"event: ") == 0 or events_of(out)
        same(told, assemble(stream_events(target, [out])), target)
