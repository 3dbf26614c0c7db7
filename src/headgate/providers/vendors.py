"""Vendors that serve models of their own, most of them in two or three of the common protocols.

Which protocols, addresses and credentials: each vendor's own page where one is named, and the comparison of
https://www.developersdigest.tech/reference/api-compatibility, both read 2026-11-23.
"""

from headgate.providers.endpoints import chat, messages, responses
from headgate.providers.provider import ModelRule, Provider

# https://api-docs.deepseek.com/guides/anthropic_api, read 2026-11-23. `thinking` and `reasoning_effort`:
# https://api-docs.deepseek.com/guides/thinking_mode; recorded: deepseek/chat-completions (thinking) and responses.
# Output is JSON or text; the legacy reasoner thinks always.
DEEPSEEK = Provider(
    name="deepseek",
    title="DeepSeek",
    base_url="https://api.deepseek.com",
    endings=("/anthropic/v1", "/anthropic", "/beta", "/v1"),
    endpoints={
        "openai_chat": chat(reasoning_control="thinking", json_schema=False, image_urls=False),
        "anthropic_messages": messages("/anthropic/v1/messages", image_urls=False),
        "openai_responses": responses(web_search="none", json_schema=False),
    },
    rules={
        "openai_chat": (ModelRule(prefix="deepseek-reasoner", changes={"reasoning_control": "none"}),),
    },
    catalogue="deepseek",
)

# Chat completions returns no thoughts and has lost its search (`search_parameters` answers 410); Responses has both:
# https://docs.x.ai/developers/model-capabilities/text/comparison, read 2026-11-23. The Anthropic endpoint is "fully
# deprecated" there and left out. Refusals of reasoning models: https://docs.x.ai/docs/guides/reasoning, read 2026-11.
_GROK_REFUSES = frozenset({"presence_penalty", "frequency_penalty", "stop"})
XAI = Provider(
    name="xai",
    title="xAI Grok",
    base_url="https://api.x.ai/v1",
    endpoints={
        "openai_responses": responses(),
        "openai_chat": chat(reasoning_control="none", refused_parameters=_GROK_REFUSES),
    },
    rules={
        "openai_chat": (
            ModelRule(prefix="grok-3-mini", changes={"reasoning_control": "effort"}),
            ModelRule(prefix="grok-3", changes={"refused_parameters": frozenset()}),
            ModelRule(prefix="grok-2", changes={"refused_parameters": frozenset()}),
        ),
        "openai_responses": (
            # An effort is a 400 for models that always think: https://docs.x.ai/docs/guides/reasoning, read 2026-11.
            ModelRule(prefix="grok-4-", changes={"refused_parameters": frozenset({"reasoning"})}),
            ModelRule(prefix="grok-code", changes={"refused_parameters": frozenset({"reasoning"})}),
        ),
    },
    catalogue="x-ai",
)

# https://www.alibabacloud.com/help/en/model-studio/anthropic-api-messages and …/qwen-api-via-openai-responses, read
# 2026-11-23. Schema output only from 3.7 on; `enable_search`, `enable_thinking` and `thinking_budget`:
# https://www.alibabacloud.com/help/en/model-studio/use-qwen-by-calling-api.
QWEN = Provider(
    name="qwen",
    title="Alibaba Qwen (DashScope, Model Studio)",
    base_url="https://dashscope.aliyuncs.com/compatible-mode/v1",
    endings=("/api/v2/apps/protocols/compatible-mode/v1", "/compatible-mode/v1", "/apps/anthropic"),
    endpoints={
        "openai_chat": chat(
            "/compatible-mode/v1/chat/completions",
            reasoning_control="enable_thinking",
            web_search="enable_search",
            json_schema=False,
            cache_control=True,
        ),
        "openai_responses": responses("/api/v2/apps/protocols/compatible-mode/v1/responses"),
        "anthropic_messages": messages("/apps/anthropic/v1/messages"),
    },
    rules={
        "openai_chat": (
            ModelRule(prefix="qwen3.7", changes={"json_schema": True}),
            ModelRule(prefix="qwen3.8", changes={"json_schema": True}),
        ),
    },
)

# Recorded: moonshot/chat-completions at api.moonshot.ai/v1. The Anthropic endpoint beside it, at /anthropic:
# https://platform.moonshot.ai/docs/guide/agent-support, read 2026-11. Images by base64 or `ms://` only:
# https://platform.moonshot.ai/docs/guide/use-kimi-vision-model, read 2026-11.
MOONSHOT = Provider(
    name="moonshot",
    title="Moonshot AI (Kimi)",
    base_url="https://api.moonshot.cn/v1",
    endings=("/anthropic/v1", "/anthropic", "/v1"),
    endpoints={
        "openai_chat": chat("/v1/chat/completions", reasoning_control="thinking", image_urls=False),
        "anthropic_messages": messages("/anthropic/v1/messages", image_urls=False),
    },
    rules={
        "openai_chat": (
            # Thinks always: https://platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model, read 2026-11.
            ModelRule(prefix="kimi-k2-thinking", changes={"reasoning_control": "none"}),
        ),
    },
    catalogue="moonshotai",
)

