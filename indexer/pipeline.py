"""Indexing: scan, plan, read ahead, encode in batches, commit once per batch, report."""

import os
import time
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine import models
from engine.errors import MediaError, UsageError
from engine.library import Library
from engine.log import log
from engine.media.process import GUARD, Guard
from engine.media.workers import Workers
from engine.media.workers import workers as decoding
from engine.ports import Encoder
from engine.store.records import ContentRecord, FileRecord, State
from engine.store.stamps import stamp_of
from engine.store.writer import CatalogueWriter
from engine.threads import one_blas_thread
from indexer.ahead import reading
from indexer.embed import embed
from indexer.folders import Walked, remember
from indexer.inflight import MAX_DEATHS, REASON, Inflight, inflight
from indexer.plan import Plan, plan
from indexer.read import Failed, Known, New, Reader, Reading
from indexer.recognise import recognise
from indexer.report import IndexReport, Progress, Skip, Watch, log_skip, unwatched
from indexer.reread import due, reread
from indexer.scan import FoundFile, Scan
from indexer.transcribe import REMEMBERED, Transcription, Wishes, remembered

if TYPE_CHECKING:
    from concurrent.futures import Future

BATCH_FILES = 64
"""Files in one commit, at most."""

BATCH_PIECES = 256
"""Pieces in one commit, about; a long recording may bring more."""

BATCH_SECONDS = 2.0
"""How long work may wait for its commit."""

LOOK_AHEAD = 12
"""Files that wait to be encoded, besides those being read; each may be an open film."""

_CHANGED = MediaError("unstable", "it changed while it was read")


def index(
    library: Library,
    paths: Sequence[str | Path] = (),
    *,
    watch: Watch = unwatched,
    watch_weights: models.Watcher = models.silent,
    workers: int | None = None,
    words: Wishes = REMEMBERED,
    guard: Guard = GUARD,
) -> IndexReport:
    """Bring a library up to date with folders on disk.

    Everything committed before an interruption is kept; the next run goes on from there.

    Args:
        library: an open library.
        paths: folders to add, or files and folders inside roots; none for all roots.
        watch: called after every commit.
        watch_weights: called while weights are fetched, at the first use of a profile.
        workers: files that are read and decoded at once; None for one per core.
        words: whether to read text in pictures and to listen to speech, from now on.
        guard: what a decoder may take before its file is given up.

    Raises:
        UsageError: a path is not there, or there is nothing to index.
        MissingPackageError: words are wanted, and what finds them is not installed.
        LibraryLockedError: another process is indexing.
    """
    start = time.perf_counter()
    with (
        library.writing() as writer,
        decoding(workers or os.cpu_count() or 1, guard) as decoders,
    ):
        log.info("index: profile %s, %s", library.profile.name, ", ".join(map(str, paths)) or "all")
        scopes, away = _scopes(writer, [_absolute(one) for one in paths])
        transcribers = remembered(writer, words)
        report = replace(_files(library, writer, scopes, watch, watch_weights, decoders), away=away)
        report = replace(report, recognised=recognise(writer, watch, decoders))
        library.publish(writer)
        found = Transcription(writer, watch, decoders)
        for one in transcribers:
            found.run(one)
        writer.checkpoint()
        report = found.told(report)
        log.info("index ended, exit code %d: %s", report.exit_code, report.counts)
    return replace(report, seconds=time.perf_counter() - start)


def _files(
    library: Library,
    writer: CatalogueWriter,
    scopes: Sequence[tuple[Path, Path]],
    watch: Watch,
    watch_weights: models.Watcher,
    decoders: Workers,
) -> IndexReport:
    """Bring every file to its end; of what was found, the report alone outlives this."""
    walks = [Walked.of(writer, root, below) for root, below in scopes]
    todo = _plan(writer, walks)
    before = [row for row in todo.keep if row.state is State.FAILED]
    lacking = [*before, *(row for one in walks for row in one.lacking(writer))]
    skipped = [*(_skip_of(row) for row in lacking), *_refused([one.found for one in walks])]
    for skip in skipped:
        log_skip(skip)
    decoders.start(sum(one.takes_decoder for one in (*todo.add, *todo.refresh)))
    _get_ready(library, todo, watch_weights)
    run = _Run(library, writer, todo, watch, decoders)
    old = due(writer)
    with one_blas_thread(), inflight(library.path, writer, decoders.size) as run.inflight:
        run.work()
    reread(writer, old, decoders)
    remember(writer, walks, [*before, *run.failures])
    library.record_makers(writer, run.used.values())
    return run.report(walks, skipped)


def _absolute(path: str | Path) -> Path:
    # Unlike pathlib's own, these keep symbolic links and take ~ without a home for a name.
    return Path(os.path.abspath(os.path.expanduser(path)))  # noqa: PTH100, PTH111


