"""Endpoints in the forms that many providers share."""

from typing import Any

from headgate.canonical.quirks import Quirks
from headgate.providers.families import CLAUDE, GEMINI
from headgate.providers.provider import AuthScheme, Endpoint

ANTHROPIC_VERSION = (("anthropic-version", "2023-06-01"),)

# What servers other than OpenAI's know of its chat protocol: `max_tokens`, but no free-text tools, no documents by
# address, no search: from the vendors' documentation as remembered, not re-read.
COMPATIBLE = {"max_tokens_field": "max_tokens", "custom_tools": False, "document_urls": False, "web_search": "none"}


def chat(path: str = "/chat/completions", *, auth: AuthScheme = "bearer", **quirks: Any) -> Endpoint:
    """OpenAI's chat protocol as other vendors serve it."""
    return Endpoint(path=path, auth=auth, quirks=Quirks(**{**COMPATIBLE, **quirks}))


def responses(path: str = "/responses", *, count: bool = False, auth: AuthScheme = "bearer", **quirks: Any) -> Endpoint:
    """OpenAI's Responses protocol; `count`: whether it counts input tokens."""
    return Endpoint(path=path, count_path=f"{path}/input_tokens" if count else None, auth=auth, quirks=Quirks(**quirks))


def messages(
    path: str = "/v1/messages", *, count: bool = False, auth: AuthScheme = "x-api-key", **quirks: Any
) -> Endpoint:
    """Anthropic's Messages protocol as other vendors serve it for their own models: thinking by budget, and none of
    Anthropic's tools."""
    return Endpoint(
        path=path,
        count_path=f"{path}/count_tokens" if count else None,
        auth=auth,
        headers=ANTHROPIC_VERSION,
        quirks=Quirks(**{"document_urls": False, "web_search": "none", "json_schema": False, **quirks}),
    )


def claude(path: str = "/v1/messages", *, auth: AuthScheme = "x-api-key", quirks: Quirks = CLAUDE) -> Endpoint:
    """Anthropic's Messages protocol for Anthropic's models."""
    return Endpoint(path=path, count_path=f"{path}/count_tokens", auth=auth, headers=ANTHROPIC_VERSION, quirks=quirks)


def gemini(models: str = "/v1beta/models", *, auth: AuthScheme = "x-goog-api-key") -> Endpoint:
    """Google's protocol; `models` is the path before a model's name."""
    return Endpoint(
        path=f"{models}/{{model}}:generateContent",
        stream_path=f"{models}/{{model}}:streamGenerateContent?alt=sse",
        count_path=f"{models}/{{model}}:countTokens",
        auth=auth,
        quirks=GEMINI,
    )
