"""The codecs, by the name of their protocol."""

from headgate.canonical.codec import Codec
from headgate.canonical.parts import ProtocolName
from headgate.protocols import anthropic_messages, gemini_generate, openai_chat, openai_responses

CODECS: dict[ProtocolName, Codec] = {
    codec.name: codec
    for codec in (openai_chat.CODEC, openai_responses.CODEC, anthropic_messages.CODEC, gemini_generate.CODEC)
}
