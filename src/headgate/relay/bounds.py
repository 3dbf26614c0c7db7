"""What a call may cost at most, before it is made. Pure arithmetic on estimates; measured usage takes over afterwards.

Estimates lean to the high side: they only decide how much is held, never what is charged.
"""

from msgspec import Struct

from headgate.billing.pricing import Price, quote
from headgate.canonical.codec import Peek

BYTES_PER_TOKEN = 3
"""English runs at about four bytes a token, Chinese at about three, code between."""
TOKENS_PER_MESSAGE_FRAME = 16
TOKENS_PER_IMAGE = 1600
TOKENS_PER_AUDIO = 3000
TOKENS_PER_DOCUMENT = 10000
UNKNOWN_MODEL_OUTPUT_TOKENS = 16_384
FIRST_SLICE_TOKENS = 1024
"""How much output a stream holds to begin with; it extends its hold as the meter runs."""
LEAST_OUTPUT_TOKENS = 64
"""A wallet that cannot pay for this much output is refused rather than given a useless answer."""


class Bound(Struct, frozen=True, kw_only=True):
    """What to hold: `amount_nano` for `input_tokens` read and `output_tokens` written over all `n` answers."""

    amount_nano: int
    input_tokens: int
    output_tokens: int


def estimate_input(asked: Peek) -> int:
    """Prompt tokens of a request, estimated from its size."""
    return (
        asked.text_bytes // BYTES_PER_TOKEN
        + TOKENS_PER_MESSAGE_FRAME
        + asked.images * TOKENS_PER_IMAGE
        + asked.audios * TOKENS_PER_AUDIO
        + asked.documents * TOKENS_PER_DOCUMENT
    )


def bound(asked: Peek, price: Price, multiplier_ppm: int, model_limit: int | None) -> Bound:
    """What to hold for a call.

    Args:
        model_limit: the model's own output limit in tokens, None where nobody knows it.
    """
    input_tokens = estimate_input(asked)
    most = asked.max_output_tokens or model_limit or UNKNOWN_MODEL_OUTPUT_TOKENS
    tokens = (min(most, FIRST_SLICE_TOKENS) if asked.stream else most) * asked.n
    return Bound(
        amount_nano=quote(price, input_tokens, tokens, multiplier_ppm),
        input_tokens=input_tokens,
        output_tokens=tokens,
    )


def minimum(bounds: Bound, price: Price, multiplier_ppm: int, n: int) -> int:
    """The least that must be held for the call to be worth making, where the whole bound cannot be had."""
    tokens = min(bounds.output_tokens, LEAST_OUTPUT_TOKENS * n)
    return quote(price, bounds.input_tokens, tokens, multiplier_ppm)


def affordable_output(bounds: Bound, held_nano: int, price: Price, multiplier_ppm: int, n: int) -> int | None:
    """The output limit per answer to send upstream when less than the bound is held; None when all of it is."""
    if held_nano >= bounds.amount_nano:
        return None
    input_nano = quote(price, bounds.input_tokens, 0, multiplier_ppm)
    room = max(0, held_nano - input_nano)
    return max(1, bounds.output_tokens * room // (bounds.amount_nano - input_nano) // n)
