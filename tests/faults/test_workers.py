"""Workers: what they may do, what becomes of those who die, and of the files they died of."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from engine.errors import EngineError, MediaError
from engine.library import Library
from engine.media.pieces import Piece, pieces
from engine.media.process import GUARD as REAL
from engine.media.process import Guard
from engine.media.workers import Workers
from engine.ports import AudioRule, ImageRule
from engine.types import Modality
from indexer import index
from indexer.ahead import reading
from making import picture, tone
from tests.faults.faulty import HANG_S
from tests.faults.tally import Tally
from tests.faults.workers import GUARD, indexed, run

SMALL = ImageRule(8)
WINDOWS = AudioRule(16_000, 500, 500)
UNLIMITED = -1


@pytest.fixture
def pools() -> Iterator[Callable[..., Workers]]:
    """Workers that are ended whatever a test does."""
    made: list[Workers] = []

    def make(guard: Guard = GUARD, size: int = 1) -> Workers:
        made.append(Workers(size, guard))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Listening:
    """Keeps what it hears."""

    rate = 11_025

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def take(self, samples: npt.NDArray[np.float32], _start_ms: int) -> None:
        self.parts.append(samples.tobytes())

    @property
    def heard(self) -> bytes:
        return b"".join(self.parts)


def told(pool: Workers, path: Path, port: int = 9) -> dict[str, object]:
    facts = pool.facts(path, Modality.IMAGE, str(port))
    answer: dict[str, object] = json.loads(facts.camera)
    return answer


def reason(pool: Workers, path: Path) -> str:
    with pytest.raises(MediaError) as caught:
        list(pool.pieces(path, "png", SMALL))
    return caught.value.reason


def same(first: list[Piece], second: list[Piece]) -> bool:
    return [(one.span, one.facts, one.payload.tobytes()) for one in first] == [  # type: ignore[union-attr]
        (one.span, one.facts, one.payload.tobytes())  # type: ignore[union-attr]
        for one in second
    ]


@pytest.mark.slow
def test_a_fault_costs_its_own_file_alone() -> None:
    tally = Tally("workers", seed=0)
    run(tally, 10)
    assert not tally.failures, tally.lines()
    assert tally.passed == 7 * 10 * 2 + 2


@pytest.mark.parametrize("fault", ["eats", "hangs"])
def test_without_a_limit_the_fault_goes_unnoticed(tmp_path: Path, fault: str) -> None:
    """By contrast: it is the limits that the harness sees at work."""
    root = tmp_path / "root"
    root.mkdir()
    picture(root / f"1-{fault}.png", seed=1)
    unlimited = replace(GUARD, memory=UNLIMITED, picture_seconds=10 * HANG_S)
    first, _ = indexed(root, tmp_path / "library", unlimited)
    assert first.skipped == ()


def test_without_a_process_of_its_own_the_fault_ends_everything(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from engine.ports import ImageRule\n"
        "from engine.media.wire import Job, Request; from tests.faults.faulty import answers\n"
        "list(answers(Request(Job.PIECES, Path(sys.argv[1]), None, 'png', ImageRule(8))))"
    )
    path = picture(tmp_path / "1-segfaults.png", seed=1)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ended = subprocess.run([sys.executable, "-c", code, path], env=environ, check=False)
    assert ended.returncode == -signal.SIGSEGV


def test_a_worker_loads_no_network_code_and_may_do_little(
    tmp_path: Path, pools: Callable[..., Workers]
) -> None:
    pool = pools(replace(REAL, decoders="tests.faults.telling"))
    path = picture(tmp_path / "a.png", seed=1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = told(pool, path, server.getsockname()[1])
    heavy = {"torch", "onnxruntime", "sqlalchemy", "faiss", "sklearn", "scipy", "openvino"}
    assert heavy.isdisjoint(answer["modules"])  # type: ignore[arg-type]
    assert answer["limits"] == [2 << 30, 0, 0, 64]
    assert answer["outputs"] == ["/dev/null"] * 3
    assert answer["writes"] is False
    assert answer["reaches"] is not pool.confinement()["network"]


def test_pieces_are_those_of_the_decoders_themselves(
    tmp_path: Path, pools: Callable[..., Workers]
) -> None:
    pool = pools()
    shot, song = picture(tmp_path / "a.png", seed=1), tone(tmp_path / "a.wav", hertz=440, seconds=3)
    for path, kind, rule in ((shot, "png", SMALL), (song, "wav", WINDOWS)):
        assert same(list(pool.pieces(path, kind, rule)), list(pieces(path, kind, rule)))
    with pytest.raises(MediaError, match="undecodable: png, not a recording"):
        list(pool.pieces(shot, "wav", WINDOWS))


def test_a_half_read_file_goes_on_where_a_neighbour_killed_its_worker(
    tmp_path: Path, pools: Callable[..., Workers]
) -> None:
    pool = pools()
    song = tone(tmp_path / "a.wav", hertz=440, seconds=3)
    ours, theirs = Listening(), Listening()
    stream = pool.pieces(song, "wav", WINDOWS, ours)
    begun = [next(stream), next(stream)]
    assert ours.heard
    assert reason(pool, picture(tmp_path / "1-aborts.png", seed=1)) == "crashed-decoder"
    assert same([*begun, *stream], list(pieces(song, "wav", WINDOWS, theirs)))
    assert ours.heard == theirs.heard


@pytest.mark.parametrize("kept", [1.0, 0.4])
def test_a_listener_hears_all_of_a_file_broken_or_whole(
    tmp_path: Path, pools: Callable[..., Workers], kept: float
) -> None:
    song = tone(tmp_path / "a.wav", hertz=440, seconds=3)
    data = song.read_bytes()
    song.write_bytes(data[: round(kept * len(data))])
    ours, theirs = Listening(), Listening()
    assert same(
        list(pools().pieces(song, "wav", WINDOWS, ours)),
        list(pieces(song, "wav", WINDOWS, theirs)),
    )
    assert ours.heard == theirs.heard != b""


def test_one_death_is_forgiven_and_two_are_not(
    tmp_path: Path, pools: Callable[..., Workers]
) -> None:
    """A death from outside, as by the kernel when memory is short, does not cost the file."""
    pool = pools(replace(REAL, decoders="tests.faults.telling"))
    path = picture(tmp_path / "a.png", seed=1)
    first = told(pool, path)["pid"]
    os.kill(int(str(first)), signal.SIGKILL)
    assert told(pool, path)["pid"] != first


def test_workers_are_replaced_after_so_many_files(
    tmp_path: Path, pools: Callable[..., Workers]
) -> None:
    pool = pools(replace(REAL, decoders="tests.faults.telling", files=3))
    path = picture(tmp_path / "a.png", seed=1)
    pids = [told(pool, path)["pid"] for _ in range(7)]
    assert [pids.count(one) for one in dict.fromkeys(pids)] == [3, 3, 1]


def test_half_read_files_that_fill_a_worker_make_room_for_each_other(
    tmp_path: Path, pools: Callable[..., Workers]
) -> None:
    """Together they want more than a worker may have; each alone does not."""
    pool = pools()
    song = tone(tmp_path / "1-hoards.wav", hertz=440, seconds=3)
    ears = [Listening() for _ in range(8)]
    streams = [pool.pieces(song, "wav", WINDOWS, ear) for ear in ears]
    heads = [[next(stream), next(stream)] for stream in streams]
    process = pool.processes
    whole = list(pieces(song, "wav", WINDOWS))
    for head, stream in zip(heads, streams, strict=True):
        assert same([*head, *stream], whole)
    assert pool.processes == process, "nobody died of it"
    assert len({ear.heard for ear in ears}) == 1
    assert len(ears[0].heard) == 4 * 3 * Listening.rate


def test_what_is_abandoned_is_let_go(tmp_path: Path, pools: Callable[..., Workers]) -> None:
    """More open files than a worker may have, if it kept them."""
    pool = pools(REAL)
    song = tone(tmp_path / "a.wav", hertz=440, seconds=3)
    seen = set()
    for _ in range(80):
        next(pool.pieces(song, "wav", WINDOWS))
        seen.add(pool.processes)
    assert len(seen) == 1, "it died of too many"


def test_a_decoder_that_cannot_start_is_no_fault_of_the_files(
    tmp_path: Path, pools: Callable[..., Workers]
) -> None:
    pool = pools(replace(REAL, decoders="no.such.module"))
    with pytest.raises(EngineError, match="No process that decodes media can be started"):
        list(pool.pieces(picture(tmp_path / "a.png", seed=1), "png", SMALL))


def test_an_interrupted_run_waits_for_no_decoder(
    tmp_path: Path, pools: Callable[..., Workers]
) -> None:
    """Left alone, the decoder would come to itself and answer."""
    pool = pools(replace(GUARD, picture_seconds=10 * HANG_S))
    path = picture(tmp_path / "1-hangs.png", seed=1)
    pool.confinement()
    with contextlib.suppress(KeyboardInterrupt), reading(pool) as threads:
        hanging = threads.submit(list, pool.pieces(path, "png", SMALL))
        while not pool._shared[0].waiting:
            time.sleep(0.01)
        raise KeyboardInterrupt
    with pytest.raises(EngineError, match="stopped"):
        hanging.result()


SUSPENDED = """
import sys
from pathlib import Path
from engine.media.process import Guard
from engine.media.workers import Workers
from engine.ports import AudioRule

