"""What the sandbox does wrong on request: the switches, and how they are written.

In the model name after a colon, `sandbox:delay=200,cut=3`, since a gateway does not forward headers; or in the header
`x-sandbox: delay=200; cut=3`, which wins. docs/sandbox.md describes every switch.
"""

from collections import Counter
from dataclasses import dataclass, fields, replace
from hashlib import blake2b

NEVER = -1
_LARGEST = 1_000_000_000
_DEFAULTS = {"malformed": 2, "stall": 0, "cut": 0, "interrupt": 2, "huge": 1_000_000, "retry": 1}
_WORDS = {"cut": {"head": -3, "midhead": -2}}
CUT_HEAD, CUT_MID_HEAD = -3, -2
_NAMED_ERRORS = {"quota", "context", "filter"}


class UnknownSwitch(ValueError):
    """A switch that does not exist, or a value that it cannot have."""


@dataclass(frozen=True, slots=True)
class Faults:
    """The switches of one call. Times in ms; places in a stream as a number of events after which it happens."""

    delay: int = 0
    first: int = 0
    pace: int = 0
    split: int = 0
    error: str = ""
    retry: int = NEVER
    interrupt: int = NEVER
    cut: int = NEVER
    cutframe: int = NEVER
    stall: int = NEVER
    malformed: int = NEVER
    huge: int = 0
    reset: bool = False
    nousage: bool = False
    empty: bool = False
    gzip: bool = False
    hang: bool = False
    unfinished: bool = False
    stale: bool = False
    type: str = ""
    fail: float = 0.0
    seed: int = 0


NONE = Faults()
_TYPES = {item.name: item.type for item in fields(Faults)}


def parse(written: str, separator: str) -> Faults:
    """Read switches, `key=value` or a bare key, apart by the separator. Raises UnknownSwitch."""
    values: dict[str, int | float | str | bool] = {}
    for item in filter(None, (item.strip() for item in written.split(separator))):
        name, _, value = item.partition("=")
        values[name.strip()] = _value(name.strip(), value.strip())
    return replace(NONE, **values)  # type: ignore[arg-type]


def of_model(model: str) -> tuple[str, Faults]:
    """The model's own name, and the switches written after it.

    A name that does not begin with "sandbox" may hold a colon of its own (`llama3:8b`): what is no switch stays a name.
    Raises UnknownSwitch for a sandbox model.
    """
    if ":" not in model:
        return model, NONE
    name, _, written = model.rpartition(":") if not model.startswith("sandbox") else model.partition(":")
    try:
        return name, parse(written, ",")
    except UnknownSwitch:
        if model.startswith("sandbox"):
            raise
        return model, NONE


def fires(faults: Faults, turn: int) -> bool:
    """Whether the faults strike the call number `turn` of this kind: a fixed share of calls, scattered by the seed."""
    if not faults.fail:
        return True
    draw = blake2b(f"{faults.seed}:{turn}".encode(), digest_size=4).digest()
    return int.from_bytes(draw, "big") < faults.fail * 2**32


class Dice:
    """Counts the calls of each kind that fail by chance, so that the same calls fail in every run."""

    def __init__(self) -> None:
        self._turns: Counter[Faults] = Counter()

    def cast(self, faults: Faults) -> Faults:
        """The faults that strike this call: all of them, or the harmless ones alone."""
        if not faults.fail:
            return faults
        turn = self._turns[faults]
        self._turns[faults] += 1
        if len(self._turns) > 1000:
            self._turns.clear()
        if not fires(faults, turn):
            return Faults(delay=faults.delay, first=faults.first, pace=faults.pace, split=faults.split)
        struck = replace(faults, fail=0.0, seed=0)
        harmless = Faults(delay=faults.delay, first=faults.first, pace=faults.pace, split=faults.split)
        return replace(struck, error="500") if replace(struck, retry=NEVER) == harmless else struck


def _value(name: str, value: str) -> int | float | str | bool:
    if name not in _TYPES:
        raise UnknownSwitch(f"unknown switch {name!r}; there are {', '.join(_TYPES)}")
    kind = _TYPES[name]
    if name in _WORDS and value in _WORDS[name]:
        return _WORDS[name][value]
    try:
        if kind is bool:
            return value not in {"0", "false", "off"}
        if kind is str:
            return _text(name, value)
        if not value and name in _DEFAULTS:
            return _DEFAULTS[name]
        number = float(value) if kind is float else int(value)
    except ValueError:
        raise UnknownSwitch(f"the switch {name} cannot be {value!r}") from None
    if not 0 <= number <= (1 if name == "fail" else _LARGEST):
        raise UnknownSwitch(f"the switch {name} cannot be {value!r}")
    return number


def _text(name: str, value: str) -> str:
    if name == "error":
        value = value or "500"
        if value not in _NAMED_ERRORS and not (value.isdigit() and 400 <= int(value) <= 599):
            raise ValueError
    elif not value.isprintable() or not value.isascii():
        raise ValueError
    return value or "text/html"
