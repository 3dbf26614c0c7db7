"""Google's `logprobsResult` to OpenAI's list of token entries (the canonical form), and back. Token ids are lost."""

from collections.abc import Iterable

from headgate.canonical.parts import Json

# Google gives no number for an impossible token; OpenAI writes this one.
_IMPOSSIBLE = -9999.0


def decode_logprobs(result: Json) -> tuple[Json, ...]:
    chosen = _rows(result, "chosenCandidates")
    tops = _rows(result, "topCandidates")
    out: list[Json] = []
    for place, row in enumerate(chosen):
        others = _rows(tops[place], "candidates") if place < len(tops) else []
        out.append({**_entry(row), "top_logprobs": [_entry(other) for other in others]})
    return tuple(out)


def encode_logprobs(entries: Iterable[Json]) -> dict[str, Json]:
    """`logprobsResult`; empty for no entries."""
    rows = [entry for entry in entries if isinstance(entry, dict)]
    if not rows:
        return {}
    out: dict[str, Json] = {"chosenCandidates": [_candidate(row) for row in rows]}
    tops = [[_candidate(other) for other in _rows(row, "top_logprobs")] for row in rows]
    if any(tops):
        out["topCandidates"] = [{"candidates": list(top)} for top in tops]
    return out


def _rows(holder: Json, name: str) -> list[dict[str, Json]]:
    found = holder.get(name) if isinstance(holder, dict) else None
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _entry(row: dict[str, Json]) -> dict[str, Json]:
    token = row.get("token")
    written = token if isinstance(token, str) else ""
    odds = row.get("logProbability")
    logprob = odds if isinstance(odds, int | float) else (_IMPOSSIBLE if odds is not None else 0.0)
    return {"token": written, "logprob": logprob, "bytes": list(written.encode())}


def _candidate(row: dict[str, Json]) -> dict[str, Json]:
    return {"token": row.get("token"), "logProbability": row.get("logprob")}
