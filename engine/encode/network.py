"""Runs a graph on the engine that is fastest for it here, in batches that pay off and fit."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from ctypes import CDLL
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from engine.errors import UsageError
from engine.models.silence import openvino
from engine.types import Vectors

if TYPE_CHECKING:
    import torch
    from torch import nn

Inputs = Mapping[str, npt.NDArray[Any]]

LARGEST = 64
"""No batch is larger: what it gains is then lost in waiting for the decoders."""

FIRST = 4
TRIES = 3
"""Runs of a size before the next is tried; the first of them also prepares the shape."""

PAYS = 1.05
"""How much faster a batch of twice the size must be to be worth its memory."""

PATIENCE = 16
"""Texts after which the weights of a text tower are packed: from there on it pays."""

_DEVICES = ("auto", "cpu", "cuda")
_PRECISIONS = ("auto", "f32")


_LOADING: dict[Path, threading.Lock] = {}
_LOADED: dict[tuple[Path, int], "Network"] = {}
"""Text networks by file and time, each made under its file's lock."""


class Network(Protocol):
    """A loaded tower: deterministic, callable from any thread."""

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs that it reads; others must not be given."""
        ...

    def run(self, inputs: Inputs) -> Vectors:
        """Vectors (n, dim), float32, not yet of unit length."""
        ...

    def describe(self) -> str:
        """Which engine runs it, where, and in which precision."""
        ...


class OnnxNetwork:
    """A graph on ONNX Runtime, in float32.

    Attributes:
        names: the inputs that it reads.
    """

    def __init__(self, file: Path, *, packed: bool = True) -> None:
        """`packed` weights take as long to load as some ten texts; then they are twice as fast."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _cores()
        # Spinning threads would take the cores that decode the next files.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.disable_prepacking", "0" if packed else "1")
        # The builder rewrote the graph already where that matters.
        options.graph_optimization_level = (
            onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
            if packed
            else onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        )
        self._session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        self.names = tuple(one.name for one in self._session.get_inputs())

    def run(self, inputs: Inputs) -> Vectors:
        """Vectors (n, dim)."""
        return np.asarray(self._session.run(None, dict(inputs))[0], dtype=np.float32)

    def describe(self) -> str:
        """ONNX Runtime always computes in float32 here."""
        return "ONNX Runtime on CPU, float32"


