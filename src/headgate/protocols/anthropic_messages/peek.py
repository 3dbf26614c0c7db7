"""What routing and pricing need of a request, and the few changes made to one that is passed through.

`peek` is one typed parse that builds only what is counted; `patch` replaces top-level fields and leaves the bytes of
all others as they came.
"""

import re
from typing import Any

import msgspec
from msgspec import Raw, Struct

from headgate.canonical.codec import Patch, Peek
from headgate.canonical.failure import refuse
from headgate.canonical.quirks import Quirks
from headgate.protocols.anthropic_messages.wire import complaint

_ABSENT = Raw(b"")


class _Source(Struct):
    type: str | None = None
    data: Raw = _ABSENT
    content: Raw = _ABSENT


class _Block(Struct):
    type: str
    text: str | None = None
    thinking: str | None = None
    title: str | None = None
    context: str | None = None
    source: Raw = _ABSENT
    content: Raw = _ABSENT
    input: Raw = _ABSENT
    tool: Raw = _ABSENT


class _Message(Struct):
    role: str
    content: str | list[_Block]


class _Body(Struct):
    messages: list[_Message]
    model: str | None = None
    system: str | list[_Block] | None = None
    tools: Raw = _ABSENT
    max_tokens: int | None = None
    stream: bool | None = None
    output_config: Raw = _ABSENT
    speed: Any = None


class _ToolType(Struct):
    type: str | None = None


_SYSTEM_ROLE = re.compile(rb'"role"\s*:\s*"system"')
_BODY = msgspec.json.Decoder(_Body)
_SOURCE = msgspec.json.Decoder(_Source)
_CONTENT = msgspec.json.Decoder(str | list[_Block])
_TOOLS = msgspec.json.Decoder(list[_ToolType])
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_MEDIA_KINDS = frozenset({"image", "document"})
_NESTING_KINDS = frozenset({"tool_result", "search_result"})
_DEEPEST = 4


class _Counts:
    """What the blocks hold, summed while they are walked."""

    def __init__(self) -> None:
        self.text = self.images = self.documents = 0

    def content(self, content: str | list[_Block] | None, depth: int = 0) -> None:
        if isinstance(content, str):
            self.text += _size(content)
        elif content is not None:
            for block in content:
                self.block(block, depth)

    def block(self, block: _Block, depth: int) -> None:
        for said in (block.text, block.thinking, block.title, block.context):
            if said:
                self.text += _size(said)
        self.text += len(block.input) + len(block.tool)
        if block.type in _MEDIA_KINDS and _given(block.source):
            self._media(block.type, block.source, depth)
        if block.type in _NESTING_KINDS and depth < _DEEPEST and _given(block.content):
            self.content(_CONTENT.decode(block.content), depth + 1)
        else:
            self.text += len(block.content)

    def _media(self, kind: str, raw: Raw, depth: int) -> None:
        source = _SOURCE.decode(raw)
        if kind == "image":
            self.images += 1
        elif source.type == "text":
            self.text += len(source.data)
        elif source.type == "content" and depth < _DEEPEST and _given(source.content):
            self.content(_CONTENT.decode(source.content), depth + 1)
        else:
            self.documents += 1


def peek(body: bytes, path_model: str | None) -> Peek:
    """What must be known of a request before it can be routed and priced.

    Raises:
        Refused: naming the field that is missing or of the wrong type.
    """
    try:
        parsed = _BODY.decode(body)
        counts = _Counts()
        counts.content(parsed.system)
        for message in parsed.messages:
            counts.content(message.content)
        tools, search = _tools(parsed.tools)
    except msgspec.ValidationError as error:
        raise complaint(error) from None
    except RecursionError:
        raise refuse("the body is nested too deeply") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise refuse(f"the body is not valid JSON: {error}") from None
    model = path_model or parsed.model
    if not model:
        raise refuse("field model is required", param="model")
    if not parsed.messages:
        raise refuse("messages: at least one message is required", param="messages")
    if parsed.max_tokens is not None and parsed.max_tokens < 0:
        raise refuse("max_tokens: must not be negative", param="max_tokens")
    return Peek(
        model=model,
        stream=parsed.stream or False,
        wants_usage=True,
        max_output_tokens=parsed.max_tokens,
        text_bytes=counts.text + tools + len(parsed.output_config),
        images=counts.images,
        documents=counts.documents,
        tools=tools > 0,
        web_search=search,
        service_tier=parsed.speed if isinstance(parsed.speed, str) else None,
    )


def _tools(raw: Raw) -> tuple[int, bool]:
    """The size of the declared tools, 0 without any, and whether web search is one."""
    if not _given(raw):
        return 0, False
    text = bytes(raw)
    if b'"web_search_' not in text and text[:1] == b"[":
        return (len(text) if text[1:].lstrip()[:1] != b"]" else 0), False
    tools = _TOOLS.decode(text)
    search = any(tool.type is not None and tool.type.startswith("web_search_") for tool in tools)
    return len(text) if tools else 0, search


def _given(raw: Raw) -> bool:
    """Neither absent nor null."""
    return len(raw) > 0 and (len(raw) != 4 or bytes(raw) != b"null")


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def passes(body: bytes, quirks: Quirks) -> bool:
    """Claude Code sends system messages in mid-conversation for models that it does not know, and only newer models of
    Anthropic's own take them; for the others the body is decoded, and they are hoisted."""
    return quirks.system_messages or _SYSTEM_ROLE.search(body) is None


def patch(body: bytes, change: Patch) -> bytes:
    """The body to send: the very same object where nothing changes, else with only the named fields replaced.

    Raises:
        Refused: where the body is no JSON object.
    """
    wanted: dict[str, Any] = dict(change.set_fields)
    if change.model is not None:
        wanted["model"] = change.model
    if change.max_output_tokens is not None:
        wanted["max_tokens"] = change.max_output_tokens
    if not wanted:
        return body
    try:
        fields = _FIELDS.decode(body)
    except RecursionError:
        raise refuse("the body is nested too deeply") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise refuse(f"the body is not valid JSON: {error}") from None
    changed = {name: value for name, value in wanted.items() if not _says(fields.get(name), value)}
    if not changed:
        return body
    fields.update({name: Raw(msgspec.json.encode(value)) for name, value in changed.items()})
    if "max_tokens" in changed:
        _fit_thinking(fields, changed["max_tokens"])
    return msgspec.json.encode(fields)


def _says(raw: Raw | None, value: object) -> bool:
    return raw is not None and bytes(raw) == msgspec.json.encode(value)


def _fit_thinking(fields: dict[str, Raw], limit: object) -> None:
    """A thinking budget must stay below the limit, and be at least 1,024; where it cannot be, there is no thinking."""
    try:
        thinking = msgspec.json.decode(fields.get("thinking", Raw(b"null")))
    except (msgspec.DecodeError, ValueError):
        return
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    if not isinstance(limit, int) or not isinstance(budget, int) or budget < limit:
        return
    fitted = {**thinking, "budget_tokens": limit - 1} if limit > 1024 else {"type": "disabled"}
    fields["thinking"] = Raw(msgspec.json.encode(fitted))
