"""Readers of plain JSON: lenient as proto3 JSON is, strict beyond."""

import pytest

from headgate.canonical.failure import Refused
from headgate.canonical.parts import Json
from headgate.protocols.gemini_generate import wire


def test_numbers_may_be_strings() -> None:
    """As 64-bit integers always are."""
    assert wire.integer("42", "x") == 42
    assert wire.integer(42.0, "x") == 42
    assert wire.number("0.5", "x") == 0.5
    unfit: list[Json] = ["4x", 4.5, True, [], 1e300, "9" * 50]
    for bad in unfit:
        with pytest.raises(Refused, match="'x'"):
            wire.integer(bad, "x")


def test_enum_values_may_be_numbers() -> None:
    """enum-encoding=int."""
    assert wire.enum_name(1, wire.FINISH_NUMBERS) == "STOP"
    assert wire.enum_name("STOP", wire.FINISH_NUMBERS) == "STOP"
    assert wire.enum_name(999, wire.FINISH_NUMBERS) == "999"
    assert wire.enum_name(True, wire.FINISH_NUMBERS) is None


def test_messages_lists_texts_and_flags() -> None:
    """The wrong kind is refused with its place."""
    assert wire.obj(None, "x") == {}
    assert wire.items({"a": 1}, "x") == [{"a": 1}]
    for reader, bad in ((wire.obj, 1), (wire.items, 1), (wire.text, 1), (wire.flag, "true")):
        with pytest.raises(Refused, match="'x'"):
            reader(bad, "x")
