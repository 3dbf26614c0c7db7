"""One exchange on a bare socket, to the byte."""

import asyncio
import json
from typing import Any

HELLO = {"model": "sandbox", "messages": [{"role": "user", "content": "Hello"}], "stream": True}


def post(body: Any, path: str = "/v1/chat/completions", headers: str = "") -> bytes:
    """The bytes of a POST request."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: sandbox\r\nauthorization: Bearer sk-test\r\n{headers}"
    return f"{head}content-length: {len(content)}\r\n\r\n".encode() + content


def get(path: str) -> bytes:
    """The bytes of a GET request."""
    return f"GET {path} HTTP/1.1\r\nhost: sandbox\r\nauthorization: Bearer sk-test\r\n\r\n".encode()


async def connect(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the sandbox at this address."""
    host, port = url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def exchange(url: str, request: bytes) -> bytes:
    """Send, and read until the sandbox closes the connection or has been silent for a moment."""
    reader, writer = await connect(url)
    writer.write(request)
    received = b""
    try:
        while data := await asyncio.wait_for(reader.read(65536), 0.5):
            received += data
        received += b"<closed>"
    except TimeoutError:
        received += b"<open>"
    except ConnectionResetError:
        received += b"<reset>"
    finally:
        writer.close()
    return received
