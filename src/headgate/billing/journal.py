"""The journal: an append-only file per worker in which every finished call is written down before its answer ends.

The journal is also the queue: what has not reached the books is read from it again, so that a database that is away for
hours costs disk, not memory. A file is `<worker>.<number>.journal`; a record is the length and CRC-32 of its payload,
then the payload. Its owner keeps it locked (flock); a file that can be locked belongs to a worker that is dead.

A record is one write. After a kill at any moment only the last one can be torn, and a torn one was never confirmed.
"""

import errno
import fcntl
import os
import struct
import time
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_HEADER = struct.Struct("<II")
MAX_RECORD = 1 << 16
"""The longest payload."""

_CHUNK = 1 << 18
_SUFFIX = ".journal"
DAMAGED_SUFFIX = ".damaged"


class JournalFailed(Exception):
    """The record could not be written: the disk is full or broken. Nothing was recorded."""


class Segment:
    """One open, locked file of a journal: appended at its end, read from `position` on."""

    def __init__(self, path: Path, fd: int, *, sync: bool = False) -> None:
        self.path = path
        self.fd = fd
        self.sync = sync
        self.size = os.fstat(fd).st_size
        self.position = 0

    def write(self, record: bytes) -> None:
        """Append all or nothing.

        Raises:
            OSError: the record is not in the file.
        """
        written = 0
        try:
            while written < len(record):
                step = os.write(self.fd, record[written:] if written else record)
                if step == 0:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                written += step
            if self.sync:
                os.fdatasync(self.fd)
        except OSError:
            # A torn record in the middle would hide all that follow it.
            os.ftruncate(self.fd, self.size)
            raise
        self.size += written

    def read(self, limit: int) -> tuple[list[bytes], int]:
        """Up to so many payloads from `position` on, and the position after them. A record that is torn or damaged ends
        the list."""
        data = os.pread(self.fd, _CHUNK, self.position)
        payloads, length = parse(data, limit)
        return payloads, self.position + length

    def finish(self, *, keep: bool = False) -> Path | None:
        """All that can be read has reached the books: delete the file, while nobody else can have it, or `keep` it, but
        empty; and close it. A file with something unreadable in its middle is renamed instead; the new name is
        returned."""
        aside = None
        if is_torn_tail(os.pread(self.fd, _CHUNK, self.position)):
            if keep:
                os.ftruncate(self.fd, 0)
            else:
                self.path.unlink(missing_ok=True)
        else:
            aside = self.path.with_suffix(DAMAGED_SUFFIX)
            self.path.rename(aside)
        os.close(self.fd)
        return aside


class Journal:
    """The journal of a running worker."""

    def __init__(self, directory: Path, worker_id: str, first: Segment) -> None:
        """Use `start`."""
        self._directory = directory
        self.worker_id = worker_id
        self._segments = deque([first])
        self._batch: tuple[Segment, int, int] | None = None
        self.pending = 0
        """Records that have not reached the books."""
        self.failing = False
        """Whether the last write failed."""
        self.damaged: list[Path] = []
        """Files set aside because a record in their middle is unreadable."""

    @classmethod
    def start(cls, directory: Path, new_worker_id: str, *, sync: bool = False) -> "Journal":
        """Open a journal in an existing directory: the empty one of a worker that is gone, under its name (so that its
        accounts are used again), or else a new one. `sync` waits for the disk at every record.

        Raises:
            JournalFailed: no file can be made there.
        """
        try:
            with _directory_lock(directory):
                for worker_id, paths in _by_worker(directory).items():
                    segments = _lock_all(paths)
                    if segments is None:
                        continue
                    if len(segments) == 1 and segments[0].size == 0:
                        segments[0].sync = sync
                        return cls(directory, worker_id, segments[0])
                    _close_all(segments)
                return cls(directory, new_worker_id, _create(directory, new_worker_id, sync=sync))
        except OSError as error:
            raise JournalFailed(f"cannot make a journal in {directory}: {error}") from error

    @property
    def size_bytes(self) -> int:
        return sum(segment.size for segment in self._segments)

    def append(self, payload: bytes) -> None:
        """Write one record.

        Raises:
            JournalFailed: it is not in the journal.
        """
        if len(payload) > MAX_RECORD:
            raise JournalFailed(f"a record of {len(payload)} bytes is too long")
        self._write(_HEADER.pack(len(payload), zlib.crc32(payload)) + payload)
        self.pending += 1

    def probe(self) -> None:
        """Try whether the journal can be written to again, with an empty record, which readers skip."""
        with suppress(JournalFailed):
            self._write(_HEADER.pack(0, 0))

    def read(self, limit: int) -> list[bytes]:
        """The oldest records that have not reached the books, at most so many; the same ones again until `confirm`.

        Raises:
            JournalFailed: the file in use is damaged, and no other can be made.
        """
        while True:
            segment = self._segments[0]
            payloads, position = segment.read(limit)
            self._batch = (segment, position, len(payloads))
            if payloads or not self.pending:
                return payloads
            if segment is self._segments[-1]:
                self.rotate()
            self._finish_oldest(position)

    def confirm(self) -> None:
        """The records read last have reached the books."""
        if self._batch is None:
            return
        segment, position, count = self._batch
        segment.position = position
        self._batch = None
        self.pending -= count
        if segment.position == segment.size and segment is not self._segments[-1]:
            self._finish_oldest(position)

    def rotate(self) -> None:
        """Go on in a new file, so that the old one can be deleted once all of it has reached the books.

        Raises:
            JournalFailed: no file can be made; the old one stays in use.
        """
        try:
            with _directory_lock(self._directory):
                segment = _create(self._directory, self.worker_id, sync=self._segments[-1].sync)
        except OSError as error:
            raise JournalFailed(f"cannot make a journal in {self._directory}: {error}") from error
        self._segments.append(segment)

    @property
    def current_bytes(self) -> int:
        """The size of the file that is being written."""
        return self._segments[-1].size

    def close(self) -> None:
        """Unlock all files. If all records have reached the books, one empty file stays, which keeps the worker's name
        for the next one to start."""
        while self._segments and not self.pending:
            segment = self._segments.popleft()
            segment.position = segment.size
            segment.finish(keep=not self._segments)
        _close_all(self._segments)

    def _finish_oldest(self, position: int) -> None:
        segment = self._segments.popleft()
        segment.position = position
        aside = segment.finish()
        if aside is not None:
            self.damaged.append(aside)

    def _write(self, record: bytes) -> None:
        segment = self._segments[-1]
        try:
            segment.write(record)
        except OSError as error:
            self.failing = True
            raise JournalFailed(f"cannot write {segment.path}: {error}") from error
        self.failing = False


