"""Looking at requests, and patching them."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.canonical.codec import Patch
from headgate.canonical.failure import Refused
from headgate.protocols.openai_responses import CODEC, References, references


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "m", **fields}, ensure_ascii=False).encode()


def test_text_is_measured_and_media_are_counted() -> None:
    """Base64 is no text."""
    content = [
        {"type": "input_text", "text": "你好"},
        {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 1000},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64," + "A" * 1000},
        {"type": "input_audio", "input_audio": {"data": "A" * 1000, "format": "wav"}},
    ]
    output = [{"type": "input_image", "image_url": "https://example.test/a.png"}]
    peek = CODEC.peek(
        body(
            input=[
                {"role": "user", "content": content},
                {"type": "function_call", "call_id": "c", "name": "fun", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c", "output": output},
            ],
            instructions="be",
            stream=True,
            max_output_tokens=9,
        ),
        None,
    )
    assert (peek.images, peek.documents, peek.audios) == (2, 1, 1)
    assert peek.text_bytes == len("你好".encode()) + len("fun{}") + len('"be"')
    assert (peek.stream, peek.max_output_tokens, peek.wants_usage, peek.n) == (True, 9, True, 1)


def test_a_string_is_text() -> None:
    """As its characters, not as its escapes."""
    assert CODEC.peek(b'{"model": "m", "input": "\\u4f60"}', None).text_bytes == 3


def test_unknown_items_are_measured_whole() -> None:
    """Better too much held than nothing."""
    assert CODEC.peek(body(input=[{"type": "new", "content": {"a": "b" * 100}}]), None).text_bytes > 100


@pytest.mark.parametrize(
    ("tools", "searches"),
    [([], False), ([{"type": "function", "name": "web_search"}], False), ([{"type": "web_search_preview"}], True)],
)
def test_search_is_seen(tools: list[Any], searches: bool) -> None:
    """Only the hosted tool is one."""
    peek = CODEC.peek(body(input="x", tools=tools), None)
    assert (peek.tools, peek.web_search) == (bool(tools), searches)


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        (b'{"input": "x"}', "model"),
        (b'{"model": null, "input": "x"}', "model"),
        (b'{"model": "", "input": "x"}', "model"),
        (b'{"model": 7, "input": "x"}', "model"),
        (b'{"model": "m", "stream": "yes"}', "stream"),
        (b'{"model": "m", "input": 7}', "input"),
        (b'{"model": "m", "max_output_tokens": 0}', "max_output_tokens"),
        (b"nonsense", None),
        (b"\xff", None),
        (b'{"model": "m", "input": ' + b"[" * 100_000, None),
    ],
)
def test_bad_requests_are_refused(wrong: bytes, param: str | None) -> None:
    """With the member that is wrong."""
    with pytest.raises(Refused) as caught:
        CODEC.peek(wrong, None)
    assert caught.value.failure.param == param
    assert caught.value.failure.http_status == 400


def test_what_pins_a_request_to_a_channel() -> None:
    """Names of what an upstream keeps."""
    assert references(body(input="x")) == References()
    pinned = references(
        body(previous_response_id="resp_1", background=True, store=False, conversation={"id": "conv_1"})
    )
    assert pinned == References(previous_response_id="resp_1", conversation="conv_1", background=True, store=False)
    assert references(body(conversation="conv_1")).conversation == "conv_1"
    assert references(body(prompt={"id": "p"})).prompt
    assert references(body(input=[{"type": "item_reference", "id": "i"}])).items
    with pytest.raises(Refused):
        references(b'{"previous_response_id": 3}')


def test_foreign_opaque_state_is_seen() -> None:
    """Such a body is not for an upstream of this protocol as it stands."""
    assert references(b'{"input": [{"type": "reasoning", "encrypted_content": "hg1.am.S"}]}').foreign_state


def test_a_patch_keeps_order_and_spelling() -> None:
    """Only what is named changes; unknown members survive."""
    before = b'{"new": [1,  2.50], "model" : "a", "input": "\\u00e9"}'
    after = CODEC.patch(before, Patch(model="b", set_fields={"store": False}))
    assert after == b'{"new":[1,  2.50],"model":"b","input":"\\u00e9","store":false}'
    assert CODEC.patch(before, Patch(model="a", ask_usage=True)) is before


def test_what_is_priced_is_what_is_sent() -> None:
    """A member given twice goes up once; other capitals are refused."""
    twice = b'{"model": "cheap", "input": "x", "mod\\u0065l": "dear"}'
    assert CODEC.peek(twice, None).model == "dear"
    assert json.loads(CODEC.patch(twice, Patch(model="dear"))) == {"model": "dear", "input": "x"}
    assert b"cheap" not in CODEC.patch(twice, Patch(model="dear"))
    with pytest.raises(Refused, match="did you mean 'model'"):
        CODEC.patch(b'{"model": "a", "Model": "b"}', Patch())


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(), JSON_VALUES, max_size=5))
def test_any_object_is_patched_without_a_change(fields: dict[str, Any]) -> None:
    """Whatever it holds."""
    if any(name.lower() in ("model", "input", "stream", "tools", "store") for name in fields):
        return
    wire = json.dumps(fields).encode("utf-8", "surrogatepass")
    try:
        assert CODEC.patch(wire, Patch()) is wire
    except Refused:
        assert "\\ud" in wire.decode() or "e+" in wire.decode()
