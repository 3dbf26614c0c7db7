"""Services that serve other people's models, and servers that operators run themselves.

Where a comment names no source, what it says is from the vendor's documentation as remembered, not re-read.
"""

from msgspec.structs import replace

from headgate.canonical.quirks import Quirks
from headgate.providers.endpoints import ANTHROPIC_VERSION, chat, claude, gemini, messages, responses
from headgate.providers.families import CLAUDE_RULES, GEMINI_RULES, GPT_RESPONSES_RULES
from headgate.providers.provider import Endpoint, ModelRule, Provider

# Recorded: groq/chat-completions (`reasoning` beside the text). Refusals and Responses: seen 2026-11 in
# https://console.groq.com/docs/openai.md.
GROQ = Provider(
    name="groq",
    title="Groq",
    base_url="https://api.groq.com/openai/v1",
    endpoints={
        "openai_chat": chat(
            reasoning_field="reasoning",
            refused_parameters=frozenset({"logprobs", "top_logprobs", "logit_bias", "n"}),
        ),
        "openai_responses": responses(web_search="none"),
    },
    rules={
        "openai_chat": (
            ModelRule(prefix="llama", changes={"reasoning_control": "none", "json_schema": False}),
            ModelRule(prefix="kimi", changes={"reasoning_control": "none"}),
        ),
    },
    catalogue="groq",
)

# Recorded: openrouter/chat-completions (`reasoning`, `reasoning_details`, cache marks), responses and messages.
OPENROUTER = Provider(
    name="openrouter",
    title="OpenRouter",
    base_url="https://openrouter.ai/api/v1",
    endings=("/v1",),
    endpoints={
        "openai_chat": chat(
            "/v1/chat/completions",
            reasoning_control="reasoning",
            reasoning_field="reasoning",
            cache_control=True,
            document_urls=True,
            web_search="plugin",
        ),
        "anthropic_messages": Endpoint(
            path="/v1/messages", auth="bearer", headers=ANTHROPIC_VERSION, quirks=Quirks(thinking="adaptive")
        ),
        "openai_responses": responses("/v1/responses"),
    },
    rules={"anthropic_messages": CLAUDE_RULES},
    catalogue="openrouter",
)

# Recorded: together/chat-completions. Responses is there for some models alone, so it is left out: seen 2026-11 in
# https://docs.together.ai/docs/inference/responses-api.
TOGETHER = Provider(
    name="together",
    title="Together AI",
    base_url="https://api.together.ai/v1",
    endpoints={"openai_chat": chat(reasoning_field="reasoning")},
    catalogue="together",
)

# Messages and its bearer: seen 2026-11 in https://docs.fireworks.ai/tools-sdks/anthropic-compatibility.md; Responses is
# as remembered.
FIREWORKS = Provider(
    name="fireworks",
    title="Fireworks AI",
    base_url="https://api.fireworks.ai/inference/v1",
    endings=("/v1",),
    endpoints={
        "openai_chat": chat("/v1/chat/completions"),
        "anthropic_messages": messages(auth="bearer"),
        "openai_responses": responses("/v1/responses", web_search="none"),
    },
    catalogue="fireworks",
)

# Seen 2026-11: https://docs.siliconflow.cn/docs/api/chat-completions-post (`enable_thinking`, `thinking_budget`) and
# https://docs.siliconflow.cn/cn/docs/api/messages-post. Abroad: api.siliconflow.com, as remembered.
SILICONFLOW = Provider(
    name="siliconflow",
    title="SiliconFlow",
    base_url="https://api.siliconflow.cn/v1",
    endings=("/v1",),
    endpoints={
        "openai_chat": chat("/v1/chat/completions", reasoning_control="enable_thinking", json_schema=False),
        "anthropic_messages": messages(auth="bearer"),
    },
)

