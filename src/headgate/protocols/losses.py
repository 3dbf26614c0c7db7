"""What is lost when a request or an answer is translated, as data: the vocabulary of the losses, and the fate of each
thing in each protocol. `docs/translation.md` is made of it, and a test holds every cell against the codecs.

A request's losses are named to the caller in `x-headgate-dropped` and in the receipt, by the names of this table.
"""

from collections.abc import Sequence
from typing import Literal, get_args

from msgspec import Struct

from headgate.canonical.parts import ProtocolName

Fate = Literal["carried", "dropped", "refused", "in words", "lost", "not needed"]
"""What becomes of a thing. In requests: `carried`; `dropped` and named to the caller; `refused` with a 400. In answers:
`carried`; told `in words` where the caller's protocol has no form of its own for it; `lost`. `not needed` is what only
another vendor would want."""

PROTOCOLS: tuple[ProtocolName, ...] = get_args(ProtocolName)
_LETTERS: dict[str, Fate] = {
    "C": "carried",
    "D": "dropped",
    "R": "refused",
    "W": "in words",
    "L": "lost",
    "-": "not needed",
}


class Feature(Struct, frozen=True):
    """One thing that a request or an answer may hold, and its fate towards each protocol."""

    name: str
    words: str
    fates: dict[ProtocolName, Fate]


def _features(rows: Sequence[tuple[str, str, str]]) -> tuple[Feature, ...]:
    return tuple(
        Feature(name, words, {protocol: _LETTERS[letter] for protocol, letter in zip(PROTOCOLS, letters, strict=True)})
        for name, words, letters in rows
    )


# Letters stand for the fate at an upstream of Chat Completions, Responses, Messages and generateContent, of a request
# that came in another protocol.
_REQUESTS = (
    ("text", "text", "CCCC"),
    ("system", "system instructions", "CCCC"),
    ("developer", "developer instructions", "CCCC"),
    ("system_position", "instructions in the midst of a conversation stay there", "CCDC"),
    ("messages.name", "a speaker's name", "CDDD"),
    ("image", "an image, inline", "CCCC"),
    ("image.url", "an image by address", "CCCC"),
    ("image.detail", "how closely to look at an image", "CCDD"),
    ("file", "a PDF, inline", "CCCC"),
    ("file.url", "a PDF by address", "CCCC"),
    ("file.text", "a plain text as a document", "CCCC"),
    ("file.filename", "a document's name", "CCCD"),
    ("file.context", "what a document is about", "DDCC"),
    ("file.citations", "the wish to cite a document", "DDCD"),
    ("file.id", "a file that another vendor keeps", "RRRR"),
    ("audio", "audio", "CRRC"),
    ("video", "video", "RRRC"),
    ("tool_call", "a tool call and its result", "CCCC"),
    ("tool_call.with_text", "text beside a tool call", "CCCC"),
    ("tool_call.signature", "the signature of a tool call, to its vendor", "C--C"),
    ("tool_result.image", "an image in a tool's result", "CCCC"),
    ("tool_result.is_error", "that a tool failed", "CCCC"),
    ("reasoning.signature", "a signed thought, to its vendor", "CCCC"),
    ("reasoning.foreign", "a thought that another vendor signed", "DDDC"),
    ("citations.foreign", "earlier citations without an address", "DDDD"),
    ("server_tools.foreign", "what another vendor's own tools did earlier", "DDDC"),
    ("tools", "tools", "CCCC"),
    ("tools.strict", "strict arguments", "CCCD"),
    ("tools.grammar", "tools that take free text", "CCCC"),
    ("tools.code_execution", "code execution", "DCCC"),
    ("tools.web_fetch", "fetching of pages", "DDCC"),
    ("tools.file_search", "search in stored files", "DDDD"),
    ("tools.mcp", "tools of an MCP server", "DDDD"),
    ("tools.image_generation", "image generation as a tool", "DCDD"),
    ("tools.computer_use", "use of a computer", "DDDD"),
    ("tools.web_search", "web search", "CCCC"),
    ("tools.web_search.max_uses", "how often to search", "DDCD"),
    ("tools.web_search.context", "how much to read (`search_context_size`)", "CCCD"),
    ("tools.web_search.allowed_domains", "where to search", "DCCD"),
    ("tools.web_search.blocked_domains", "where not to search", "DDCD"),
    ("tools.web_search.user_location", "where the user is", "CCCD"),
    ("tools.web_search.from_date", "results since a day", "DDDD"),
    ("tools.web_search.to_date", "results until a day", "DDDD"),
    ("tool_choice", "one tool demanded", "CCCC"),
    ("tool_choice.required", "any tool demanded", "CCCC"),
    ("tool_choice.none", "no tool allowed", "CCCC"),
    ("tool_choice.several", "a choice of some tools", "CCCC"),
    ("parallel_tool_calls", "one call at a time", "CCCD"),
    ("max_output_tokens", "the output limit", "CCCC"),
    ("temperature", "temperature", "CCCC"),
    ("top_p", "top-p", "CCCC"),
    ("top_k", "top-k", "DDCC"),
    ("frequency_penalty", "frequency penalty", "CDDC"),
    ("presence_penalty", "presence penalty", "CDDC"),
    ("logit_bias", "logit bias", "CDDD"),
    ("seed", "seed", "CDDC"),
    ("stop", "stop sequences", "CDCC"),
    ("n", "several answers", "CRRC"),
    ("logprobs", "log probabilities", "CCDC"),
    ("top_logprobs", "how many alternatives", "CCDC"),
    ("response_format.json_object", "any JSON", "CCCC"),
    ("response_format", "JSON by a schema", "CCCC"),
    ("reasoning", "thinking, by effort", "CCCC"),
    ("reasoning.budget", "thinking, by a budget", "CCCC"),
    ("reasoning.off", "no thinking", "CCCC"),
    ("verbosity", "verbosity", "CCDD"),
    ("modalities", "images in the answer", "CDRC"),
    ("modalities.audio", "speech in the answer", "CRRC"),
    ("image_config", "size and shape of images", "DDDC"),
    ("prediction", "predicted output", "CDDD"),
    ("service_tier", "service tier", "CCDC"),
    ("metadata", "metadata", "CCDD"),
    ("user", "the end user's id", "CCCD"),
    ("safety_identifier", "safety identifier", "CCCD"),
    ("store", "that the answer be stored", "CDDD"),
    ("cache_control", "prompt-cache marks", "DDCD"),
    ("prompt_cache_key", "prompt-cache key", "CCDD"),
    ("previous_response_id", "a conversation that the vendor keeps", "RCRR"),
    ("extensions", "members that only the caller's protocol has, by their names", "DDDD"),
)

