"""Where weights come from: fetched as the user's installer can, verified, converted, built."""

from engine.models.build import BUILDERS, Builder, BuilderRow
from engine.models.cache import spoken
from engine.models.hub import hub_answers
from engine.models.known import all_locked, locked
from engine.models.lock import LockedFile, LockedModel
from engine.models.prepare import built_folder, is_ready, ready
from engine.models.progress import Progress, Step, Watcher, silent
from engine.models.registry import (
    Anchor,
    ModelRow,
    ProfileRow,
    Registry,
    registry,
    user_file,
)
from engine.models.remembered import remembered
from engine.models.resolve import (
    accept_licence,
    check_consent,
    fetch,
    is_fetched,
    must_be_pulled,
    path_of,
    pull,
    remove,
    size_of,
    verify,
)

__all__ = [
    "BUILDERS",
    "Anchor",
    "Builder",
    "BuilderRow",
    "LockedFile",
    "LockedModel",
    "ModelRow",
    "ProfileRow",
    "Progress",
    "Registry",
    "Step",
    "Watcher",
    "accept_licence",
    "all_locked",
    "built_folder",
    "check_consent",
    "fetch",
    "hub_answers",
    "is_fetched",
    "is_ready",
    "locked",
    "must_be_pulled",
    "path_of",
    "pull",
    "ready",
    "registry",
    "remembered",
    "remove",
    "silent",
    "size_of",
    "spoken",
    "user_file",
    "verify",
]
