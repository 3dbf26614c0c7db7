"""What a chat request cannot say, as data, and the collector that names it for one call."""

from typing import Literal

Fate = Literal["carried", "dropped", "refused"]

FATES: dict[str, Fate] = {
    "system": "carried",
    "text": "carried",
    "image": "carried",
    "image.detail": "carried",
    "file": "carried",
    "audio": "carried",
    "video": "refused",
    "tool_call": "carried",
    "tool_result": "carried",
    "tool_result.image": "carried",
    "tool_result.is_error": "carried",
    "reasoning": "carried",
    "reasoning.foreign": "dropped",
    "citations.foreign": "dropped",
    "server_tools.foreign": "dropped",
    "messages.name": "carried",
    "tools": "carried",
    "tools.server": "dropped",
    "tools.grammar": "carried",
    "tools.strict": "carried",
    "tool_choice": "carried",
    "parallel_tool_calls": "carried",
    "web_search": "carried",
    "web_search.dates": "dropped",
    "web_search.domains": "dropped",
    "web_search.max_uses": "dropped",
    "max_output_tokens": "carried",
    "temperature": "carried",
    "top_p": "carried",
    "top_k": "dropped",
    "stop": "carried",
    "response_format": "carried",
    "cache": "dropped",
    "service_tier": "carried",
    "user": "carried",
    "safety_identifier": "carried",
    "metadata": "carried",
    "n": "carried",
    "modalities": "carried",
    "previous_response_id": "refused",
    "frequency_penalty": "carried",
    "presence_penalty": "carried",
    "logit_bias": "carried",
    "seed": "carried",
    "logprobs": "carried",
    "top_logprobs": "carried",
    "verbosity": "carried",
    "prediction": "carried",
    "audio_output": "carried",
    "image_output": "dropped",
    "store": "carried",
    "prompt_cache_key": "carried",
    "extensions": "dropped",
}
"""For a request of another protocol. `carried` may still be dropped where a model refuses it (`Quirks`); then it is
named like any other loss. `reasoning.foreign` is another vendor's signature, not the thought's text."""


class Losses:
    """The names of what one request loses, in the order found, each once."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def drop(self, name: str) -> None:
        self._names[name] = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._names)
