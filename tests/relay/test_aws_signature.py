"""AWS Signature Version 4."""

from hashlib import sha256
from hmac import digest

import pytest

from headgate.relay.aws_signature import AwsKeys, AwsSigner, read_aws_keys

NOW = 1_440_938_160.0  # 2015-08-30T12:36:00Z
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7"
    "mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d"
    "+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)


def signer(token: str | None = None) -> AwsSigner:
    keys = AwsKeys(access_key_id="AKIDEXAMPLE", secret_access_key=SECRET, session_token=token)
    return AwsSigner(keys, service="service", region="us-east-1", clock=lambda: NOW)


async def signature(line: str, *, token: str | None = None, body: bytes = b"") -> str:
    head = f"{line} HTTP/1.1\r\nhost: example.amazonaws.com\r\n"
    signed = (await signer(token).sign(head.encode(), body)).decode()
    assert signed.startswith(head)
    assert "x-amz-date: 20150830T123600Z\r\n" in signed
    fields = dict(field.split(": ", 1) for field in signed.split("\r\n")[1:-1])
    assert fields["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/")
    return fields["authorization"].rpartition("Signature=")[2]


# The vectors of AWS's Signature Version 4 test suite (docs.aws.amazon.com, "Create a signed AWS API request").
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("GET /", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST /", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ("GET /?Param2=value2&Param1=value1", "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    ],
)
async def test_published_vectors(line: str, wanted: str) -> None:
    """What AWS itself gives for its example keys."""
    assert await signature(line) == wanted


async def test_an_escaped_path_is_escaped_once_more_for_signing() -> None:
    """As every service but S3 reckons it: the colon of a model's name is `%3A` on the wire and `%253A` in what is
    signed. Reckoned here step by step as the documentation tells it."""
    day, at = "20150830", "20150830T123600Z"
    canonical = "\n".join(
        (
            "POST",
            "/model/claude-v1%253A0/invoke",
            "",
            f"host:example.amazonaws.com\nx-amz-date:{at}\n",
            "host;x-amz-date",
            sha256(b"{}").hexdigest(),
        )
    )
    scope = f"{day}/us-east-1/service/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for part in (day, "us-east-1", "service", "aws4_request", to_sign):
        key = digest(key, part.encode(), "sha256")
    assert await signature("POST /model/claude-v1%3A0/invoke", body=b"{}") == key.hex()


async def test_a_session_token_is_signed_with() -> None:
    """Temporary keys show their token (AWS's vector `post-sts-header-before`)."""
    wanted = "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
    assert await signature("POST /", token=TOKEN) == wanted


async def test_the_body_is_part_of_the_signature() -> None:
    """Another body, another signature."""
    assert await signature("POST /", body=b"a") != await signature("POST /", body=b"b")


def test_keys_are_read_and_not_shown() -> None:
    """Two parts or three, nothing else."""
    assert read_aws_keys("AKIA1:se/cr+et") == AwsKeys(access_key_id="AKIA1", secret_access_key="se/cr+et")
    assert read_aws_keys("ASIA1:secret:token").session_token == "token"
    assert "secret" not in repr(read_aws_keys("ASIA1:secret:token"))
    for wrong in ("", "AKIA1", "AKIA1:", "a:b:c:d"):
        with pytest.raises(ValueError, match="ACCESS_KEY_ID"):
            read_aws_keys(wrong)
