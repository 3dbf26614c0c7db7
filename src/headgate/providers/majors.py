"""The three vendors whose protocols the others speak, and the clouds that serve their models.

Where a comment names no source, what it says is from the vendor's documentation as remembered, not re-read.
"""

from msgspec.structs import replace

from headgate.providers.endpoints import ANTHROPIC_VERSION, chat, claude, gemini
from headgate.providers.families import (
    ANTHROPIC_RULES,
    CLAUDE,
    CLAUDE_AT_HOME,
    CLAUDE_RULES,
    CLAUDE_VERTEX_RULES,
    GEMINI_RULES,
    GPT_CHAT,
    GPT_CHAT_RULES,
    GPT_RESPONSES,
    GPT_RESPONSES_RULES,
    RESPONSES_FIRST,
    RESPONSES_ONLY,
)
from headgate.providers.provider import Endpoint, Provider, Reshape, Spoken

_GPT_RULES = {"openai_chat": GPT_CHAT_RULES, "openai_responses": GPT_RESPONSES_RULES}

OPENAI = Provider(
    name="openai",
    title="OpenAI",
    base_url="https://api.openai.com/v1",
    endpoints={
        "openai_chat": Endpoint(path="/chat/completions", quirks=GPT_CHAT),
        "openai_responses": Endpoint(path="/responses", count_path="/responses/input_tokens", quirks=GPT_RESPONSES),
    },
    spoken=(
        Spoken(pattern=RESPONSES_ONLY, protocols=("openai_responses",)),
        Spoken(pattern=RESPONSES_FIRST, protocols=("openai_responses", "openai_chat")),
    ),
    rules=_GPT_RULES,  # type: ignore[arg-type]
    catalogue="openai",
)

ANTHROPIC = Provider(
    name="anthropic",
    title="Anthropic",
    base_url="https://api.anthropic.com",
    endings=("/v1",),
    endpoints={"anthropic_messages": claude(quirks=CLAUDE_AT_HOME)},
    rules={"anthropic_messages": ANTHROPIC_RULES},
    catalogue="anthropic",
)

GEMINI = Provider(
    name="gemini",
    title="Google Gemini",
    base_url="https://generativelanguage.googleapis.com",
    endings=("/v1beta/openai", "/v1beta", "/v1"),
    endpoints={"gemini_generate": gemini()},
    rules={"gemini_generate": GEMINI_RULES},
    catalogue="google",
)

# The project and place stand in the address:
# https://us-east5-aiplatform.googleapis.com/v1/projects/P/locations/us-east5. Claude's body says its protocol's version
# and not its model; recorded: vertex/anthropic-rawPredict and anthropic-streamRawPredict. Images by base64 alone: seen
# 2026-11 in https://platform.claude.com/docs/de/build-with-claude/vision.md. Other vendors' models speak chat at the
# OpenAI-compatible endpoint, named `vendor/model`: in
# https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/grok/capabilities/reasoning.
VERTEX = Provider(
    name="vertex",
    title="Google Vertex AI",
    base_url="https://aiplatform.googleapis.com/v1/projects/{project}/locations/global",
    endpoints={
        "gemini_generate": gemini("/publishers/google/models", auth="google"),
        "anthropic_messages": Endpoint(
            path="/publishers/anthropic/models/{model}:rawPredict",
            stream_path="/publishers/anthropic/models/{model}:streamRawPredict",
            auth="google",
            quirks=replace(CLAUDE, image_urls=False, document_urls=False),
            reshape=Reshape(removes=("model",), sets=(("anthropic_version", "vertex-2023-10-16"),)),
        ),
        "openai_chat": chat("/endpoints/openapi/chat/completions", auth="google"),
    },
    spoken=(
        Spoken(pattern="claude", protocols=("anthropic_messages",)),
        Spoken(pattern="/", protocols=("openai_chat",)),
        Spoken(pattern="", protocols=("gemini_generate",)),
    ),
    rules={"anthropic_messages": CLAUDE_VERTEX_RULES, "gemini_generate": GEMINI_RULES},
    catalogue="google",
)

# The v1 API takes deployments as models: recorded azure/responses and azure/chat-completions at /openai/v1; that it
# needs no api-version is as remembered. Claude is served beside it, at services.ai.azure.com/anthropic: seen 2026-11 in
# https://tessl.io/registry/tessl/pypi-anthropic/0.75.0/files/docs/platforms/foundry.md (the SDK's `AnthropicFoundry`).
_AZURE_CLAUDE = Endpoint(
    path="/anthropic/v1/messages",
    count_path="/anthropic/v1/messages/count_tokens",
    auth="x-api-key",
    headers=ANTHROPIC_VERSION,
    quirks=CLAUDE,
)
AZURE = Provider(
    name="azure",
    title="Azure OpenAI and AI Foundry (v1 API)",
    base_url="",
    endings=("/openai/v1", "/openai", "/anthropic/v1", "/anthropic"),
    endpoints={
        "openai_chat": Endpoint(path="/openai/v1/chat/completions", auth="api-key", quirks=GPT_CHAT),
        "openai_responses": Endpoint(path="/openai/v1/responses", auth="api-key", quirks=GPT_RESPONSES),
        "anthropic_messages": _AZURE_CLAUDE,
    },
    spoken=(
        Spoken(pattern="claude", protocols=("anthropic_messages",)),
        Spoken(pattern=RESPONSES_ONLY, protocols=("openai_responses",)),
        Spoken(pattern=RESPONSES_FIRST, protocols=("openai_responses", "openai_chat")),
        Spoken(pattern="", protocols=("openai_chat", "openai_responses")),
    ),
    rules={
        "openai_chat": GPT_CHAT_RULES,
        "openai_responses": GPT_RESPONSES_RULES,
        "anthropic_messages": CLAUDE_RULES,
    },
    catalogue="azure",
)

