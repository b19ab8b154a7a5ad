"""Which profile a new library gets, and whether weights may be downloaded: asked, never assumed."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.render import console
from cli.settings import Settings

if TYPE_CHECKING:
    from engine.models import Watcher

PROPOSED = "clip"
PLAIN = "starter"


def choose_profile(
    settings: Settings, *, yes: bool, accept_licence: bool, watch: "Watcher"
) -> str | None:
    """The profile for the library of these settings; None when it has one already.

    A profile that was named is taken. Else `clip` is proposed when its weights are here, or can
    be fetched and somebody can be asked; else it is `starter`. What was chosen is said.
    """
    if exists(settings.library / "catalogue.db"):
        return settings.profile
    named = settings.profile or settings.preferred
    if named:
        unasked = yes or (named == settings.preferred and not _can_ask())
        have_weights(named, yes=unasked, watch=watch, accept_licence=accept_licence)
        return named
    if _is_taken(yes=yes):
        have_weights(PROPOSED, yes=True, watch=watch)
        return PROPOSED
    return PLAIN


def have_weights(
    profile: str, *, yes: bool, watch: "Watcher", accept_licence: bool = False
) -> None:
    """Download what a profile lacks, after asking; ModelError saying how to when it may not."""
    from engine import models
    from engine.errors import ModelError
    from engine.profile import Profile

    if accept_licence:
        for one in Profile.load(profile).weights:
            models.accept_licence(one)
    lacking = missing_models(profile)
    for one in lacking:
        models.check_consent(one)  # before anybody is told of a download
    if not lacking:
        return
    size = megabytes(sum(models.size_of(one) for one in lacking))
    if not yes and not (_can_ask() and _asked(f"Download {size} of weights for '{profile}'?")):
        raise ModelError(
            f"The weights of profile '{profile}' ({size}) are not on this computer.",
            hint=f"Fetch them with: seehear models pull {profile}",
        )
    _say(f"Downloading {size} of weights for profile '{profile}'.")
    pull(lacking, watch=watch, accept_licence=accept_licence)


def pull(ids: Sequence[str], *, watch: "Watcher", accept_licence: bool) -> None:
    """Download models one after another."""
    from engine import models

    for one in ids:
        models.pull(one, progress=watch, accept_licence=accept_licence)


def missing_models(profile: str) -> list[str]:
    """Models of a profile that must be downloaded by command before it can be used.

    The small ones of `starter` come from PyPI at their first use, so they are not among them.
    """
    from engine import models
    from engine.profile import Profile

    return [one for one in Profile.load(profile).weights if models.must_be_pulled(one)]


def megabytes(size: int) -> str:
    """Bytes for the eye."""
    if not size:
        return "an unknown amount"
    gigabytes = size / 1e9
    return f"{gigabytes:.1f} GB" if gigabytes >= 1 else f"{size / 1e6:.0f} MB"


def _is_taken(*, yes: bool) -> bool:
    """Whether `clip` is possible and wanted; says what was chosen and why."""
    from engine import models

    lacking = missing_models(PROPOSED)
    size = megabytes(sum(models.size_of(one) for one in lacking))
    hint = f"For finding what people can say: seehear profile use {PROPOSED}"
    if lacking and not (yes or _can_ask()):
        _say(f"Profile {PLAIN}. {hint} ({size} to download)")
        return False
    if lacking and not models.hub_answers():
        _say(f"Profile {PLAIN}: the weights of {PROPOSED} ({size}) cannot be reached from here.")
        return False
    where = f"{size} to download" if lacking else "its weights are on this computer"
    question = f"Use profile {PROPOSED}, which finds what people can say ({where})?"
    if yes or (_can_ask() and _asked(question)):
        _say(f"Profile {PROPOSED} ({where}).")
        return True
    _say(f"Profile {PLAIN}. {hint} ({where})")
    return False


def exists(file: Path) -> bool:
    """Whether something is there; what lies in a closed folder cannot be seen."""
    try:
        return file.exists()
    except OSError:  # opening the library will say why
        return False


def _can_ask() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _asked(question: str) -> bool:
    return typer.confirm(question, default=True, err=True)


def _say(sentence: str) -> None:
    console(stderr=True).print(sentence, markup=False)
