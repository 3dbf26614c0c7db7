"""Telling the sandbox which tools to call: lines `sandbox-tool: NAME {"argument": ...}` in what the user says.

An agent's prompt is long and offers dozens of tools, so that words do not tell which one is meant. The calls are made
one after the other, each when the tool before it has answered.
"""

import json
import re
from collections.abc import Sequence

from headgate.sandbox.prompt import Json, Prompt, ToolCall, Turn

_CALL = re.compile(r"sandbox-tool:[ \t]*([\w.:/-]+)[ \t]+(?=\{)")
_JSON = json.JSONDecoder()


def next_call(prompt: Prompt) -> tuple[str, Json] | None:
    """The tool to call now, with its arguments; None where the user wrote no such line, or all are done.

    A script holds until the model has answered it without a call. Lines that name no tool on offer, or whose arguments
    are no JSON object, do not count.
    """
    offered = {tool.name for tool in prompt.tools}
    for index in range(len(prompt.turns) - 1, -1, -1):
        turn = prompt.turns[index]
        if turn.role == "user" and (calls := [call for call in _calls(turn.text) if call[0] in offered]):
            done = _rounds(prompt.turns[index + 1 :])
            return calls[done] if done is not None and done < len(calls) else None
    return None


def _calls(text: str) -> list[tuple[str, Json]]:
    found: list[tuple[str, Json]] = []
    for match in _CALL.finditer(text):
        try:
            arguments, _ = _JSON.raw_decode(text, match.end())
        except ValueError:
            continue
        found.append((match[1], arguments))
    return found


def _rounds(turns: Sequence[Turn]) -> int | None:
    """How often the model has called tools in these turns; None if it has also answered without."""
    spoken = [any(isinstance(item, ToolCall) for item in turn.items) for turn in turns if turn.role == "assistant"]
    return len(spoken) if all(spoken) else None
