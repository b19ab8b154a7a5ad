"""Terminals to try the command line in."""

import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from terminal import TIMEOUT_S, Terminal

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def warm() -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(TIMEOUT_S)
    command = [sys.executable, str(HERE / "warm.py"), str(theirs.fileno())]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environ) as process:
        theirs.close()
        yield ours
        ours.close()
        process.wait(TIMEOUT_S)


@pytest.fixture
def seehear(tmp_path: Path, warm: socket.socket) -> Terminal:
    return Terminal(tmp_path, warm)


@pytest.fixture
def open_folder(warm: socket.socket) -> Iterator[Terminal]:
    """A terminal in a folder that other users reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="seehear-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield Terminal(folder, warm)


@pytest.fixture(scope="session")
def forks() -> ForkServerContext:
    """Processes that start fast: their imports are done."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["writing", "faiss", "PIL.Image", "safetensors.numpy"])
    return context
