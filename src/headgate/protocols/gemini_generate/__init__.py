"""Google's `generateContent` (Gemini API and Vertex AI): one codec for both, JSON in camelCase or snake_case.

`peek`, `meter` are the cheap way through; `request` (with `turns`, `parts`, `tools`, `config`, `thinking`), `response`
(with `answer`, `grounding`) and `stream` the full one. `array` re-frames a stream for callers who did not ask for
`alt=sse`: wrap what would be sent in an `ArrayReframer`, and answer their errors with `encode_array_error`.
"""

from headgate.canonical.codec import Codec
from headgate.protocols.gemini_generate.array import ArrayReframer
from headgate.protocols.gemini_generate.errors import (
    decode_error,
    encode_array_error,
    encode_error,
    encode_stream_error,
)
from headgate.protocols.gemini_generate.meter import GeminiMeter, read, read_delivered
from headgate.protocols.gemini_generate.peek import encode_count, patch, peek
from headgate.protocols.gemini_generate.request import check_portable, decode_request, encode_request
from headgate.protocols.gemini_generate.response import decode_response, encode_response
from headgate.protocols.gemini_generate.stream import GeminiDecoder, GeminiEncoder

CODEC = Codec(
    name="gemini_generate",
    peek=peek,
    patch=patch,
    meter=GeminiMeter,
    read=read,
    read_delivered=read_delivered,
    decode_request=decode_request,
    encode_request=encode_request,
    decode_response=decode_response,
    encode_response=encode_response,
    stream_decoder=GeminiDecoder,
    stream_encoder=GeminiEncoder,
    decode_error=decode_error,
    encode_error=encode_error,
    encode_stream_error=encode_stream_error,
    encode_count=encode_count,
    check_portable=check_portable,
)

__all__ = ["CODEC", "ArrayReframer", "encode_array_error"]
