"""Vector search at scale, beside its limits and others: bytes a second, milliseconds, recall.

    python -m tests.bench.vectors --rows 1000000

Rows are those of `tests.bench.geometry`. All contenders take turns in one run; usearch is installed
into an environment of its own, and left out, with a note, where that fails. Queries are the same
for all; recall is that of ids within the best 10 of an exact comparison in float32.
"""

import argparse
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Self

import faiss
import numpy as np

from engine.gallery import UNREAD, Gallery, GalleryKey, derive
from engine.store import snapshots
from engine.store.records import SnapshotRecord
from engine.types import Embeddings, Ids, Modality, Space, Vectors
from engine.vectors import scan
from tests.bench.geometry import World

K = 10
ROUNDS = 15
BATCH = 64
KEY_SPACE = Space("bench", 512, "bench")
KEY = GalleryKey(Modality.IMAGE, KEY_SPACE, KEY_SPACE)

_LOOP = r"""
#include <immintrin.h>
#include <stddef.h>
long long read_all(const char *data, size_t size) {
  __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
  for (size_t at = 0; at + 128 <= size; at += 128) {
    a = _mm256_add_epi64(a, _mm256_loadu_si256((const __m256i *)(data + at)));
    b = _mm256_add_epi64(b, _mm256_loadu_si256((const __m256i *)(data + at + 32)));
    c = _mm256_add_epi64(c, _mm256_loadu_si256((const __m256i *)(data + at + 64)));
    d = _mm256_add_epi64(d, _mm256_loadu_si256((const __m256i *)(data + at + 96)));
  }
  a = _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d));
  return _mm256_extract_epi64(a, 0) + _mm256_extract_epi64(a, 3);
}
"""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Made-up rows, as an encoder would have given them."""

    world: World
    count: int

    def __len__(self) -> int:
        return self.count

    def blocks(self) -> Iterator[Embeddings]:
        at = 0
        for rows in self.world.pictures(self.count):
            whole = Embeddings(KEY_SPACE, np.arange(at, at + len(rows), dtype=np.int64), rows)
            yield from whole.blocks()
            at += len(rows)


class Reader:
    """How fast memory is read, by a loop in C."""

    def __init__(self, folder: Path) -> None:
        source, library = folder / "loop.c", folder / "loop.so"
        source.write_text(_LOOP)
        flags = ["-O3", "-march=native", "-shared", "-fPIC"]
        compiler = shutil.which("cc") or "cc"
        subprocess.run([compiler, *flags, "-o", library, source], check=True, capture_output=True)
        self._read = ctypes.CDLL(str(library)).read_all
        self._read.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

    def seconds(self, data: np.ndarray, threads: int) -> float:
        """To read all of it."""
        share = data.nbytes // threads
        first = data.ctypes.data
        begun = time.perf_counter()
        list(scan._threads().map(lambda at: self._read(first + at * share, share), range(threads)))
        return time.perf_counter() - begun


class Rival:
    """Another library in its own environment, asked over a pipe."""

    def __init__(self, folder: Path, package: str, rows: Path, queries: Path) -> None:
        place = folder / package
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        pip = [place / "bin/python", "-m", "pip", "install", "-q", package]
        subprocess.run(pip, check=True, capture_output=True)
        line = [place / "bin/python", "-c", _RIVAL, rows, queries]
        self._process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.version = self._ask("version")

    def _ask(self, what: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def search(self, number: int) -> tuple[float, list[int]]:
        """Seconds and ids for one query."""
        seconds, found = self._ask(str(number))
        return seconds, found

    def close(self) -> None:
        self._process.communicate()


_RIVAL = """
import json, sys, time
import numpy as np, usearch
from usearch.index import search, MetricKind
rows, queries = np.load(sys.argv[1], mmap_mode="r"), np.load(sys.argv[2])
rows = np.ascontiguousarray(rows)
for line in sys.stdin:
    if line.strip() == "version":
        print(json.dumps(usearch.__version__), flush=True)
        continue
    query = queries[int(line)]
    begun = time.perf_counter()
    found = search(rows, query, 10, MetricKind.IP, exact=True, threads=2)
    print(json.dumps([time.perf_counter() - begun, found.keys.tolist()]), flush=True)
