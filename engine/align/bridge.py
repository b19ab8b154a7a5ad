"""A fitted bridge: two maps into one space, where the inner product is the score; a value."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from engine.align.maps import KINDS, Map
from engine.errors import EngineError
from engine.types import Vectors

Report = Mapping[str, Any]
"""What fitting found, as JSON."""

FORMAT = 1


class BridgeDamagedError(EngineError):
    """A written bridge does not read back."""

    exit_code = 12


@dataclass(frozen=True, slots=True, eq=False)
class Bridge:
    """What an aligner's fit returns.

    Attributes:
        left: maps rows of the left space.
        right: maps rows of the right space into the same one: `left.dim == right.dim`.
        method: which aligner it is of.
        report: what fitting found, JSON.
    """

    left: Map
    right: Map
    method: str
    report: Report = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.left.dim != self.right.dim:
            raise ValueError(f"the sides arrive apart: {self.left.dim} and {self.right.dim}")

    def apply(self, left: Vectors | None = None, right: Vectors | None = None) -> Vectors:
        """Unit rows (n, dim) for rows of one side, (n, dl) or (n, dr), float32.

        Raises:
            ValueError: not exactly one side is given.
        """
        if (left is None) == (right is None):
            raise ValueError("give rows of the left side or of the right side")
        return self.left.apply(left) if left is not None else self.right.apply(_given(right))

    def reporting(self, report: Report) -> "Bridge":
        """The same bridge with another report."""
        return replace(self, report=report)

    def score(self, left: Vectors, right: Vectors) -> Vectors:
        """How well each left row (n, dl) goes with each right row (m, dr): (n, m), -1 to 1."""
        return np.asarray(self.left.apply(left) @ self.right.apply(right).T, dtype=np.float32)


def write(bridge: Bridge) -> tuple[bytes, str]:
    """The numbers as safetensors, and all else as JSON; no code is in either."""
    from safetensors.numpy import save

    arrays: dict[str, npt.NDArray[Any]] = {}
    told: dict[str, Any] = {"format": FORMAT, "method": bridge.method}
    for name in ("left", "right"):
        told[name] = _parted(getattr(bridge, name), name, arrays)
    told["report"] = dict(bridge.report)
    return save(arrays), json.dumps(told, indent=2, ensure_ascii=False)


def read(numbers: bytes, told: str) -> Bridge:
    """What `write` wrote.

    Raises:
        BridgeDamagedError: it is cut short, not ours, or of a newer format.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays, known = load(numbers), json.loads(told)
        if known["format"] != FORMAT:
            raise BridgeDamagedError(
                f"The bridge has format {known['format']}; this seehear reads {FORMAT}.",
                hint="Install a newer seehear: pip install --upgrade seehear",
            )
        sides = {name: _side(name, known[name], arrays) for name in ("left", "right")}
        return Bridge(**sides, method=known["method"], report=known["report"])
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BridgeDamagedError(
            f"The bridge cannot be read: {error}.", hint="Import it again, or fit it anew."
        ) from error


def _parted(one: Map, name: str, arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """What of a map is no array, as JSON; its arrays are added under `name`."""
    told: dict[str, Any] = {"map": type(one).__name__.lower()}
    for part in fields(cast("Any", one)):
        value = getattr(one, part.name)
        if isinstance(value, np.ndarray):
            arrays[f"{name}.{part.name}"] = np.ascontiguousarray(value)
        elif type(value).__name__.lower() in KINDS:
            told[part.name] = _parted(value, f"{name}.{part.name}", arrays)
        else:
            told[part.name] = value
    return told


def _side(name: str, told: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Any:  # noqa: ANN401  (each map's own)
    kind = KINDS[told["map"]]
    values = {
        part.name: _value(f"{name}.{part.name}", told.get(part.name), arrays)
        for part in fields(kind)
    }
    return kind(**values)


def _value(name: str, told: Any, arrays: Mapping[str, npt.NDArray[Any]]) -> Any:  # noqa: ANN401  (JSON)
    if name in arrays:
        return arrays[name]
    if isinstance(told, dict):
        return _side(name, told, arrays)
    if told is None:
        raise KeyError(name)
    return told


def _given(rows: Vectors | None) -> Vectors:
    assert rows is not None  # noqa: S101  (the caller checked; mypy cannot see it)
    return rows