pool = Workers(1, Guard(seconds=0.8, decoders="tests.faults.faulty"))
pool.confinement()
before = pool.processes
print(*before, flush=True)
pieces = list(pool.pieces(Path(sys.argv[1]), "wav", AudioRule(48_000, 20_000, 20_000)))
print(len(pieces), before == pool.processes)
"""


@pytest.mark.parametrize("who", ["all", "main"])
def test_a_run_that_was_suspended_gives_no_file_up(tmp_path: Path, who: str) -> None:
    """By a laptop's lid, or by Ctrl-Z, which decoders do not hear of: twice, beyond all limits."""
    song = tone(tmp_path / "a-dawdles.wav", hertz=300, seconds=100, rate=48_000)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", SUSPENDED, str(song)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as main:
        assert main.stdout is not None
        worker = int(main.stdout.readline())
        meant = [main.pid, worker] if who == "all" else [main.pid]
        for _ in range(2):
            time.sleep(0.4)
            for sign, wait in ((signal.SIGSTOP, 1.8), (signal.SIGCONT, 0.0)):
                for pid in meant:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, sign)
                time.sleep(wait)
        try:
            assert main.communicate(timeout=30)[0] == "5 True\n"
        finally:
            main.kill()


def test_a_file_that_changes_while_it_is_read_is_read_again_the_next_time(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    picture(root / "a.png", seed=1)
    picture(root / "b-changes.png", seed=2)
    first, second = indexed(root, tmp_path / "library")
    assert [skip.reason for skip in first.skipped] == ["unstable: it changed while it was read"]
    assert (first.added, second.encoded, second.skipped) == (1, 1, ())


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_no_worker_outlives_its_parent(tmp_path: Path) -> None:
    code = (
        "import sys, threading; from pathlib import Path; from engine.ports import ImageRule\n"
        "from engine.media.workers import Workers; from tests.faults.workers import GUARD\n"
        "from dataclasses import replace; pool = Workers(1, replace(GUARD, picture_seconds=60))\n"
        "pool.confinement(); print(*pool.processes, flush=True)\n"
        "list(pool.pieces(Path(sys.argv[1]), 'png', ImageRule(8)))"
    )
    path = picture(tmp_path / "1-hangs.png", seed=1)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        parent.kill()
    until = time.monotonic() + HANG_S / 2
    while not gone(worker) and time.monotonic() < until:
        time.sleep(0.01)
    assert gone(worker)


def run_that_is_killed(library: Path, root: Path) -> int:
    code = (
        "import sys; from engine.library import Library; from indexer import index\n"
        "from tests.faults.workers import GUARD\n"
        "with Library.open(sys.argv[1], create=True, profile='hashed') as opened:\n"
        "    index(opened, [sys.argv[2]], workers=2, guard=GUARD)"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", code, library, root]
    return subprocess.run(command, env=environ, check=False).returncode


def test_a_file_that_kills_the_run_is_read_alone_last_and_then_given_up(tmp_path: Path) -> None:
    root, library = tmp_path / "root", tmp_path / "library"
    root.mkdir()
    for number in range(4):
        picture(root / f"{number}-good.png", seed=number)
    picture(root / "0-murders.png", seed=9)
    assert [run_that_is_killed(library, root) for _ in range(3)] == [-signal.SIGKILL] * 3
    with Library.open(library) as opened:
        assert opened.status().files[Modality.IMAGE] == 4, "the others came first"
        report = index(opened, workers=2, guard=GUARD)
        assert [(skip.path.name, skip.reason.split(":")[0]) for skip in report.skipped] == [
            ("0-murders.png", "crashed-seehear")
        ]
        assert index(opened, guard=GUARD).skipped == report.skipped
