"""Running a built network on ONNX Runtime."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


class Network:
    """One ONNX file, loaded; every call is deterministic and may come from any thread."""

    def __init__(self, file: Path, *, threads: int | None = None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or os.cpu_count() or 1
        # Spinning threads would take the cores that decode the next files.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )

    def run(self, **inputs: npt.NDArray[Any]) -> list[npt.NDArray[np.float32]]:
        """Every output for the named inputs."""
        return list(self._session.run(None, inputs))
