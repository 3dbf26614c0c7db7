"""Looking at a request, and changing a few of its members."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.canonical.codec import Patch, Peek
from headgate.canonical.failure import Refused
from headgate.protocols.openai_chat.peek import patch, peek

HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def look(**members: Any) -> Peek:
    return peek(json.dumps({**HELLO, **members}).encode())


def refused(body: bytes) -> tuple[str | None, str | None, int]:
    with pytest.raises(Refused) as caught:
        peek(body)
    failure = caught.value.failure
    return failure.code, failure.param, failure.http_status


def test_small_request_is_seen() -> None:
    """What routing and pricing need, and nothing asked for that was not."""
    assert look() == Peek(model="m", text_bytes=5)
    seen = look(stream=True, stream_options={"include_usage": True}, n=3, max_tokens=7, tools=[{"type": "function"}])
    assert (seen.stream, seen.wants_usage, seen.n, seen.max_output_tokens, seen.tools) == (True, True, 3, 7, True)


def test_larger_of_two_limits_is_priced() -> None:
    """Upstreams differ in which limit they obey; zero and less mean none."""
    assert look(max_tokens=7, max_completion_tokens=9).max_output_tokens == 9
    assert look(max_tokens=-1).max_output_tokens is None


def test_text_is_counted_in_bytes_and_media_apart() -> None:
    """Inline media are no text, wherever they are; what a tool was told is."""
    image = "data:image/png;base64," + "A" * 10_000
    content = [
        {"type": "text", "text": "héllo"},
        {"type": "image_url", "image_url": {"url": image}},
        {"type": "input_audio", "input_audio": {"data": "A" * 10_000, "format": "wav"}},
        {"type": "file", "file": {"file_data": image, "filename": "x.pdf"}},
    ]
    call = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    messages = [
        {"role": "user", "content": content},
        {"role": "assistant", "content": f"See ![image]({image}) here", "tool_calls": call, "reasoning_content": "hm"},
    ]
    seen = look(messages=messages, functions=[{"name": "f"}])
    assert (seen.images, seen.audios, seen.documents, seen.tools) == (2, 1, 1, True)
    told = len("héllo".encode()) + len("See  here") + len(json.dumps(call)) + len("hm") + len('[{"name": "f"}]')
    assert seen.text_bytes == told


@pytest.mark.parametrize(
    "members",
    [
        {"web_search_options": {}},
        {"search_parameters": {"mode": "auto"}},
        {"enable_search": True},
        {"plugins": [{"id": "web"}]},
        {"model": "m:online"},
        {"tools": [{"type": "openrouter:web_search"}]},
    ],
)
def test_every_way_to_ask_for_web_search_is_seen(members: dict[str, Any]) -> None:
    """Searches cost money, so none of the ways to ask may be overlooked."""
    assert look(**members).web_search


def test_search_that_is_switched_off_is_not_asked_for() -> None:
    """A word about searching in a tool is no wish to search."""
    assert not look(search_parameters={"mode": "off"}).web_search
    assert not look(enable_search=False, web_search_options=None).web_search
    tool = {"type": "function", "function": {"name": "web_search"}}
    assert not look(tools=[tool]).web_search


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b"nonsense", None),
        (b'{"messages":[{"role":"user"}]}', "model"),
        (b'{"model":null,"messages":[{"role":"user"}]}', "model"),
        (b'{"model":7,"messages":[{"role":"user"}]}', "model"),
        (b'{"model":"","messages":[{"role":"user"}]}', "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":[]}', "messages"),
        (b'{"model":"m","messages":"hello"}', "messages"),
        (b'{"model":"m","messages":["hello"]}', "messages"),
        (b'{"model":"m","messages":[{"content":"x"}]}', "messages"),
        (b'{"model":"m","messages":[{"role":"user","content":7}]}', "messages"),
        (b'{"model":"m","messages":[{"role":"user"}],"n":"2"}', "n"),
        (b'{"model":"m","messages":[{"role":"user"}],"n":0}', "n"),
        (b'{"model":"m","messages":[{"role":"user"}],"n":129}', "n"),
        (b'{"model":"m","messages":[{"role":"user"}],"max_tokens":1.5}', "max_tokens"),
        (b'{"model":"m","messages":[{"role":"user"}],"max_tokens":1e400}', "max_tokens"),
        (b'{"model":"m","messages":[{"role":"user"}],"stream":"yes"}', "stream"),
        (b'{"model":"\xff","messages":[{"role":"user"}]}', None),
        (b'{"model":"m","messages":[{"role":"user"}],"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}", None),
    ],
)
def test_wrong_request_is_refused_clearly(body: bytes, param: str | None) -> None:
    """400, the code that clients know, and the member that is wrong."""
    assert refused(body) == ("invalid_request", param, 400)


def test_patch_changes_only_what_it_must() -> None:
    """Every other value stays byte for byte, in its order, also numbers that no float can hold."""
    body = b'{ "seed":1.0, "x": 1e400, "model":"a","messages": [ {"role" :"user"} ],"\xc3\xa9":null}'
    changed = patch(body, Patch(model="b", ask_usage=True, set_fields={"top_p": 0.5}))
    assert changed == (
        b'{"seed":1.0,"x":1e400,"model":"b","messages":[ {"role" :"user"} ],"\xc3\xa9":null,'
        b'"top_p":0.5,"stream_options":{"include_usage":true}}'
    )


def test_patch_that_changes_nothing_returns_the_same_object() -> None:
    """Also where what is to be set is already there, in whatever spelling."""
    body = b'{"model": "\\u0061", "stream_options": {"include_usage" : true, "x": 1}, "max_tokens": 5}'
    assert patch(body, Patch()) is body
    assert patch(body, Patch(model="a", ask_usage=True, max_output_tokens=5)) is body


@pytest.mark.parametrize(
    ("limits", "wanted"),
    [
        ({}, {"max_completion_tokens": 5}),
        ({"max_tokens": 9}, {"max_tokens": 5}),
        ({"max_completion_tokens": 9}, {"max_completion_tokens": 5}),
        ({"max_tokens": 9, "max_completion_tokens": 9}, {"max_tokens": 5, "max_completion_tokens": 5}),
        ({"max_tokens": None}, {"max_tokens": None, "max_completion_tokens": 5}),
    ],
)
def test_limit_goes_where_the_caller_had_one(limits: dict[str, int], wanted: dict[str, int]) -> None:
    """An upstream that knows only one of the names gets that one."""
    body = json.dumps({**HELLO, **limits}).encode()
    assert json.loads(patch(body, Patch(max_output_tokens=5))) == {**HELLO, **wanted}


def test_usage_wish_keeps_the_other_stream_options() -> None:
    """Options that nobody here knows survive."""
    body = b'{"stream_options":{"include_usage":false,"x":1.0}}'
    assert patch(body, Patch(ask_usage=True)) == b'{"stream_options":{"include_usage":true,"x":1.0}}'
    assert patch(b'{"stream_options":null}', Patch(ask_usage=True)) == b'{"stream_options":{"include_usage":true}}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"dear","messages":[{"role":"user"}],"model":"cheap"}',
        b'{"model":"dear","messages":[{"role":"user"}],"mod\\u0065l":"cheap"}',
        b' {"model" : "cheap2", "messages":[{"role":"user"}],\n "model":"cheap" }\n',
        b'{"model":"cheap","messages":[{"role":"user"}],"model":"cheap"}',
    ],
)
def test_what_was_priced_is_what_goes_upstream(body: bytes) -> None:
    """A member given twice goes on once: some servers read the first, we and most the last."""
    sent = patch(body, Patch())
    pairs: list[tuple[str, object]] = json.loads(sent, object_pairs_hook=lambda pairs: pairs)
    assert [value for name, value in pairs if name == "model"] == [peek(body).model] == ["cheap"]


@pytest.mark.parametrize("name", ["Model", "MAX_TOKENS", "N", "Messages"])
def test_known_member_in_other_capitals_is_refused(name: str) -> None:
    """Go's JSON reader would take it for the member it resembles."""
    with pytest.raises(Refused) as caught:
        patch(json.dumps({**HELLO, name: "x"}).encode(), Patch())
    assert caught.value.failure.param == name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


NAMES = st.text(max_size=4).filter(lambda name: name.lower() not in ("n", "model"))


@given(members=st.dictionaries(NAMES, JSON), indent=st.sampled_from([None, 1]))
def test_patch_keeps_any_other_member(members: dict[str, object], indent: int | None) -> None:
    """Whatever else a caller sends reaches the upstream as it is."""
    body = json.dumps({**members, "model": "a"}, indent=indent).encode()
    assert patch(body, Patch()) is body
    assert json.loads(patch(body, Patch(model="b"))) == {**members, "model": "b"}


@given(body=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_nonsense_is_refused_and_never_crashes(body: bytes) -> None:
    """Only `Refused` comes out, whatever goes in."""
    refusals = [error for error in (outcome(peek, body), outcome(rename, body)) if error is not None]
    assert all(error.failure.http_status == 400 for error in refusals)


def rename(body: bytes) -> bytes:
    return patch(body, Patch(model="b"))


def outcome(function: Callable[[bytes], object], body: bytes) -> Refused | None:
    try:
        function(body)
    except Refused as error:
        return error
    return None
