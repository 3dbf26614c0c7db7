"""Expected bad outcomes, as values. A failure says whose fault it is and is encoded once, in the caller's protocol."""

from enum import StrEnum

from msgspec import Struct


class Blame(StrEnum):
    CALLER = "caller"
    UPSTREAM = "upstream"
    GATEWAY = "gateway"


class Kind(StrEnum):
    """What went wrong, in words no protocol owns. The comment is the HTTP status that every protocol answers with,
    unless `Failure.status` says otherwise."""

    INVALID_REQUEST = "invalid_request"  # 400
    MODEL_PRICE = "model_price_error"  # 400: the operator has set no price
    CONTEXT_TOO_LONG = "context_length_exceeded"  # 400
    CONTENT_POLICY = "content_policy"  # 400
    AUTHENTICATION = "authentication"  # 401
    PERMISSION = "permission"  # 403
    INSUFFICIENT_BALANCE = "insufficient_user_quota"  # 403
    KEY_BUDGET_SPENT = "pre_consume_token_quota_failed"  # 403
    NOT_FOUND = "not_found"  # 404
    MODEL_NOT_FOUND = "model_not_found"  # 404
    METHOD_NOT_ALLOWED = "method_not_allowed"  # 405
    REQUEST_TIMEOUT = "request_timeout"  # 408
    TOO_LARGE = "request_too_large"  # 413
    UNSUPPORTED_MEDIA = "unsupported_media_type"  # 415
    RATE_LIMITED = "rate_limited"  # 429
    INTERNAL = "internal"  # 500
    NOT_IMPLEMENTED = "api_not_implemented"  # 501
    UPSTREAM = "bad_response"  # 502
    EMPTY = "empty_response"  # 502
    UNAVAILABLE = "unavailable"  # 503
    OVERLOADED = "overloaded"  # 529 upstream, told to callers as 503 where a protocol knows no 529
    TIMED_OUT = "timed_out"  # 504


DEFAULT_STATUS: dict[Kind, int] = {
    Kind.INVALID_REQUEST: 400,
    Kind.MODEL_PRICE: 400,
    Kind.CONTEXT_TOO_LONG: 400,
    Kind.CONTENT_POLICY: 400,
    Kind.AUTHENTICATION: 401,
    Kind.PERMISSION: 403,
    Kind.INSUFFICIENT_BALANCE: 403,
    Kind.KEY_BUDGET_SPENT: 403,
    Kind.NOT_FOUND: 404,
    Kind.MODEL_NOT_FOUND: 404,
    Kind.METHOD_NOT_ALLOWED: 405,
    Kind.REQUEST_TIMEOUT: 408,
    Kind.TOO_LARGE: 413,
    Kind.UNSUPPORTED_MEDIA: 415,
    Kind.RATE_LIMITED: 429,
    Kind.INTERNAL: 500,
    Kind.NOT_IMPLEMENTED: 501,
    Kind.UPSTREAM: 502,
    Kind.EMPTY: 502,
    Kind.UNAVAILABLE: 503,
    Kind.OVERLOADED: 529,
    Kind.TIMED_OUT: 504,
}


class Failure(Struct, frozen=True, kw_only=True):
    """One expected bad outcome. `message` is for the caller's eyes: no upstream name, address or secret in it.

    `code`, `type` and `param` are set where an upstream of the caller's own protocol gave them, or where a contract
    wants a particular word; otherwise each protocol derives them from `kind`.
    """

    kind: Kind
    message: str
    blame: Blame = Blame.CALLER
    status: int = 0
    code: str | None = None
    type: str | None = None
    param: str | None = None
    retry_after_s: float | None = None

    @property
    def http_status(self) -> int:
        return self.status or DEFAULT_STATUS[self.kind]


class Refused(Exception):
    """Carries a `Failure` out of pure code that cannot go on: a body that does not parse, content that the other
    side cannot express."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def refuse(message: str, *, param: str | None = None, code: str | None = None) -> Refused:
    """The commonest refusal: the caller's request is wrong."""
    return Refused(Failure(kind=Kind.INVALID_REQUEST, message=message, param=param, code=code))
