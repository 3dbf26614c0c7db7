"""Signatures of every vendor survive a field that holds bytes."""

import base64

from google.genai import types

from headgate.canonical.parts import Reasoning, Signature
from headgate.protocols.gemini_generate.signatures import pack, pack_thought, unpack, unpack_thought


def through_sdk(text: str) -> str:
    """What google-genai sends back of a signature it was given: other base64 alphabet, same bytes."""
    part = types.Part.model_validate({"text": "", "thoughtSignature": text})
    assert part.thought_signature is not None
    return base64.urlsafe_b64encode(part.thought_signature).decode()


def test_googles_own_signature_is_passed_on_as_it_is() -> None:
    """Unchanged, whatever it looks like."""
    assert pack(Signature("gemini_generate", "Ab-_9")) == "Ab-_9"
    assert unpack("Ab-_9") == Signature("gemini_generate", "Ab-_9")


def test_a_foreign_signature_comes_back_through_the_sdk() -> None:
    """The SDK decodes and re-encodes bytes; the origin and the value are still there."""
    signature = Signature("anthropic_messages", "ErUB+/9=?ÿ")
    assert unpack(through_sdk(pack(signature))) == signature


def test_an_encrypted_thought_keeps_what_it_is() -> None:
    """Redaction and id have no field of their own on this wire."""
    thought = Reasoning(redacted=Signature("openai_responses", "gAAA"), id="rs_1")
    packed = pack_thought(thought)
    assert packed is not None
    assert unpack_thought("", through_sdk(packed)) == thought


def test_a_thought_without_signature_has_none() -> None:
    """Nothing to write."""
    assert pack_thought(Reasoning(text="hm")) is None