REQUESTS = _features(_REQUESTS)
"""`carried` may still be dropped, and is named then, where a model or provider refuses it (`Quirks`) or where it
clashes with another wish, such as a temperature with thinking."""

# The same for what an answer holds, told to a caller of Chat Completions, Responses, Messages and generateContent.
_ANSWERS = (
    ("text", "text", "CCCC"),
    ("refusal", "a refusal in the model's words", "CCWW"),
    ("reasoning", "thoughts that may be read", "CCCC"),
    ("reasoning.signature", "a thought's signature", "CCCC"),
    ("reasoning.redacted", "a thought that nobody may read", "CCCC"),
    ("tool_call", "tool calls, their ids and arguments", "CCCC"),
    ("tool_call.signature", "a tool call's signature", "CCCC"),
    ("citation", "a source with its address", "CCCC"),
    ("citation.document", "a source that is a document of the request", "LCLC"),
    ("image", "an image (elsewhere Markdown with its data)", "WCWC"),
    ("audio", "speech (elsewhere its transcript)", "CWWC"),
    ("n", "several answers (elsewhere the first)", "CLLC"),
    ("logprobs", "log probabilities", "CCLC"),
    ("stop_sequence", "which stop sequence was met", "CLCL"),
    ("web_search", "what the upstream searched for, and found", "LCCC"),
    ("code_execution", "what code the upstream ran", "LCCC"),
    ("usage", "usage, to the token", "CCCC"),
)

ANSWERS = _features(_ANSWERS)
"""A `web_search` that is lost has left its sources as citations, and is counted."""

TITLES: dict[ProtocolName, str] = {
    "openai_chat": "Chat Completions",
    "openai_responses": "Responses",
    "anthropic_messages": "Messages",
    "gemini_generate": "generateContent",
}


def page() -> str:
    """The page that publishes the table, in Markdown."""
    return _PAGE.format(
        requests=_table("an upstream of", REQUESTS), answers=_table("a caller of", ANSWERS), protocols=len(PROTOCOLS)
    )


def _table(towards: str, features: Sequence[Feature]) -> str:
    head = ["name", f"what, towards {towards}", *(TITLES[protocol] for protocol in PROTOCOLS)]
    rows = [[f"`{one.name}`", one.words, *(one.fates[protocol] for protocol in PROTOCOLS)] for one in features]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


_PAGE = """# What translation keeps

A call whose channel speaks the caller's own protocol passes through unchanged. Otherwise it is translated, and what a
protocol cannot say is declared here: content that cannot be carried is **refused** with a 400 that says why (another
channel of the model is tried first); a wish that tunes the answer is **dropped**, and named in the header
`x-headgate-dropped` and in the receipt by the name in the first column. Nothing else is lost. This page is made from
`headgate/protocols/losses.py`, and every cell is tested.

## Requests

What is carried may still be dropped, and is named then, where a model refuses it or where it clashes with another wish,
such as a temperature with thinking.

{requests}

## Answers

{answers}

Opaque state that an upstream wants back unchanged (signatures, encrypted thoughts, ids) comes back to it through any of
the {protocols} protocols, if the client sends its answers back whole, as agents do. A web search that Chat Completions
cannot tell of leaves its sources as citations, and is counted in the usage.
"""


class Losses:
    """The names of what one request loses, in the order found, each once."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def drop(self, name: str) -> None:
        self._names[name] = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._names)
