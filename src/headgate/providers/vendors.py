"""Vendors that serve models of their own, most of them in two or three of the common protocols.

Which protocols, addresses and credentials: each vendor's own page where one is named, and the comparison of
https://www.developersdigest.tech/reference/api-compatibility, both seen 2026-11. Where a comment names no source, what
it says is from the vendor's documentation as remembered, not re-read.
"""

from headgate.canonical.request import Effort
from headgate.providers.endpoints import chat, messages, responses
from headgate.providers.provider import ModelRule, Provider, Spoken

# Seen 2026-11: https://api-docs.deepseek.com/guides/anthropic_api.md,
# https://api-docs.deepseek.com/guides/responses_api.md and, for `thinking` and `reasoning_effort`, whose words it all
# knows, https://api-docs.deepseek.com/guides/thinking_mode.md; recorded: deepseek/chat-completions (thinking) and
# responses. Images came with V4.1-Flash, by address too over chat:
# https://apidog.com/blog/deepseek-v4-1-flash-vision-api/ (before that a 400, recorded: error-400 of v4-flash). Output
# is JSON or text; the legacy reasoner thinks always.
DEEPSEEK = Provider(
    name="deepseek",
    title="DeepSeek",
    base_url="https://api.deepseek.com",
    endings=("/anthropic/v1", "/anthropic", "/beta", "/v1"),
    endpoints={
        "openai_chat": chat(reasoning_control="thinking", json_schema=False),
        "anthropic_messages": messages("/anthropic/v1/messages", image_urls=False),
        "openai_responses": responses(web_search="none", json_schema=False),
    },
    rules={
        "openai_chat": (ModelRule(prefix="deepseek-reasoner", changes={"reasoning_control": "none"}),),
    },
    catalogue="deepseek",
)

# Chat completions returns no thoughts and calls functions alone; Responses has both:
# https://docs.x.ai/developers/model-capabilities/text/comparison.md. The Anthropic endpoint is "fully deprecated" and
# left out: https://docs.x.ai//developers/rest-api-reference/inference/legacy. Both seen 2026-11. That reasoning models
# refuse penalties and stops is as remembered.
_GROK_REFUSES = frozenset({"presence_penalty", "frequency_penalty", "stop"})
# An effort is a 400 for 4.20 (seen 2026-11 in vercel/ai release @ai-sdk/xai@4.0.8) and for what came before it
# (acedergren/opencode-oci-provider release v0.2.3), 3 mini excepted. 4.3 can be kept from thinking (vercel/ai release
# @ai-sdk/xai@4.0.0-canary.61); 4.5 cannot, nor 4.7, which alone knows xhigh (anomalyco/models.dev providers/xai).
_GROK_EFFORTS: tuple[Effort, ...] = ("low", "medium", "high")


def _grok(**without_effort: object) -> tuple[ModelRule, ...]:
    """`without_effort` changes what a protocol says to models that know no effort."""
    return (
        ModelRule(prefix="grok-3-mini", changes={"efforts": ("low", "high")}),
        ModelRule(prefix="grok-4.20", changes=without_effort),
        ModelRule(prefix="grok-4.3", changes={"efforts": ("none", *_GROK_EFFORTS)}),
        ModelRule(prefix="grok-4.7", changes={"efforts": (*_GROK_EFFORTS, "xhigh")}),
        ModelRule(prefix="grok-4.", changes={}),
        ModelRule(prefix="grok-4", changes=without_effort),
        ModelRule(prefix="grok-code", changes=without_effort),
    )


_GROK_PLAIN = {"reasoning_control": "none", "refused_parameters": frozenset()}
XAI = Provider(
    name="xai",
    title="xAI Grok",
    base_url="https://api.x.ai/v1",
    endpoints={
        "openai_responses": responses(efforts=_GROK_EFFORTS),
        "openai_chat": chat(efforts=_GROK_EFFORTS, refused_parameters=_GROK_REFUSES),
    },
    rules={
        "openai_chat": (
            *_grok(reasoning_control="none"),
            ModelRule(prefix="grok-3", changes=_GROK_PLAIN),
            ModelRule(prefix="grok-2", changes=_GROK_PLAIN),
        ),
        "openai_responses": (
            *_grok(refused_parameters=frozenset({"reasoning"})),
            ModelRule(prefix="grok-3", changes={"refused_parameters": frozenset({"reasoning"})}),
        ),
    },
    catalogue="x-ai",
)

# Seen 2026-11: https://www.alibabacloud.com/help/pt-br/model-studio/anthropic-api-messages (every workspace has a host
# of its own now, the old ones stay) and
# https://help.aliyun.com/en/model-studio/compatibility-with-openai-responses-api, by which /api/v2/apps/protocols
# before its path will go. `enable_search`, `enable_thinking`, `thinking_budget` and that schema output is safe to ask
# for from 3.7 on are as remembered; earlier models have it in part
# (https://www.alibabacloud.com/help/ja/doc-detail/2862209.html).
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
        "openai_responses": responses("/compatible-mode/v1/responses"),
        "anthropic_messages": messages("/apps/anthropic/v1/messages"),
    },
    rules={
        "openai_chat": (
            ModelRule(prefix="qwen3.7", changes={"json_schema": True}),
            ModelRule(prefix="qwen3.8", changes={"json_schema": True}),
        ),
    },
)

