"""Google's wire: the typed shapes that the meter and `peek` read, and readers for the rest.

Answers are read by types (cheap: media and free JSON stay unread as `Raw`); requests that are decoded in full are
plain JSON values, taken apart by the readers below, which refuse in Google's own words.
Enum values may be names or numbers (`$alt=json;enum-encoding=int`, wire gemini/stream-jsonarray-basic).
"""

import re

import msgspec
from msgspec import Raw, Struct, field

from headgate.canonical.failure import Refused, refuse
from headgate.canonical.parts import Json

# Numbers as in generativelanguage v1beta generative_service.proto (2026-09-13).
FINISH_NUMBERS = (
    "FINISH_REASON_UNSPECIFIED",
    "STOP",
    "MAX_TOKENS",
    "SAFETY",
    "RECITATION",
    "OTHER",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MALFORMED_FUNCTION_CALL",
    "IMAGE_SAFETY",
    "UNEXPECTED_TOOL_CALL",
    "TOO_MANY_TOOL_CALLS",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_OTHER",
    "NO_IMAGE",
    "IMAGE_RECITATION",
)
BLOCK_NUMBERS = (
    "BLOCK_REASON_UNSPECIFIED",
    "SAFETY",
    "OTHER",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "IMAGE_SAFETY",
)
MODALITY_NUMBERS = ("MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT")
MODE_NUMBERS = ("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED")
LEVEL_NUMBERS = ("THINKING_LEVEL_UNSPECIFIED", "LOW", "MEDIUM", "HIGH", "MINIMAL")
OUTPUT_NUMBERS = ("MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO")
OUTCOME_NUMBERS = ("OUTCOME_UNSPECIFIED", "OUTCOME_OK", "OUTCOME_FAILED", "OUTCOME_DEADLINE_EXCEEDED")

UNSPECIFIED = frozenset({"FINISH_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED"})

Enum = str | int | None


