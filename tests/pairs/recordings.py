"""The recorded exchanges of the four protocols, by protocol."""

from fakes.wire import Entry, entries
from headgate.canonical.parts import ProtocolName
from headgate.canonical.request import Request
from headgate.relay.codecs import CODECS

PROTOCOLS: tuple[ProtocolName, ...] = tuple(CODECS)
PAIRS = [(source, target) for source in PROTOCOLS for target in PROTOCOLS if source != target]

_ENDPOINTS: dict[ProtocolName, tuple[str, ...]] = {
    "openai_chat": ("chat-completions", "openai-compat-chat-completions"),
    "openai_responses": ("responses",),
    "anthropic_messages": ("messages", "anthropic-rawPredict", "anthropic-streamRawPredict"),
    "gemini_generate": ("generateContent", "streamGenerateContent"),
}
_QUESTIONS: dict[ProtocolName, bytes] = {
    "openai_chat": b'{"model":"m","messages":[{"role":"user","content":"x"}],"stream_options":{"include_usage":true}}',
    "openai_responses": b'{"model":"m","input":"x"}',
    "anthropic_messages": b'{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"x"}]}',
    "gemini_generate": b'{"contents":[{"parts":[{"text":"x"}]}]}',
}


def recorded(protocol: ProtocolName) -> list[Entry]:
    """Everything recorded of a protocol, errors included."""
    return [entry for endpoint in _ENDPOINTS[protocol] for entry in entries(endpoint=endpoint)]


def question(protocol: ProtocolName) -> Request:
    """A caller's plain question, for encoders that want to know what was asked."""
    return CODECS[protocol].decode_request(_QUESTIONS[protocol], "m", False)