# The recorded moonshot/chat-completions are examples. The Anthropic endpoint at /anthropic and Responses: seen 2026-11
# in https://www.developersdigest.tech/reference/api-compatibility/moonshot. The limit's name and sampling, which is
# fixed from K2.5 on: in https://java.agentscope.io/v2/en/integration/model/kimi (another temperature is a 400: in
# https://dev.to/aihubmix/kimi-k31-pro-migration-guide-five-400s-one-404-and-the-claude-code-codex-config-13k). K3
# always thinks, as hard as one of three words says; 2.7 always and without a word; 2.5 and 2.6 have a switch: in
# https://docs.rs/synaps-engine/0.11.0/src/agent_engine/runtime/openai/catalog/kimi.rs.html. Images by base64 or `ms://`
# alone is as remembered.
_KIMI_EFFORTS: tuple[Effort, ...] = ("low", "high", "max")
_KIMI_SAMPLING = frozenset({"temperature", "top_p", "n", "presence_penalty", "frequency_penalty"})
_KIMI_PLAIN = {"reasoning_control": "none", "refused_parameters": frozenset()}
MOONSHOT = Provider(
    name="moonshot",
    title="Moonshot AI (Kimi)",
    base_url="https://api.moonshot.cn/v1",
    endings=("/anthropic/v1", "/anthropic", "/v1"),
    endpoints={
        "openai_chat": chat(
            "/v1/chat/completions",
            max_tokens_field="max_completion_tokens",
            efforts=_KIMI_EFFORTS,
            refused_parameters=_KIMI_SAMPLING,
            image_urls=False,
        ),
        "anthropic_messages": messages("/anthropic/v1/messages", image_urls=False),
        "openai_responses": responses(
            "/v1/responses",
            efforts=_KIMI_EFFORTS,
            refused_parameters=frozenset({"temperature", "top_p"}),
            image_urls=False,
            web_search="none",
        ),
    },
    # Whether Responses serves models before K3 is not said.
    spoken=(Spoken(pattern="kimi-k2|kimi-latest|moonshot-v1", protocols=("openai_chat", "anthropic_messages")),),
    rules={
        "openai_chat": (
            ModelRule(prefix="kimi-k2.7", changes={"reasoning_control": "none"}),
            ModelRule(prefix="kimi-k2.", changes={"reasoning_control": "thinking"}),
            ModelRule(prefix="kimi-k2", changes=_KIMI_PLAIN),
            ModelRule(prefix="kimi-latest", changes=_KIMI_PLAIN),
            ModelRule(prefix="moonshot-v1", changes=_KIMI_PLAIN),
        ),
    },
    catalogue="moonshotai",
)

# Recorded: zhipu/chat-completions at api.z.ai/api/paas/v4 and /api/coding/paas/v4. The Anthropic endpoint: seen 2026-11
# in https://www.developersdigest.tech/reference/api-compatibility/zai, by which Responses belongs to the coding plan
# alone and is left out. Penalties are not known there: in https://java.agentscope.io/v2/en/integration/model/glm; nor,
# as remembered, logprobs and schema output.
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

# The address: seen 2026-11 in https://cloudwego.io/docs/eino/ecosystem/chat_model/chat_model_ark; Responses there: in
# https://cloudwego.io/zh/docs/eino/ecosystem_integration/chat_model/agentic_model_ark. The coding plan is paid apart,
# at /api/coding/v3 (in https://developer.volcengine.com/articles/7615528054736945158), with the Anthropic endpoint at
# /api/coding (seen in a user's notes alone). `thinking` and what else they take is as remembered.
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

# Over chat completions thoughts come inside the text, over the Anthropic endpoint as thoughts. Seen 2026-11:
# https://platform.minimax.io/docs/api-reference/text-anthropic-api.md; Responses and the bearer in
# https://www.developersdigest.tech/reference/api-compatibility/minimax; the limit's name and that there is no schema
# output in https://java.agentscope.io/v2/en/integration/model/minimax. In China: api.minimaxi.com.
MINIMAX = Provider(
    name="minimax",
    title="MiniMax",
    base_url="https://api.minimax.io/v1",
    endings=("/anthropic/v1", "/anthropic", "/v1"),
    endpoints={
        "anthropic_messages": messages("/anthropic/v1/messages", auth="bearer"),
        "openai_chat": chat(
            "/v1/chat/completions",
            max_tokens_field="max_completion_tokens",
            reasoning_control="none",
            json_schema=False,
        ),
        "openai_responses": responses("/v1/responses", web_search="none"),
    },
    catalogue="minimax",
)

# Recorded: mistral/chat-completions (streams report their usage unasked; `reasoning_effort` with mistral-small). Which
# models know which effort: seen 2026-11 in https://docs.mistral.ai/inference/conversations/reasoning. Unknown fields
# are a 422 there, so what the vendor's specification does not have, as remembered, is refused here.
_MISTRAL_LARGE: tuple[Effort, ...] = ("low", "medium", "high")
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
            ModelRule(prefix="mistral-small", changes={"reasoning_control": "effort", "efforts": ("none", "high")}),
            ModelRule(prefix="mistral-medium", changes={"reasoning_control": "effort", "efforts": ("none", "high")}),
            ModelRule(prefix="mistral-large-4", changes={"reasoning_control": "effort", "efforts": _MISTRAL_LARGE}),
        ),
    },
    catalogue="mistral",
)

# The address and both its forms: recorded: perplexity/chat-completions; seen 2026-11 in
# https://docs.perplexity.ai/docs/sonar/openai-compatibility. There are no tools, and what is refused here is not known
# there: in https://docs.getbifrost.ai/providers/supported-providers/perplexity.
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

# That there is such an API: seen 2026-11 in https://docs.cohere.com/changelog/compatibility-api. Its address and what
# it does not know are as remembered.
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
