"""The relay lane's route table: which request lines are calls. Every other path belongs to the ASGI application."""

import re
from urllib.parse import unquote_to_bytes

from headgate.relay.asked import Asked

CHAT = Asked(protocol="openai_chat")

_POST: dict[bytes, Asked] = {
    b"/v1/chat/completions": CHAT,
    b"/chat/completions": CHAT,
    b"/v1beta/openai/chat/completions": CHAT,
    b"/v1/responses": Asked(protocol="openai_responses"),
    b"/responses": Asked(protocol="openai_responses"),
    b"/v1/responses/input_tokens": Asked(protocol="openai_responses", operation="count_tokens"),
    b"/v1/messages": Asked(protocol="anthropic_messages"),
    b"/v1/messages/count_tokens": Asked(protocol="anthropic_messages", operation="count_tokens"),
}
_GEMINI = (b"/v1beta/models/", b"/v1/models/")
"""google-genai 3 calls the second by default, older clients the first (recorded 2026-11)."""


_STORED = b"/v1/responses/"
_STORED_DETAILS = {(b"GET", b""), (b"DELETE", b""), (b"GET", b"input_items"), (b"POST", b"cancel")}


_SLASHES = re.compile(rb"/{2,}")
_BASE_TWICE = re.compile(rb"(?:/v1(?:beta)?(?:/openai)?)+(?=/v1(?:beta)?/)")
_PATH_AS_BASE = re.compile(
    rb"(?:/v1(?:beta)?(?:/openai)?)?/(?:chat/completions|responses|messages)"
    rb"(?=/(?:v1(?:beta)?/|chat/completions$|responses$|messages(?:/count_tokens)?$|models(?:/|$)))"
)
_NO_BASE = re.compile(rb"/(?:chat/completions|responses|messages|models)(?:/|$)")


def meant(path: bytes) -> bytes:
    """The path that a client would have asked for had its base URL been right; the same path where nothing is wrong.

    Each client adds its own path to the base URL it is given: OpenAI's want it with `/v1`, Anthropic's and Google's
    without. A base with one `/v1` too many (`/v1/v1/messages`) or too few (`/messages`), with a slash at its end
    (`//v1/messages`), or a whole endpoint pasted for a base (`/v1/chat/completions/chat/completions`) says no less
    clearly what is wanted.
    """
    path = _SLASHES.sub(b"/", path)
    for mistake in (_PATH_AS_BASE, _BASE_TWICE):
        if found := mistake.match(path):
            path = path[found.end() :]
    return b"/v1" + path if _NO_BASE.match(path) else path


def find(method: bytes, path: bytes, query: bytes = b"") -> Asked | None:
    """The call that a request line asks for, or None where it is not one. A path is first taken as it is, then as
    `meant`."""
    asked = _exactly(method, path, query)
    if asked is None and (right := meant(path)) != path:
        return _exactly(method, right, query)
    return asked


def _exactly(method: bytes, path: bytes, query: bytes) -> Asked | None:
    if method == b"POST":
        asked = _POST.get(path)
        if asked is None and path.startswith(_GEMINI):
            return _gemini(path, query)
        if asked is not None:
            return asked
    return _stored(method, path) if path.startswith(_STORED) else None


def methods(path: bytes) -> tuple[str, ...]:
    """The methods with which the path is a call: for telling 405 from 404."""
    return tuple(method.decode() for method in (b"GET", b"POST", b"DELETE") if find(method, path) is not None)


def _gemini(path: bytes, query: bytes) -> Asked | None:
    """`models/{model}:{action}`: a model's name may have slashes and colons of its own, the action follows the last."""
    prefix = next(prefix for prefix in _GEMINI if path.startswith(prefix))
    name, colon, action = unquote_to_bytes(path[len(prefix) :]).decode("utf-8", "replace").rpartition(":")
    if not colon or not name:
        return None
    match action:
        case "generateContent":
            return Asked(protocol="gemini_generate", model=name)
        case "streamGenerateContent":
            array = b"alt=sse" not in query.split(b"&")
            return Asked(protocol="gemini_generate", model=name, stream=True, array=array)
        case "countTokens":
            return Asked(protocol="gemini_generate", operation="count_tokens", model=name)
        case _:
            return Asked(protocol="gemini_generate", operation="unknown", model=name, name=action)


def _stored(method: bytes, path: bytes) -> Asked | None:
    """`responses/{id}` and what can be done with it."""
    response_id, slash, detail = path[len(_STORED) :].partition(b"/")
    if not response_id or bool(slash) != bool(detail) or (method, detail) not in _STORED_DETAILS:
        return None
    return Asked(
        protocol="openai_responses",
        operation="stored",
        name=unquote_to_bytes(response_id).decode("utf-8", "replace"),
        method=method.decode(),
        detail=detail.decode(),
    )
