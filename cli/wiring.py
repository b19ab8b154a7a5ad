"""From settings to objects: the one place where a library is opened for a command."""

import os
from typing import TYPE_CHECKING

from cli.settings import Settings

if TYPE_CHECKING:
    from engine.library import Library


def open_library(
    settings: Settings,
    *,
    create: bool = False,
    any_encoders: bool = False,
    anywhere: bool = False,
) -> "Library":
    """Open the library that the settings name."""
    from engine.library import Library

    return Library.open(
        settings.library,
        create=create,
        profile=settings.profile,
        any_encoders=any_encoders,
        anywhere=anywhere,
    )


_NICENESS = 10
"""Of processes that work for long: an idle core is theirs, a busy one is left to others."""


def give_way() -> None:
    """Let whatever else runs on this computer go first, searches among them."""
    if os.getpriority(os.PRIO_PROCESS, 0) < _NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
