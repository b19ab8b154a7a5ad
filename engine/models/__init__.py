"""Where weights come from: fetched as the user's installer can, verified, converted, built."""

from engine.models.build import BUILDERS, Builder, BuilderRow
from engine.models.lock import LockedFile, LockedModel, all_locked, locked
from engine.models.prepare import built_folder, is_ready, ready
from engine.models.progress import Progress, Step, Watcher, silent
from engine.models.resolve import fetch, verify

__all__ = [
    "BUILDERS",
    "Builder",
    "BuilderRow",
    "LockedFile",
    "LockedModel",
    "Progress",
    "Step",
    "Watcher",
    "all_locked",
    "built_folder",
    "fetch",
    "is_ready",
    "locked",
    "ready",
    "silent",
    "verify",
]
