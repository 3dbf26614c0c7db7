"""Failures in OpenAI's form. The words are shared with the Responses protocol; an error inside a stream is ours."""

from headgate.canonical.failure import Failure
from headgate.protocols.framing import encode_event
from headgate.protocols.openai_chat.wire import dump
from headgate.protocols.openai_error import decode_error, encode_error, error_object, failure_of

__all__ = ["DONE", "decode_error", "encode_error", "encode_stream_error", "failure_of"]

DONE = b"data: [DONE]\n\n"


def encode_stream_error(failure: Failure, request_id: str) -> bytes:
    """The last event of a stream that has begun, with `[DONE]`: the SDK raises on the first."""
    return encode_event(dump({"error": error_object(failure, request_id)})) + DONE