def enum_name(value: object, numbers: tuple[str, ...]) -> str | None:
    """The name of an enum value, given as name or number; None for none."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return numbers[value] if 0 <= value < len(numbers) else str(value)
    return None


# --- answers, as far as metering reads them -------------------------------------------------------------------------


class ModalityCount(Struct, frozen=True, rename="camel"):
    modality: Enum = None
    token_count: int | None = None


class UsageMetadata(Struct, frozen=True, rename="camel"):
    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: list[ModalityCount] | None = None
    candidates_tokens_details: list[ModalityCount] | None = None
    cache_tokens_details: list[ModalityCount] | None = None
    tool_use_prompt_tokens_details: list[ModalityCount] | None = None
    service_tier: str | None = None


class MeteredPart(Struct, frozen=True, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    function_call: Raw = Raw()
    inline_data: Raw = Raw()
    file_data: Raw = Raw()
    executable_code: Raw = Raw()
    code_execution_result: Raw = Raw()
    tool_call: Raw = Raw()
    tool_response: Raw = Raw()


class MeteredContent(Struct, frozen=True):
    parts: list[MeteredPart] | None = None


class WebChunk(Struct, frozen=True):
    web: Raw = Raw()


class MeteredGrounding(Struct, frozen=True, rename="camel"):
    web_search_queries: list[str] | None = None
    grounding_chunks: list[WebChunk] | None = None


class MeteredCandidate(Struct, frozen=True, rename="camel"):
    content: MeteredContent | None = None
    index: int | None = None
    finish_reason: Enum = None
    grounding_metadata: MeteredGrounding | None = None


class Feedback(Struct, frozen=True, rename="camel"):
    block_reason: Enum = None


class MeteredAnswer(Struct, frozen=True, rename="camel"):
    candidates: list[MeteredCandidate] | None = None
    usage_metadata: UsageMetadata | None = None
    prompt_feedback: Feedback | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: Raw = Raw()


# --- requests, as far as `peek` reads them: each field in both spellings -------------------------------------------


class PeekBlob(Struct, frozen=True):
    mime_type: str | None = field(name="mimeType", default=None)
    mime_type_snake: str | None = field(name="mime_type", default=None)

    @property
    def kind(self) -> str:
        return (self.mime_type or self.mime_type_snake or "").partition("/")[0]


class PeekResponse(Struct, frozen=True):
    response: Raw = Raw()
    parts: "list[PeekPart] | PeekPart | None" = None


class PeekPart(Struct, frozen=True):
    text: str | None = None
    inline: PeekBlob | None = field(name="inlineData", default=None)
    inline_snake: PeekBlob | None = field(name="inline_data", default=None)
    file: PeekBlob | None = field(name="fileData", default=None)
    file_snake: PeekBlob | None = field(name="file_data", default=None)
    call: Raw = field(name="functionCall", default=Raw())
    call_snake: Raw = field(name="function_call", default=Raw())
    result: PeekResponse | None = field(name="functionResponse", default=None)
    result_snake: PeekResponse | None = field(name="function_response", default=None)
    code: Raw = field(name="executableCode", default=Raw())
    code_snake: Raw = field(name="executable_code", default=Raw())
    output: Raw = field(name="codeExecutionResult", default=Raw())
    output_snake: Raw = field(name="code_execution_result", default=Raw())


class PeekContent(Struct, frozen=True):
    parts: list[PeekPart] | PeekPart | None = None


class PeekTool(Struct, frozen=True):
    functions: Raw = field(name="functionDeclarations", default=Raw())
    functions_snake: Raw = field(name="function_declarations", default=Raw())
    search: Raw = field(name="googleSearch", default=Raw())
    search_snake: Raw = field(name="google_search", default=Raw())
    retrieval: Raw = field(name="googleSearchRetrieval", default=Raw())
    retrieval_snake: Raw = field(name="google_search_retrieval", default=Raw())
    enterprise: Raw = field(name="enterpriseWebSearch", default=Raw())
    enterprise_snake: Raw = field(name="enterprise_web_search", default=Raw())


class PeekConfig(Struct, frozen=True):
    limit: int | str | None = field(name="maxOutputTokens", default=None)
    limit_snake: int | str | None = field(name="max_output_tokens", default=None)
    count: int | str | None = field(name="candidateCount", default=None)
    count_snake: int | str | None = field(name="candidate_count", default=None)
    schema: Raw = field(name="responseSchema", default=Raw())
    schema_snake: Raw = field(name="response_schema", default=Raw())
    json_schema: Raw = field(name="responseJsonSchema", default=Raw())
    json_schema_snake: Raw = field(name="response_json_schema", default=Raw())


class PeekRequest(Struct, frozen=True):
    model: str | None = None
    contents: list[PeekContent] | PeekContent | None = None
    system: PeekContent | str | None = field(name="systemInstruction", default=None)
    system_snake: PeekContent | str | None = field(name="system_instruction", default=None)
    tools: Raw = Raw()
    config: PeekConfig | None = field(name="generationConfig", default=None)
    config_snake: PeekConfig | None = field(name="generation_config", default=None)
    counted: "PeekRequest | None" = field(name="generateContentRequest", default=None)
    counted_snake: "PeekRequest | None" = field(name="generate_content_request", default=None)


# --- readers of plain JSON -------------------------------------------------------------------------------------------


def parse(body: bytes) -> Json:
    """Any JSON text as plain values.

    Raises:
        Refused: where it is not JSON.
    """
    try:
        value: Json = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_json(error) from error
    return value


def bad_json(error: Exception) -> Refused:
    if isinstance(error, RecursionError):
        return refuse("Invalid JSON payload received. It is nested too deeply.")
    if isinstance(error, msgspec.ValidationError):
        return refuse(f"Invalid JSON payload received. {error}")
    return refuse(f"Invalid JSON payload received. {str(error).partition(chr(10))[0]}")


def invalid(where: str, what: str) -> Refused:
    return refuse(f"Invalid value at '{where}' ({what})", param=where)


def obj(value: Json, where: str) -> dict[str, Json]:
    """A message; absent is empty."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise invalid(where, "an object is expected")


def items(value: Json, where: str) -> list[Json]:
    """A repeated field; absent is empty. One value alone is taken for a list of it, as Google does."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, dict | str):
        return [value]
    raise invalid(where, "a list is expected")


def text(value: Json, where: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise invalid(where, "a string is expected")


def flag(value: Json, where: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise invalid(where, "true or false is expected")


_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")


def number(value: Json, where: str) -> float | None:
    """A number, which proto3 JSON also reads from a string."""
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value) and len(value) < 40:
        return float(value)
    raise invalid(where, "a number is expected")


def integer(value: Json, where: str) -> int | None:
    """A whole number of at most 64 bits; `5.0` and `"5"` are 5."""
    found = number(value, where)
    if found is None:
        return None
    if found != found // 1 or abs(found) >= 2**63:
        raise invalid(where, "a whole number is expected")
    return int(found)
