"""What wants to leave this machine is refused and noticed, here and in our children."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from offline import WRITTEN, is_here

OUT = ("192.0.2.1", 9)  # for documentation: nobody's
TRY = f"import socket; socket.create_connection({OUT!r}, 0.1)"
SWALLOW = f"try:\n    {TRY}\nexcept Exception:\n    pass"


def told(guard: Path) -> str:
    """What was written down, and forget it: here it is meant."""
    written = guard / WRITTEN
    text = written.read_text("utf-8") if written.exists() else ""
    written.unlink(missing_ok=True)
    return text


def test_in_this_process(guard: Path) -> None:
    with pytest.raises(RuntimeError, match=r"socket\.connect"), socket.socket() as one:
        one.connect(OUT)
    assert "socket.connect ('192.0.2.1', 9)" in told(guard)
    with pytest.raises(RuntimeError, match="sendto"), socket.socket(type=socket.SOCK_DGRAM) as one:
        one.sendto(b"?", OUT)
    assert "socket.sendto" in told(guard)
    with pytest.raises(RuntimeError, match="getaddrinfo"):
        socket.getaddrinfo("example.org", 80)
    assert "example.org" in told(guard)


@pytest.mark.parametrize("code", [TRY, SWALLOW], ids=["raised", "swallowed"])
def test_in_a_child(guard: Path, code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert (b"LeftMachineError" in done.stderr) is (code == TRY)
    assert OUT[0] in told(guard)


def test_in_a_child_with_an_environment_of_its_own(guard: Path) -> None:
    environ = {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, "-c", TRY], capture_output=True, check=False, env=environ
    )

    assert b"LeftMachineError" in done.stderr
    assert OUT[0] in told(guard)


def test_this_machine_is_reached(guard: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
    ours, theirs = socket.socketpair()
    ours.close()
    theirs.close()

    assert told(guard) == ""


@pytest.mark.parametrize(
    ("address", "here"),
    [
        (("127.0.0.1", 1), True),
        (("::1", 1, 0, 0), True),
        (("localhost", 1), True),
        ("localhost", True),
        ("/run/x.sock", True),
        (b"\0abstract", True),
        (None, True),
        (("8.8.8.8", 53), False),
        (("0.0.0.0", 1), False),  # noqa: S104
        (("2001:db8::1", 1, 0, 0), False),
        ("example.org", False),
        (("fe80::1%eth0", 1), False),
    ],
)
def test_what_is_here(address: object, *, here: bool) -> None:
    assert is_here(address) is here


def test_openvino_tells_nobody(guard: Path) -> None:
    """Imported plainly it tells a server of it, unless somebody declined in this home before."""
    code = "import sys; from engine.models.silence import openvino; openvino().Core(); "
    code += "print(sys.modules.get('openvino_telemetry'), 'openvino.tools.ovc' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "None True\n"
    assert told(guard) == ""
