"""OpenAI Chat Completions, as OpenAI and the many who copy it speak it.

`peek` looks at requests and patches them, `meter` reads passing answers, `usage` un-nests their counts, `errors` tells
failures. `request` (with `messages`, `content`, `reasoning`, `tools`), `response` and `stream` decode and encode;
`losses` lists what a request cannot say; `wire` holds the types of the wire.
"""

from headgate.canonical.codec import Codec
from headgate.protocols.openai_chat.errors import decode_error, encode_error, encode_stream_error
from headgate.protocols.openai_chat.meter import ChatMeter, read, read_delivered
from headgate.protocols.openai_chat.peek import patch, peek
from headgate.protocols.openai_chat.request import decode_request, encode_request
from headgate.protocols.openai_chat.response import decode_response, encode_response
from headgate.protocols.openai_chat.stream import ChatStreamDecoder, ChatStreamEncoder

__all__ = ["CODEC"]

CODEC = Codec(
    name="openai_chat",
    peek=peek,
    patch=patch,
    meter=ChatMeter,
    read=read,
    read_delivered=read_delivered,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=ChatStreamDecoder,
    stream_encoder=ChatStreamEncoder,
    decode_error=decode_error,
    encode_error=encode_error,
    encode_stream_error=encode_stream_error,
)
