"""Thoughts: how hard to think, and what was thought.

A thought's text travels as `reasoning_content`. What a client must send back unchanged travels in `reasoning_details`,
the list that OpenRouter made usual (openrouter.ai/docs/use-cases/reasoning-tokens), in which foreign signatures are
wrapped with their origin. A list that tells the thoughts' text makes the plain field redundant.
"""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from headgate.canonical.parts import Json, Reasoning
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import Effort, ReasoningControl, Request
from headgate.canonical.signature import carry, uncarry
from headgate.protocols.losses import Losses
from headgate.protocols.openai_chat.wire import NAME, JsonObject, bag, optional, own, rest, wrong

_EFFORTS: tuple[str, ...] = get_args(Effort)


def decode_thoughts(message: JsonObject) -> list[Reasoning]:
    """The thoughts of an assistant message, of a request or an answer."""
    details = message.get("reasoning_details")
    thoughts = [
        thought
        for entry in (details if isinstance(details, list) else ())
        if isinstance(entry, dict) and (thought := decode_detail(entry)) is not None
    ]
    plain = message.get("reasoning_content") or message.get("reasoning")
    if not isinstance(plain, str) or not plain or any(thought.text for thought in thoughts):
        return thoughts
    return [Reasoning(text=plain), *thoughts]


def decode_detail(entry: JsonObject) -> Reasoning | None:
    """One entry of `reasoning_details`; None for an entry that holds nothing."""
    extra = bag(rest(entry, "type", "text", "summary", "data", "signature", "id"))
    id_ = _str(entry.get("id"))
    data, signature = _str(entry.get("data")), _str(entry.get("signature"))
    if data is not None and entry.get("type") == "reasoning.encrypted":
        return Reasoning(redacted=uncarry(data, NAME), id=id_, provider_data=extra)
    text = _str(entry.get("text")) or _str(entry.get("summary")) or ""
    if not text and signature is None:
        return None
    return Reasoning(
        text=text,
        signature=uncarry(signature, NAME) if signature is not None else None,
        summary=entry.get("type") == "reasoning.summary",
        id=id_,
        provider_data=extra,
    )


def encode_detail(thought: Reasoning, place: int) -> JsonObject:
    """A thought as an entry of `reasoning_details`."""
    entry: JsonObject
    if thought.redacted is not None:
        entry = {"type": "reasoning.encrypted", "data": carry(thought.redacted, NAME)}
    elif thought.summary:
        entry = {"type": "reasoning.summary", "summary": thought.text}
    else:
        entry = {"type": "reasoning.text", "text": thought.text}
    if thought.signature is not None:
        entry["signature"] = carry(thought.signature, NAME)
    if thought.id is not None:
        entry["id"] = thought.id
    return {**entry, "index": place, **own(thought.provider_data)}


def encode_thoughts(thoughts: Sequence[Reasoning]) -> JsonObject:
    """The members that tell an answer's thoughts to a client: the text, and the list where there is more to keep."""
    members: JsonObject = {}
    text = "".join(thought.text for thought in thoughts)
    if text:
        members["reasoning_content"] = text
    if any(keeps_more(thought) for thought in thoughts):
        members["reasoning_details"] = [encode_detail(thought, place) for place, thought in enumerate(thoughts)]
    return members


def keeps_more(thought: Reasoning) -> bool:
    """Whether a thought has something that its text alone loses."""
    more = thought.signature or thought.redacted or thought.summary or thought.id or own(thought.provider_data)
    return bool(more)


def return_thoughts(thoughts: Sequence[Reasoning], quirks: Quirks, losses: Losses) -> JsonObject:
    """The members that give earlier thoughts back to an upstream: its own signatures, nobody else's."""
    if not thoughts:
        return {}
    mine = [thought for thought in thoughts if _origins(thought) <= {NAME}]
    if len(mine) < len(thoughts):
        losses.drop("reasoning.foreign")
    if quirks.reasoning_field == "none":
        losses.drop("reasoning")
        return {}
    members: JsonObject = {}
    text = "".join(thought.text for thought in thoughts)
    if text:
        members[quirks.reasoning_field] = text
    if quirks.reasoning_field == "reasoning" and mine and any(keeps_more(thought) for thought in mine):
        members["reasoning_details"] = [encode_detail(thought, place) for place, thought in enumerate(mine)]
    return members