def _scopes(
    writer: CatalogueWriter, targets: Sequence[Path]
) -> tuple[list[tuple[Path, Path]], tuple[Path, ...]]:
    """Root and folder of each walk, none inside another, and the roots that are away."""
    for target in targets:  # all of them before the first is adopted
        if not _is_there(target):
            raise UsageError(f"There is nothing at {target}.", hint="Check the spelling.")
    for target in targets:
        if not any(target.is_relative_to(root) for root in writer.roots()):
            _adopt(writer, target)
    roots = writer.roots()
    if not roots:
        raise UsageError("There is nothing to index yet.", hint="Try: seehear index FOLDER")
    wanted = [t for t in targets if not any(t != o and t.is_relative_to(o) for o in targets)]
    chosen = list(dict.fromkeys(wanted)) or list(roots)
    walks = [(root, below) for below in chosen for root in roots if below.is_relative_to(root)]
    away = tuple(
        root for root, below in walks if not _is_there(below) or _is_unmounted(writer, root)
    )
    return [(root, below) for root, below in walks if root not in away], away


def _is_unmounted(writer: CatalogueWriter, root: Path) -> bool:
    """Whether a root that held files is bare now, as the mount point of a drive that is away."""
    try:
        return not any(root.iterdir()) and bool(writer.file_count(root))
    except OSError:
        return False


def _is_there(path: Path) -> bool:
    """Whether something is at a path; what lies in a closed folder cannot be seen."""
    try:
        return path.exists()
    except OSError:
        return False


def _adopt(writer: CatalogueWriter, target: Path) -> None:
    if not target.is_dir():
        raise UsageError(
            f"{target} is a file outside the indexed folders.",
            hint=f"Index its folder: seehear index {target.parent}",
        )
    writer.adopt_root(target)


def _plan(writer: CatalogueWriter, walks: Sequence[Walked]) -> Plan:
    rows = [row for one in walks for row in one.rows(writer)]
    files = [file for one in walks for file in one.found.files]
    return plan(files, rows, [folder for one in walks for folder, _ in one.found.unreadable])


def _skip_of(row: FileRecord) -> Skip:
    return Skip(os.path.join(row.root, os.fsdecode(row.path)), row.reason)  # noqa: PTH118


def _path_of(row: FileRecord) -> Path:
    return row.root / os.fsdecode(row.path)


def _get_ready(library: Library, todo: Plan, watcher: models.Watcher) -> None:
    """Fetch and build weights before any file waits for them, in this thread, so it is seen."""
    if todo.add or todo.refresh:
        library.profile.prepare(watcher)


