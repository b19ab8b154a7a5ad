"""OpenVINO without its telemetry, which otherwise tells a server of every import."""

import sys
from typing import Any


def openvino() -> Any:  # noqa: ANN401  (a module without types)
    """The module; what it would tell others with counts as not installed, for all that follows.

    Its consent file lies in the user's home and speaks for every program, so it is not ours to
    write; without the package `openvino_telemetry`, OpenVINO takes a stub of its own instead.
    """
    modules: dict[str, Any] = sys.modules
    modules.setdefault("openvino_telemetry", None)
    import openvino

    return openvino
