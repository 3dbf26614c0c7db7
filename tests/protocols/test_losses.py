"""The published table of losses, cell by cell."""

from pathlib import Path

import pytest

from headgate.canonical.failure import Refused
from headgate.canonical.parts import ProtocolName
from headgate.canonical.quirks import Target
from headgate.protocols.losses import PROTOCOLS, REQUESTS, Fate, Losses, page
from headgate.relay.codecs import CODECS
from pairs.features import EXAMPLES, WITHOUT, plain

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
