"""The published table of losses, cell by cell."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from headgate.canonical.failure import Refused
from headgate.canonical.parts import (
    Audio,
    Citation,
    Image,
    Json,
    Part,
    ProtocolName,
    Reasoning,
    Refusal,
    SearchResult,
    ServerToolCall,
    ServerToolResult,
    Source,
    Text,
    ToolCall,
)
from headgate.canonical.quirks import Target
from headgate.canonical.stream import Candidate, Response
from headgate.protocols.losses import ANSWERS, PROTOCOLS, REQUESTS, Fate, Losses, page
from headgate.relay.codecs import CODECS
from pairs.features import EXAMPLES, PNG, WITHOUT, plain

PAGE = Path(__file__).parents[2] / "docs" / "translation.md"
TARGET = Target(model="m")
OWN_WISH: dict[str, ProtocolName] = {"previous_response_id": "openai_responses"}
"""What only callers of one protocol can ask for."""
BY_DEFAULT = {("anthropic_messages", "reasoning.off")}
"""What is so without being said."""
CELLS = [
    pytest.param(row.name, target, row.fates[target], id=f"{row.name}-{target}")
    for row in REQUESTS
    for target in PROTOCOLS
    if OWN_WISH.get(row.name) != target and row.fates[target] != "not needed"
]


def test_every_row_has_an_example() -> None:
    """A row without one would be a promise without a test."""
    assert [row.name for row in REQUESTS] == list(EXAMPLES)


@pytest.mark.parametrize(("name", "target", "fate"), CELLS)
def test_a_cell_of_the_table_tells_the_truth(name: str, target: ProtocolName, fate: Fate) -> None:
    """Carried: the request differs by it, and nothing is named. Dropped: it is named, and nothing else. Refused: a
    clear 400. Whatever other protocol it came in."""
    strangers = [origin for origin in PROTOCOLS if origin != target]
    if name == "file.id" and target == "openai_chat":
        strangers.remove("openai_responses")  # whose files are the same vendor's
    origins = [OWN_WISH[name]] if name in OWN_WISH else strangers
    for origin in origins:
        request = EXAMPLES[name](plain(origin), target)
        if fate == "refused":
            with pytest.raises(Refused) as refused:
                CODECS[target].encode_request(request, TARGET)
            assert refused.value.failure.http_status == 400
            continue
        encoded = CODECS[target].encode_request(request, TARGET)
        without = WITHOUT[name](plain(origin), target) if name in WITHOUT else plain(origin)
        changed = encoded.body != CODECS[target].encode_request(without, TARGET).body
        named = {"extensions": ("vendor_option",)}.get(name, (name,))
        if fate == "dropped":
            assert set(encoded.dropped) >= set(named), origin
            assert set(encoded.dropped) - {"logprobs"} <= set(named), origin
        else:
            assert encoded.dropped == (), origin
            assert changed or (target, name) in BY_DEFAULT, origin


def test_the_published_page_is_up_to_date() -> None:
    """What `headgate.protocols.losses.page()` says is what `docs/translation.md` holds."""
    assert PAGE.read_text() == page()


def test_each_loss_is_named_once() -> None:
    """In the order in which they were found."""
    losses = Losses()
    for name in ("cache_control", "top_k", "cache_control"):
        losses.drop(name)
    assert losses.names == ("cache_control", "top_k")


ANSWERS_SAID: dict[str, tuple[Part, ...]] = {
    "text": (Text(text="a"),),
    "refusal": (Refusal(text="no"),),
    "reasoning": (Reasoning(text="hm"), Text(text="a")),
    "tool_call": (ToolCall(id="c1", name="f", arguments='{"a":"x"}'),),
    "citation": (Text(text="a", citations=(Citation(url="https://a.example", title="A", start=0, end=1),)),),
    "citation.document": (Text(text="a", citations=(Citation(title="A"),)),),
    "image": (Image(source=Source(data=PNG, media_type="image/png")),),
    "audio": (Audio(source=Source(data="AAAA", media_type="audio/wav"), transcript="a", id="au"),),
    "web_search": (
        ServerToolCall(id="s1", name="web_search", input='{"query":"q"}'),
        ServerToolResult(call_id="s1", name="web_search", results=(SearchResult(url="https://a.example"),)),
        Text(text="a"),
    ),
    "code_execution": (
        ServerToolCall(id="s1", name="code_execution", input='{"code":"1"}'),
        ServerToolResult(call_id="s1", name="code_execution", output="1"),
        Text(text="a"),
    ),
}
SAID = [
    pytest.param(row.name, client, row.fates[client], id=f"{row.name}-{client}")
    for row in ANSWERS
    for client in PROTOCOLS
    if row.name in ANSWERS_SAID
]


def test_every_part_of_an_answer_has_an_example() -> None:
    """The others (signatures, usage, several answers) are held against the recordings."""
    elsewhere = {"reasoning.signature", "reasoning.redacted", "tool_call.signature", "usage"}
    assert {row.name for row in ANSWERS} - ANSWERS_SAID.keys() == elsewhere | {"n", "logprobs", "stop_sequence"}


@pytest.mark.parametrize(("name", "client", "fate"), SAID)
def test_a_part_of_an_answer_fares_as_the_table_says(name: str, client: ProtocolName, fate: Fate) -> None:
    """Carried: a part of the same kind comes back. In words: it is in the text. Lost: neither."""
    parts = ANSWERS_SAID[name]
    answer = Response(id="r", model="m", candidates=(Candidate(parts=parts),))
    written = CODECS[client].encode_response(answer, plain(client))
    back = CODECS[client].decode_response(written).candidates[0].parts
    wanted = type(parts[0])
    if name.startswith("citation"):
        found = any(part.citations for part in back if isinstance(part, Text))
    else:
        found = any(isinstance(part, wanted) for part in back)
    if fate == "in words":
        assert {"refusal": "no", "image": PNG, "audio": "a"}[name] in written.decode()
    else:
        assert found == (fate == "carried")


@pytest.mark.parametrize("client", PROTOCOLS)
def test_several_answers_their_odds_and_their_endings_fare_as_the_table_says(client: ProtocolName) -> None:
    """What belongs to an answer and to no part of it."""
    odds: Json = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    one = Candidate(parts=(Text(text="a"),), finish="stop_sequence", stop_sequence="END", logprobs=(odds,))
    answer = Response(id="r", model="m", candidates=(one, one))
    request = replace(plain(client), logprobs=True)
    back = CODECS[client].decode_response(CODECS[client].encode_response(answer, request)).candidates
    fates = {row.name: row.fates[client] for row in ANSWERS}
    assert (len(back) == 2) == (fates["n"] == "carried")
    assert bool(back[0].logprobs) == (fates["logprobs"] == "carried")
    assert (back[0].stop_sequence == "END") == (fates["stop_sequence"] == "carried")
