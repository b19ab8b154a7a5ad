"""Decoding in processes that may die: a hostile file costs itself, never the run or a neighbour.

A process that crashes, hangs or eats memory is replaced; what it was at is tried once more, alone
in a new one, and given up after the second death. Files that it had half read besides go on in
another one, behind the pieces that were given.
"""

import atexit
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from engine.errors import EngineError
from engine.facts import Facts
from engine.log import log
from engine.media.audio import Listener, Samples
from engine.media.facts import read_facts
from engine.media.formats import IMAGE_FORMATS, SIDECAR, TEXT_FORMATS, VIDEO_FORMATS
from engine.media.pieces import Piece, pieces
from engine.media.probe import Probe, has_open_question, probe
from engine.media.process import GUARD, DiedError, Guard, LostError, Process
from engine.media.wire import Answer, Job, Passages, Request
from engine.ports import Rule
from engine.types import Modality

P = ParamSpec("P")
T = TypeVar("T")

MAX_DEATHS = 2
"""So many processes may die of a file."""

_PLAIN = frozenset({"txt", *TEXT_FORMATS.values()} - {SIDECAR})
"""Texts, which take no decoder and are read in this process."""


class Workers:
    """Some decoding processes, started when they are needed; used by many threads at once.

    Every method may raise EngineError: the processes do not start, or `close` was called.
    """

    def __init__(self, size: int, guard: Guard = GUARD) -> None:
        self.size = size
        self.guard = guard
        self.pid = os.getpid()
        self.peak = 0
        self._shared: list[Process] = []
        self._parting: set[Process] = set()
        # A thread that holds it may find itself closing an iterator that nobody wants any more.
        self._lock = threading.RLock()
        self._numbers = count()
        self._is_closed = False
        # A process dies with the thread that started it (prctl(2)), so this one stays.
        self._nursery = ThreadPoolExecutor(1, thread_name_prefix="nursery")

    def probe(self, path: Path) -> Probe:
        """As `engine.media.probe.probe`; MediaError also for files that kill decoders."""
        if not has_open_question(path):
            return probe(path)
        return cast("Probe", self._only(Request(Job.PROBE, path)))

    def facts(self, path: Path, modality: Modality, file_format: str) -> Facts:
        """As `engine.media.facts.read_facts`; MediaError for files that kill decoders."""
        if file_format in _PLAIN:
            return read_facts(path, modality, file_format)
        return cast("Facts", self._only(Request(Job.FACTS, path, modality, file_format)))

    def subtitles(self, path: Path, file_format: str) -> Passages:
        """As `engine.media.subtitles.subtitles`; MediaError for files that kill decoders."""
        if file_format not in VIDEO_FORMATS:
            return []
        return cast("Passages", self._only(Request(Job.SUBTITLES, path, format=file_format)))

    def pieces(
        self, path: Path, file_format: str, rule: Rule, listener: Listener | None = None
    ) -> Iterator[Piece]:
        """As `engine.media.pieces.pieces`; MediaError also for files that kill decoders."""
        if file_format in _PLAIN:
            return pieces(path, file_format, rule)
        rate = 0 if listener is None else listener.rate
        request = Request(Job.PIECES, path, format=file_format, rule=rule, listening=rate)
        return cast("Iterator[Piece]", self._answers(request, listener))

    def start(self, files: int) -> None:
        """Begin to start the processes for so many files, before the first one waits for them."""
        for _ in range(min(files, self.size)):
            self._in_nursery(self._grow)

    def confinement(self) -> dict[str, bool]:
        """Whether a decoder is kept from the ``network``, and whether its ``memory`` is limited."""
        return self._chosen(alone=False).await_ready()

    @property
    def processes(self) -> tuple[int, ...]:
        """The ids of the processes that are there now."""
        return tuple(one.pid for one in (*self._shared, *self._parting))

    def close(self) -> None:
        """End all processes, whatever they do; a thread that waits for one gets an EngineError."""
        with self._lock:
            self._is_closed = True
            processes = [*self._shared, *self._parting]
        for one in processes:
            self._end(one)
        self._nursery.shutdown()

    def _only(self, request: Request) -> Answer:
        (answer,) = self._answers(request)
        return answer

    def _answers(self, request: Request, listener: Listener | None = None) -> Iterator[Answer]:
        """Ask for answers one by one, of another process where one dies."""
        file = _File(next(self._numbers), request, listener)
        deaths = 0
        process: Process | None = None
        try:
            while True:
                process = process or self._chosen(alone=deaths > 0)
                try:
                    answer = self._asked(process, file)
                except LostError:
                    process = None
                except DiedError as death:
                    process, deaths = None, deaths + 1
                    if deaths == MAX_DEATHS:
                        raise death.error from death
                else:
                    if answer is None:
                        return
                    file.given += 1
                    yield answer
        finally:
            if process is not None:
                self._leave(process, file.number)

    def _asked(self, process: Process, file: "_File") -> Answer | None:
        """Ask a process for the next answer; who dies of it is replaced."""
        is_picture = file.request.format in IMAGE_FORMATS
        seconds = self.guard.picture_seconds if is_picture else self.guard.seconds
        with self._lock:
            is_new = file.number not in process.begun
            process.begun.add(file.number)
            process.waiting += 1
        try:
            return process.ask(file.question(is_new=is_new), seconds, file)
        except DiedError as death:
            if not self._is_closed:  # else it was ended by us, and the file is innocent
                path, why = file.request.path, death.error.sentence
                log.warning("decoder process %d died of %s: %s", process.pid, path, why)
            self._end(process)
            self._in_nursery(self._grow)
            raise
        finally:
            with self._lock:
                process.waiting -= 1

    def _chosen(self, *, alone: bool) -> Process:
        """The process to give a file to: the least busy one, or a fresh one for it alone."""
        if alone:
            return self._in_nursery(self._born, self._parting.add).result()
        with self._lock:
            idle = [one for one in self._shared if not one.waiting]
            is_full = len(self._shared) >= self.size
        if not idle and not is_full:
            self._in_nursery(self._grow).result()
        with self._lock:
            self.check_open()
            chosen = min(self._shared, key=lambda one: (one.waiting, len(one.begun)))
            chosen.served += 1
            if chosen.served >= self.guard.files:
                self._shared.remove(chosen)
                self._parting.add(chosen)
        return chosen

    def _grow(self) -> None:
        """Start one more process, unless there are enough; in the nursery, so one at a time."""
        if len(self._shared) < self.size and not self._is_closed:
            self._born(self._shared.append)

    def _born(self, keep: Callable[[Process], None]) -> Process:
        """Start a process and keep it where it can be ended."""
        self.check_open()
        process = Process(self.guard)
        log.debug("decoder process %d started", process.pid)
        with self._lock:
            keep(process)
        if self._is_closed:  # meanwhile
            self._end(process)
        return process

    def _in_nursery(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        try:
            return self._nursery.submit(call, *args, **kwargs)
        except RuntimeError as error:  # it is shut
            raise _stopped() from error

    def check_open(self) -> None:
        """EngineError when it was closed: whoever works for a run that was stopped stops too."""
        if self._is_closed:
            raise _stopped()

    def _leave(self, process: Process, number: int) -> None:
        """Tell a process, when it is next asked, that a file is done with."""
        with self._lock:
            process.begun.discard(number)
            process.dropped.append(number)
            is_last = process in self._parting and not process.begun
        if is_last:
            self._end(process)

    def _end(self, process: Process) -> None:
        process.close()
        with self._lock:
            self.peak = max(self.peak, process.peak)
            self._parting.discard(process)
            if process in self._shared:
                self._shared.remove(process)


class _File:
    """How far a file is decoded, in whichever process; listens for whoever wants to hear it.

    Attributes:
        given: answers so far.
        heard: samples so far.
    """

    def __init__(self, number: int, request: Request, listener: Listener | None) -> None:
        self.number = number
        self.request = request
        self.rate = request.listening
        self.given = self.heard = 0
        self._listener = listener

    def take(self, samples: Samples, start_ms: int) -> None:
        """Hear more."""
        self.heard += len(samples)
        if self._listener is not None:
            self._listener.take(samples, start_ms)

    def question(self, *, is_new: bool) -> dict[str, Any]:
        """What to ask next of a process, to which the file may be new."""
        known = {"number": self.number}
        if not is_new:
            return known
        so_far = {"skip": self.given, "deaf": self.heard}
        return known | {"request": self.request.as_header()} | so_far


def _stopped() -> EngineError:
    return EngineError("Decoding was stopped.")


_kept: list[Workers] = []


@contextmanager
def workers(size: int, guard: Guard = GUARD) -> Iterator[Workers]:
    """Workers that stay for whoever wants as many the next time; an exception ends them."""
    former = _kept.pop() if _kept else None
    if former is not None and (former.size, former.guard) != (size, guard):
        former.close()
        former = None
    pool = former or Workers(size, guard)
    try:
        yield pool
    except BaseException:
        pool.close()
        raise
    if _kept:
        pool.close()
    else:
        _kept.append(pool)


@atexit.register
def dismiss() -> None:
    """End the workers that stay for the next time."""
    while _kept:
        pool = _kept.pop()
        if pool.pid == os.getpid():  # else it is that of the process which we were forked from
            pool.close()