# The older API: the deployment stands in the path, the version in the query. Recorded:
# azure/chat-completions at /openai/deployments/gpt-4o. That 2024-10-21 is the last version of it that is no preview is
# as remembered.
AZURE_DEPLOYMENTS = Provider(
    name="azure-deployments",
    title="Azure OpenAI (deployment paths)",
    base_url="",
    endings=("/openai",),
    endpoints={
        "openai_chat": Endpoint(
            path="/openai/deployments/{model}/chat/completions?api-version=2024-10-21",
            auth="api-key",
            quirks=GPT_CHAT,
        ),
    },
    rules={"openai_chat": GPT_CHAT_RULES},
    catalogue="azure",
)

# Recorded: bedrock/invoke and invoke-with-response-stream. The model stands in the path, `stream` nowhere, betas in the
# body; streams are AWS event streams. Images by base64 alone: seen 2026-11 in
# https://platform.claude.com/docs/de/build-with-claude/vision.md. OpenAI's protocols at /openai/v1, without tools of
# the server's; of GPT the open ones speak chat alone: in
# https://docs.aws.amazon.com/bedrock/latest/userguide/inference-responses-api.html.
BEDROCK = Provider(
    name="bedrock",
    title="AWS Bedrock",
    base_url="https://bedrock-runtime.us-east-1.amazonaws.com",
    endings=("/openai/v1",),
    endpoints={
        "anthropic_messages": Endpoint(
            path="/model/{model}/invoke",
            stream_path="/model/{model}/invoke-with-response-stream",
            auth="aws",
            quirks=replace(CLAUDE, image_urls=False, document_urls=False, web_search="none"),
            reshape=Reshape(
                removes=("model", "stream"),
                sets=(("anthropic_version", "bedrock-2023-05-31"),),
                betas_to="anthropic_beta",
            ),
            aws_stream=True,
        ),
        "openai_chat": chat("/openai/v1/chat/completions", auth="aws", image_urls=False),
        "openai_responses": Endpoint(
            path="/openai/v1/responses", auth="aws", quirks=replace(GPT_RESPONSES, image_urls=False, web_search="none")
        ),
    },
    spoken=(
        Spoken(pattern=r"claude|application-inference-profile", protocols=("anthropic_messages",)),
        Spoken(pattern=r"gpt-(?!oss)", protocols=("openai_responses",)),
        Spoken(pattern="", protocols=("openai_chat",)),
    ),
    rules={"anthropic_messages": CLAUDE_RULES, "openai_responses": GPT_RESPONSES_RULES},
    catalogue="aws",
)

# Bedrock's second front, which speaks the vendors' protocols as they are: recorded bedrock/chat-completions and
# responses at bedrock-mantle.us-east-1.api.aws, where GPT stands at /openai/v1/responses and the open models at
# /v1/responses, and each is refused at the other's path (seen 2026-11 in
# https://docs.aws.amazon.com/it_it/bedrock/latest/userguide/inference-responses-api.md); the open ones speak chat as
# well. Claude at /anthropic/v1: in https://portkey.ai/docs/aigw/integrations/llms/bedrock-mantle.
BEDROCK_MANTLE = Provider(
    name="bedrock-mantle",
    title="AWS Bedrock (Mantle)",
    base_url="https://bedrock-mantle.us-east-1.api.aws",
    endings=("/openai/v1", "/anthropic", "/v1"),
    endpoints={
        "openai_responses": Endpoint(
            path="/openai/v1/responses", auth="aws", quirks=replace(GPT_RESPONSES, web_search="none")
        ),
        "openai_chat": chat("/v1/chat/completions", auth="aws", image_urls=False, reasoning_field="reasoning"),
        "anthropic_messages": claude(
            "/anthropic/v1/messages", auth="aws", quirks=replace(CLAUDE, image_urls=False, document_urls=False)
        ),
    },
    spoken=(
        Spoken(pattern="claude", protocols=("anthropic_messages",)),
        Spoken(pattern=r"gpt-(?!oss)", protocols=("openai_responses",)),
        Spoken(pattern="", protocols=("openai_chat",)),
    ),
    rules={"anthropic_messages": CLAUDE_RULES, "openai_responses": GPT_RESPONSES_RULES},
    catalogue="aws",
)

MAJORS = (OPENAI, ANTHROPIC, GEMINI, VERTEX, AZURE, AZURE_DEPLOYMENTS, BEDROCK, BEDROCK_MANTLE)
