"""Model-name endings that force or forbid thinking: `-thinking`, `-thinking-N`, `-nothinking`, `-low` and its kin.

Some models carry such an ending in their own name (`kimi-k2-thinking`, `qwen-max`), so a name that is offered as it
stands is never read this way: look the name up first, and read its ending only where it is unknown.
"""

import re

from headgate.canonical.request import Effort, ReasoningControl

_ENDING = re.compile(
    r"(?P<base>.+?)-"
    r"(?:(?P<off>nothinking)"
    r"|thinking-(?P<budget>\d{1,7})"
    r"|(?:thinking-)?(?P<effort>minimal|low|medium|high|xhigh|max)"
    r"|thinking)"
)
_EFFORTS: dict[str, Effort] = {
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}


def read_ending(name: str) -> tuple[str, ReasoningControl | None]:
    """The model's name without its ending, and what the ending asks for; the name itself and None without one.

    A budget is in tokens; a budget of 0 forbids thinking. Forced thoughts are always asked to be shown.
    """
    match = _ENDING.fullmatch(name)
    if match is None:
        return name, None
    base, budget = match["base"], match["budget"]
    if match["off"] or (budget and int(budget) == 0):
        return base, ReasoningControl(enabled=False)
    if budget:
        return base, ReasoningControl(enabled=True, budget_tokens=int(budget), visible=True)
    return base, ReasoningControl(enabled=True, effort=_EFFORTS.get(match["effort"] or ""), visible=True)
