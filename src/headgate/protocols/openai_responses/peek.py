"""Looking at a request without decoding it, and changing a few members without touching the others.

`peek` and `patch` agree on what a body says: of a member given twice both read the last, and such a body never goes
upstream as it came, nor one that spells a priced member in other capitals (Go's decoder would take `Model` for
`model`).
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from headgate.canonical.codec import Patch, Peek
from headgate.protocols.openai_responses.wire import (
    FOREIGN_MARK,
    UNREADABLE,
    bad,
    encode,
    read_members,
    refusal_of,
)


class References(Struct, frozen=True, kw_only=True):
    """What a request leans on that its upstream must know already, or keeps for later: reasons to pin it to a channel.

    `store` is None where the caller leaves it to the API, which then stores. `prompt` tells that a template is used,
    `items` that an item is only named (`item_reference`), `foreign_state` that the history holds opaque state or ids
    which come from another protocol's upstream: such a body must be decoded and encoded, not passed through.
    """

    previous_response_id: str | None = None
    conversation: str | None = None
    background: bool = False
    store: bool | None = None
    prompt: bool = False
    items: bool = False
    foreign_state: bool = False


class PartGlance(Struct):
    """Media stay out of it: a base64 image is neither copied nor counted as text."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None


class ItemGlance(Struct):
    type: str = "message"
    content: str | list[PartGlance] | None = None
    output: str | list[PartGlance] | None = None
    summary: list[PartGlance] | None = None
    arguments: str | None = None
    input: str | None = None
    name: str | None = None
    encrypted_content: str | None = None
    result: str | None = None


class Glance(Struct):
    model: str
    stream: bool | None = None
    input: Raw = Raw()
    instructions: Raw = Raw()
    max_output_tokens: int | None = None
    service_tier: Any = None
    tools: Raw = Raw()
    text: Raw = Raw()
    prompt: Raw = Raw()


class ToolGlance(Struct):
    type: str | None = None


class ConversationGlance(Struct):
    id: str


class ReferenceGlance(Struct):
    previous_response_id: str | None = None
    conversation: str | ConversationGlance | None = None
    background: bool | None = None
    store: bool | None = None
    prompt: Raw = Raw()


_read = msgspec.json.Decoder(Glance).decode
_read_items = msgspec.json.Decoder(list[ItemGlance]).decode
_read_text = msgspec.json.Decoder(str).decode
_read_tools = msgspec.json.Decoder(list[ToolGlance]).decode
_read_references = msgspec.json.Decoder(ReferenceGlance).decode

_FOREIGN = re.compile(rb'"(?:[a-z]{2,4}_)?' + FOREIGN_MARK.encode())
_IMAGES = frozenset({"input_image", "computer_screenshot"})
# A thought of n tokens comes back as some six n characters of base64 (recorded: openai/reasoning).
_SEALED_BYTES = 2


def peek(body: bytes, path_model: str | None = None) -> Peek:
    """What routing and pricing must know of a request. The model is in the body alone.

    Raises:
        Refused: malformed or deeply nested JSON, a missing or wrongly typed model, limit, `stream` or `input`.
    """
    try:
        glance = _read(body)
    except UNREADABLE as error:
        raise _missing_model(body) or refusal_of(error) from error
    if not glance.model:
        raise bad("'model' must not be empty: name the model to use", "model")
    limit = glance.max_output_tokens
    if limit is not None and limit < 1:
        raise bad("'max_output_tokens' must be at least 1", "max_output_tokens")
    text_bytes, images, audios, documents = _sizes(glance.input)
    return Peek(
        model=glance.model,
        stream=bool(glance.stream),
        wants_usage=True,
        max_output_tokens=limit,
        text_bytes=text_bytes + sum(_size(raw) for raw in (glance.instructions, glance.tools, glance.text)),
        images=images,
        audios=audios,
        documents=documents,
        tools=_present(glance.tools) and bytes(glance.tools) != b"[]",
        web_search=_searches(glance.tools),
        service_tier=glance.service_tier if isinstance(glance.service_tier, str) else None,
    )


def references(body: bytes) -> References:
    """What a request leans on.

    Raises:
        Refused: malformed JSON, or one of these members of the wrong type.
    """
    try:
        glance = _read_references(body)
    except UNREADABLE as error:
        raise refusal_of(error) from error
    conversation = glance.conversation
    return References(
        previous_response_id=glance.previous_response_id or None,
        conversation=(conversation if isinstance(conversation, str | None) else conversation.id) or None,
        background=bool(glance.background),
        store=glance.store,
        prompt=_present(glance.prompt),
        items=b'"item_reference"' in body,
        foreign_state=_FOREIGN.search(body) is not None,
    )


