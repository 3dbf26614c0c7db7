"""What the Messages API cannot say, as data, and the collector that names it for one call."""

from typing import Literal

Fate = Literal["carried", "dropped", "refused"]

FATES: dict[str, Fate] = {
    "system": "carried",
    "system_position": "dropped",
    "text": "carried",
    "image": "carried",
    "image.detail": "dropped",
    "file": "carried",
    "audio": "refused",
    "video": "refused",
    "tool_call": "carried",
    "tool_result": "carried",
    "tool_result.image": "carried",
    "tool_result.is_error": "carried",
    "reasoning": "carried",
    "reasoning.foreign": "dropped",
    "citations.foreign": "dropped",
    "server_tools.foreign": "dropped",
    "messages.name": "dropped",
    "tools": "carried",
    "tools.grammar": "carried",
    "tools.strict": "carried",
    "tool_choice": "carried",
    "parallel_tool_calls": "carried",
    "web_search": "carried",
    "web_search.dates": "dropped",
    "max_output_tokens": "carried",
    "temperature": "carried",
    "top_p": "carried",
    "top_k": "carried",
    "stop": "carried",
    "response_format": "carried",
    "cache": "carried",
    "service_tier": "carried",
    "user": "carried",
    "metadata": "dropped",
    "n": "refused",
    "modalities": "refused",
    "previous_response_id": "refused",
    "frequency_penalty": "dropped",
    "presence_penalty": "dropped",
    "logit_bias": "dropped",
    "seed": "dropped",
    "logprobs": "dropped",
    "top_logprobs": "dropped",
    "verbosity": "dropped",
    "prediction": "dropped",
    "audio_output": "dropped",
    "image_output": "dropped",
    "store": "dropped",
    "prompt_cache_key": "dropped",
    "extensions": "dropped",
}
"""For a request of another protocol. `carried` may still be dropped where a model refuses it (a temperature beside
thinking); then it is named like any other loss. `n`, `modalities` are refused only beyond one answer and text."""


class Losses:
    """The names of what one request loses, in the order found, each once."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def drop(self, name: str) -> None:
        self._names[name] = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._names)
