"""How the sandbox counts: one simple rule, so that any test can predict it.

A token is up to six letters or digits, or one other character, each with at most one space before it. Joined together,
the tokens of a text are the text.
"""

import re

_TOKEN = re.compile(r"\s?\w{1,6}|\s?[^\w\s]|\s")

PER_TURN = 4


def split(text: str) -> tuple[str, ...]:
    """The tokens of a text."""
    return tuple(_TOKEN.findall(text))


def count(text: str) -> int:
    """How many tokens a text has."""
    return len(_TOKEN.findall(text))
