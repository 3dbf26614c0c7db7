"""Looking at a request without decoding it, and changing a few members without touching the others.

`peek` and `patch` agree on what a body says. Where a member is given twice, both read the last one, and a body that
repeats a member, or spells a known one in other capitals (Go's decoder would take `Model` for `model`), never goes
upstream as it came: what was priced is what is read there.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from headgate.canonical.codec import Patch, Peek
from headgate.canonical.failure import refuse
from headgate.protocols.openai_chat.wire import ABSENT, UNREADABLE, present, read_members, refusal_of

MAX_N = 128


class PartGlance(Struct):
    """Media stay raw: a base64 image is neither copied nor counted as text."""

    type: str = "text"
    text: str | None = None
    refusal: str | None = None


class MessageGlance(Struct):
    role: str
    content: str | list[PartGlance | str] | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    name: str | None = None
    tool_calls: Raw = ABSENT
    function_call: Raw = ABSENT
    reasoning_details: Raw = ABSENT


class StreamOptionsGlance(Struct):
    include_usage: bool | None = None


class Glance(Struct):
    model: str
    messages: list[MessageGlance]
    stream: bool | None = None
    stream_options: StreamOptionsGlance | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    service_tier: Any = None
    tools: Raw = ABSENT
    functions: Raw = ABSENT
    response_format: Raw = ABSENT
    prediction: Raw = ABSENT
    web_search_options: Raw = ABSENT
    search_parameters: Raw = ABSENT
    enable_search: Raw = ABSENT
    plugins: Raw = ABSENT


class Kind(Struct):
    type: str | None = None
    id: str | None = None
    mode: str | None = None


_read = msgspec.json.Decoder(Glance).decode
_read_kinds = msgspec.json.Decoder(list[Kind]).decode
_read_kind = msgspec.json.Decoder(Kind).decode

_INLINE_IMAGE = re.compile(r"!\[[^\]]*\]\(data:[^)\s]*\)")
_IMAGES = {"image_url", "input_image", "image"}
_AUDIOS = {"input_audio", "audio_url"}
_DOCUMENTS = {"file", "input_file", "document_url", "document"}
_EMPTY = (Raw(b"[]"), Raw(b"{}"))


def peek(body: bytes, path_model: str | None = None) -> Peek:
    """What routing and pricing must know of a request.

    Raises:
        Refused: malformed or deeply nested JSON, a missing or wrongly typed model, messages, limit, `n` or `stream`.
    """
    try:
        glance = _read(body)
    except UNREADABLE as error:
        raise _missing(body) or refusal_of(error) from error
    if not glance.model:
        raise refuse("'model' must not be empty: name the model to use.", param="model", code="invalid_request")
    if not glance.messages:
        raise refuse("'messages' must hold at least one message.", param="messages", code="invalid_request")
    n = 1 if glance.n is None else glance.n
    if not 1 <= n <= MAX_N:
        raise refuse(f"'n' must be between 1 and {MAX_N}.", param="n", code="invalid_request")
    options = glance.stream_options
    text_bytes, images, audios, documents = _sizes(glance)
    return Peek(
        model=glance.model,
        stream=bool(glance.stream),
        wants_usage=bool(options and options.include_usage),
        max_output_tokens=_limit(glance),
        n=n,
        text_bytes=text_bytes,
        images=images,
        audios=audios,
        documents=documents,
        tools=_filled(glance.tools) or _filled(glance.functions),
        web_search=_searches(glance),
        service_tier=glance.service_tier if isinstance(glance.service_tier, str) else None,
    )


def _missing(body: bytes) -> Exception | None:
    """The refusal for a body in which a needed member is absent, which a typed reader reports without its name."""
    try:
        members = read_members(body)
    except UNREADABLE:
        return None
    for name, hint in (("model", "name the model to use"), ("messages", "send at least one message")):
        if name not in members or members[name] == Raw(b"null"):
            return refuse(f"'{name}' is required: {hint}.", param=name, code="invalid_request")
    return None


def _limit(glance: Glance) -> int | None:
    """The caller's output limit. Of two the larger, since upstreams differ in which they obey; zero and less mean "no
    limit" to local servers (llama.cpp documents -1)."""
    if glance.max_tokens is None and glance.max_completion_tokens is None:
        return None
    limits = [limit for limit in (glance.max_tokens, glance.max_completion_tokens) if limit is not None and limit > 0]
    return max(limits, default=None)


def _sizes(glance: Glance) -> tuple[int, int, int, int]:
    """Bytes of text, and how many images, audios and documents."""
    text_bytes = images = audios = documents = 0
    for extra in (glance.tools, glance.functions, glance.response_format, glance.prediction):
        if extra is not ABSENT:
            text_bytes += _size(extra)
    for message in glance.messages:
        content = message.content
        if message != MessageGlance(message.role, content):
            text_bytes += _beside_content(message)
        if isinstance(content, str):
            size, inline = _text(content)
            text_bytes, images = text_bytes + size, images + inline
            continue
        for part in content or ():
            if isinstance(part, str):
                text_bytes += _utf8(part)
                continue
            size, inline = _text(part.text) if part.text else (_utf8(part.refusal), 0)
            text_bytes += size
            images += inline + (part.type in _IMAGES)
            audios += part.type in _AUDIOS
            documents += part.type in _DOCUMENTS
    return text_bytes, images, audios, documents