# Recorded: zhipu/chat-completions at api.z.ai/api/paas/v4 and /api/coding/paas/v4. The Anthropic endpoint:
# https://docs.z.ai/devpack/tool/claude, read 2026-11. Penalties, logprobs and schema output are not known there:
# https://docs.bigmodel.cn/api-reference, read 2026-11.
ZHIPU = Provider(
    name="zhipu",
    title="Zhipu AI (GLM, Z.ai)",
    base_url="https://open.bigmodel.cn/api/paas/v4",
    endings=("/coding/paas/v4", "/paas/v4", "/anthropic/v1", "/anthropic"),
    endpoints={
        "openai_chat": chat(
            "/paas/v4/chat/completions",
            reasoning_control="thinking",
            json_schema=False,
            refused_parameters=frozenset({"presence_penalty", "frequency_penalty", "logprobs", "top_logprobs"}),
        ),
        "anthropic_messages": messages("/anthropic/v1/messages"),
    },
    catalogue="zhipuai",
)

# https://www.volcengine.com/docs/82379/1494384 (chat) and /1569618 (Responses), read 2026-11; the Anthropic endpoint
# belongs to the coding plan, at /api/coding: https://www.volcengine.com/docs/82379/1928261, read 2026-11.
ARK = Provider(
    name="ark",
    title="Volcano Engine Ark (Doubao)",
    base_url="https://ark.cn-beijing.volces.com/api/v3",
    endpoints={"openai_chat": chat(reasoning_control="thinking"), "openai_responses": responses()},
)
ARK_CODING = Provider(
    name="ark-coding",
    title="Volcano Engine Ark (coding plan)",
    base_url="https://ark.cn-beijing.volces.com/api/coding",
    endings=("/v3", "/v1"),
    endpoints={
        "openai_chat": chat("/v3/chat/completions", reasoning_control="thinking"),
        "anthropic_messages": messages(auth="bearer"),
    },
)

# Over chat completions thoughts come inside the text, over the Anthropic endpoint as thoughts; it is the one the vendor
# recommends: https://platform.minimax.io/docs/api-reference/text-anthropic-api, read 2026-11-23. In China:
# api.minimaxi.com.
MINIMAX = Provider(
    name="minimax",
    title="MiniMax",
    base_url="https://api.minimax.io/v1",
    endings=("/anthropic/v1", "/anthropic", "/v1"),
    endpoints={
        "anthropic_messages": messages("/anthropic/v1/messages", auth="bearer"),
        "openai_chat": chat("/v1/chat/completions", reasoning_control="none", json_schema=False),
        "openai_responses": responses("/v1/responses", web_search="none"),
    },
    catalogue="minimax",
)

# Recorded: mistral/chat-completions (streams report their usage unasked; `reasoning_effort` with mistral-small).
# Unknown fields are a 422 there, so what the vendor's specification does not have is refused here:
# https://docs.mistral.ai/api, read 2026-11.
MISTRAL = Provider(
    name="mistral",
    title="Mistral AI",
    base_url="https://api.mistral.ai/v1",
    endpoints={
        "openai_chat": chat(
            stream_usage=False,
            reasoning_control="none",
            reasoning_field="none",
            refused_parameters=frozenset(
                {"logprobs", "top_logprobs", "logit_bias", "user", "seed", "store", "service_tier"}
            ),
        ),
    },
    rules={
        "openai_chat": (
            ModelRule(prefix="mistral-small", changes={"reasoning_control": "effort"}),
            ModelRule(prefix="mistral-medium", changes={"reasoning_control": "effort"}),
        ),
    },
    catalogue="mistral",
)

# Answers are searched for, always; there are no tools: https://docs.perplexity.ai/api-reference, read 2026-11.
PERPLEXITY = Provider(
    name="perplexity",
    title="Perplexity",
    base_url="https://api.perplexity.ai",
    endings=("/v1",),
    endpoints={
        "openai_chat": chat(
            reasoning_control="none",
            web_search="native",
            refused_parameters=frozenset({"logprobs", "top_logprobs", "logit_bias", "n", "seed", "stop"}),
        ),
    },
    rules={"openai_chat": (ModelRule(prefix="sonar-deep-research", changes={"reasoning_control": "effort"}),)},
    catalogue="perplexity",
)

# https://docs.cohere.com/docs/compatibility-api, read 2026-11: what it does not know is listed there.
COHERE = Provider(
    name="cohere",
    title="Cohere (OpenAI-compatible API)",
    base_url="https://api.cohere.ai/compatibility/v1",
    endpoints={
        "openai_chat": chat(
            refused_parameters=frozenset(
                {
                    "logit_bias",
                    "top_logprobs",
                    "n",
                    "store",
                    "metadata",
                    "parallel_tool_calls",
                    "service_tier",
                    "user",
                    "prediction",
                }
            ),
        ),
    },
    catalogue="cohere",
)

VENDORS = (
    DEEPSEEK,
    XAI,
    QWEN,
    MOONSHOT,
    ZHIPU,
    ARK,
    ARK_CODING,
    MINIMAX,
    MISTRAL,
    PERPLEXITY,
    COHERE,
)
