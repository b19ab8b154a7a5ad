"""The process that decodes: confined first, then asked over one socket until that closes."""

import contextlib
import json
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from engine.errors import MediaError
from engine.media import files
from engine.media.confine import address_space, close_network, die_with, limit
from engine.media.reasons import Reason
from engine.media.wire import Answer, Ear, Request, packed, receive, send, told_error

if TYPE_CHECKING:
    from collections.abc import Iterator

OUT_OF_MEMORY = 75
"""Exit code of a worker whose file wanted more memory than it may have."""

HAS_CHILDREN = 76
"""Exit code of a worker whose decoder started a process."""

PULSE_S = 0.5
"""How often, at most, a worker says that it reads on."""

ROOMY = 0.5
"""Share of the memory above which half-read files are let go before another is begun."""

FULL = 0.9
"""Share of the memory above which no answer is believed: decoders call it damage if they fail."""


def main() -> None:
    """Serve the socket whose descriptor is the first argument, as the second one says."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    told = json.loads(sys.argv[2])
    network = close_network()
    dies_with_parent = die_with(told["parent"])
    decoders = import_module(told["decoders"])
    is_limited = limit(told["memory"])
    send(channel, {"ready": {"network": network, "memory": is_limited}})
    with contextlib.suppress(EOFError, ConnectionError):
        memory = max(0, told["memory"]) if is_limited else 0
        _Server(channel, decoders.answers, memory, is_kept=not dies_with_parent).run()


_Message: TypeAlias = "tuple[dict[str, Any], *tuple[bytes | memoryview, ...]]"


@dataclass(slots=True)
class _Begun:
    """A file that is being read; without answers it was let go, and is to be read again so far.

    Attributes:
        given: answers so far.
        deaf: samples that were told before it was begun.
    """

    request: Request
    given: int
    deaf: int
    ear: Ear | None = None
    answers: "Iterator[Answer] | None" = None


class _Server:
    """Answers requests in turn; of files that come in pieces several may be half read.

    One that is kept, when the asker is gone, by a decoder that hangs is ended by an alarm. It
    would go off in a process that was stopped for long, so it is set only where it is needed.
    """

    def __init__(self, channel: socket.socket, answers: Any, memory: int, *, is_kept: bool) -> None:  # noqa: ANN401  (a module's own function)
        self._is_kept = is_kept
        self._channel = channel
        self._answers = answers
        self._memory = memory
        self._seconds = 0.0
        self._begun: dict[int, _Begun] = {}
        self._pid = os.getpid()
        self._pulsed = 0.0
        files.on_progress(self._pulse)

    def run(self) -> None:
        """Answer until the other side is gone."""
        while True:
            signal.setitimer(signal.ITIMER_REAL, 0)
            asked, _ = receive(self._channel)
            for number in asked["drop"]:
                self._begun.pop(number, None)
            self._seconds = asked["seconds"]
            self._wind_up()
            send(self._channel, *self._answer(asked["number"], asked))

    def _answer(self, number: int, asked: dict[str, Any]) -> _Message:
        """Take one step with a file: an answer, the end of it, or why there is none."""
        if "request" in asked:
            request = Request.from_header(asked["request"])
            self._begun[number] = _Begun(request, asked["skip"], asked["deaf"])
        file = self._begun[number]
        header, *body = self._step(file)
        if file.ear is not None:
            told, heard = file.ear.told()
            header, body = header | told, [*body, heard]
        if "end" in header or "error" in header:
            self._begun.pop(number)
        self._check_alone()
        if 0 < self._memory * FULL < address_space("VmPeak"):
            os._exit(OUT_OF_MEMORY)
        return header, *body

    def _step(self, file: _Begun) -> _Message:
        try:
            return packed(self._next(file))
        except StopIteration:
            return ({"end": True},)
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        except MediaError as error:
            if error.reason == Reason.MEMORY:
                os._exit(OUT_OF_MEMORY)
            return (told_error(error),)
        except Exception as error:  # noqa: BLE001  (a mistake of ours costs one file, not all)
            words = f"{type(error).__name__}: {error}"[:200]
            return (told_error(MediaError(Reason.CRASHED, words)),)

    def _next(self, file: _Begun) -> "Answer":
        """Go on with a file, from its beginning if need be; StopIteration at its end."""
        if file.answers is None:
            self._make_room()
            if file.request.listening:
                file.ear = Ear(file.request.listening, file.deaf)
            file.answers = islice(self._answers(file.request, file.ear), file.given, None)
        answer = next(file.answers)
        file.given += 1
        return answer

    def _make_room(self) -> None:
        """Let half-read files go, those first that were begun first, while memory is short."""
        for file in self._begun.values():
            if address_space("VmSize") <= self._memory * ROOMY or not self._memory:
                return
            if file.answers is not None:
                file.deaf = 0 if file.ear is None else file.ear.heard
                file.answers = None

    def _pulse(self) -> None:
        """Tell the asker, now and then, that the file is read on."""
        now = time.monotonic()
        if self._begun and now - self._pulsed >= PULSE_S:
            self._pulsed = now
            self._wind_up()
            send(self._channel, {"alive": True})

    def _wind_up(self) -> None:
        """Put off the alarm."""
        if self._is_kept:
            signal.setitimer(signal.ITIMER_REAL, 2 * self._seconds)

    def _check_alone(self) -> None:
        """End if a decoder started a process: it may hold the socket, or be us twice."""
        if os.getpid() != self._pid:
            os._exit(HAS_CHILDREN)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
            os._exit(HAS_CHILDREN)
