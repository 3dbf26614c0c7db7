"""What a message is made of: the content parts every chat protocol can be decoded into.

A part never names a protocol, but it may carry things only one protocol understands: a `Signature` remembers where
it came from, and `provider_data` is an opaque bag that is given back only to the protocol that filled it.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

ProtocolName = Literal["openai_chat", "openai_responses", "anthropic_messages", "gemini_generate"]

# Opaque data by the protocol that owns it, e.g. {"gemini_generate": {"videoMetadata": {...}}}.
ProviderData = Mapping[ProtocolName, Mapping[str, Json]]


class Signature(Struct, frozen=True):
    """An opaque proof that an upstream wants back unchanged, with the protocol that issued it."""

    origin: ProtocolName
    value: str


class CacheHint(Struct, frozen=True):
    """The caller asks the upstream to cache the prompt up to and including the part that carries this hint."""

    ttl: Literal["5m", "1h"] = "5m"


class Citation(Struct, frozen=True, kw_only=True):
    """A source for a stretch of text. `start` and `end` are character offsets into the text part, end exclusive."""

    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    start: int | None = None
    end: int | None = None
    provider_data: ProviderData = {}


class Source(Struct, frozen=True, kw_only=True):
    """Where media is: exactly one of an address, inline base64 (standard alphabet) or an upstream's file id."""

    url: str | None = None
    data: str | None = None
    file_id: str | None = None
    media_type: str | None = None


class Text(Struct, frozen=True, kw_only=True, tag="text"):
    text: str = ""
    citations: tuple[Citation, ...] = ()
    signature: Signature | None = None
    cache: CacheHint | None = None
    provider_data: ProviderData = {}


class Refusal(Struct, frozen=True, kw_only=True, tag="refusal"):
    """The model's own words for why it will not answer."""

    text: str = ""
    provider_data: ProviderData = {}


class Reasoning(Struct, frozen=True, kw_only=True, tag="reasoning"):
    """Thinking shown to the caller. `redacted` holds an encrypted thought that has no readable text.

    `summary` is true where the upstream says that the text summarises the thinking rather than being it.
    """

    text: str = ""
    signature: Signature | None = None
    redacted: Signature | None = None
    summary: bool = False
    id: str | None = None
    provider_data: ProviderData = {}


class Image(Struct, frozen=True, kw_only=True, tag="image"):
    source: Source
    detail: str | None = None
    signature: Signature | None = None
    cache: CacheHint | None = None
    provider_data: ProviderData = {}


class Audio(Struct, frozen=True, kw_only=True, tag="audio"):
    """`id` names a spoken answer that the upstream remembers; `transcript` is what was said."""

    source: Source
    transcript: str | None = None
    id: str | None = None
    expires_at: int | None = None
    cache: CacheHint | None = None
    provider_data: ProviderData = {}


class Video(Struct, frozen=True, kw_only=True, tag="video"):
    source: Source
    cache: CacheHint | None = None
    provider_data: ProviderData = {}


class File(Struct, frozen=True, kw_only=True, tag="file"):
    """A document. `text` is set instead of `source.data` where the caller sent plain text as a document."""

    source: Source
    filename: str | None = None
    text: str | None = None
    context: str | None = None
    citations_enabled: bool = False
    cache: CacheHint | None = None
    provider_data: ProviderData = {}


class ToolCall(Struct, frozen=True, kw_only=True, tag="tool_call"):
    """The model calls a tool of the caller's. `arguments` is JSON text as the model wrote it, or, when `custom`,
    free text."""

    id: str
    name: str
    arguments: str = ""
    custom: bool = False
    signature: Signature | None = None
    cache: CacheHint | None = None
    provider_data: ProviderData = {}


class ToolResult(Struct, frozen=True, kw_only=True, tag="tool_result"):
    """What the caller's tool returned. `name` is the tool's name where the wire gives it."""

    call_id: str
    content: "tuple[Part, ...]" = ()
    name: str | None = None
    is_error: bool = False
    custom: bool = False
    cache: CacheHint | None = None
    provider_data: ProviderData = {}


class ServerToolCall(Struct, frozen=True, kw_only=True, tag="server_tool_call"):
    """The upstream used a tool of its own. `name` is ours for the known ones (`web_search`, `web_fetch`,
    `code_execution`, `image_generation`, `file_search`, `mcp`), otherwise the upstream's. `input` is JSON text."""

    id: str
    name: str
    input: str = ""
    provider_data: ProviderData = {}


class SearchResult(Struct, frozen=True, kw_only=True):
    url: str
    title: str | None = None
    snippet: str | None = None
    age: str | None = None
    provider_data: ProviderData = {}


class ServerToolResult(Struct, frozen=True, kw_only=True, tag="server_tool_result"):
    """What the upstream's own tool found. `output` is text (code execution, fetch); `error` a vendor's error code."""

    call_id: str
    name: str
    results: tuple[SearchResult, ...] = ()
    output: str | None = None
    error: str | None = None
    provider_data: ProviderData = {}


Part = (
    Text
    | Refusal
    | Reasoning
    | Image
    | Audio
    | Video
    | File
    | ToolCall
    | ToolResult
    | ServerToolCall
    | ServerToolResult
)
