"""Google's counts to disjoint quantities, and back.

What is nested in what (as all recorded exchanges show it):

- `promptTokenCount` includes `cachedContentTokenCount`; `promptTokensDetails` splits it by modality, with the cached
  part or (1.5, wire gemini/cached-tokens) without it, and at times leaves some of it out. What no detail names is text.
- `toolUsePromptTokenCount` (what the upstream's own tools put into the prompt) stands beside it; billed as input.
- `candidatesTokenCount` excludes `thoughtsTokenCount` (early thinking previews included it: then prompt + candidates
  are the total). Its details name image tokens and may leave the text beside them out (wire gemini/image-output).
- Streams report cumulatively; early reports estimate the prompt and are corrected downwards, so only the last counts.
  Vertex streams begin with reports that hold only a `trafficType`: no counts, no report.

DOCUMENT has no field of its own and counts as text, as it is priced.
"""

from collections.abc import Iterable, Sequence

from headgate.canonical.parts import Json
from headgate.canonical.usage import Usage
from headgate.protocols.gemini_generate.wire import (
    MODALITY_NUMBERS,
    MeteredAnswer,
    ModalityCount,
    UsageMetadata,
    enum_name,
)

# Whence to take cached tokens that no detail places: text is what prompts begin with.
_CACHED_FIRST = ("TEXT", "DOCUMENT", "VIDEO", "AUDIO", "IMAGE")


class UsageReader:
    """Follows an answer's frames (a whole answer is one) and says what was used so far.

    Attributes:
        usage: the latest report, or None while none held a count.
        service_tier: as reported, None where not.
    """

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.service_tier: str | None = None
        self._counts: UsageMetadata | None = None
        self._queries: dict[int, set[str]] = {}
        self._grounded: set[int] = set()
        self._model = ""

    def read(self, answer: MeteredAnswer) -> bool:
        """Take a frame; return whether `usage` changed."""
        before = self.usage
        self._model = answer.model_version or self._model
        stale = False
        for place, candidate in enumerate(answer.candidates or ()):
            found = candidate.grounding_metadata
            if found is None:
                continue
            stale = True
            number = place if candidate.index is None else candidate.index
            self._queries.setdefault(number, set()).update(query for query in found.web_search_queries or () if query)
            if any(chunk.web for chunk in found.grounding_chunks or ()):
                self._grounded.add(number)
        metadata = answer.usage_metadata
        if metadata is not None:
            self.service_tier = metadata.service_tier or self.service_tier
            if _counts(metadata) and metadata != self._counts:
                self._counts, stale = metadata, True
        if stale and self._counts is not None:
            self.usage = read_usage(self._counts, self._searches())
        return self.usage != before

    def _searches(self) -> int:
        """Until 2.5 Google bills a grounded prompt once, however many queries it took; from Gemini 3 on each query
        (seen 2026-11 in https://you.com/resources/gemini-web-search-api and iyulab/TokenMeter release v0.13.0)."""
        queries = sum(len(found) for found in self._queries.values())
        if self._model.startswith(("gemini-1", "gemini-2", "models/gemini-1", "models/gemini-2")):
            return 1 if queries or self._grounded else 0
        return queries or len(self._grounded)


def read_usage(counts: UsageMetadata, web_searches: int = 0) -> Usage:
    """Disjoint quantities of one report."""
    prompt = _positive(counts.prompt_token_count)
    cached_total = min(_positive(counts.cached_content_token_count), prompt)
    fresh, cached = _split_prompt(prompt, cached_total, counts)
    tool_use = _positive(counts.tool_use_prompt_token_count)
    tools = _by_modality(counts.tool_use_prompt_tokens_details)
    tool_media = {name: tools.get(name, 0) for name in ("AUDIO", "IMAGE", "VIDEO")}
    thoughts = _positive(counts.thoughts_token_count)
    candidates = _candidates(counts, prompt, tool_use, thoughts)
    made = _by_modality(counts.candidates_tokens_details)
    image_out = min(made.get("IMAGE", 0), candidates)
    audio_out = min(made.get("AUDIO", 0), candidates - image_out)
    return Usage(
        input=prompt
        - cached_total
        - sum(fresh[name] for name in ("AUDIO", "IMAGE", "VIDEO"))
        + max(tool_use - sum(tool_media.values()), 0),
        cache_read=cached_total - cached["AUDIO"] - cached["IMAGE"],
        output=candidates - image_out - audio_out,
        reasoning=thoughts,
        audio_in=fresh["AUDIO"] + tool_media["AUDIO"],
        audio_cache_read=cached["AUDIO"],
        audio_out=audio_out,
        image_in=fresh["IMAGE"] + tool_media["IMAGE"],
        image_cache_read=cached["IMAGE"],
        image_out=image_out,
        video_in=fresh["VIDEO"] + tool_media["VIDEO"],
        web_searches=web_searches,
    )


