"""OpenAI's Responses protocol: what Codex and the newest SDKs speak. Pure.

An answer is a list of items (messages, thoughts, tool calls, what hosted tools did), each told in a stream by a life of
its own: `response.output_item.added`, its deltas, `response.output_item.done`.

For a channel that speaks it too: `peek` and `references` look at a request, `patch` changes it, `meter.Meter` reads the
answer as it passes. Otherwise `request` and `response` translate whole bodies, `stream` reads events, `events` tells
them with the items of `growing`. `items` and `parts` are the two directions between items and canonical parts;
`content`, `tools`, `native_tools`, `knobs` and `usage` the vocabularies; `losses` what a request cannot say; `wire` is
where JSON is untyped.
"""

from headgate.canonical.codec import Codec
from headgate.protocols.openai_responses.errors import decode_error, encode_error, encode_stream_error
from headgate.protocols.openai_responses.events import StreamEncoder
from headgate.protocols.openai_responses.meter import Meter
from headgate.protocols.openai_responses.peek import References, patch, peek, references
from headgate.protocols.openai_responses.request import check_portable, decode_request, encode_request
from headgate.protocols.openai_responses.response import decode_response, encode_response, read, read_delivered
from headgate.protocols.openai_responses.stream import StreamDecoder
from headgate.protocols.openai_responses.usage import encode_count

CODEC = Codec(
    name="openai_responses",
    peek=peek,
    patch=patch,
    meter=Meter,
    read=read,
    read_delivered=read_delivered,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=StreamDecoder,
    stream_encoder=StreamEncoder,
    decode_error=decode_error,
    encode_error=encode_error,
    encode_stream_error=encode_stream_error,
    encode_count=encode_count,
    check_portable=check_portable,
)

__all__ = ["CODEC", "Meter", "References", "references"]
