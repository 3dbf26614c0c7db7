"""Google's grounding to citations and search results, and back.

Google tells its sources once, beside the text: chunks (where), queries (what was searched), supports (which stretch of
the text rests on which chunks). Stretches are counted in bytes of UTF-8; ours in characters of a text part.
"""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from headgate.canonical.parts import (
    Citation,
    Json,
    Part,
    SearchResult,
    ServerToolCall,
    ServerToolResult,
)
from headgate.protocols.gemini_generate.parts import dump

_ID = "srvtoolu_gg"
_SEARCH = "web_search"
_FETCH = "web_fetch"
_FETCHED = "URL_RETRIEVAL_STATUS_SUCCESS"

Placed = tuple[int | None, Citation]


def is_grounding(call_id: str) -> bool:
    """Whether a server-tool call is one that `tool_parts` made of Google's grounding."""
    return call_id.startswith(_ID)


def cite(metadata: Json, citation_metadata: Json, texts: Sequence[str]) -> list[Placed]:
    """The citations of an answer whose visible text parts are `texts`, each with the number of its text; without one
    (and without offsets) where the stretch cannot be found."""
    found: list[Placed] = []
    chunks = [_source(chunk) for chunk in _rows(metadata, "groundingChunks")]
    for support in _rows(metadata, "groundingSupports"):
        segment = support.get("segment")
        segment = segment if isinstance(segment, dict) else {}
        said = segment.get("text")
        place = _place(texts, segment.get("startIndex"), segment.get("endIndex"), said if isinstance(said, str) else "")
        indices = support.get("groundingChunkIndices")
        for index in indices if isinstance(indices, list) else ():
            if isinstance(index, int) and 0 <= index < len(chunks):
                url, title = chunks[index]
                found.append(_placed(place, url, title, said if isinstance(said, str) else None))
    for row in _rows(citation_metadata, "citations") + _rows(citation_metadata, "citationSources"):
        place = _place(texts, row.get("startIndex"), row.get("endIndex"), "")
        found.append(_placed(place, _string(row, "uri"), _string(row, "title"), None))
    return found


def _placed(place: tuple[int, int, int] | None, url: str | None, title: str | None, said: str | None) -> Placed:
    if place is None:
        return None, Citation(url=url, title=title, cited_text=said)
    number, start, end = place
    return number, Citation(url=url, title=title, cited_text=said, start=start, end=end)


def _rows(holder: Json, name: str) -> list[dict[str, Json]]:
    found = holder.get(name) if isinstance(holder, dict) else None
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _string(row: dict[str, Json], name: str) -> str | None:
    value = row.get(name)
    return value if isinstance(value, str) and value else None


def _source(chunk: dict[str, Json]) -> tuple[str | None, str | None]:
    """Address and title of a chunk, whatever it is: web, maps, retrievedContext, image."""
    inner = next((value for value in chunk.values() if isinstance(value, dict)), {})
    return _string(inner, "uri") or _string(inner, "sourceUri"), _string(inner, "title")


def _place(texts: Sequence[str], start: Json, end: Json, said: str) -> tuple[int, int, int] | None:
    """Number of the text, first and last character. Offsets count from the beginning of all text, or where that does
    not fit what is said there, the words themselves are looked for."""
    first = start if isinstance(start, int) else 0
    if isinstance(end, int) and end > first:
        whole = "".join(texts).encode()
        stretch = whole[first:end]
        if end <= len(whole) and (not said or stretch == said.encode()):
            begin = len(whole[:first].decode("utf-8", "ignore"))
            return _within(texts, begin, begin + len(stretch.decode("utf-8", "ignore")))
    if said:
        for number, written in enumerate(texts):
            begin = written.find(said)
            if begin >= 0:
                return number, begin, begin + len(said)
    return None


def _within(texts: Sequence[str], begin: int, end: int) -> tuple[int, int, int] | None:
    passed = 0
    for number, written in enumerate(texts):
        if begin < passed + len(written):
            return number, begin - passed, min(end - passed, len(written))
        passed += len(written)
    return None