class Orphan:
    """The journal of a dead worker, locked by us until it is closed. Files read to their end are deleted; the last one
    stays, empty, to keep the worker's name for another."""

    def __init__(self, worker_id: str, segments: list[Segment]) -> None:
        self.worker_id = worker_id
        self._segments = segments
        self.damaged: list[Path] = []
        """Files set aside because a record in their middle is unreadable."""

    def batches(self, limit: int) -> Iterator[list[bytes]]:
        """All records, oldest first. Asking for the next batch confirms that the one before has reached the books."""
        while self._segments:
            segment = self._segments[0]
            while True:
                payloads, position = segment.read(limit)
                if position == segment.position:
                    break
                yield payloads
                segment.position = position
            aside = self._segments.pop(0).finish(keep=not self._segments)
            if aside is not None:
                self.damaged.append(aside)

    def close(self) -> None:
        """Let go of what has not been read to its end."""
        _close_all(self._segments)


def parse(data: bytes, limit: int) -> tuple[list[bytes], int]:
    """The payloads of up to `limit` whole records at the start of `data`, and how many bytes they and the empty records
    among them take. Stops at a torn or damaged record."""
    payloads: list[bytes] = []
    position = 0
    while len(payloads) < limit and position + _HEADER.size <= len(data):
        length, checksum = _HEADER.unpack_from(data, position)
        end = position + _HEADER.size + length
        payload = data[position + _HEADER.size : end]
        if length > MAX_RECORD or end > len(data) or zlib.crc32(payload) != checksum:
            break
        if payload:
            payloads.append(payload)
        position = end
    return payloads, position


def is_torn_tail(rest: bytes) -> bool:
    """Whether the unreadable end of a file is one record that was being written when its worker died, rather than
    damage with records behind it."""
    if len(rest) < _HEADER.size:
        return True
    length, _ = _HEADER.unpack_from(rest)
    return bool(length <= MAX_RECORD and len(rest) < _HEADER.size + length)


def adopt(directory: Path) -> list[Orphan]:
    """Lock and return the journals of workers that are dead: those of which every file can be locked."""
    with _directory_lock(directory):
        locked = {worker_id: _lock_all(paths) for worker_id, paths in _by_worker(directory).items()}
    return [Orphan(worker_id, segments) for worker_id, segments in locked.items() if segments is not None]


def make_directory(directory: Path) -> None:
    """Make sure that there is a directory for journals, readable by us alone.

    Raises:
        JournalFailed: there cannot be one.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise JournalFailed(f"cannot make {directory}: {error}") from error


def _by_worker(directory: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(directory.glob(f"*{_SUFFIX}")):
        found.setdefault(path.name.split(".")[0], []).append(path)
    return found


def _lock_all(paths: list[Path]) -> list[Segment] | None:
    segments: list[Segment] = []
    for path in paths:
        segment = _open_locked(path, 0)
        if segment is None:
            _close_all(segments)
            return None
        segments.append(segment)
    return segments


def _close_all(segments: "list[Segment] | deque[Segment]") -> None:
    for segment in segments:
        os.close(segment.fd)
    segments.clear()


def _create(directory: Path, worker_id: str, *, sync: bool) -> Segment:
    """A new file of this worker. Numbers ascend, so that files are replayed in the order in which they were written."""
    path = directory / f"{worker_id}.{time.time_ns():020d}{_SUFFIX}"
    segment = _open_locked(path, os.O_CREAT | os.O_EXCL, sync=sync)
    if segment is None:
        raise OSError(errno.EAGAIN, f"somebody else has locked {path}")
    return segment


def _open_locked(path: Path, flags: int, *, sync: bool = False) -> Segment | None:
    """The file, locked by us; None if somebody else has it, or has just deleted it."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | flags, 0o600)
    except FileNotFoundError:
        if flags & os.O_CREAT:
            raise
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except OSError:
        os.close(fd)
        raise
    return Segment(path, fd, sync=sync)


@contextmanager
def _directory_lock(directory: Path) -> Iterator[None]:
    """While somebody makes and locks a file, nobody may look for files that are not locked."""
    fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