def _counts(metadata: UsageMetadata) -> bool:
    return (
        metadata.prompt_token_count is not None
        or metadata.candidates_token_count is not None
        or metadata.thoughts_token_count is not None
        or metadata.total_token_count is not None
    )


def _candidates(counts: UsageMetadata, prompt: int, tool_use: int, thoughts: int) -> int:
    candidates = _positive(counts.candidates_token_count)
    total = _positive(counts.total_token_count)
    if counts.candidates_token_count is None and counts.prompt_token_count is not None:
        return max(total - prompt - tool_use - thoughts, 0)
    if thoughts and candidates >= thoughts and total == prompt + tool_use + candidates:
        return candidates - thoughts
    return candidates


def _split_prompt(prompt: int, cached_total: int, counts: UsageMetadata) -> tuple[dict[str, int], dict[str, int]]:
    """Media tokens of the prompt by modality: fresh ones, and those read from the cache."""
    details = _by_modality(counts.prompt_tokens_details)
    cached = _by_modality(counts.cache_tokens_details)
    excludes_cache = bool(cached_total) and sum(details.values()) <= prompt - cached_total
    if not sum(cached.values()) and not excludes_cache:
        left = cached_total
        for name in _CACHED_FIRST:
            share = min(left, details.get(name, 0))
            cached[name], left = share, left - share
    fresh = {}
    room, cache_room = prompt - cached_total, cached_total
    for name in ("AUDIO", "IMAGE", "VIDEO"):
        cached[name] = min(cached.get(name, 0), cache_room)
        cache_room -= cached[name]
        among = details.get(name, 0) - (0 if excludes_cache else cached[name])
        fresh[name] = min(max(among, 0), room)
        room -= fresh[name]
    return fresh, cached


def _by_modality(details: Iterable[ModalityCount] | None) -> dict[str, int]:
    found: dict[str, int] = {}
    for detail in details or ():
        name = enum_name(detail.modality, MODALITY_NUMBERS) or "TEXT"
        found[name] = found.get(name, 0) + _positive(detail.token_count)
    return found


def _positive(count: int | None) -> int:
    return max(count or 0, 0)


def write_usage(usage: Usage) -> dict[str, Json]:
    """`usageMetadata` of disjoint quantities: nested again as Google nests them."""
    cached = usage.cache_read + usage.audio_cache_read + usage.image_cache_read
    made = usage.output + usage.image_out + usage.audio_out
    prompt_text = usage.input + usage.cache_read + usage.cache_write_5m + usage.cache_write_1h
    prompt = (
        ("TEXT", prompt_text),
        ("IMAGE", usage.image_in + usage.image_cache_read),
        ("AUDIO", usage.audio_in + usage.audio_cache_read),
        ("VIDEO", usage.video_in),
    )
    out: dict[str, Json] = {"promptTokenCount": usage.total_in}
    if made or not usage.reasoning:
        out["candidatesTokenCount"] = made
    out["totalTokenCount"] = usage.total_in + usage.total_out
    if cached:
        out["cachedContentTokenCount"] = cached
    out["promptTokensDetails"] = _details(prompt)
    if cached:
        read = (("TEXT", usage.cache_read), ("IMAGE", usage.image_cache_read), ("AUDIO", usage.audio_cache_read))
        out["cacheTokensDetails"] = _details(read)
    if made:
        kinds = (("TEXT", usage.output), ("IMAGE", usage.image_out), ("AUDIO", usage.audio_out))
        out["candidatesTokensDetails"] = _details(kinds)
    if usage.reasoning:
        out["thoughtsTokenCount"] = usage.reasoning
    return out


def _details(counts: Sequence[tuple[str, int]]) -> list[Json]:
    return [{"modality": name, "tokenCount": count} for name, count in counts if count]
