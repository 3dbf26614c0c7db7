"""How much a call holds."""

from hypothesis import given
from hypothesis import strategies as st

from headgate.billing.pricing import Price, charge, resolve
from headgate.canonical.codec import Peek
from headgate.canonical.usage import Usage
from headgate.relay.bounds import FIRST_SLICE_TOKENS, affordable_output, bound, minimum

PPM = 1_000_000
PRICE = Price(rates=resolve({"input": 2_500_000_000, "output": 10_000_000_000}))


def test_a_call_holds_its_own_limit_times_its_answers() -> None:
    """`max_tokens` and `n` bound what is not streamed."""
    bounds = bound(Peek(model="m", text_bytes=300, max_output_tokens=50, n=2), PRICE, PPM, 4096)

    assert bounds.output_tokens == 100
    assert bounds.amount_nano == charge(PRICE, Usage(input=bounds.input_tokens, output=100), PPM)


def test_without_a_limit_of_its_own_the_models_counts() -> None:
    """The model's maximum is held where the caller names none."""
    assert bound(Peek(model="m"), PRICE, PPM, 4096).output_tokens == 4096


def test_a_stream_holds_only_a_first_slice() -> None:
    """Streams extend their hold as they run."""
    assert bound(Peek(model="m", stream=True), PRICE, PPM, 100_000).output_tokens == FIRST_SLICE_TOKENS


def test_inline_media_do_not_count_as_text() -> None:
    """An image is held as an image, whatever its base64 weighs."""
    assert bound(Peek(model="m", images=1), PRICE, PPM, 10).input_tokens < 2000


def test_the_whole_hold_needs_no_limit() -> None:
    """Nothing is sent upstream that the caller did not ask for."""
    bounds = bound(Peek(model="m", max_output_tokens=50), PRICE, PPM, None)

    assert affordable_output(bounds, bounds.amount_nano, PRICE, PPM, 1) is None


@given(
    share=st.integers(0, 999),
    n=st.integers(1, 4),
    tokens=st.integers(1, 100_000),
    text=st.integers(0, 1_000_000),
)
def test_what_is_sent_as_a_limit_is_covered_by_what_is_held(share: int, n: int, tokens: int, text: int) -> None:
    """A poor wallet's limit never lets the upstream bill more than was held, but for a single token an answer."""
    bounds = bound(Peek(model="m", text_bytes=text, max_output_tokens=tokens, n=n), PRICE, PPM, None)
    least = minimum(bounds, PRICE, PPM, n)
    held = least + (bounds.amount_nano - least) * share // 1000

    limit = affordable_output(bounds, held, PRICE, PPM, n)

    if limit is not None and limit > 1:
        assert charge(PRICE, Usage(input=bounds.input_tokens, output=limit * n), PPM) <= held
