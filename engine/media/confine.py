"""What a worker gives up before it opens a file, and how much of its memory is used."""

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

MAX_FILES = 64

_CLONE_NEWUSER, _CLONE_NEWNET, _PR_SET_PDEATHSIG = 0x10000000, 0x40000000, 1


def close_network() -> bool:
    """Leave the network, where the system lets us: on Linux, as root or by user namespaces."""
    if sys.platform != "linux":
        return False
    unshare = ctypes.CDLL(None).unshare
    # The first keeps root's rights to read files, the second is what others may do.
    return 0 in (unshare(flags) for flags in (_CLONE_NEWNET, _CLONE_NEWNET | _CLONE_NEWUSER))


def die_with(parent: int) -> bool:
    """Be killed when the parent ends, however it ends; says whether the system sees to that."""
    if sys.platform != "linux":
        return False
    refused = ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    return not refused


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


def address_space(name: str) -> int:
    """Bytes of address space in use (``VmSize``) or at most ever (``VmPeak``); 0 if not told."""
    if sys.platform != "linux":
        return 0
    status = Path("/proc/self/status").read_bytes()
    return int(status.partition(name.encode() + b":")[2].split(maxsplit=1)[0]) * 1024
