"""Which request lines are calls."""

import pytest

from headgate.relay.asked import Asked
from headgate.server.lanes import find, meant, methods

FOUND = [
    ("POST", "/v1/chat/completions", Asked(protocol="openai_chat")),
    ("POST", "/v1beta/openai/chat/completions", Asked(protocol="openai_chat")),
    ("POST", "/v1/responses", Asked(protocol="openai_responses")),
    ("POST", "/v1/responses/input_tokens", Asked(protocol="openai_responses", operation="count_tokens")),
    ("POST", "/v1/messages", Asked(protocol="anthropic_messages")),
    ("POST", "/v1/messages/count_tokens", Asked(protocol="anthropic_messages", operation="count_tokens")),
    ("POST", "/v1beta/models/g-2:generateContent", Asked(protocol="gemini_generate", model="g-2")),
    ("POST", "/v1/models/a%2Fb:c:generateContent", Asked(protocol="gemini_generate", model="a/b:c")),
    (
        "POST",
        "/v1beta/models/g:countTokens",
        Asked(protocol="gemini_generate", operation="count_tokens", model="g"),
    ),
    (
        "POST",
        "/v1beta/models/g:embedDreams",
        Asked(protocol="gemini_generate", operation="unknown", model="g", name="embedDreams"),
    ),
]


@pytest.mark.parametrize(("method", "path", "asked"), FOUND)
def test_calls_are_found(method: str, path: str, asked: Asked) -> None:
    """By method and path."""
    assert find(method.encode(), path.encode()) == asked


@pytest.mark.parametrize(
    ("method", "path", "detail"),
    [
        ("GET", "/v1/responses/resp_1", ""),
        ("DELETE", "/v1/responses/resp_1", ""),
        ("GET", "/v1/responses/resp_1/input_items", "input_items"),
        ("POST", "/v1/responses/resp_1/cancel", "cancel"),
    ],
)
def test_earlier_responses_can_be_asked_for(method: str, path: str, detail: str) -> None:
    """Each with its own method."""
    asked = find(method.encode(), path.encode())
    assert asked == Asked(protocol="openai_responses", operation="stored", name="resp_1", method=method, detail=detail)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/chat/completions"),
        ("GET", "/v1/responses"),
        ("GET", "/v1/responses/"),
        ("GET", "/v1/responses/resp_1/"),
        ("POST", "/v1/responses/resp_1"),
        ("GET", "/v1/responses/resp_1/cancel"),
        ("DELETE", "/v1/responses/resp_1/input_items"),
        ("GET", "/v1/models"),
        ("POST", "/v1beta/models/g"),
        ("POST", "/v1beta/models/:generateContent"),
    ],
)
def test_anything_else_is_none(method: str, path: str) -> None:
    """It belongs to the ASGI application."""
    assert find(method.encode(), path.encode()) is None


def test_a_stream_is_an_array_unless_events_are_asked_for() -> None:
    """As Google's API does it."""
    path = b"/v1beta/models/g:streamGenerateContent"
    events, array = find(b"POST", path, b"key=k&alt=sse"), find(b"POST", path)
    assert events is not None
    assert (events.stream, events.array) == (True, False)
    assert array is not None
    assert (array.stream, array.array) == (True, True)


def test_methods_are_known_for_a_405() -> None:
    """Paths of one method, of two, of none."""
    assert methods(b"/v1/messages") == ("POST",)
    assert methods(b"/v1/responses/resp_1") == ("GET", "DELETE")
    assert methods(b"/nowhere") == ()


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/v1/responses", "/v1/responses"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/v1/v1/messages/count_tokens", "/v1/messages/count_tokens"),
        ("/v1/v1beta/models/g:generateContent", "/v1beta/models/g:generateContent"),
        ("/v1beta/v1beta/models/g:generateContent", "/v1beta/models/g:generateContent"),
        ("/v1beta/v1/models/g:generateContent", "/v1/models/g:generateContent"),
        ("/v1/chat/completions/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/v1/messages", "/v1/messages"),
        ("/v1/chat/completions/models", "/v1/models"),
        ("/v1/responses/responses", "/v1/responses"),
        ("/v1/messages/v1/messages", "/v1/messages"),
        ("//v1/chat/completions", "/v1/chat/completions"),
        ("/v1//chat/completions", "/v1/chat/completions"),
        ("/messages", "/v1/messages"),
        ("/messages/count_tokens", "/v1/messages/count_tokens"),
        ("/models", "/v1/models"),
        ("/models/g:generateContent", "/v1/models/g:generateContent"),
    ],
)
def test_a_mistaken_base_url_is_understood(path: str, right: str) -> None:
    """With a version too many or too few, a slash at its end, or a whole endpoint."""
    assert meant(path.encode()) == right.encode()
    if not right.endswith("/models"):
        assert find(b"POST", path.encode()) == find(b"POST", right.encode()) is not None


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/v1/models",
        "/v1/models/v1/x",
        "/v1/responses/resp_1/input_items",
        "/v1beta/openai/chat/completions",
        "/v1beta/openai/models",
        "/v1beta/models/g:countTokens",
        "/v1/nonsense",
        "/health",
        "/",
    ],
)
def test_any_other_path_means_itself(path: str) -> None:
    """Right ones, and those that nobody can guess."""
    assert meant(path.encode()) == path.encode()
