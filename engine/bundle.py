"""A bundle: named arrays in one file, read where they lie, with a digest for every block of them.

The arrays come first, each at a multiple of 64 bytes, then a table of what lies where with the
digests of all blocks, then the length of that table. Who knows the SHA-256 of the table can tell
of any block whether it is as it was written, without a look at the others.
"""

import errno
import hashlib
import json
import mmap
import os
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64_hexdigest

Array = npt.NDArray[Any]

BLOCK = 1 << 22
"""Bytes that one digest is for."""

_ALIGNED = 64
_LENGTH = 8
_FEW_BLOCKS = 8
"""As many are checked before a second thread has started."""


class Sink(Protocol):
    """Takes arrays and shows what it took."""

    def fill(
        self, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...], parts: Iterable[Array]
    ) -> Array:
        """Take an array whose first axis comes in parts; returns it as it is read from now on.

        ValueError when the parts do not make that shape.
        """
        ...

    def rows(self, name: str) -> "Array | RowsOnDisk":
        """An array of many rows that was taken, to be read a few at a time."""
        ...


class Memory(dict[str, Array]):
    """A sink that keeps arrays in memory."""

    def fill(
        self, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...], parts: Iterable[Array]
    ) -> Array:
        """As `Sink.fill`."""
        whole, count = np.empty(shape, dtype), 0
        for part in parts:
            whole[count : count + len(part)] = part
            count += len(part)
        _check_count(name, count, shape)
        self[name] = whole
        return whole

    def rows(self, name: str) -> Array:
        """As `Sink.rows`."""
        return self[name]


class BundleWriter:
    """A sink that writes a bundle to a new file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._places: dict[str, _Place] = {}

    def fill(
        self, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...], parts: Iterable[Array]
    ) -> Array:
        """As `Sink.fill`; what is returned lies in the file."""
        place, count = _Place(np.dtype(dtype).str, shape, self._file.tell()), 0
        for part in parts:
            self._file.write(np.ascontiguousarray(part, dtype).data)
            count += len(part)
        _check_count(name, count, shape)
        self._file.write(bytes(-self._file.tell() % _ALIGNED))
        self._file.flush()
        self._places[name] = replace(place, digests=tuple(self._digests(place.offset)))
        return place.on(_mapped(self._path))

    def rows(self, name: str) -> "RowsOnDisk":
        """As `Sink.rows`."""
        return self._places[name].rows(self._path)

    @property
    def _path(self) -> Path:
        return Path(self._file.name)

    def _digests(self, start: int) -> Iterator[str]:
        """Of all blocks from there to the end."""
        with self._path.open("rb") as file:
            file.seek(start)
            while block := file.read(BLOCK):
                yield xxh3_64_hexdigest(block)

    def finish(self) -> str:
        """Write the table and return its SHA-256; nothing is filled afterwards."""
        told = {name: asdict(place) for name, place in self._places.items()}
        table = json.dumps(told).encode()
        self._file.write(table + len(table).to_bytes(_LENGTH, "little"))
        return hashlib.sha256(table).hexdigest()


class Bundle(Mapping[str, Array]):
    """A bundle that was written, mapped; nothing of it is read before it is asked for."""

    def __init__(self, path: Path, size: int, sha256: str) -> None:
        """Map a file that is so long and has a table with this SHA-256; ValueError if it is not.

        OSError when it cannot be opened.
        """
        self.path, self._data = path, _mapped(path)
        if len(self._data) != size:
            raise ValueError(f"{len(self._data)} bytes where {size} were written")
        end = size - _LENGTH
        table = bytes(self._data[end - int.from_bytes(self._data[end:], "little") : end])
        if hashlib.sha256(table).hexdigest() != sha256:
            raise ValueError("its digest differs")
        self._places = {name: _Place(**place) for name, place in json.loads(table).items()}

    def __getitem__(self, name: str) -> Array:
        """An array where it lies, unchecked."""
        return self._places[name].on(self._data)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def rows(self, name: str) -> "RowsOnDisk":
        """An array of rows that are read, unchecked, when they are asked for; not mapped."""
        return self._places[name].rows(self.path)

    def check(self, names: Collection[str]) -> None:
        """Compare every block of these arrays with its digest; ValueError when one differs."""
        places = [self._places[name] for name in names]
        wanted = [digest for place in places for digest in place.digests]
        parts = [part for place in places for part in place.blocks(self._data)]
        if len(parts) <= _FEW_BLOCKS:
            found = list(map(xxh3_64_hexdigest, parts))
        else:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                found = list(pool.map(xxh3_64_hexdigest, parts))
        if found != wanted:
            raise ValueError("its digest differs")


class RowsOnDisk:
    """Rows (n, dim) in a file, read into memory one by one: few of very many.

    Unlike a mapped array, what was read does not stay with the process, and a disk that fails is an
    OSError.
    """

    def __init__(
        self, path: Path, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]
    ) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)
        self._offset, self._dtype, self.shape = offset, dtype, tuple(shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: slice | npt.NDArray[np.int64]) -> Array:
        """Some rows; OSError when the disk fails, or the file is shorter than it was."""
        if isinstance(which, slice) and which.step in {None, 1}:
            start, stop, _ = which.indices(len(self))
            rows = np.empty((max(stop - start, 0), *self.shape[1:]), self._dtype)
            self._read(rows, start)
            return rows
        places = np.arange(len(self))[which] if isinstance(which, slice) else which
        rows = np.empty((len(places), *self.shape[1:]), self._dtype)
        for row, place in zip(rows, places.tolist(), strict=True):
            self._read(row, place)
        return rows

    def _read(self, rows: Array, place: int) -> None:
        size = int(np.prod(self.shape[1:])) * self._dtype.itemsize
        buffer, at = rows.reshape(-1).view(np.uint8).data, self._offset + place * size
        while len(buffer):
            count = os.preadv(self._descriptor, [buffer], at)
            if not count:
                raise OSError(errno.EIO, "the file is shorter than it was")
            buffer, at = buffer[count:], at + count


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an array lies and what it is, with the digests of its blocks."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    digests: tuple[str, ...] = ()

    def on(self, data: memoryview) -> Array:
        count = int(np.prod(self.shape, dtype=np.int64))
        if not count:
            return np.empty(self.shape, self.dtype)
        return np.frombuffer(data, self.dtype, count, self.offset).reshape(self.shape)

    def rows(self, path: Path) -> RowsOnDisk:
        return RowsOnDisk(path, self.offset, np.dtype(self.dtype), self.shape)

    def blocks(self, data: memoryview) -> Iterator[memoryview]:
        end = self.end(data)
        for start in range(self.offset, end, BLOCK):
            yield data[start : min(start + BLOCK, end)]

    def end(self, data: memoryview) -> int:
        """Where the next begins: what fills up its last 64 bytes is its own."""
        end = self.offset + self.on(data).nbytes
        return end + -end % _ALIGNED


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _check_count(name: str, count: int, shape: tuple[int, ...]) -> None:
    if count != shape[0]:
        raise ValueError(f"{name}: {count} rows where {shape[0]} were announced")
