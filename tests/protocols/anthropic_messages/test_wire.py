"""The JSON edge."""

import msgspec
import pytest

from headgate.canonical.failure import Blame, Refused
from headgate.canonical.parts import CacheHint
from headgate.protocols.anthropic_messages.wire import (
    cache_control,
    cache_hint,
    complaint,
    dump,
    field,
    load,
    load_answer,
    number,
    objects,
    odd_cache,
    strings,
)


@pytest.mark.parametrize(
    "body", [b"", b"[1]", b"{", b'{"a":"\xff"}', b'{"a":NaN}', b"[" * 100_000, b'{"a":"\\ud800 x"}']
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    """From a caller it is the caller's fault, from an upstream the upstream's."""
    with pytest.raises(Refused) as caught:
        load(body)
    assert caught.value.failure.blame is Blame.CALLER
    with pytest.raises(Refused) as caught:
        load_answer(body)
    assert (caught.value.failure.blame, caught.value.failure.http_status) == (Blame.UPSTREAM, 502)


def test_what_cannot_be_written_is_refused() -> None:
    """Too deep, or half a character."""
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Refused, match="too deeply"):
        dump(deep)
    while deep:
        deep = deep.pop()  # type: ignore[assignment]
    with pytest.raises(Refused, match="surrogate"):
        dump("\ud800")


def test_large_numbers_survive() -> None:
    """JSON has no 64-bit limit."""
    assert dump(load(b'{"n":123456789012345678901234567890}')) == b'{"n":123456789012345678901234567890}'


def test_fields_are_checked_by_type_and_named_by_path() -> None:
    """A boolean is no number."""
    for call in (
        lambda: field({"a": 1}, "a", str, "x"),
        lambda: field({}, "a", str, "x"),
        lambda: field({"a": True}, "a", int, "x"),
        lambda: number({"a": False}, "a", "x"),
    ):
        with pytest.raises(Refused) as caught:
            call()
        assert caught.value.failure.param == "x.a"
    for listing in (objects, strings):
        with pytest.raises(Refused) as caught:
            listing({"a": [None]}, "a", "")
        assert caught.value.failure.param == "a.0"


def test_a_typed_parses_complaint_names_the_field() -> None:
    """Also for a whole body and for a place in a map."""
    for kind, body, param in (
        (int, b'"x"', None),
        (dict[str, list[int]], b'{"a":["x"]}', "0"),
        (list[int], b"[1,null]", "1"),
    ):
        with pytest.raises(msgspec.ValidationError) as caught:
            msgspec.json.decode(body, type=kind)
        assert complaint(caught.value).failure.param == param


@pytest.mark.parametrize(
    ("mark", "hint", "odd"),
    [
        (None, None, False),
        ({"type": "ephemeral"}, CacheHint(), False),
        ({"type": "ephemeral", "ttl": "1h"}, CacheHint(ttl="1h"), False),
        ({"type": "ephemeral", "scope": "global"}, CacheHint(), True),
        ({"type": "eternal"}, CacheHint(), True),
    ],
)
def test_a_cache_mark_is_read(mark: object, hint: CacheHint | None, odd: bool) -> None:
    """Known ones as a hint, others kept whole beside it."""
    block = {"cache_control": mark}
    assert cache_hint(block, "x") == hint
    assert bool(odd_cache(block)) is odd
    assert cache_control(None) == {}
