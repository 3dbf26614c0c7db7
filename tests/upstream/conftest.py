"""Every test that opens sockets runs on both event loops."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvloop

from headgate.upstream import Client


@pytest.fixture(params=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    return uvloop.EventLoopPolicy() if request.param == "uvloop" else asyncio.DefaultEventLoopPolicy()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client(sweep_s=0.01)
    yield client
    await client.close()
