"""Server-sent events: what a frame is, and that its end does not depend on the cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.canonical.failure import Blame, Refused
from headgate.protocols.framing import Frame, SseFramer, encode_comment, encode_event


def frames(*pieces: bytes) -> list[Frame]:
    framer = SseFramer()
    return [frame for piece in pieces for frame in framer.feed(piece)] + framer.close()


def test_usual_events_are_read_whole() -> None:
    """The two forms every provider sends."""
    assert frames(b'data: {"a":1}\n\ndata: [DONE]\n\n') == [
        Frame(b'data: {"a":1}\n\n', b'{"a":1}'),
        Frame(b"data: [DONE]\n\n", b"[DONE]"),
    ]
    assert frames(b"event: ping\ndata: {}\n\n") == [Frame(b"event: ping\ndata: {}\n\n", b"{}", "ping")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_all_line_ends_are_understood(end: bytes) -> None:
    """LF, CRLF and CR end lines alike."""
    stream = b"event: e" + end + b"data:1" + end + end + b"data: 2" + end + end
    first, second = frames(stream)
    assert (first.event, first.data, second.event, second.data) == ("e", b"1", None, b"2")


def test_lines_of_data_are_joined_and_other_fields_ignored() -> None:
    """Data lines are joined by LF; comments, ids and retry times carry no payload."""
    (frame,) = frames(b"\xef\xbb\xbf: hello\nid: 7\nretry: 10\ndata: a\ndata:  b\ndata\n\n")
    assert frame.data == b"a\n b\n"


def test_comment_is_a_frame_without_payload() -> None:
    """A keep-alive passes through but says nothing."""
    assert frames(b": OPENROUTER PROCESSING\n\n\n") == [
        Frame(b": OPENROUTER PROCESSING\n\n", b""),
        Frame(b"\n", b""),
    ]


def test_lone_cr_stream_is_not_kept_waiting() -> None:
    """Only a CR that may be half of a CRLF waits for the next byte."""
    framer = SseFramer()
    assert [frame.data for frame in framer.feed(b"data: 1\r\r")] == [b"1"]
    assert framer.feed(b"data: 2\r\n\r") == []
    assert [frame.raw for frame in framer.feed(b"\n")] == [b"data: 2\r\n\r\n"]


def test_unfinished_event_comes_with_close() -> None:
    """Some servers omit the last blank line."""
    framer = SseFramer()
    assert framer.feed(b"data: last") == []
    assert framer.close() == [Frame(b"data: last", b"last")]
    assert framer.close() == []


def test_endless_event_is_refused() -> None:
    """A frame has a limit, in one piece or many."""
    framer = SseFramer(limit=10)
    assert framer.feed(b"data: 1") == []
    with pytest.raises(Refused) as refused:
        framer.feed(b"2345")
    assert refused.value.failure.blame is Blame.UPSTREAM
    with pytest.raises(Refused):
        SseFramer(limit=10).feed(b"data: 12345")


LINES = st.lists(st.sampled_from([b"data: x", b"data: ", b"event: e", b": c", b"", b"\n", b"\r", b"\r\n", b"\xef"]))


@given(stream=LINES.map(b"".join), cuts=st.lists(st.integers(0, 60), max_size=6))
def test_any_cut_gives_the_same_frames(stream: bytes, cuts: list[int]) -> None:
    """Frames depend on the bytes alone, and joined they are those bytes."""
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(bounds)]
    whole = frames(stream)
    assert frames(*pieces) == whole
    assert frames(*(stream[i : i + 1] for i in range(len(stream)))) == whole
    assert b"".join(frame.raw for frame in whole) == stream


@given(data=st.text(alphabet="ab\n{: ").map(str.encode), event=st.none() | st.just("name"))
def test_encoded_events_are_read_back(data: bytes, event: str | None) -> None:
    """Writing and reading are each other's inverse."""
    (frame,) = frames(encode_event(data, event))
    assert (frame.data, frame.event) == (data, event)


def test_encoded_comment_has_no_payload() -> None:
    """Keep-alives are ignored by every reader."""
    assert frames(encode_comment("PING")) == [Frame(b": PING\n\n", b"")]
