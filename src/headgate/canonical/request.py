"""One chat request, whatever protocol it came in."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from headgate.canonical.parts import CacheHint, Json, Part, ProtocolName, ProviderData

Role = Literal["system", "developer", "user", "assistant", "tool"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Message(Struct, frozen=True, kw_only=True):
    """Role `tool` holds only tool results; a protocol that puts them into user messages splits them on decoding and
    joins them again on encoding."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    provider_data: ProviderData = {}


class Tool(Struct, frozen=True, kw_only=True):
    """A tool the caller offers. `parameters` is a JSON schema, or absent for a tool without arguments; `grammar` is set
    for a custom (free text) tool."""

    name: str
    description: str | None = None
    parameters: Mapping[str, Json] | None = None
    strict: bool | None = None
    custom: bool = False
    grammar: Mapping[str, Json] | None = None
    cache: CacheHint | None = None
    provider_data: ProviderData = {}


class WebSearch(Struct, frozen=True, kw_only=True):
    """The upstream may search the web by itself. `context` is how much of what it finds it should read."""

    max_uses: int | None = None
    context: Literal["low", "medium", "high"] | None = None
    allowed_domains: tuple[str, ...] = ()
    blocked_domains: tuple[str, ...] = ()
    user_location: Mapping[str, Json] | None = None
    from_date: str | None = None
    to_date: str | None = None
    required: bool = False
    provider_data: ProviderData = {}


class ServerTool(Struct, frozen=True, kw_only=True):
    """Another tool that the upstream runs by itself (`web_fetch`, `code_execution`, `url_context`, `file_search`,
    `mcp`, `image_generation`, `computer_use`...); `provider_data` holds its declaration as it came."""

    name: str
    provider_data: ProviderData = {}


class ToolChoice(Struct, frozen=True, kw_only=True):
    """`tool` wants the one named in `names`; `required` with names wants any of them."""

    mode: Literal["auto", "none", "required", "tool"]
    names: tuple[str, ...] = ()


class ResponseFormat(Struct, frozen=True, kw_only=True):
    mode: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema: Mapping[str, Json] | None = None
    strict: bool | None = None


class ReasoningControl(Struct, frozen=True, kw_only=True):
    """How hard to think, as the caller put it: at most one of `effort` and `budget_tokens` is set by a decoder, unless
    the wire gave both. `adaptive` lets the model decide; `enabled` False forbids thinking. `visible` is whether
    thoughts should be shown (None: the upstream's default); `summary` the Responses API's wish for a summary."""

    enabled: bool | None = None
    effort: Effort | None = None
    budget_tokens: int | None = None
    adaptive: bool = False
    visible: bool | None = None
    summary: str | None = None


class Request(Struct, frozen=True, kw_only=True):
    """`extensions` keeps top-level fields that the canonical model does not know: they are sent on when the
    upstream speaks `origin`, otherwise dropped and named. Everything after `messages` is a wish an encoder may have to
    drop; what it drops it names. `provider_data` keeps what another protocol need not be told and does not lose."""

    origin: ProtocolName
    model: str
    messages: tuple[Message, ...]
    stream: bool = False
    include_usage: bool = False
    tools: tuple[Tool | WebSearch | ServerTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: Mapping[str, Json] | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: ResponseFormat | None = None
    reasoning: ReasoningControl | None = None
    verbosity: str | None = None
    modalities: tuple[str, ...] = ()
    audio: Mapping[str, Json] | None = None
    image: Mapping[str, Json] | None = None
    """Image output wishes: `aspect_ratio`, `size`."""
    prediction: Mapping[str, Json] | None = None
    service_tier: str | None = None
    metadata: Mapping[str, Json] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    store: bool | None = None
    cache: CacheHint | None = None
    prompt_cache_key: str | None = None
    previous_response_id: str | None = None
    extensions: Mapping[str, Json] = {}
    provider_data: ProviderData = {}