@dataclass(slots=True)
class _Run:
    """One run of the pipeline: what waits for its commit, and the counts so far."""

    library: Library
    writer: CatalogueWriter
    plan: Plan
    watch: Watch
    decoders: Workers
    inflight: Inflight = field(init=False)
    group: list[tuple[FoundFile, New]] = field(default_factory=list)
    known: list[tuple[FoundFile, bytes]] = field(default_factory=list)
    failed: list[FileRecord] = field(default_factory=list)
    failures: list[FileRecord] = field(default_factory=list)
    failed_digests: dict[bytes, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    before: dict[tuple[Path, bytes], bytes | None] = field(init=False)
    gone: Counter[bytes | None] = field(init=False)
    used: dict[int, Encoder] = field(default_factory=dict)
    total: int = field(init=False)
    since: float = 0.0
    done: int = 0
    encoded: int = 0
    segments: int = 0
    touched: int = 0
    moved: int = 0
    copies: int = 0

    def __post_init__(self) -> None:
        self.before = self.plan.before
        self.total = len(self.plan.add) + len(self.plan.refresh)
        self.gone = Counter(row.digest for row in self.plan.remove)

    def work(self) -> None:
        """Bring every planned file to its final state."""
        self.since = time.monotonic()
        # New names first: their bytes may be known from a file that is overwritten or gone.
        for part in (self.plan.add, self.plan.refresh):
            self._finish(self.inflight.unsuspected(part))
        self._work_on_suspects()
        if self.plan.remove:
            self.writer.write([], [], self.plan.remove)

    def _work_on_suspects(self) -> None:
        """Read alone, and commit at once, what was in hand when runs were killed; worst last."""
        self.inflight.alone = True
        suspects = self.inflight.suspected(self.plan.work)
        for file in sorted(suspects, key=suspects.__getitem__):
            if suspects[file] >= MAX_DEATHS:
                self._fail(file, REASON, None)
            else:
                self._finish([file])
        self._commit()

    def _finish(self, files: Sequence[FoundFile]) -> None:
        while files:
            files = self._work_on(files)

    def _work_on(self, files: Sequence[FoundFile]) -> Sequence[FoundFile]:
        """One pass over files; returns those that must be read again, always fewer."""
        reader = Reader(self.library.profile, self.writer.digests(), self.decoders, self.inflight)
        with closing(_read_ahead(reader, files)) as stream:  # whatever happens: its threads end
            for file, found in stream:
                self._take(file, found)
                if self._is_due():
                    self._commit()
        self._commit()
        return self._settle_known()

    def _take(self, file: FoundFile, found: Reading) -> None:
        match found:
            case New():
                self.group.append((file, found))
            case Known():
                self.known.append((file, found.digest))
            case Failed():
                self._fail(file, found.reason, found.digest)

    def _fail(self, file: FoundFile, reason: str, digest: bytes | None) -> None:
        reason = self.reasons.setdefault(reason, reason)  # thousands may fail for one
        row = FileRecord(file.root, file.path, file.stamp, State.FAILED, reason)
        self.failed.append(row)
        self.failures.append(row)
        log_skip(_skip_of(row))
        if digest is not None:
            self.failed_digests[digest] = reason

    def _is_due(self) -> bool:
        pieces = sum(len(one.head) for _, new in self.group for one in new.strands)
        full = len(self.group) + len(self.failed) >= BATCH_FILES or pieces >= BATCH_PIECES
        return full or time.monotonic() - self.since > BATCH_SECONDS

    def _commit(self) -> None:
        """Encode what waits and commit it; only then is it acknowledged."""
        contents, files = [], []
        embedded = embed([new for _, new in self.group])
        self.used |= {id(e): e for _, new in self.group for s in new.strands for e in s.encoders}
        for (file, new), record in zip(self.group, embedded, strict=True):
            result = record if stamp_of(file.absolute) == file.stamp else _CHANGED
            if isinstance(result, MediaError):
                self._fail(file, result.sentence, new.digest)
                continue
            contents.append(result)
            files.append(_indexed(file, new.digest))
        files += self.failed
        self.group, self.failed = [], []
        self._write(files, contents)

    def _write(self, files: list[FileRecord], contents: Sequence[ContentRecord] = ()) -> None:
        self.since = time.monotonic()
        if not files:
            return
        self.writer.write(files, contents)
        self.encoded += len(contents)
        self.segments += sum(len(v.segments) for one in contents for v in one.views if v.vectors)
        self.done += len(files)
        log.debug("committed %d of %d files", self.done, self.total)
        self.watch(Progress(self.done, self.total, _path_of(files[-1])))

    def _settle_known(self) -> list[FoundFile]:
        """Files whose bytes the library had, or that another file of this run brought.

        Returns:
            files whose bytes went meanwhile, when the last file that had them was overwritten.
        """
        lost = []
        while self.known:
            part, self.known = self.known[:BATCH_FILES], self.known[BATCH_FILES:]
            held = self.writer.held(digest for _, digest in part)
            files = []
            for file, digest in part:
                reason = self.failed_digests.get(digest)
                if reason is not None:
                    self._fail(file, reason, None)
                elif digest in held:
                    files.append(_indexed(file, digest))
                    self._count_known(file, digest)
                else:
                    lost.append(file)
            files += self.failed
            self.failed = []
            self._write(files)
        return lost

    def _count_known(self, file: FoundFile, digest: bytes) -> None:
        key = (file.root, file.path)
        if key in self.before:
            self.touched += self.before[key] == digest
        elif self.gone[digest]:
            self.gone[digest] -= 1
            self.moved += 1
        else:
            self.copies += 1

    def report(self, walks: Sequence[Walked], skipped: Sequence[Skip]) -> IndexReport:
        """The counts of the whole run; what was skipped before any file was read included."""
        skips = [*skipped, *(_skip_of(row) for row in self.failures)]
        failed_paths = {(row.root, row.path) for row in self.failures}
        return IndexReport(
            added=_without(self.plan.add, failed_paths) - self.moved,
            refreshed=_without(self.plan.refresh, failed_paths) - self.touched,
            moved=self.moved,
            copies=self.copies,
            kept=sum(row.state is State.INDEXED for row in self.plan.keep)
            + sum(one.kept for one in walks)
            + self.touched,
            removed=len(self.plan.remove) - self.moved,
            encoded=self.encoded,
            segments=self.segments,
            skipped=tuple(sorted(skips, key=lambda skip: skip.file)),
            ignored=tuple(path for one in walks for path in one.found.ignored),
        )


def _refused(scans: Sequence[Scan]) -> Iterator[Skip]:
    """What no run would read: what is no media file of ours, and closed folders."""
    for one in scans:
        yield from (Skip(str(file.absolute), why) for file, why in one.refused)
        yield from (Skip(str(folder), why) for folder, why in one.unreadable)


def _without(files: Sequence[FoundFile], failed: set[tuple[Path, bytes]]) -> int:
    return sum((one.root, one.path) not in failed for one in files)


def _indexed(file: FoundFile, digest: bytes) -> FileRecord:
    return FileRecord(file.root, file.path, file.stamp, State.INDEXED, digest=digest)


def _read_ahead(reader: Reader, files: Sequence[FoundFile]) -> Generator[tuple[FoundFile, Reading]]:
    """Read files in threads, a bounded number ahead, in the order given."""
    waiting: deque[tuple[FoundFile, Future[Reading]]] = deque()
    with reading(reader.decoders) as pool:
        for file in files:
            waiting.append((file, pool.submit(reader.read, file)))
            if len(waiting) >= LOOK_AHEAD + reader.decoders.size:
                first, future = waiting.popleft()
                yield first, future.result()
        for file, future in waiting:
            yield file, future.result()