def tool_parts(metadata: Json, url_metadata: Json, prefix: str) -> list[Part]:
    """The searches and fetches that the metadata tells of, as calls of the upstream's tools and their results."""
    out: list[Part] = []
    queries = metadata.get("webSearchQueries") if isinstance(metadata, dict) else None
    asked = [query for query in queries if isinstance(query, str) and query] if isinstance(queries, list) else []
    web = [_source(chunk) for chunk in _rows(metadata, "groundingChunks") if "web" in chunk]
    results = tuple(SearchResult(url=url, title=title) for url, title in web if url)
    if asked or results:
        call_id = f"{_ID}_{prefix}s"
        sought: Json = {"query": asked[0]} if len(asked) == 1 else {"queries": list(asked)}
        out.append(ServerToolCall(id=call_id, name=_SEARCH, input=dump(sought)))
        out.append(ServerToolResult(call_id=call_id, name=_SEARCH, results=results))
    for number, row in enumerate(_rows(url_metadata, "urlMetadata")):
        url, status = _string(row, "retrievedUrl"), _string(row, "urlRetrievalStatus")
        if url is None:
            continue
        call_id = f"{_ID}_{prefix}f{number}"
        out.append(ServerToolCall(id=call_id, name=_FETCH, input=dump({"url": url})))
        error = None if status in {None, _FETCHED} else status
        out.append(ServerToolResult(call_id=call_id, name=_FETCH, results=(SearchResult(url=url),), error=error))
    return out


class Grounding:
    """Gathers what an answer's parts say of their sources, for `groundingMetadata` at its end."""

    def __init__(self) -> None:
        self._queries: list[str] = []
        self._chunks: list[SearchResult] = []
        self._numbers: dict[str, int] = {}
        self._supports: list[Json] = []
        self._fetched: list[Json] = []
        self._bytes = 0

    def tool(self, part: ServerToolCall | ServerToolResult) -> bool:
        """Take a search or a fetch; return False for any other tool, which is not ours to tell."""
        if part.name not in {_SEARCH, _FETCH}:
            return False
        if isinstance(part, ServerToolCall):
            if part.name == _SEARCH:
                self._queries += _queries(part.input)
        elif part.name == _SEARCH:
            for result in part.results:
                self._number(result.url, result.title)
        else:
            status = f"URL_RETRIEVAL_STATUS_{'ERROR' if part.error else 'SUCCESS'}"
            rows: list[Json] = [{"retrievedUrl": row.url, "urlRetrievalStatus": status} for row in part.results]
            self._fetched += rows
        return True

    def text(self, written: str, citations: Iterable[Citation]) -> None:
        """Take a visible text, in order, with its citations."""
        spans: dict[tuple[int, int], list[Json]] = {}
        for citation in citations:
            if not citation.url and not citation.title:
                continue
            begin = citation.start if citation.start is not None else 0
            end = citation.end if citation.end is not None else len(written)
            spans.setdefault((begin, end), []).append(self._number(citation.url, citation.title))
        for (begin, end), numbers in spans.items():
            stretch = written[begin:end]
            first = self._bytes + len(written[:begin].encode())
            segment: dict[str, Json] = {"startIndex": first} if first else {}
            segment |= {"endIndex": first + len(stretch.encode()), "text": stretch}
            self._supports.append({"segment": segment, "groundingChunkIndices": numbers})
        self._bytes += len(written.encode())

    def _number(self, url: str | None, title: str | None) -> int:
        key = url or title or ""
        if key not in self._numbers:
            self._numbers[key] = len(self._chunks)
            self._chunks.append(SearchResult(url=url or "", title=title))
        number = self._numbers[key]
        if title and not self._chunks[number].title:
            # A search that named its finds by address alone; the citation knows more.
            self._chunks[number] = replace(self._chunks[number], title=title)
        return number

    def metadata(self) -> dict[str, Json]:
        """The candidate's fields that tell it; empty where there is nothing to tell."""
        out: dict[str, Json] = {}
        grounding: dict[str, Json] = {}
        if self._queries:
            grounding["webSearchQueries"] = list(dict.fromkeys(self._queries))
        if self._chunks:
            webs = ({"uri": chunk.url or None, "title": chunk.title} for chunk in self._chunks)
            grounding["groundingChunks"] = [{"web": {k: v for k, v in web.items() if v}} for web in webs]
        if self._supports:
            grounding["groundingSupports"] = self._supports
        if grounding:
            out["groundingMetadata"] = grounding
        if self._fetched:
            out["urlContextMetadata"] = {"urlMetadata": self._fetched}
        return out


def _queries(written: str) -> list[str]:
    try:
        found: Json = msgspec.json.decode(written or "{}")
    except (msgspec.DecodeError, RecursionError):
        return []
    if not isinstance(found, dict):
        return []
    several = found.get("queries")
    asked = several if isinstance(several, list) else [found.get("query")]
    return [query for query in asked if isinstance(query, str) and query]
