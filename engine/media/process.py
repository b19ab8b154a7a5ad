"""One decoding process as its parent sees it: started, asked, and buried when it dies."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from engine.errors import EngineError, MediaError
from engine.media.audio import Listener
from engine.media.reasons import Reason
from engine.media.wire import Answer, GarbledError, hear, receive, send, unpacked
from engine.media.worker import HAS_CHILDREN, OUT_OF_MEMORY

START_SECONDS = 60.0
"""Longer than the slowest disk needs to bring Python and the decoders."""

_BEGIN = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "from engine.media.worker import main; main()"
)

_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # Each arena of glibc reserves address space, which is limited.
    "MALLOC_ARENA_MAX": "2",
}

_TURNS = 10
"""A limit is waited for in so many parts. Of a long stop, whoever was stopped, only one counts."""

_SOCKET_BYTES = 1 << 20
_GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Guard:
    """What a decoder may take, and which one it is.

    Attributes:
        picture_seconds: how long it may give nothing, and read on nowhere, of a picture.
        seconds: the same of a recording or a film, whose pieces may lie far apart.
        memory: bytes of address space of a process, where the system can limit it.
        files: after so many a process is replaced by a fresh one.
        decoders: the module whose `answers` takes requests, as `engine.media.decoders` does.
    """

    picture_seconds: float = 10.0
    seconds: float = 60.0
    memory: int = 2 << 30
    files: int = 500
    decoders: str = "engine.media.decoders"


GUARD = Guard()


class LostError(Exception):
    """The process has ended while nobody waited for it: no fault of the file that asks now."""


class DiedError(Exception):
    """The process died of a file; `error` says how."""

    def __init__(self, error: MediaError) -> None:
        super().__init__(error.sentence)
        self.error = error


class Process:
    """One worker, asked by one thread at a time.

    Attributes:
        waiting: how many threads use it or wait for it.
        begun: numbers of the files that it has half read.
        served: files that it was given.
        peak: bytes of memory that it had at most; known once it has ended.
    """

    def __init__(self, guard: Guard) -> None:
        self.waiting = self.served = self.peak = 0
        self.begun: set[int] = set()
        self.dropped: deque[int] = deque()
        self.confinement: dict[str, bool] | None = None
        self._guard = guard
        self._lock = threading.Lock()
        self._channel, theirs = socket.socketpair()
        self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BYTES)
        with theirs:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
            try:
                self._child = _started(theirs, guard)
            except OSError as error:
                self._channel.close()
                raise _not_started(error.strerror or str(error)) from error

    @property
    def pid(self) -> int:
        """Its id."""
        return self._child.pid

    @property
    def is_dead(self) -> bool:
        """Whether it has ended and was buried."""
        return self._child.returncode is not None

    def await_ready(self) -> dict[str, bool]:
        """What it has confined itself to, once it can be asked.

        Raises:
            EngineError: it does not start, whatever the file.
        """
        if self.confinement is None:
            self._channel.settimeout(START_SECONDS / _TURNS)
            try:
                self.confinement = receive(self._channel, _TURNS)[0]["ready"]
            except (EOFError, OSError, GarbledError, KeyError) as error:
                raise _not_started(f"exit code {self._bury(grace=True)}") from error
        return self.confinement

    def ask(
        self, question: dict[str, Any], seconds: float, listener: Listener | None = None
    ) -> Answer | None:
        """One answer, or None at the end of a file; a listener hears what came with it.

        Raises:
            MediaError: the decoder says why the file cannot be read.
            DiedError: it died of this question.
            LostError: it was dead already.
        """
        with self._lock:
            if self.is_dead:
                raise LostError
            self.await_ready()
            self._channel.settimeout(seconds / _TURNS)
            try:
                return self._exchange(question, seconds, listener)
            except TimeoutError:
                words = f"the decoder gave nothing for {seconds:g} s"
                raise self._died(MediaError(Reason.TIMEOUT, words)) from None
            except GarbledError as error:
                raise self._died(MediaError(Reason.CRASHED, str(error))) from error
            except (EOFError, OSError) as error:
                raise self._died(None) from error

    def close(self) -> None:
        """End it, whatever it does; a thread that asks it meanwhile gets DiedError."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)
        with self._lock:
            self._bury()

    def _exchange(
        self, question: dict[str, Any], seconds: float, listener: Listener | None
    ) -> Answer | None:
        drop = [self.dropped.popleft() for _ in range(len(self.dropped))]
        send(self._channel, {**question, "drop": drop, "seconds": seconds})
        header, body = receive(self._channel, _TURNS)
        while "alive" in header:
            header, body = receive(self._channel, _TURNS)
        body = hear(header, body, listener)
        if "error" in header:
            raise MediaError(*map(str, header["error"]))
        return None if "end" in header else unpacked(header, body)

    def _died(self, error: MediaError | None) -> DiedError:
        code = self._bury(grace=error is None)
        return DiedError(error or _fate(code, self._guard.memory))

    def _bury(self, *, grace: bool = False) -> int:
        """End it with all that it started, and reap it; its exit code.

        Args:
            grace: it hung up by itself, so its own exit code comes in a moment.
        """
        if self._child.returncode is None:
            until = time.monotonic() + (_GRACE_SECONDS if grace else 0)
            while not self._reap(os.WNOHANG) and time.monotonic() < until:
                time.sleep(_GRACE_SECONDS / 1000)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)  # what it started may outlive it
            self._reap(0)
            self._channel.close()
        return int(self._child.returncode or 0)

    def _reap(self, options: int) -> bool:
        """Take in how it ended; says whether it has."""
        if self._child.returncode is None:
            pid, status, usage = os.wait4(self._child.pid, options)
            if pid:
                self._child.returncode = os.waitstatus_to_exitcode(status)
                self.peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return self._child.returncode is not None


def _started(theirs: socket.socket, guard: Guard) -> "subprocess.Popen[bytes]":
    """Start a worker in a session of its own: it is not meant by Ctrl-C, and dies with its kin."""
    told = {"parent": os.getpid(), "decoders": guard.decoders, "memory": guard.memory}
    arguments = [str(theirs.fileno()), json.dumps(told), json.dumps(sys.path)]
    return subprocess.Popen(  # noqa: S603  (our own interpreter)
        [sys.executable, "-I", "-c", _BEGIN, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        start_new_session=True,
        env=os.environ | _ENVIRONMENT,
    )


def _not_started(why: str) -> EngineError:
    return EngineError(
        f"No process that decodes media can be started ({why}).",
        hint="See what is missing with: seehear doctor",
    )


def _fate(code: int, memory: int) -> MediaError:
    """Say what an exit code means."""
    if code == OUT_OF_MEMORY:
        return MediaError(Reason.MEMORY, f"the decoder wants more than {memory >> 20} MiB")
    if code == HAS_CHILDREN:
        return MediaError(Reason.CRASHED, "the decoder started a process")
    with contextlib.suppress(ValueError):
        return MediaError(Reason.CRASHED, f"the decoder died of {signal.Signals(-code).name}")
    return MediaError(Reason.CRASHED, f"the decoder ended with code {code}")
