"""Anthropic Messages (`POST /v1/messages`) to canonical and back.

`request` (with `messages`, `blocks`, `media`, `tools`, `thinking`) reads and writes what is asked; `response` and
`stream` the answer; `usage` un-nests its counts; `errors` tells failures; `peek` and `meter` serve calls that are
passed through as they are. `wire` is the JSON edge. `CODEC` is all of it.
"""

from headgate.canonical.codec import Codec
from headgate.protocols.anthropic_messages.errors import decode_error, encode_error, encode_stream_error
from headgate.protocols.anthropic_messages.meter import meter, read, read_delivered
from headgate.protocols.anthropic_messages.peek import passes, patch, peek
from headgate.protocols.anthropic_messages.request import check_portable, decode_request, encode_request
from headgate.protocols.anthropic_messages.response import decode_response, encode_response
from headgate.protocols.anthropic_messages.stream import MessagesDecoder
from headgate.protocols.anthropic_messages.stream_encoder import MessagesEncoder
from headgate.protocols.anthropic_messages.usage import encode_count
from headgate.protocols.anthropic_messages.wire import ORIGIN

CODEC = Codec(
    name=ORIGIN,
    peek=peek,
    patch=patch,
    meter=meter,
    read=read,
    read_delivered=read_delivered,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=MessagesDecoder,
    stream_encoder=MessagesEncoder,
    decode_error=decode_error,
    encode_error=encode_error,
    encode_stream_error=encode_stream_error,
    encode_count=encode_count,
    check_portable=check_portable,
    passes=passes,
)

__all__ = ["CODEC"]
