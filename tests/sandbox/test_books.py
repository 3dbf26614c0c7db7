"""The books."""

from headgate.sandbox.books import Books, Entry
from headgate.sandbox.counts import Counts


def entry(name: str) -> Entry:
    return Entry(name, "openai_chat", "sandbox", "sk-test", Counts(input=3, output=2), streamed=False)


def test_totals_add_up_and_entries_are_paged() -> None:
    """Numbers go on over pages and after clearing."""
    books = Books()
    for name in ("a", "b", "c"):
        books.add(entry(name), whole=name != "b")
    assert (books.totals["answers"], books.totals["whole"], books.totals["input"]) == (3, 2, 9)
    assert [one["id"] for one in books.after(1, 10)] == ["b", "c"]
    assert [one["id"] for one in books.after(0, 1)] == ["a"]
    books.clear()
    assert (list(books.after(0, 10)), books.totals["answers"]) == ([], 0)
    books.add(entry("d"), whole=True)
    assert [(one["number"], one["whole"]) for one in books.after(3, 10)] == [(4, True)]