def _origins(thought: Reasoning) -> set[str]:
    return {proof.origin for proof in (thought.signature, thought.redacted) if proof is not None}


def _str(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def decode_control(wire: JsonObject) -> tuple[ReasoningControl | None, JsonObject]:
    """How hard to think, in any of the ways callers say it, and the members that say it, for their own vendor.

    Raises:
        Refused: an effort that nobody knows, or a wrong type.
    """
    said: JsonObject = {
        name: wire[name]
        for name in ("reasoning_effort", "reasoning", "thinking", "enable_thinking", "thinking_budget")
        if wire.get(name) is not None
    }
    google = _google_thinking(wire)
    if not said and google is None:
        return None, {}
    effort = _effort(wire, "reasoning_effort", "")
    reasoning = optional(wire, "reasoning", dict, "") or {}
    thinking = optional(wire, "thinking", dict, "") or {}
    google = google or {}
    effort = effort or _effort(reasoning, "effort", "reasoning")
    effort = effort or _effort(google, "thinking_level", "extra_body.google.thinking_config")
    budget = optional(reasoning, "max_tokens", int, "reasoning")
    for members, name, where in (
        (thinking, "budget_tokens", "thinking"),
        (wire, "thinking_budget", ""),
        (google, "thinking_budget", "extra_body.google.thinking_config"),
    ):
        found = optional(members, name, int, where)
        budget = found if budget is None else budget
    enabled = _enabled(wire, reasoning, thinking, effort, budget)
    control = ReasoningControl(
        enabled=enabled,
        effort=effort,
        budget_tokens=budget if budget is None or budget > 0 else None,
        adaptive=thinking.get("type") in ("adaptive", "auto") or budget == -1,
        visible=_visible(reasoning, google),
    )
    return control, said


def _google_thinking(wire: JsonObject) -> JsonObject | None:
    """`extra_body.google.thinking_config`, in snake case only: the compatible surface of Gemini refuses camel case."""
    extra = optional(wire, "extra_body", dict, "") or {}
    google = optional(extra, "google", dict, "extra_body") or {}
    for name in ("thinkingConfig", "imageConfig"):
        if name in google:
            raise wrong(f"extra_body.google.{name}", "write it in snake_case")
    config = optional(google, "thinking_config", dict, "extra_body.google")
    for name in config or ():
        if name != name.lower():
            raise wrong(f"extra_body.google.thinking_config.{name}", "write it in snake_case")
    return config


def _enabled(
    wire: JsonObject, reasoning: JsonObject, thinking: JsonObject, effort: Effort | None, budget: int | None
) -> bool | None:
    switch = optional(wire, "enable_thinking", bool, "")
    switch = switch if switch is not None else optional(reasoning, "enabled", bool, "reasoning")
    if switch is None and thinking:
        switch = {"enabled": True, "disabled": False, "adaptive": True, "auto": True}.get(str(thinking.get("type")))
    if effort == "none" or budget == 0:
        return False
    return switch


def _visible(reasoning: JsonObject, google: JsonObject) -> bool | None:
    exclude = optional(reasoning, "exclude", bool, "reasoning")
    if exclude is not None:
        return not exclude
    return optional(google, "include_thoughts", bool, "extra_body.google.thinking_config")


def _effort(members: JsonObject, name: str, where: str) -> Effort | None:
    value = optional(members, name, str, where)
    if value is None:
        return None
    for effort in _EFFORTS:
        if value.lower() == effort:
            return effort  # type: ignore[return-value]  # one of the literal's own values
    raise wrong(f"{where}.{name}" if where else name, f"expected one of {', '.join(_EFFORTS)}")


_BUDGETS: dict[Effort, int] = {
    "none": 0,
    "minimal": 512,
    "low": 2048,
    "medium": 8192,
    "high": 16384,
    "xhigh": 32768,
    "max": 32768,
}


def effort_of(control: ReasoningControl) -> Effort | None:
    """The wish as an effort: a budget is told as the smallest effort that contains it."""
    if control.enabled is False:
        return "none"
    if control.effort is not None or control.budget_tokens is None:
        return control.effort
    if control.budget_tokens <= _BUDGETS["low"]:
        return "low"
    return "medium" if control.budget_tokens <= _BUDGETS["medium"] else "high"


def encode_control(request: Request, quirks: Quirks, losses: Losses) -> JsonObject:
    """The members that say how hard to think, in the upstream's way."""
    control = request.reasoning
    if control is None:
        return {}
    said = own(request.provider_data).get("reasoning")
    theirs: Mapping[str, Json] = said if isinstance(said, dict) else {}
    effort = effort_of(control)
    match quirks.reasoning_control:
        case "effort":
            if effort is None and control.enabled and not control.adaptive and not theirs:
                effort = "medium"  # Thinking is wanted, and the newest models do not think unasked.
            if effort is None or (request.origin == NAME and control.effort):
                return {"reasoning_effort": effort} if effort else {}
            return {"reasoning_effort": _known_effort(effort, quirks, losses)}
        case "thinking":
            return _encode_thinking(control, theirs)
        case "enable_thinking":
            return _encode_enable(control)
        case "reasoning":
            return {"reasoning": _encode_reasoning(control, theirs)}
        case "none":
            losses.drop("reasoning")
            return {}


def _known_effort(wanted: Effort, quirks: Quirks, losses: Losses) -> Effort:
    """A caller who names an effort in this protocol knows its model's; every other wish is told as one of them."""
    word = quirks.effort(wanted)
    if wanted == "none" != word:
        losses.drop("reasoning.enabled")
    # Where nothing is known of a model, "max" is the likeliest to be unknown to it.
    return "xhigh" if word == "max" and not quirks.efforts else word


def _encode_thinking(control: ReasoningControl, theirs: Mapping[str, Json]) -> JsonObject:
    own_words = theirs.get("thinking")
    members: JsonObject = {"thinking": dict(own_words) if isinstance(own_words, dict) else {}}
    if control.enabled is not None or not members["thinking"]:
        members["thinking"]["type"] = "disabled" if control.enabled is False else "enabled"
    # DeepSeek v4 and GLM 5 read both (recorded: deepseek, zhipu/reasoning-content of glm-5.3).
    if control.effort is not None and control.enabled is not False:
        members["reasoning_effort"] = control.effort
    return members


def _encode_enable(control: ReasoningControl) -> JsonObject:
    """Qwen (alibabacloud.com/help/en/model-studio/deep-thinking): a switch and a budget."""
    if control.enabled is False:
        return {"enable_thinking": False}
    budget = control.budget_tokens
    if budget is None and control.effort is not None:
        budget = _BUDGETS[control.effort]
    return {"enable_thinking": True} | ({"thinking_budget": budget} if budget is not None else {})


def _encode_reasoning(control: ReasoningControl, theirs: Mapping[str, Json]) -> JsonObject:
    own_words = theirs.get("reasoning")
    members: dict[str, Any] = dict(own_words) if isinstance(own_words, dict) else {}
    if control.enabled is False:
        return {"effort": "none"}
    if control.budget_tokens is not None:
        members["max_tokens"] = control.budget_tokens
    elif control.effort is not None:
        members["effort"] = "xhigh" if control.effort == "max" else control.effort
    elif "enabled" not in members:
        members["enabled"] = True
    if control.visible is not None:
        members["exclude"] = not control.visible
    return members
