"""`seehear doctor`: what is installed, where things are, what is missing; never downloads."""

import os
import sqlite3
import sys

from cli.commands.options import LibraryOption
from cli.render import console, shown
from cli.settings import read_settings

_PACKAGES = ("seehear", "torch", "torchaudio", "onnxruntime", "sqlalchemy", "pillow", "av")
_OPTIONAL = {"pillow-heif": 'HEIC pictures: pip install "seehear[heic]"'}


def command(library: LibraryOption = None) -> None:
    """Show versions, places and models, and what is missing with the line that brings it."""
    from engine import models

    out = console()
    out.print(f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}", markup=False)
    out.print(", ".join(f"{name} {_version(name)}" for name in _PACKAGES), markup=False)
    out.print(_faiss(), markup=False)
    for name, hint in _OPTIONAL.items():
        out.print(f"{name} {_version(name)}" if _has(name) else f"No {hint}", markup=False)
    settings = read_settings(library)
    there = "" if settings.library.exists() else "  (not made yet: seehear index FOLDER)"
    out.print(f"Library {shown(settings.library)}{there}", markup=False)
    out.print(f"{os.cpu_count()} cores", markup=False)
    out.print(_devices(), markup=False)
    out.print(_decoding(), markup=False)
    known = models.registry()
    for profile in known.profiles.values():
        if not profile.hidden:
            out.print(f"Profile {profile.name}: {_state(profile.models)}", markup=False)


def _faiss() -> str:
    for name in ("faiss-gpu", "faiss-cpu"):
        if _has(name):
            return f"{name} {_version(name)}"
    return 'No FAISS: pip install "seehear[cpu]"   (or "seehear[gpu]")'


def _has(name: str) -> bool:
    return _version(name) != "missing"


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # 15 ms that only this needs

    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _devices() -> str:
    from engine.encode.network import device

    if device() == "cuda":
        return "CLIP and CLAP run on the GPU, by torch"
    engine = f"OpenVINO {_version('openvino')}" if _has("openvino") else "ONNX Runtime, slower"
    return f"CLIP and CLAP run on the CPU, by {engine}"


def _decoding() -> str:
    from contextlib import closing

    from engine.errors import EngineError
    from engine.media.workers import Workers

    try:
        with closing(Workers(1)) as pool:
            kept = pool.confinement()
    except EngineError as error:
        return f"Media cannot be decoded: {error}"
    memory = f"at most {pool.guard.memory >> 20:,} MiB" if kept["memory"] else "memory unlimited"
    network = "no network" if kept["network"] else "the network not closed to them"
    return f"Media are decoded in processes of their own: {memory}, {network}"


def _state(ids: tuple[str, ...]) -> str:
    from engine import models
    from engine.errors import EngineError

    try:
        ready = all(models.is_ready(one) for one in ids)
    except EngineError as error:
        return f"cannot be used: {error}"
    return "ready" if ready else "not ready (see: seehear models list)"
