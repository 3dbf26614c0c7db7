"""Who can be upstream: one row a provider. A new provider that needs no behaviour of its own is a new row here."""

from headgate.canonical.quirks import Quirks
from headgate.providers.provider import Endpoint, ModelRule, Provider

_CHAT = "/chat/completions"
_ANTHROPIC_VERSION = (("anthropic-version", "2023-06-01"),)


def _chat(**quirks: object) -> Endpoint:
    """OpenAI's chat protocol as other vendors serve it: they know `max_tokens`."""
    return Endpoint(path=_CHAT, quirks=Quirks(**{"max_tokens_field": "max_tokens", **quirks}))  # type: ignore[arg-type]


_ROWS = (
    Provider(
        name="openai",
        title="OpenAI",
        base_url="https://api.openai.com/v1",
        endpoints={
            "openai_chat": Endpoint(path=_CHAT, quirks=Quirks(reasoning_field="none")),
            "openai_responses": Endpoint(path="/responses"),
        },
        catalogue="openai",
    ),
    Provider(
        name="anthropic",
        title="Anthropic",
        base_url="https://api.anthropic.com",
        endpoints={
            "anthropic_messages": Endpoint(path="/v1/messages", auth="x-api-key", headers=_ANTHROPIC_VERSION),
        },
        catalogue="anthropic",
    ),
    Provider(
        name="gemini",
        title="Google Gemini",
        base_url="https://generativelanguage.googleapis.com",
        endpoints={
            "gemini_generate": Endpoint(
                path="/v1beta/models/{model}:generateContent",
                stream_path="/v1beta/models/{model}:streamGenerateContent?alt=sse",
                auth="x-goog-api-key",
            ),
        },
        catalogue="google",
    ),
    Provider(
        name="deepseek",
        title="DeepSeek",
        base_url="https://api.deepseek.com",
        endpoints={"openai_chat": _chat(reasoning_control="thinking")},
        catalogue="deepseek",
    ),
    Provider(
        name="xai",
        title="xAI Grok",
        base_url="https://api.x.ai/v1",
        endpoints={"openai_chat": _chat(), "openai_responses": Endpoint(path="/responses")},
        catalogue="x-ai",
    ),
    Provider(
        name="groq",
        title="Groq",
        base_url="https://api.groq.com/openai/v1",
        endpoints={"openai_chat": _chat()},
        catalogue="groq",
    ),
    Provider(
        name="mistral",
        title="Mistral AI",
        base_url="https://api.mistral.ai/v1",
        endpoints={"openai_chat": _chat()},
        catalogue="mistral",
    ),
    Provider(
        name="moonshot",
        title="Moonshot AI",
        base_url="https://api.moonshot.cn/v1",
        endpoints={"openai_chat": _chat(reasoning_control="thinking")},
        catalogue="moonshotai",
    ),
    Provider(
        name="qwen",
        title="Alibaba Qwen (DashScope)",
        base_url="https://dashscope.aliyuncs.com/compatible-mode/v1",
        endpoints={"openai_chat": _chat(reasoning_control="enable_thinking", web_search="enable_search")},
    ),
    Provider(
        name="openrouter",
        title="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        endpoints={"openai_chat": _chat(reasoning_control="reasoning", reasoning_field="reasoning")},
        catalogue="openrouter",
    ),
    Provider(
        name="openai-compatible",
        title="Any server that speaks OpenAI's chat protocol",
        base_url="",
        endpoints={"openai_chat": _chat()},
    ),
    Provider(
        name="anthropic-compatible",
        title="Any server that speaks Anthropic's Messages protocol",
        base_url="",
        endpoints={
            "anthropic_messages": Endpoint(path="/v1/messages", auth="x-api-key", headers=_ANTHROPIC_VERSION),
        },
    ),
    Provider(
        name="sandbox",
        title="Headgate's own sandbox",
        base_url="",
        endpoints={"openai_chat": Endpoint(path=_CHAT, headers=(("authorization", "Bearer sk-sandbox"),))},
        embedded=True,
    ),
)

PROVIDERS: dict[str, Provider] = {row.name: row for row in _ROWS}

__all__ = ["PROVIDERS", "ModelRule", "Provider"]