"""


@dataclass(slots=True)
class Table:
    """Lines of a table, also as JSON."""

    lines: list[dict[str, Any]]

    def add(self, what: str, figure: str, **numbers: Any) -> None:
        self.lines.append({"what": what, "figure": figure, **numbers})
        print(f"| {what} | {figure} |", flush=True)

    @classmethod
    def new(cls) -> Self:
        return cls([])


def timed(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def published(folder: Path, source: Source, table: Table) -> SnapshotRecord:
    begun = time.perf_counter()
    with snapshots.publishing(folder, "bench", len(source) * 512 * 3) as made:
        derive(KEY, source, made.bundle)
    seconds = time.perf_counter() - begun
    table.add(
        "snapshot written (rows made on the way)", f"{seconds:.1f} s, {made.size / 1e9:.2f} GB"
    )
    return SnapshotRecord("bench", "bench", 1, len(source), made.name, made.size, made.sha256)


def opened(folder: Path, record: SnapshotRecord) -> Gallery:
    return Gallery.load(KEY, snapshots.mapped(folder, record, unread=UNREAD))


def recall(found: list[Ids], truth: list[Ids]) -> float:
    shares = [len(np.intersect1d(f, t)) / len(t) for f, t in zip(found, truth, strict=True)]
    return float(np.mean(shares))


def main() -> None:
    """Print the table; write it as JSON where asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    table, world = Table.new(), World()
    texts = world.texts(ROUNDS + BATCH)
    pictures = next(world.pictures(ROUNDS, kind=2))
    with tempfile.TemporaryDirectory(prefix="vectors-") as name:
        folder = Path(name)
        source = Source(world, options.rows)
        record = published(folder / "snapshots", source, table)
        before = resident_mib()
        seconds = timed(lambda: opened(folder / "snapshots", record).search(texts[0], K))
        gallery = opened(folder / "snapshots", record)
        table.add("opened, with the first answer", f"{seconds:.3f} s", seconds=seconds)
        for query in (*texts[:ROUNDS], *pictures):
            gallery.search(query, K)
        grown = resident_mib() - before
        table.add("memory that searching takes", f"{grown:.0f} MiB", mib=grown)
        _filtered(gallery, texts, options.rows, table)
        _compared(folder, gallery, source, texts, pictures, table)
    if options.json:
        options.json.write_text(json.dumps(table.lines, indent=1))


def _filtered(gallery: Gallery, texts: Vectors, rows: int, table: Table) -> None:
    dice = np.random.default_rng(0)
    for share in (0.001, 0.01, 0.1, 0.5):
        among = np.sort(dice.choice(rows, int(share * rows), replace=False)).astype(np.int64)
        took = [timed(partial(gallery.search, q, K, among)) for q in texts[:ROUNDS]]
        table.add(f"one query among {share:.1%} of the rows", f"p50 {1e3 * median(took):.2f} ms")


