"""Function calls in pieces."""

from fakes.google import answer, events_of, sse
from headgate.canonical.parts import Json, Signature, ToolCall
from headgate.canonical.stream import assemble
from headgate.protocols.gemini_generate.partial import PartialArguments


def built(*pieces: Json) -> dict[str, Json]:
    arguments = PartialArguments()
    for piece in pieces:
        arguments.take(piece)
    return arguments.value


def test_paths_make_objects_and_lists() -> None:
    """Recorded: vertex/stream-parallel-tools--gemini-3-pro-preview."""
    assert built(
        {"jsonPath": "$.operations[0].action", "stringValue": "ad", "willContinue": True},
        {"jsonPath": "$.operations[0].action", "stringValue": "d", "willContinue": True},
        {"jsonPath": "$.operations[0].action", "stringValue": ""},
        {"jsonPath": "$.operations[1].ok", "boolValue": True},
        {"jsonPath": "$['odd.name']", "nullValue": "NULL_VALUE"},
        {"jsonPath": "$.n", "numberValue": 0.5},
    ) == {"operations": [{"action": "add"}, {"ok": True}], "odd.name": None, "n": 0.5}


def test_senseless_pieces_are_passed_over() -> None:
    """No crash, no endless list."""
    assert built(5, {}, {"jsonPath": "$"}, {"jsonPath": "$", "stringValue": "x"}) == {}
    assert built({"jsonPath": "$.a[99999999999]", "stringValue": "x"}) == {}


def test_a_stream_tells_such_a_call_whole() -> None:
    """Two calls in pieces, one after the other."""
    start = {"functionCall": {"name": "w", "willContinue": True}, "thoughtSignature": "UQ=="}
    piece = {
        "functionCall": {
            "partialArgs": [{"jsonPath": "$.city", "stringValue": "Bo", "willContinue": True}],
            "willContinue": True,
        }
    }
    rest = {"functionCall": {"partialArgs": [{"jsonPath": "$.city", "stringValue": "nn"}], "willContinue": True}}
    end: dict[str, Json] = {"functionCall": {}}
    second = {"functionCall": {"name": "w", "willContinue": True}}
    frames = [answer(part, finish=None) for part in (start, piece, rest, end, second, piece)]
    response = assemble(events_of(sse(*frames, answer(end))))
    first, other = response.candidates[0].parts
    assert isinstance(first, ToolCall)
    assert isinstance(other, ToolCall)
    assert (first.name, first.arguments, first.signature) == (
        "w",
        '{"city":"Bonn"}',
        Signature("gemini_generate", "UQ=="),
    )
    assert other.arguments == '{"city":"Bo"}'
    assert first.id != other.id
    assert response.candidates[0].finish == "tool_calls"
