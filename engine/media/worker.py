"""The process that decodes: confined first, then asked over one socket until that closes."""

import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import sys
import time
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any

from engine.errors import MediaError
from engine.media import files
from engine.media.reasons import Reason
from engine.media.wire import Answer, Request, packed, receive, send, told_error

if TYPE_CHECKING:
    from collections.abc import Iterator

OUT_OF_MEMORY = 75
"""Exit code of a worker whose file wanted more memory than it may have."""

HAS_CHILDREN = 76
"""Exit code of a worker whose decoder started a process."""

MAX_FILES = 64
PULSE_S = 0.5
"""How often, at most, a worker says that it reads on."""

_CLONE_NEWUSER, _CLONE_NEWNET, _PR_SET_PDEATHSIG = 0x10000000, 0x40000000, 1


def main() -> None:
    """Serve the socket whose descriptor is the first argument, as the second one says."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    told = json.loads(sys.argv[2])
    network = close_network()
    die_with(told["parent"])
    decoders = import_module(told["decoders"])
    memory = limit(told["memory"])
    send(channel, {"ready": {"network": network, "memory": memory}})
    with contextlib.suppress(EOFError, ConnectionError):
        _Server(channel, decoders.answers).run()


def close_network() -> bool:
    """Leave the network, where the system lets us: on Linux, as root or by user namespaces."""
    if sys.platform != "linux":
        return False
    unshare = ctypes.CDLL(None).unshare
    # The first keeps root's rights to read files, the second is what others may do.
    return 0 in (unshare(flags) for flags in (_CLONE_NEWNET, _CLONE_NEWNET | _CLONE_NEWUSER))


def die_with(parent: int) -> None:
    """Be killed when the parent ends, however it ends; elsewhere than on Linux see `_Server`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)


def limit(memory: int) -> bool:
    """Write no file, open few, leave no core; says whether memory, in bytes, is limited too."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_FILES, MAX_FILES))
    try:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    except (ValueError, OSError):  # macOS has no such limit
        return False
    return True


class _Server:
    """Answers requests in turn; of files that come in pieces several may be half read."""

    def __init__(self, channel: socket.socket, answers: Any) -> None:  # noqa: ANN401  (a module's own function)
        self._channel = channel
        self._answers = answers
        self._seconds = 0.0
        self._begun: dict[int, Iterator[Answer]] = {}
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

    def _answer(self, number: int, asked: dict[str, Any]) -> tuple[dict[str, Any], Any]:
        """Take one step with a file: an answer, the end of it, or why there is none."""
        answer: tuple[dict[str, Any], Any]
        try:
            if "request" in asked:
                answers = self._answers(Request.from_header(asked["request"]))
                self._begun[number] = islice(answers, asked["skip"], None)
            answer = packed(next(self._begun[number]))
        except StopIteration:
            answer = {"end": True}, b""
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        except MediaError as error:
            if error.reason == Reason.MEMORY:
                os._exit(OUT_OF_MEMORY)
            answer = told_error(error), b""
        except Exception as error:  # noqa: BLE001  (a mistake of ours costs one file, not all)
            words = f"{type(error).__name__}: {error}"[:200]
            answer = told_error(MediaError(Reason.CRASHED, words)), b""
        if "end" in answer[0] or "error" in answer[0]:
            self._begun.pop(number, None)
        self._check_alone()
        return answer

    def _pulse(self) -> None:
        """Tell the asker, now and then, that the file is read on."""
        now = time.monotonic()
        if self._begun and now - self._pulsed >= PULSE_S:
            self._pulsed = now
            self._wind_up()
            send(self._channel, {"alive": True})

    def _wind_up(self) -> None:
        """Put off the alarm, which ends even a decoder that hangs, should the asker be gone."""
        signal.setitimer(signal.ITIMER_REAL, 2 * self._seconds)

    def _check_alone(self) -> None:
        """End if a decoder started a process: it may hold the socket, or be us twice."""
        if os.getpid() != self._pid:
            os._exit(HAS_CHILDREN)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
            os._exit(HAS_CHILDREN)
