"""Who gets which connection: a table of decisions, without a network."""

import asyncio
from typing import cast

from fakes.line import FakeTransport
from headgate.upstream.connection import Connection
from headgate.upstream.pool import Pool


def pool(max_idle: int = 8, max_open: int | None = None) -> Pool:
    return Pool(max_idle=max_idle, max_open=max_open, idle_lifetime_s=30)


def opened(owner: Pool) -> Connection:
    """A connection that has just been dialed."""
    connection = Connection(owner)
    connection.connection_made(cast("asyncio.Transport", FakeTransport()))
    owner.dialing()
    owner.dialed(connection)
    return connection


def test_last_freed_is_first_taken() -> None:
    """So that the others grow old."""
    it = pool()
    one, two = opened(it), opened(it)
    it.freed(one)
    it.freed(two)
    assert (it.take(), it.take(), it.take()) == (two, one, None)


def test_closed_ones_are_passed_over() -> None:
    """A connection that is closing is of no use."""
    it = pool()
    one, two = opened(it), opened(it)
    it.freed(one)
    it.freed(two)
    two.abort()
    assert it.take() is one


def test_one_too_many_is_closed() -> None:
    """The idle are bounded."""
    it = pool(max_idle=1)
    one, two = opened(it), opened(it)
    it.freed(one)
    it.freed(two)
    assert (one.usable, two.usable) == (True, False)
    assert repr(it) == "<Pool 2 open, 1 idle, 0 dialing, 0 waiting>"


async def test_who_waits_is_served_in_order() -> None:
    """A freed connection goes to the first who waits, not to the idle."""
    it = pool(max_open=1)
    one = opened(it)
    first, second = it.wait(asyncio.get_running_loop()), it.wait(asyncio.get_running_loop())
    it.freed(one)
    assert first.result() is one
    assert not second.done()
    assert it.idle == []


async def test_lost_connection_makes_room_for_a_new_one() -> None:
    """The first who waits is told to open one; the place is theirs."""
    it = pool(max_open=1)
    one = opened(it)
    waiter = it.wait(asyncio.get_running_loop())
    it.lost(one)
    assert waiter.result() is None
    assert it.full


async def test_what_a_cancelled_waiter_was_given_goes_on() -> None:
    """Whether a connection or a place."""
    it = pool(max_open=1)
    one = opened(it)
    loop = asyncio.get_running_loop()
    first, second, third = it.wait(loop), it.wait(loop), it.wait(loop)
    it.freed(one)
    it.give_up(first)
    assert second.result() is one
    one.abort()
    it.lost(one)
    assert third.result() is None
    it.give_up(third)
    assert it.unused


async def test_failed_dial_gives_its_place_to_the_next() -> None:
    """An origin that refuses one call must not block the others."""
    it = pool(max_open=1)
    it.dialing()
    waiter = it.wait(asyncio.get_running_loop())
    it.dialed()
    assert waiter.result() is None
