"""What a library holds and how it lies on disk, in words and as JSON."""

import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cli.render import console, path_json, print_json, shown
from engine.library import Library
from engine.media.formats import modality_of_suffix
from engine.store import logfile
from engine.store.checks import Status
from engine.store.condition import Condition, SnapshotState
from engine.store.connect import has_reset_bug, sqlite_told

_AGES = (("days", 86_400), ("hours", 3_600), ("minutes", 60))


def print_status(library: Library) -> None:
    """Lines for a person; files that could not be indexed come last."""
    held, lies = library.status(), library.condition()
    out = console()
    out.print(f"Library   {shown(library.path)}  (profile {held.profile})", markup=False)
    for root in held.roots:
        away = "" if root.is_dir() else "  (not there now; still searchable)"
        out.print(f"Folder    {shown(root)}{away}", markup=False)
    for kind, count in sorted(held.files.items()):
        segments = held.segments.get(kind, 0)
        out.print(f"{kind.value:<8}  {count:,} files, {segments:,} segments", markup=False)
    for line in _lines(library.path, lies):
        out.print(line, markup=False)
    for remark in library.remarks:
        out.print(f"Note      {remark}", style="yellow", markup=False)
    if held.problems:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in _skipped(held).items())
        out.print(f"Skipped   {len(held.problems):,} files ({kinds})", markup=False)
    for path, why in held.problems:
        out.print(f"  skipped {shown(path)}: {why}", style="yellow", markup=False)


def print_status_json(library: Library) -> None:
    """The same as one JSON object."""
    held, lies = library.status(), library.condition()
    print_json(
        {
            "library": path_json(library.path)["path"],
            "profile": held.profile,
            "spaces": [{"name": one.name, "dim": one.dim} for one in lies.spaces],
            "roots": [{**path_json(root), "there": root.is_dir()} for root in held.roots],
            "files": {kind.value: count for kind, count in held.files.items()},
            "segments": {kind.value: count for kind, count in held.segments.items()},
            "skipped": _skipped(held),
            "commits": held.seq,
            "snapshots": [_snapshot_json(one) for one in lies.snapshots],
            "bytes": {
                "catalogue": lies.catalogue_bytes,
                "snapshots": lies.snapshot_bytes,
                "free": _free(library.path),
            },
            "format": lies.format,
            "sealed": lies.sealed,
            "writer": lies.writing and asdict(lies.writing),
            "sqlite": {"version": sqlite3.sqlite_version, "reset_bug": has_reset_bug()},
            "log": path_json(logfile.path_of(library.path))["path"],
            "notes": library.remarks,
            "problems": [{**path_json(p), "reason": why} for p, why in held.problems],
        }
    )


def _lines(library: Path, lies: Condition) -> Iterator[str]:
    spaces = ", ".join(f"{one.name} ({one.dim})" for one in lies.spaces)
    yield f"Spaces    {spaces or 'none yet'}"
    yield f"Snapshots {_snapshots(lies.snapshots)}"
    sizes = f"catalogue {size(lies.catalogue_bytes)}, snapshots {size(lies.snapshot_bytes)}"
    yield f"On disk   {sizes}, {size(_free(library))} free"
    yield f"State     format {lies.format}, {lies.told}"
    yield f"SQLite    {sqlite_told()}"
    yield f"Log       {shown(logfile.path_of(library))}"


def _snapshots(snapshots: tuple[SnapshotState, ...]) -> str:
    ages = [_age(one) for one in snapshots]
    known = [age for age in ages if age is not None]
    told = f"{len(known):,}, the newest {_told(min(known))} old" if known else "none"
    lost = len(ages) - len(known)
    return f"{told}, {lost:,} missing: seehear rebuild" if lost else told


def _age(one: SnapshotState) -> float | None:
    return None if one.written is None else max(0.0, time.time() - one.written)


def _told(seconds: float) -> str:
    for unit, length in _AGES:
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _snapshot_json(one: SnapshotState) -> dict[str, Any]:
    age = _age(one)
    return {
        "gallery": one.record.gallery,
        "file": one.record.name,
        "rows": one.record.rows,
        "bytes": one.record.size,
        "age_s": None if age is None else round(age, 1),
    }


def _skipped(held: Status) -> dict[str, int]:
    """Files that could not be indexed, by what their names say they are."""
    kinds = (modality_of_suffix(path) for path, _ in held.problems)
    return dict(Counter("other" if kind is None else kind.value for kind in kinds))


def _free(folder: Path) -> int:
    with suppress(OSError):
        return shutil.disk_usage(folder).free
    return 0


def size(count: int) -> str:
    """Bytes for the eye."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count / 1e3:.0f} KB"
