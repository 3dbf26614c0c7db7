"""What the request line of a call says: which protocol it speaks and what it asks for."""

from typing import Literal

from msgspec import Struct

from headgate.canonical.parts import ProtocolName

Operation = Literal["chat", "count_tokens", "stored", "unknown"]


class Asked(Struct, frozen=True, kw_only=True):
    """`model` and `stream` are set where the path decides them (Gemini), `array` where a stream is wanted as one JSON
    array. An `unknown` operation is refused in the protocol's own words; `name` is how the caller spelled it. A
    `stored` operation is one on an earlier answer: `name` is its id, `detail` what stands after it in the path."""

    protocol: ProtocolName
    operation: Operation = "chat"
    model: str | None = None
    stream: bool = False
    array: bool = False
    name: str = ""
    method: str = "POST"
    detail: str = ""
