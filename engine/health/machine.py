"""What the computer offers: cores, vector instructions, a GPU, limits on decoders."""

import os
import platform
from collections.abc import Iterator
from contextlib import closing

from engine.health.finding import Finding, State, tried
from engine.health.programs import installed
from engine.media.workers import Workers


def machine() -> Iterator[Finding]:
    """Cores, instructions, who computes, and what decoders are kept from."""
    yield Finding("computer", f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}")
    yield tried("instructions", _instructions)
    yield tried("models run on", _device)


def confinement(pool: Workers) -> Finding:
    """What the processes that decode are kept from here."""
    kept = pool.confinement()
    memory = f"at most {pool.guard.memory >> 20:,} MiB" if kept["memory"] else "memory unlimited"
    network = "no network" if kept["network"] else "the network not closed to them"
    return Finding("processes", f"of their own: {memory}, {network}")


def decoding_pool() -> "closing[Workers]":
    """One decoding process, ended afterwards."""
    return closing(Workers(1))


def _instructions() -> Finding:
    import numpy as np

    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    found = [*simd.get("baseline", []), *simd.get("found", [])]
    return Finding("instructions", f"{' '.join(found) or 'none'} (of those that NumPy uses)")


def _device() -> Finding:
    from engine.encode.network import device, has_gpu

    if device() == "cuda":
        return Finding("models run on", "the GPU, by torch")
    engine = f"OpenVINO {installed('openvino')}" if installed("openvino") else "ONNX Runtime"
    if os.environ.get("SEEHEAR_DEVICE") == "cpu":
        why = "SEEHEAR_DEVICE=cpu"
    elif not has_gpu():
        why = "no NVIDIA driver is installed"
    else:
        return Finding(
            "models run on",
            f"the CPU, by {engine}: there is an NVIDIA driver, but torch finds no GPU",
            State.NOTE,
            'python -c "import torch; torch.cuda.init()"',
        )
    return Finding("models run on", f"the CPU, by {engine}; no GPU: {why}")