def _missing_model(body: bytes) -> Exception | None:
    """The refusal for a body without a model, which a typed reader reports without the member's name."""
    try:
        members = read_members(body)
    except UNREADABLE:
        return None
    if _present(members.get("model", Raw())):
        return None
    return bad("'model' is required: name the model to use", "model")


def _sizes(raw: Raw) -> tuple[int, int, int, int]:
    """Bytes of text in the input, and how many images, audios and documents."""
    if not _present(raw):
        return 0, 0, 0, 0
    first = bytes(memoryview(raw)[:1])
    try:
        if first == b'"':
            return _utf8(_read_text(raw)), 0, 0, 0
        items = _read_items(raw)
    except UnicodeDecodeError as error:
        raise refusal_of(error) from error
    except UNREADABLE:
        if first != b"[":
            raise bad("'input' must be a string or an array of items", "input") from None
        # An item of a shape unknown here: better too much than nothing.
        return _size(raw), 0, 0, 0
    text_bytes = images = audios = documents = 0
    for item in items:
        text_bytes += sum(_utf8(text) for text in (item.arguments, item.input, item.name))
        text_bytes += len(item.encrypted_content or "") // _SEALED_BYTES
        images += item.result is not None and item.type == "image_generation_call"
        for content in (item.content, item.output, item.summary):
            if isinstance(content, str):
                text_bytes += _utf8(content)
                continue
            for part in content or ():
                text_bytes += _utf8(part.text) + _utf8(part.refusal)
                images += part.type in _IMAGES
                audios += part.type == "input_audio"
                documents += part.type == "input_file"
    return text_bytes, images, audios, documents


def _searches(tools: Raw) -> bool:
    if b"_search" not in bytes(tools):
        return False
    try:
        return any((tool.type or "").startswith(("web_search", "x_search")) for tool in _read_tools(tools))
    except UNREADABLE:
        return True


def _utf8(text: str | None) -> int:
    if not text:
        return 0
    return len(text) if text.isascii() else len(text.encode())


def _present(raw: Raw) -> bool:
    return memoryview(raw).nbytes > 0 and bytes(memoryview(raw)[:4]) != b"null"


def _size(raw: Raw) -> int:
    return memoryview(raw).nbytes if _present(raw) else 0


_PRICED = frozenset({"model", "input", "stream", "max_output_tokens", "tools", "background", "store", "service_tier"})


def patch(body: bytes, change: Patch) -> bytes:
    """The body with some top-level members changed; every other value, and the order, stay byte for byte. Usage is
    always reported here, so asking for it changes nothing. The very same object comes back when nothing changes.

    Raises:
        Refused: malformed JSON, or a priced member spelt in other capitals.
    """
    try:
        members = read_members(body)
    except UNREADABLE as error:
        raise refusal_of(error) from error
    for name in members:
        if name not in _PRICED and name.lower() in _PRICED:
            raise bad(f"unknown member '{name}': did you mean '{name.lower()}'?", name)
    wanted: dict[str, object] = dict(change.set_fields)
    if change.model is not None:
        wanted["model"] = change.model
    if change.max_output_tokens is not None:
        wanted["max_output_tokens"] = change.max_output_tokens
    changed = {name: value for name, value in wanted.items() if not _same(members.get(name), value)}
    if not changed and not _repeats(body, members):
        return body
    return encode({**members, **changed})


def _same(raw: Raw | None, value: object) -> bool:
    """Whether a member says this already, in whatever spelling."""
    try:
        return raw is not None and bool(msgspec.json.decode(raw) == value)
    except UNREADABLE:
        return False


_SPACE = re.compile(rb"[ \t\r\n]*")
_KEY = re.compile(rb'"(?:[^"\\]|\\.)*"')
_COLON = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
_COMMA = re.compile(rb"[ \t\r\n]*,?[ \t\r\n]*")


def _repeats(body: bytes, members: Mapping[str, Raw]) -> bool:
    """Whether a top-level member comes twice. Walking from key to key, a last value that is not found where its key is
    belongs to a later one of the same name."""
    position = _end(_SPACE, body, body.index(b"{") + 1)
    for _ in members:
        key = _KEY.match(body, position)
        if key is None:
            return True
        position = _end(_COLON, body, key.end())
        value = bytes(members[msgspec.json.decode(key[0], type=str)])
        if not body.startswith(value, position):
            return True
        position = _end(_COMMA, body, position + len(value))
    return body[position : position + 1] != b"}"


def _end(pattern: re.Pattern[bytes], body: bytes, position: int) -> int:
    match = pattern.match(body, position)
    return match.end() if match else position
