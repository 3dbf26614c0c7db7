"""The codecs, by the name of their protocol."""

from headgate.canonical.codec import Codec
from headgate.canonical.parts import ProtocolName
from headgate.protocols import openai_chat

CODECS: dict[ProtocolName, Codec] = {codec.name: codec for codec in (openai_chat.CODEC,)}
