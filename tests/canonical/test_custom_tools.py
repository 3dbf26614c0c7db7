"""Free-text tools as functions, and back."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.canonical.custom_tools import PARAMETERS, Unwrapper, as_function, unwrap, wrap
from headgate.canonical.request import Tool

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


def test_a_custom_tool_becomes_a_function_of_one_string() -> None:
    """With its grammar told in words."""
    tool = as_function(
        Tool(name="patch", description="Edits.", custom=True, grammar={"syntax": "lark", "definition": "start: x"})
    )
    assert (tool.name, tool.custom, tool.grammar) == ("patch", False, None)
    assert tool.parameters == PARAMETERS
    assert tool.description == "Edits.\n\nThe input must match this lark grammar:\nstart: x"
    assert as_function(Tool(name="t", custom=True)).description is None


@settings(deadline=None)
@given(TEXTS)
def test_what_is_wrapped_is_unwrapped(text: str) -> None:
    """Any text survives."""
    assert unwrap(wrap(text)) == text


@settings(deadline=None)
@given(TEXTS, st.booleans(), st.integers(min_value=1, max_value=9))
def test_pieces_in_any_cut_are_the_whole(text: str, ascii_only: bool, cut: int) -> None:
    """Escapes and surrogate pairs may be cut anywhere."""
    arguments = json.dumps({"input": text, "why": "x"}, ensure_ascii=ascii_only)
    unwrapper = Unwrapper()
    pieces = [unwrapper.feed(arguments[at : at + cut]) for at in range(0, len(arguments), cut)]
    assert "".join(pieces) + unwrapper.close() == text


def test_text_streams_before_its_end_is_known() -> None:
    """Nothing is held back but half an escape."""
    unwrapper = Unwrapper()
    assert unwrapper.feed(' {"in') == ""
    assert unwrapper.feed('put": "*** Be') == "*** Be"
    assert unwrapper.feed("gin\\") == "gin"
    assert unwrapper.feed('n+x"}') == "\n+x"
    assert unwrapper.feed("ignored") == ""
    assert unwrapper.close() == ""


@pytest.mark.parametrize("arguments", ["*** Begin", "{}", '{"patch": "x"}', '{"input": 3}', "[", ""])
def test_arguments_of_another_shape_are_the_text_themselves(arguments: str) -> None:
    """A model that ignores the schema is not silenced."""
    unwrapper = Unwrapper()
    assert unwrap(arguments) == arguments
    assert unwrapper.feed(arguments) + unwrapper.close() == arguments


def test_half_a_surrogate_pair_does_no_harm() -> None:
    """JSON allows it, text does not."""
    unwrapper = Unwrapper()
    assert unwrapper.feed('{"input": "a\\ud83d and more\\q"}') == "a\ufffd and more"
    assert unwrapper.close() == ""
    assert unwrap('"just text"') == "just text"
