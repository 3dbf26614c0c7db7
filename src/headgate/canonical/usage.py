"""Usage: disjoint billable quantities, so that each is priced exactly once."""

from msgspec import Struct
from msgspec.structs import asdict


class Usage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Measured quantities of one call. No unit is counted in two fields; every codec says how it un-nests its
    vendor's counts. Token counts unless the name says otherwise.
    """

    input: int = 0
    """Prompt tokens of text (and of kinds that have no field of their own), not read from a cache."""
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    output: int = 0
    """Visible answer tokens of text: without reasoning, audio and image tokens."""
    reasoning: int = 0
    audio_in: int = 0
    audio_cache_read: int = 0
    audio_out: int = 0
    image_in: int = 0
    image_cache_read: int = 0
    image_out: int = 0
    video_in: int = 0
    web_searches: int = 0
    characters: int = 0
    milliseconds: int = 0
    """Of audio or video, made or heard."""
    images: int = 0
    search_units: int = 0
    """Rerank: the vendor's own billing unit."""
    calls: int = 0

    @property
    def total_in(self) -> int:
        """All tokens read, cached ones included."""
        return (
            self.input
            + self.cache_read
            + self.cache_write_5m
            + self.cache_write_1h
            + self.audio_in
            + self.audio_cache_read
            + self.image_in
            + self.image_cache_read
            + self.video_in
        )

    @property
    def total_out(self) -> int:
        """All tokens written, reasoning included."""
        return self.output + self.reasoning + self.audio_out + self.image_out

    def __add__(self, other: "Usage") -> "Usage":
        mine, theirs = asdict(self), asdict(other)
        return Usage(**{name: mine[name] + theirs[name] for name in mine})
