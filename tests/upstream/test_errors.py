"""What an error says."""

import inspect

from headgate.upstream import Broken, UpstreamError, errors


def test_the_docstring_is_the_message() -> None:
    """With a detail added where there is one."""
    assert str(Broken()) == Broken.__doc__
    assert str(Broken("reset", received=True)) == f"{Broken.__doc__} reset"
    assert (Broken().received, Broken(received=True).received) == (False, True)


def test_every_error_is_an_upstream_error_with_a_message() -> None:
    """The tree is closed and speaks."""
    found = [x for _, x in inspect.getmembers(errors, inspect.isclass)]
    assert len(found) >= 11
    assert all(issubclass(x, UpstreamError) and x.__doc__ for x in found)