def _beside_content(message: MessageGlance) -> int:
    """Bytes of a message's thoughts, tool calls and name."""
    thought = message.reasoning_content or message.reasoning
    size = _size(message.tool_calls) + _size(message.function_call) + _utf8(message.name)
    return size + (_utf8(thought) if isinstance(thought, str) and thought else _size(message.reasoning_details))


def _text(text: str) -> tuple[int, int]:
    """Size of a text without the images that it holds as Markdown data addresses, and how many those are."""
    if ";base64," not in text:
        return _utf8(text), 0
    rest, images = _INLINE_IMAGE.subn("", text)
    return _utf8(rest), images


def _utf8(text: str | None) -> int:
    if not text:
        return 0
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _size(raw: Raw) -> int:
    return memoryview(raw).nbytes if present(raw) else 0


def _filled(raw: Raw) -> bool:
    return present(raw) and raw not in _EMPTY


def _searches(glance: Glance) -> bool:
    """Whether the upstream may search the web, in any of the ways callers ask for it: OpenAI `web_search_options`, xAI
    `search_parameters`, Qwen `enable_search`, OpenRouter's plugin, `:online` and server tool, Zhipu's and Moonshot's
    tools."""
    if glance.model.endswith(":online"):
        return True
    asks = (glance.web_search_options, glance.enable_search, glance.search_parameters, glance.plugins, glance.tools)
    if all(ask is ABSENT for ask in asks):
        return False
    if present(glance.web_search_options) or glance.enable_search == Raw(b"true"):
        return True
    try:
        if present(glance.search_parameters) and _read_kind(glance.search_parameters).mode != "off":
            return True
        if present(glance.plugins) and any(plugin.id == "web" for plugin in _read_kinds(glance.plugins)):
            return True
        if b"web_search" in memoryview(glance.tools).tobytes():
            return any("web_search" in (tool.type or "") for tool in _read_kinds(glance.tools))
    except UNREADABLE:
        return False
    return False


_LIMITS = ("max_completion_tokens", "max_tokens")
_PRICED = {
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "tools",
    "functions",
    "web_search_options",
    "search_parameters",
    "enable_search",
    "plugins",
    "modalities",
    "service_tier",
}


def patch(body: bytes, change: Patch) -> bytes:
    """The body with some top-level members changed; every other value, and the order, stay byte for byte.

    The output limit goes where the caller had put one (in both places if in both), else to `max_completion_tokens`.
    The very same object comes back when nothing changes and no member is given twice.

    Raises:
        Refused: malformed JSON, or a known member spelt in other capitals.
    """
    try:
        members = read_members(body)
    except UNREADABLE as error:
        raise refusal_of(error) from error
    for name in members:
        if name not in _PRICED and name.lower() in _PRICED:
            raise refuse(f"Unknown member '{name}': did you mean '{name.lower()}'?", param=name, code="invalid_request")
    wanted = _wanted(members, change)
    changed = {name: raw for name, raw in wanted.items() if members.get(name) != raw}
    if not changed and not _repeats(body, members):
        return body
    return msgspec.json.encode({**members, **changed})


def _wanted(members: Mapping[str, Raw], change: Patch) -> dict[str, Raw]:
    wanted: dict[str, object] = dict(change.set_fields)
    if change.model is not None:
        wanted["model"] = change.model
    if change.max_output_tokens is not None:
        for name in [name for name in _LIMITS if name in members and present(members[name])] or _LIMITS[:1]:
            wanted[name] = change.max_output_tokens
    if change.ask_usage:
        wanted["stream_options"] = _with_usage(members.get("stream_options"))
    raws = {
        name: value if isinstance(value, Raw) else Raw(msgspec.json.encode(value)) for name, value in wanted.items()
    }
    # A value that says the same in other spelling (`"\u0067pt"`) is left as it came.
    return {name: raw for name, raw in raws.items() if name not in members or not _same(members[name], raw)}


def _same(one: Raw, other: Raw) -> bool:
    return one == other or bool(msgspec.json.decode(one) == msgspec.json.decode(other))


def _with_usage(options: Raw | None) -> object:
    if options is None or not present(options):
        return {"include_usage": True}
    try:
        members = read_members(options)
    except UNREADABLE:
        return {"include_usage": True}
    if members.get("include_usage") == Raw(b"true"):
        return options
    return {**members, "include_usage": True}


_SPACE = re.compile(rb"[ \t\r\n]*")
_KEY = re.compile(rb'"(?:[^"\\]|\\.)*"')
_COLON = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
_COMMA = re.compile(rb"[ \t\r\n]*,?[ \t\r\n]*")


def _repeats(body: bytes, members: Mapping[str, Raw]) -> bool:
    """Whether a top-level member comes twice in a good JSON object of which the last values are known.

    The body is walked from key to key: a known value that is not found where it should be is an earlier one of the
    same name.
    """
    compact = 1 + sum(len(name.encode()) + memoryview(raw).nbytes + 4 for name, raw in members.items())
    if len(body) == compact:
        return False  # no room for anything else, which is how the SDKs write
    position = body.index(b"{") + 1
    position = _end(_SPACE, body, position)
    for _ in members:
        key = _KEY.match(body, position)
        if key is None:
            return True
        position = _end(_COLON, body, key.end())
        value = bytes(members[msgspec.json.decode(key.group(), type=str)])
        if not body.startswith(value, position):
            return True
        position = _end(_COMMA, body, position + len(value))
    return body[position : position + 1] != b"}"


def _end(pattern: re.Pattern[bytes], body: bytes, position: int) -> int:
    match = pattern.match(body, position)
    return match.end() if match else position
