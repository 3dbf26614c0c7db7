"""Text that grows piece by piece and is kept only up to a bound: what metering needs of an answer of any length."""

SAMPLE_CHARS = 32 * 1024
"""How much of a text is kept for counting; of what is longer, only the number of characters."""


class Sample:
    """The beginning of a text, and how many characters all of it has. Kept as UTF-8, in which text is smallest."""

    __slots__ = ("_kept", "chars")

    def __init__(self) -> None:
        self._kept = bytearray()
        self.chars = 0

    def add(self, text: str) -> None:
        """The text grows."""
        room = SAMPLE_CHARS - self.chars
        if room > 0:
            self._kept += text[:room].encode("utf-8", "surrogatepass")
        self.chars += len(text)

    @property
    def text(self) -> str:
        """What was kept."""
        return self._kept.decode("utf-8", "replace")
