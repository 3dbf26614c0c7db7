"""What is peculiar about an upstream's way of speaking a protocol, as data. Codecs read it, provider rows set it."""

from typing import Literal, get_args

from msgspec import Struct

from headgate.canonical.parts import Json
from headgate.canonical.request import Effort

_EFFORTS: tuple[Effort, ...] = get_args(Effort)


class Quirks(Struct, frozen=True, kw_only=True):
    """Defaults describe the protocol's own vendor. Each row that differs names its source."""

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_completion_tokens"
    """openai_chat: the name of the output limit."""
    system_role: Literal["system", "developer"] = "system"
    """openai_chat: where instructions go."""
    stream_usage: bool = True
    """openai_chat: whether `stream_options.include_usage` is understood."""
    reasoning_field: Literal["reasoning_content", "reasoning", "none"] = "reasoning_content"
    """openai_chat: the field of an assistant message in which earlier thoughts are sent back; `none` where they are
    refused or useless."""
    reasoning_control: Literal["effort", "thinking", "enable_thinking", "reasoning", "none"] = "effort"
    """openai_chat: `reasoning_effort`; `thinking: {type}` (DeepSeek, Zhipu, Ark, Moonshot); `enable_thinking` and
    `thinking_budget` (Qwen); `reasoning: {effort, max_tokens}` (OpenRouter)."""
    efforts: tuple[Effort, ...] = ()
    """openai_chat, openai_responses: the efforts that the model knows, the least first; () for all. Another one is a
    400, so callers of other protocols, who cannot know, are heard as wishing the nearest: see `effort`."""
    refused_parameters: frozenset[str] = frozenset()
    """Names of wire fields that the model answers with a 400: dropped and named."""
    custom_tools: bool = True
    """openai_chat: whether free-text tools are understood; else they are offered as functions with one string."""
    cache_control: bool = False
    """openai_chat: whether `cache_control` on content parts is understood (OpenRouter, Qwen, Vercel), so that the cache
    hints of other protocols' callers may be sent; OpenAI answers 400 to members it does not know."""
    image_urls: bool = True
    """Whether an image may be given by address; else it is fetched and inlined."""
    document_urls: bool = True
    json_schema: bool = True
    """Whether schema output exists; else it becomes a JSON-object wish and an instruction."""
    web_search: Literal["native", "search_parameters", "enable_search", "plugin", "none"] = "native"
    web_search_tool: str = ""
    """The tool type to declare where the default of the protocol is not right for the model."""
    thinking: Literal["budget", "adaptive", "level", "none"] = "budget"
    """anthropic_messages: `budget` until 4.5, `adaptive` from 4.6 (a budget is a 400 from 4.7 on);
    gemini_generate: `budget` for 2.5, `level` from 3."""
    sampling_with_thinking: bool = True
    """anthropic_messages: whether temperature and top_p are accepted at all (not from opus 4.7 on)."""
    system_messages: bool = False
    """anthropic_messages: whether a system message may stand in the middle of a conversation (Anthropic's own API from
    opus 4.8 on; not on Bedrock, Vertex AI or Foundry: the vendor's page on mid-conversation system messages)."""
    max_output_tokens: int = 0
    """The model's own limit, used where the protocol demands a limit and the caller gave none; 0: unknown."""
    extra_body: dict[str, Json] = {}
    """Fields to set on every request."""

    def effort(self, wanted: Effort) -> Effort:
        """`wanted` as the model knows it: itself, else the next harder one, else the hardest."""
        if not self.efforts or wanted in self.efforts:
            return wanted
        harder = _EFFORTS[_EFFORTS.index(wanted) :]
        return next((known for known in self.efforts if known in harder), self.efforts[-1])


class Target(Struct, frozen=True, kw_only=True):
    """Where an encoded request is going: the upstream's model name and its peculiarities."""

    model: str
    quirks: Quirks = Quirks()


class Encoded(Struct, frozen=True, kw_only=True):
    """A request on the wire, and the names of the caller's wishes that this protocol could not carry."""

    body: bytes
    dropped: tuple[str, ...] = ()
