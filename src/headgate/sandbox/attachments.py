"""Files inside requests: base64, data URLs, addresses."""

import base64

from headgate.sandbox.prompt import Document, Json, Picture
from headgate.sandbox.reply import Refused


def picture(url: str, where: str) -> Picture:
    """A picture given as a data URL, or as an address."""
    if url.startswith("data:"):
        return Picture(decoded(url.partition(",")[2], where))
    if not url.startswith(("http://", "https://")):
        raise Refused(400, "Invalid image URL. Expected a valid URL or a data URL.", "image", where)
    return Picture(url=url)


def document(file: Json, where: str) -> Document:
    """A file given as a data URL, or by the id of an earlier upload, which the sandbox does not keep."""
    name, data = str(file.get("filename", "")), file.get("file_data")
    if not isinstance(data, str):
        return Document(b"", "", name or str(file.get("file_id") or file.get("file_url") or ""))
    head, _, encoded = data.rpartition(",")
    media_type = head.removeprefix("data:").partition(";")[0] or ("application/pdf" if name.endswith(".pdf") else "")
    return Document(decoded(encoded, where), media_type, name)


def decoded(data: str, where: str) -> bytes:
    """The bytes of base64. Raises Refused."""
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        raise Refused(400, f"Invalid base64 data in '{where}'.", "image", where) from None