def _compared(
    folder: Path, gallery: Gallery, source: Source, texts: Vectors, pictures: Vectors, table: Table
) -> None:
    """All contenders, taking turns."""
    rows = np.empty((len(source), 512), np.float32)
    for block in source.blocks():
        rows[block.ids] = block.vectors
    np.save(folder / "rows.npy", rows)
    np.save(folder / "queries.npy", texts)
    flat = faiss.IndexFlatIP(512)
    flat.add(rows)
    faiss_threads = faiss.omp_get_max_threads()
    reader, rival = _reader(folder, table), _rival(folder, table)
    took: dict[str, list[float]] = {}
    found: dict[str, list[Ids]] = {"seehear": [], "usearch": []}
    as_installed = f"faiss {faiss.__version__} IndexFlatIP as installed, {faiss_threads} threads"
    for number, query in enumerate(texts[:ROUNDS]):
        took.setdefault("numpy", []).append(timed(partial(_numpy, rows, query)))
        took.setdefault(as_installed, []).append(timed(partial(flat.search, query[None], K)))
        took.setdefault("seehear", []).append(timed(partial(gallery.search, query, K)))
        found["seehear"].append(gallery.search(query, K)[0])
        if rival is not None:
            seconds, ids = rival.search(number)
            took.setdefault(f"usearch {rival.version} exact, 2 threads", []).append(seconds)
            found["usearch"].append(np.array(ids))
        _against_memory(gallery, query, reader, took)
    truth = [flat.search(q[None], K)[1][0] for q in texts[:ROUNDS]]
    for name, seconds in took.items():
        _tell(name, seconds, len(rows), table)
    for name, ids in found.items():
        if ids:
            table.add(f"recall@10 of text queries, {name}", f"{recall(ids, truth):.4f}")
    of_pictures = [gallery.search(q, K)[0] for q in pictures]
    truth = [flat.search(q[None], K)[1][0] for q in pictures]
    table.add("recall@10 of picture queries, seehear", f"{recall(of_pictures, truth):.4f}")
    _batches(gallery, flat, texts[ROUNDS:], table)
    if rival is not None:
        rival.close()


def _against_memory(
    gallery: Gallery, query: Vectors, reader: Reader | None, took: dict[str, list[float]]
) -> None:
    """A scan with one thread and with all, after a bare read of the same codes."""
    codes, usual = gallery._base.index._codes, scan._ROWS_OF_A_PART
    for threads in (1, os.cpu_count() or 1):
        if reader is not None:
            name = f"memory read by a loop in C, {threads} threads"
            took.setdefault(name, []).append(reader.seconds(codes, threads))
        scan._ROWS_OF_A_PART = len(codes) // threads
        name = f"codes scanned, {threads} threads"
        took.setdefault(name, []).append(timed(partial(gallery.search, query, K)))
    scan._ROWS_OF_A_PART = usual


def _numpy(rows: Vectors, query: Vectors) -> Ids:
    scores = rows @ query
    best = np.argpartition(scores, -K)[-K:]
    return best[np.argsort(-scores[best])]


def _tell(name: str, seconds: list[float], rows: int, table: Table) -> None:
    middle, best = median(seconds), min(seconds)
    figure = f"median {1e3 * middle:.1f} ms, best {1e3 * best:.1f}"
    if name.startswith(("memory", "codes")):
        figure += f": {rows * 512 / middle / 1e9:.1f} GB/s, best {rows * 512 / best / 1e9:.1f}"
    table.add(name, figure, median=middle, best=best)


def _batches(gallery: Gallery, flat: Any, queries: Vectors, table: Table) -> None:
    index = gallery._base.index
    ours, theirs = list[float](), list[float]()
    for _ in range(3):
        theirs.append(timed(lambda: flat.search(queries, K)))
        ours.append(timed(lambda: index.search_many(queries, K)))
    expected = flat.search(queries, K)[1]
    found = [ids for ids, _ in index.search_many(queries, K)]
    same = recall(found, list(expected))
    table.add(
        f"{len(queries)} queries at once",
        f"{1e3 * median(ours):.0f} ms; faiss as installed {1e3 * median(theirs):.0f} ms "
        f"({median(theirs) / median(ours):.1f} times); recall@10 {same:.4f}",
    )


def _reader(folder: Path, table: Table) -> Reader | None:
    try:
        return Reader(folder)
    except (OSError, subprocess.CalledProcessError) as error:
        table.add("memory read by a loop in C", f"not run: {error}")
        return None


def _rival(folder: Path, table: Table) -> Rival | None:
    try:
        return Rival(folder, "usearch", folder / "rows.npy", folder / "queries.npy")
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        table.add("usearch", f"not run: {error}")
        return None


if __name__ == "__main__":
    main()
