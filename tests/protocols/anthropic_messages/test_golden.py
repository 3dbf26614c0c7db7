"""One turn with everything in it, told whole (`turn.json`) and as a stream (`turn.sse`)."""

from pathlib import Path

import msgspec
import pytest

from fakes.messages import asking, told
from headgate.canonical.parts import Reasoning, ServerToolCall, ServerToolResult, Text, ToolCall
from headgate.canonical.stream import StreamEvent, assemble, disassemble
from headgate.canonical.usage import Usage
from headgate.protocols.anthropic_messages import CODEC

GOLDEN = Path(__file__).parents[2] / "golden" / "anthropic_messages"
WHOLE = (GOLDEN / "turn.json").read_bytes()
STREAM = (GOLDEN / "turn.sse").read_bytes()
USAGE = Usage(
    input=4100, cache_read=64, cache_write_5m=100, cache_write_1h=200, output=74, reasoning=21, web_searches=1
)


def test_the_turn_is_understood() -> None:
    """Every kind of part, and each token once."""
    answer = CODEC.decode_response(WHOLE)
    kinds = [type(part) for part in answer.candidates[0].parts]
    assert kinds == [Reasoning, Reasoning, ServerToolCall, ServerToolResult, Text, ToolCall, ToolCall]
    assert answer.candidates[0].finish == "tool_calls"
    assert (answer.usage, answer.service_tier) == (USAGE, "default")


def test_whole_and_streamed_it_says_the_same() -> None:
    """Down to the last citation; arguments differ in their spaces alone."""
    streamed, whole = assemble(told(STREAM)), CODEC.decode_response(WHOLE)
    assert streamed.usage == whole.usage
    for mine, theirs in zip(streamed.candidates[0].parts, whole.candidates[0].parts, strict=True):
        if isinstance(mine, ToolCall) and isinstance(theirs, ToolCall):
            assert msgspec.json.decode(mine.arguments) == msgspec.json.decode(theirs.arguments)
        elif isinstance(mine, ServerToolCall) and isinstance(theirs, ServerToolCall):
            assert msgspec.json.decode(mine.input) == msgspec.json.decode(theirs.input)
        else:
            assert mine == theirs


@pytest.mark.parametrize("cut", range(0, len(STREAM), 7))
def test_cut_in_two_anywhere_it_passes_and_reads_the_same(cut: int) -> None:
    """Between two bytes of a character, in a name, in a number."""
    meter, decoder = CODEC.meter(False), CODEC.stream_decoder()
    passed, events = b"", list[StreamEvent]()
    for piece in (STREAM[:cut], STREAM[cut:]):
        passed += meter.feed(piece)
        events += decoder.feed(piece)
    assert passed + meter.close() == STREAM
    assert (meter.usage, meter.finish, meter.ended) == (USAGE, "tool_use", True)
    assert [*events, *decoder.close()] == told(STREAM)


def test_a_whole_answer_can_be_told_as_a_stream() -> None:
    """As when an upstream cannot stream but the client asked for it."""
    whole = CODEC.decode_response(WHOLE)
    encoder = CODEC.stream_encoder(asking())
    written = encoder.feed(list(disassemble(whole))) + encoder.close()
    assert assemble(told(written)) == whole