class PatientNetwork:
    """A graph on ONNX Runtime that answers at once, and gets faster when there is more to do.

    Attributes:
        names: the inputs that it reads.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._network = OnnxNetwork(file, packed=False)
        self._rows = 0
        self._alone = threading.Lock()
        self.names = self._network.names

    def run(self, inputs: Inputs) -> Vectors:
        """Vectors (n, dim)."""
        with self._alone:
            before, self._rows = self._rows, self._rows + len(inputs[self.names[0]])
            if before < PATIENCE <= self._rows:
                self._network = OnnxNetwork(self._file)
        return self._network.run(inputs)

    def describe(self) -> str:
        """The same engine before and after."""
        return self._network.describe()


class OpenVinoNetwork:
    """A graph on OpenVINO; in bfloat16 where that is allowed and the CPU computes it."""

    def __init__(self, file: Path, *, bf16: bool) -> None:
        core = openvino().Core()
        able = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self._bf16 = bf16 and able
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if self._bf16 else "f32",
            "INFERENCE_NUM_THREADS": _cores(),
        }
        model = core.compile_model(file, "CPU", settings)
        self.names = tuple(one.any_name for one in model.inputs)
        self._request = model.create_infer_request()
        self._alone = threading.Lock()

    def run(self, inputs: Inputs) -> Vectors:
        """Vectors (n, dim)."""
        with self._alone:  # a request holds the memory of one run
            return np.array(self._request.infer(dict(inputs))[0], dtype=np.float32)

    def describe(self) -> str:
        """The precision is what the CPU has and the model allows."""
        return f"OpenVINO on CPU, {'bfloat16' if self._bf16 else 'float32'}"


class TorchNetwork:
    """A module with one input on a GPU (or, for comparison, on the CPU)."""

    def __init__(self, module: "nn.Module", name: str, *, device: str, bf16: bool) -> None:
        import torch

        self.names = (name,)
        self._device, self._bf16 = torch.device(device), bf16
        self._module = module.eval().to(self._device)

    def run(self, inputs: Inputs) -> Vectors:
        """Vectors (n, dim)."""
        import torch

        kind = self._device.type
        batch = self._moved(torch.from_numpy(inputs[self.names[0]]))
        with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=self._bf16):
            said = self._module(batch)
        vectors = said[0] if isinstance(said, tuple) else said
        return np.asarray(vectors.float().cpu().numpy())

    def describe(self) -> str:
        """Autocast keeps what needs it, such as normalisation, in float32."""
        return f"torch on {self._device.type}, {'bfloat16' if self._bf16 else 'float32'}"

    def _moved(self, batch: "torch.Tensor") -> "torch.Tensor":
        if self._device.type == "cuda":
            return batch.pin_memory().to(self._device, non_blocking=True)
        return batch


def text_network(file: Path) -> Network:
    """For text towers: what is loaded quickest, since a query is one short text.

    A file is loaded once in a process, whoever asks first.
    """
    key = (file, file.stat().st_mtime_ns)
    with _LOADING.setdefault(file, threading.Lock()):
        if key not in _LOADED:
            _LOADED[key] = PatientNetwork(file)
        return _LOADED[key]


def dense_network(
    file: Path, name: str, *, bf16: bool, module: Callable[[], "nn.Module"]
) -> Network:
    """For image and audio towers: what is fastest when there is much to do.

    Args:
        file: the graph, for the CPU.
        name: its input.
        bf16: whether the builder found that bfloat16 agrees.
        module: loads the tower as a torch module, for a GPU.
    """
    bf16 = bf16 and _setting("SEEHEAR_PRECISION", _PRECISIONS) == "auto"
    if device() == "cuda":
        return TorchNetwork(module(), name, device="cuda", bf16=bf16)
    try:
        return OpenVinoNetwork(file, bf16=bf16)
    except ImportError:
        return OnnxNetwork(file)


def device() -> str:
    """``cuda`` if there is a GPU that may be used, else ``cpu``: SEEHEAR_DEVICE=cpu|cuda|auto.

    Raises:
        UsageError: cuda is demanded, and there is none.
    """
    wanted = _setting("SEEHEAR_DEVICE", _DEVICES)
    if wanted == "cpu" or (wanted == "auto" and not has_gpu()):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise UsageError("SEEHEAR_DEVICE=cuda, but torch finds no GPU.", hint="Use auto or cpu.")
    return "cpu"


class Batches:
    """Runs a network on many inputs, as many at a time as pays off and fits into memory.

    The size is found on the way: it doubles while that makes a payload markedly cheaper. What
    does not fit halves it for good. Batches are filled up to a power of two, so that the engine
    meets few shapes.

    Attributes:
        size: how many payloads go into one batch by now.
        remarks: what a person should know of how it went.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.size = FIRST
        self.remarks: list[str] = []
        self._limit = LARGEST
        self._seconds: dict[int, list[float]] = {}
        self._settled = False
        self._alone = threading.RLock()

    def rows(self, prepared: Sequence[npt.NDArray[np.float32]]) -> Vectors:
        """Vectors (n, dim) of inputs that each have the shape of one payload.

        Raises:
            MemoryError: if not even one fits.
        """
        with self._alone:
            found, at = [], 0
            while at < len(prepared):
                part = prepared[at : at + self.size]
                found.append(self._run(part))
                at += len(found[-1])
            return np.concatenate(found)

    def _run(self, part: Sequence[npt.NDArray[np.float32]]) -> Vectors:
        size = 1 << (len(part) - 1).bit_length()
        batch = np.stack([*part, *[part[-1]] * (size - len(part))])
        started = time.perf_counter()
        rows = self._tried(batch)
        if rows is None:  # outside of the handler, which would keep the failed run's memory
            self._halve(size)
            return self._run(part[: self.size])
        if len(part) == self.size:
            self._learn((time.perf_counter() - started) / size)
        return rows[: len(part)]

    def _tried(self, batch: npt.NDArray[Any]) -> Vectors | None:
        """Vectors of a batch; None when it does not fit into memory and may be halved."""
        try:
            return self.network.run({self.network.names[0]: batch})
        except (MemoryError, RuntimeError) as error:
            if len(batch) == 1 or not _out_of_memory(error):
                raise
            return None

    def _halve(self, size: int) -> None:
        if not self.remarks:
            self.remarks.append("Memory ran short; batches were made smaller.")
        self._settled, self._limit = True, size // 2
        self.size = min(self.size, self._limit)

    def _learn(self, seconds: float) -> None:
        if self._settled:
            return
        tried = self._seconds.setdefault(self.size, [])
        tried.append(seconds)
        if len(tried) < TRIES:
            return
        half = min(self._seconds.get(self.size // 2, [float("inf")]))
        pays = half > PAYS * min(tried)
        self._settled = not pays or self.size == self._limit
        if not pays:
            self.size //= 2
        elif not self._settled:
            self.size *= 2


def _out_of_memory(error: Exception) -> bool:
    words = str(error).lower()
    told = ("out of memory", "failed to allocate", "bad allocation", "bad_alloc", "can't allocate")
    return isinstance(error, MemoryError) or any(one in words for one in told)


def has_gpu() -> bool:
    """Whether there seems to be an NVIDIA driver; torch, which is slow to come, is not asked."""
    if Path("/dev/nvidiactl").exists():
        return True
    try:
        CDLL("libcuda.so.1")  # where the driver has no such device, as in WSL
    except OSError:
        return False
    return True


def _setting(name: str, known: tuple[str, ...]) -> str:
    value = os.environ.get(name) or "auto"
    if value not in known:
        raise UsageError(f"{name} is one of {', '.join(known)}, not '{value}'.")
    return value


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # containers often grant fewer than there are
    return len(affinity(0)) if affinity else os.cpu_count() or 1