# --- servers of one's own ---
# Seen 2026-11: https://docs.ollama.com/api/anthropic-compatibility.md and https://docs.ollama.com/openai (at ollama.com
# with a bearer alone: https://www.developersdigest.tech/reference/api-compatibility/ollama),
# https://lmstudio.ai/docs/developer/anthropic-compat (either header) and https://lmstudio.ai/docs/api/openai-api, and
# https://docs.vllm.ai/en/stable/api/vllm/entrypoints/anthropic/protocol/, which counts tokens too. Recorded:
# ollama/chat-completions. Images by base64 alone, and the name of the field of thoughts, are as remembered.


def _local(
    name: str, title: str, port: int, *, image_urls: bool, reasoning_field: str, count: bool = False
) -> Provider:
    return Provider(
        name=name,
        title=title,
        base_url=f"http://localhost:{port}/v1",
        endings=("/v1",),
        endpoints={
            "openai_chat": chat("/v1/chat/completions", image_urls=image_urls, reasoning_field=reasoning_field),
            "openai_responses": responses("/v1/responses", image_urls=image_urls, web_search="none"),
            "anthropic_messages": messages(auth="bearer", image_urls=image_urls, count=count),
        },
    )


OLLAMA = _local("ollama", "Ollama", 11434, image_urls=False, reasoning_field="reasoning")
VLLM = _local("vllm", "vLLM", 8000, image_urls=True, reasoning_field="reasoning", count=True)
LM_STUDIO = _local("lm-studio", "LM Studio", 1234, image_urls=False, reasoning_field="reasoning")

# --- anything that speaks a known protocol ---

OPENAI_COMPATIBLE = Provider(
    name="openai-compatible",
    title="Any server that speaks OpenAI's chat protocol",
    base_url="",
    endpoints={"openai_chat": chat()},
)
ANTHROPIC_COMPATIBLE = Provider(
    name="anthropic-compatible",
    title="Any server that speaks Anthropic's Messages protocol",
    base_url="",
    endings=("/v1",),
    endpoints={"anthropic_messages": claude(quirks=Quirks())},
    rules={"anthropic_messages": (*CLAUDE_RULES, ModelRule(prefix="claude", changes={"thinking": "adaptive"}))},
)
GEMINI_COMPATIBLE = Provider(
    name="gemini-compatible",
    title="Any server that speaks Google's Gemini protocol",
    base_url="",
    endings=("/v1beta", "/v1"),
    endpoints={"gemini_generate": gemini()},
    rules={"gemini_generate": GEMINI_RULES},
)


def _gateway(name: str, title: str, *, key: str = "", embedded: bool = False) -> Provider:
    """A server that speaks all four protocols; `key` is shown where a channel has none."""

    def shown(endpoint: Endpoint) -> Endpoint:
        if not key:
            return endpoint
        header = ("authorization", f"Bearer {key}") if endpoint.auth == "bearer" else (endpoint.auth, key)
        return replace(endpoint, headers=(*endpoint.headers, header))

    return Provider(
        name=name,
        title=title,
        base_url="",
        endings=("/v1beta", "/v1"),
        endpoints={
            "openai_chat": shown(chat("/v1/chat/completions", web_search="native", custom_tools=True)),
            "openai_responses": shown(responses("/v1/responses", count=True)),
            "anthropic_messages": shown(claude()),
            "gemini_generate": shown(gemini()),
        },
        rules={
            "anthropic_messages": CLAUDE_RULES,
            "gemini_generate": GEMINI_RULES,
            "openai_responses": GPT_RESPONSES_RULES,
        },
        embedded=embedded,
    )


HEADGATE = _gateway("headgate", "Another Headgate")
NEW_API = _gateway("new-api", "A gateway of the one-api and new-api family")
SANDBOX = _gateway("sandbox", "Headgate's own sandbox", key="sk-sandbox", embedded=True)

HOSTS = (
    GROQ,
    OPENROUTER,
    TOGETHER,
    FIREWORKS,
    SILICONFLOW,
    OLLAMA,
    VLLM,
    LM_STUDIO,
    OPENAI_COMPATIBLE,
    ANTHROPIC_COMPATIBLE,
    GEMINI_COMPATIBLE,
    HEADGATE,
    NEW_API,
    SANDBOX,
)
