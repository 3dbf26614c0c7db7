"""The file that nothing gets lost in."""

import errno
import os
from pathlib import Path

import pytest

from headgate.billing.journal import DAMAGED_SUFFIX, Journal, JournalFailed, Segment, adopt, parse

RECORDS = [b"one", b"second", b"3" * 300]


def die(journal: Journal) -> None:
    """The process is gone: its files are closed as they are."""
    for segment in journal._segments:
        os.close(segment.fd)


def written(directory: Path, records: list[bytes] = RECORDS) -> Path:
    """A dead worker's journal with these records; returns the file."""
    journal = Journal.start(directory, "w")
    for record in records:
        journal.append(record)
    die(journal)
    return journal._segments[-1].path


def replayed(directory: Path) -> list[bytes]:
    """All records of the dead, whose journals are emptied."""
    found = []
    for orphan in adopt(directory):
        for batch in orphan.batches(2):
            found += batch
        orphan.close()
    return found


def test_records_come_back_in_order_until_they_are_confirmed(tmp_path: Path) -> None:
    """The journal is the queue."""
    journal = Journal.start(tmp_path, "w")
    for record in RECORDS:
        journal.append(record)
    assert journal.read(2) == journal.read(2) == RECORDS[:2]
    assert journal.pending == 3
    journal.confirm()
    journal.confirm()
    assert journal.pending == 1
    assert journal.read(9) == RECORDS[2:]
    journal.confirm()
    assert journal.read(9) == []
    journal.close()


@pytest.mark.parametrize("sync", [False, True])
def test_a_file_is_deleted_once_all_of_it_is_confirmed(tmp_path: Path, sync: bool) -> None:
    """Rotation goes on in a new file; a clean end leaves one, empty."""
    journal = Journal.start(tmp_path, "w", sync=sync)
    journal.append(b"old")
    journal.rotate()
    journal.append(b"new")
    assert journal.read(9) == [b"old"]
    journal.confirm()
    assert journal.read(9) == [b"new"]
    assert len(list(tmp_path.glob("*.journal"))) == 1
    journal.confirm()
    journal.close()
    assert [path.stat().st_size for path in tmp_path.glob("*.journal")] == [0]


def test_a_journal_cut_at_any_byte_loses_only_what_was_not_confirmed(tmp_path: Path) -> None:
    """Every whole record before the cut comes back, the torn one does not, and nothing is taken for damage."""
    whole = written(tmp_path).read_bytes()
    ends = [sum(8 + len(record) for record in RECORDS[:count]) for count in range(len(RECORDS) + 1)]
    for cut in range(len(whole) + 1):
        directory = tmp_path / f"at-{cut}"
        directory.mkdir()
        (directory / "w.1.journal").write_bytes(whole[:cut])
        assert replayed(directory) == RECORDS[: sum(end <= cut for end in ends) - 1]
        assert not list(directory.glob(f"*{DAMAGED_SUFFIX}"))
        assert replayed(directory) == []


def test_a_damaged_record_sets_its_file_aside(tmp_path: Path) -> None:
    """What comes before it is replayed; the file is kept for a person to look at."""
    path = written(tmp_path)
    content = bytearray(path.read_bytes())
    content[8 + len(RECORDS[0]) + 8] ^= 1
    path.write_bytes(content)
    assert replayed(tmp_path) == RECORDS[:1]
    assert [aside.read_bytes() for aside in tmp_path.glob(f"*{DAMAGED_SUFFIX}")] == [bytes(content)]


def test_a_live_journal_is_nobody_elses(tmp_path: Path) -> None:
    """All files of a worker are adopted when it is dead, and none before, rotated ones included."""
    journal = Journal.start(tmp_path, "w")
    journal.append(b"a")
    journal.rotate()
    journal.append(b"b")
    assert adopt(tmp_path) == []
    die(journal)
    assert replayed(tmp_path) == [b"a", b"b"]


def test_an_orphan_that_is_not_read_to_its_end_stays(tmp_path: Path) -> None:
    """The database went away half-way: next time all of it is replayed again."""
    written(tmp_path)
    (orphan,) = adopt(tmp_path)
    assert next(orphan.batches(2)) == RECORDS[:2]
    orphan.close()
    assert replayed(tmp_path) == RECORDS


def test_the_name_of_a_worker_that_left_nothing_is_used_again(tmp_path: Path) -> None:
    """So that its accounts are; a name with records behind it is not taken."""
    Journal.start(tmp_path, "first").close()
    again = Journal.start(tmp_path, "second")
    assert again.worker_id == "first"
    again.append(b"x")
    die(again)
    third = Journal.start(tmp_path, "third")
    assert third.worker_id == "third"
    third.close()


def test_a_write_that_fails_half_way_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full after five bytes: the caller is told, and the next record can still be read."""
    journal = Journal.start(tmp_path, "w")
    journal.append(b"before")
    real = os.write

    def full(fd: int, data: bytes) -> int:
        if len(data) < 12:
            raise OSError(errno.ENOSPC, "full")
        return real(fd, data[:5])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(JournalFailed):
        journal.append(b"lost")
    assert journal.failing is True
    monkeypatch.setattr(os, "write", real)
    journal.probe()
    journal.append(b"after")
    assert journal.read(9) == [b"before", b"after"]
    journal.close()


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that takes several writes is still one record."""
    journal = Journal.start(tmp_path, "w")
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:3]))
    journal.append(b"in pieces")
    assert journal.read(9) == [b"in pieces"]
    journal.confirm()
    journal.close()


def test_a_record_has_a_longest_length(tmp_path: Path) -> None:
    """Readers refuse longer ones, so writers do."""
    journal = Journal.start(tmp_path, "w")
    with pytest.raises(JournalFailed):
        journal.append(b"x" * (1 << 17))
    journal.close()


def test_a_directory_that_cannot_be_written_to_is_said_so(tmp_path: Path) -> None:
    """Not as some other error."""
    with pytest.raises(JournalFailed):
        Journal.start(tmp_path / "missing", "w")


def test_random_bytes_are_not_records() -> None:
    """Parsing never goes past what its checksum vouches for."""
    assert parse(os.urandom(64) + b"\xff" * 64, 10)[0] == []


def test_a_segment_knows_its_size_when_it_is_opened(tmp_path: Path) -> None:
    """A torn write is cut back to where the file ended."""
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    segment = Segment(path, os.open(path, os.O_RDWR | os.O_APPEND))
    assert segment.size == 5
    os.close(segment.fd)
