"""The wishes of a request that are no content, towards an upstream; what it has no field for is named as dropped."""

import hashlib
import re

from headgate.canonical.parts import ProtocolName
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import Effort, ReasoningControl, Request, ResponseFormat
from headgate.protocols.openai_responses.wire import OWN, Object, write_json

EFFORTS: dict[str, Effort] = {
    "none": "none",
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "max",
}
TIERS = frozenset({"auto", "default", "flex", "priority", "scale"})
_FEWEST_OUTPUT_TOKENS = 16  # fewer are a 400 (openai/error-400: "Expected a value >= 16")
_LONGEST_USER = 64  # longer ones are a 400; Claude Code's are longer
_BUDGETS = ((1024, "minimal"), (4096, "low"), (16384, "medium"))
_NAME = re.compile(r"[^A-Za-z0-9_-]")

_ABSENT = (
    ("stop", "stop"),
    ("seed", "seed"),
    ("top_k", "top_k"),
    ("frequency_penalty", "frequency_penalty"),
    ("presence_penalty", "presence_penalty"),
    ("logit_bias", "logit_bias"),
    ("prediction", "prediction"),
    ("image", "image_config"),
    ("cache", "cache_control"),
)


def encode_knobs(request: Request, quirks: Quirks, dropped: list[str]) -> Object:
    """The members of a request's body that carry its wishes."""
    wire: Object = {
        "max_output_tokens": _limit(request, dropped),
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_logprobs": request.top_logprobs,
        "parallel_tool_calls": request.parallel_tool_calls,
        "service_tier": _tier(request, dropped),
        "metadata": _metadata(request, dropped),
        "user": _user(request.user),
        "safety_identifier": _user(request.safety_identifier),
        "prompt_cache_key": _user(request.prompt_cache_key),
        "text": _text(request, quirks) or None,
        "reasoning": _reasoning(request.reasoning, request.origin, quirks, dropped) or None,
    }
    for field, name in _ABSENT:
        if getattr(request, field):
            dropped.append(name)
    if any(modality != "text" for modality in request.modalities):
        dropped.append("modalities")
    return {name: value for name, value in wire.items() if value is not None}


def _limit(request: Request, dropped: list[str]) -> int | None:
    limit = request.max_output_tokens
    if limit is None or request.origin == OWN or limit >= _FEWEST_OUTPUT_TOKENS:
        return limit
    dropped.append("max_output_tokens")
    return _FEWEST_OUTPUT_TOKENS


def _tier(request: Request, dropped: list[str]) -> str | None:
    tier = request.service_tier
    if tier is None or request.origin == OWN or tier in TIERS:
        return tier
    dropped.append("service_tier")
    return None


def _metadata(request: Request, dropped: list[str]) -> Object | None:
    """Pairs of strings; of another protocol's metadata only those."""
    if request.metadata is None or request.origin == OWN:
        return None if request.metadata is None else dict(request.metadata)
    kept: Object = {name: value for name, value in request.metadata.items() if isinstance(value, str)}
    if len(kept) < len(request.metadata):
        dropped.append("metadata")
    return kept or None


def _user(user: str | None) -> str | None:
    """An end user's id. One that is too long is still one and the same user as its digest."""
    if user is None or len(user) <= _LONGEST_USER:
        return user
    return hashlib.sha256(user.encode()).hexdigest()


def _text(request: Request, quirks: Quirks) -> Object:
    wire: Object = {}
    if request.response_format is not None:
        wire["format"] = encode_format(request.response_format, quirks)
    if request.verbosity is not None:
        wire["verbosity"] = request.verbosity
    return wire


def encode_format(form: ResponseFormat, quirks: Quirks) -> Object:
    """How the answer is to be shaped. A schema must have a name here."""
    if form.mode != "json_schema" or not quirks.json_schema:
        return {"type": "json_object" if form.mode == "json_schema" else form.mode}
    wire: Object = {
        "type": "json_schema",
        "name": _NAME.sub("_", form.name or "response")[:64],
        "schema": dict(form.schema or {}),
    }
    if form.description is not None:
        wire["description"] = form.description
    if form.strict is not None:
        wire["strict"] = form.strict
    return wire


def schema_instruction(form: ResponseFormat | None, quirks: Quirks) -> str | None:
    """What the model is told where the upstream knows no schemas."""
    if form is None or form.mode != "json_schema" or quirks.json_schema:
        return None
    return f"Answer with one JSON object that matches this JSON schema:\n{write_json(dict(form.schema or {}))}"


def _reasoning(control: ReasoningControl | None, origin: ProtocolName, quirks: Quirks, dropped: list[str]) -> Object:
    """Effort, as the model knows it, and summary. A budget in tokens becomes the effort nearest to it. Anthropic's
    callers are used to see the thoughts that they ask for."""
    if control is None:
        return {}
    wire: Object = {}
    effort = control.effort
    if control.enabled is False:
        effort = "none"
    elif effort is None and control.budget_tokens is not None:
        effort = EFFORTS[next((word for most, word in _BUDGETS if control.budget_tokens <= most), "high")]
    elif effort is None and control.enabled and not control.adaptive:
        effort = "medium"  # Thinking is wanted, and the newest models do not think unasked.
    if effort is not None:
        wire["effort"] = effort if origin == OWN else quirks.effort(effort)
        if effort == "none" != wire["effort"]:
            dropped.append("reasoning.enabled")
    shown = control.visible or (control.visible is None and control.enabled and origin == "anthropic_messages")
    summary = control.summary or ("auto" if shown and control.enabled is not False else None)
    if summary is not None:
        wire["summary"] = summary
    return wire
