"""Where taught bridges are kept: in the library's folder, two files each, numbers and JSON.

The JSON is written last and names the numbers by their digest, so an interrupted writer leaves the
bridge that was there, or none. Neither file is derived: what a user taught cannot be made again.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.align.bridge import Bridge, BridgeDamagedError
from engine.align.bridge import read as read_bridge
from engine.align.bridge import write as write_bridge
from engine.bridges.taught import Before, End, Taught, digest_of
from engine.errors import DiskFullError, EngineError, UsageError
from engine.models.cache import FULL
from engine.points import reached
from engine.store.snapshots import sync_folder
from engine.types import Modality, Space

FOLDER = "bridges"
"""Of the library."""

NUMBERS, TOLD = ".safetensors", ".json"
_SHORT = 12
_NAME = re.compile(r"[\w][\w.-]{0,63}")


def checked_name(name: str) -> str:
    """The name itself; UsageError when no file could be called so."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"A bridge cannot be called '{name}'.", hint="Use letters, digits, - and _ ."
        )
    return name


def names(folder: Path) -> tuple[str, ...]:
    """Of all bridges in a folder, sorted; none where there is no folder."""
    return tuple(sorted(one.stem for one in folder.glob(f"*{TOLD}")))


def keep(
    folder: Path,
    name: str,
    ends: tuple[End, End],
    bridge: Bridge,
    share: float,
    before: tuple[Before, Before] | None,
) -> Taught:
    """Write a bridge; one of that name is replaced.

    Raises:
        DiskFullError: the disk has no room left; what was there is there still.
    """
    numbers, told = write_bridge(bridge)
    whole: dict[str, Any] = {
        "name": checked_name(name),
        "ends": [_end_json(one) for one in ends],
        "share": share,
        "before": [_before_json(one) for one in before] if before is not None else None,
        "bridge": json.loads(told),
    }
    digest = digest_of(_core(whole), numbers)
    _put(folder, name, numbers, {**whole, "digest": digest})
    _sweep(folder, name, digest)
    return Taught(name, ends, bridge, share, before, digest)


def read(folder: Path, name: str) -> Taught:
    """A bridge as it was kept.

    Raises:
        UsageError: there is none of that name.
        BridgeDamagedError: it is not as it was written.
    """
    told = folder / f"{checked_name(name)}{TOLD}"
    if not told.exists():
        known = ", ".join(names(folder)) or "none yet; make one with: seehear align fit"
        raise UsageError(f"There is no bridge '{name}' here.", hint=f"Known: {known}.")
    return read_file(told)


def read_file(told: Path) -> Taught:
    """A bridge from its JSON file, with its numbers beside it.

    Raises:
        BridgeDamagedError: either file is missing, or not as it was written.
    """
    try:
        whole = json.loads(told.read_text("utf-8"))
        numbers = told.with_name(Path(whole["numbers"]).name).read_bytes()
        digest = digest_of(_core(whole), numbers)
        if digest != whole["digest"]:
            raise BridgeDamagedError(
                f"The bridge {told} is damaged: its digest differs.", hint=_AGAIN
            )
        return Taught(
            name=str(whole["name"]),
            ends=(_end(whole["ends"][0]), _end(whole["ends"][1])),
            bridge=read_bridge(numbers, json.dumps(whole["bridge"])),
            share=float(whole["share"]),
            before=_befores(whole["before"]),
            digest=digest,
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise BridgeDamagedError(
            f"The bridge {told} cannot be read: {error}.", hint=_AGAIN
        ) from error


_AGAIN = "Import it again (seehear align import), or fit it anew (seehear align fit)."


def put(folder: Path, one: Taught, called: str) -> Taught:
    """Keep a bridge that was read elsewhere, under this name."""
    return keep(folder, called, one.ends, one.bridge, one.share, one.before)


def files(folder: Path, one: Taught) -> tuple[Path, Path]:
    """The files of a bridge that is kept in a folder: JSON, and numbers."""
    return folder / f"{one.name}{TOLD}", folder / _numbers(one.name, one.digest)


def remove(folder: Path, name: str) -> None:
    """Delete a bridge; the JSON goes first, and with it the bridge."""
    (folder / f"{checked_name(name)}{TOLD}").unlink(missing_ok=True)
    _sweep(folder, name, keep="")
    sync_folder(folder)


def _put(folder: Path, name: str, numbers: bytes, whole: Mapping[str, Any]) -> None:
    numbered = _numbers(name, whole["digest"])
    told = json.dumps({**whole, "numbers": numbered}, indent=1, ensure_ascii=False)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file, data in ((numbered, numbers), (f"{name}{TOLD}", told.encode())):
            part = folder / f".{file}.part"
            with part.open("wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            reached("bridge-written")
            part.replace(folder / file)
            sync_folder(folder)
            reached("bridge-renamed")
    except OSError as error:
        if error.errno in FULL:
            raise DiskFullError(folder) from error
        raise EngineError(
            f"{folder} cannot be written: {error.strerror}.", hint="Check who may write there."
        ) from error


def _numbers(name: str, digest: str) -> str:
    return f"{name}@{digest[:_SHORT]}{NUMBERS}"


def _sweep(folder: Path, name: str, keep: str) -> None:
    """Delete numbers of this bridge that no JSON names any more."""
    for file in folder.glob(f"{name}@*{NUMBERS}"):
        if file.name != _numbers(name, keep):
            file.unlink(missing_ok=True)


def _core(whole: Mapping[str, Any]) -> bytes:
    """What a bridge does, as bytes; not its name or report, which may be told otherwise."""
    kept = {key: whole[key] for key in ("ends", "share", "before")}
    sides = {key: whole["bridge"][key] for key in ("left", "right", "method")}
    return json.dumps({**kept, **sides}, sort_keys=True).encode()


def _end_json(one: End) -> dict[str, Any]:
    space = one.space
    return {
        "modality": one.modality.value,
        "space": space.name,
        "dim": space.dim,
        "fingerprint": space.fingerprint,
    }


def _end(told: Mapping[str, Any]) -> End:
    return End(Space(told["space"], told["dim"], told["fingerprint"]), Modality(told["modality"]))


def _before_json(one: Before) -> dict[str, Any]:
    return {"bridge": one.bridge, "mean": [float(value) for value in one.mean]}


def _befores(told: Any) -> tuple[Before, Before] | None:  # noqa: ANN401  (JSON)
    if told is None:
        return None
    first, second = (Before(one["bridge"], np.array(one["mean"], dtype=np.float32)) for one in told)
    return first, second
