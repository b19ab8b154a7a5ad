"""What an examination finds: one line each, and whether something is wrong with it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from engine.errors import EngineError


class State(StrEnum):
    """How bad it is."""

    GOOD = "good"
    NOTE = "note"
    """Worth knowing; everything works."""
    WRONG = "wrong"
    """Something that is needed fails."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line.

    Attributes:
        name: what was looked at.
        told: what was found.
        state: how bad it is.
        hint: what helps; where it is a command, the whole line.
    """

    name: str
    told: str
    state: State = State.GOOD
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Findings of one kind."""

    title: str
    findings: tuple[Finding, ...]


def wrong(name: str, error: BaseException) -> Finding:
    """The finding that an exception makes."""
    if isinstance(error, EngineError):
        return Finding(name, error.sentence, State.WRONG, error.hint)
    return Finding(name, f"{type(error).__name__}: {error}", State.WRONG)


def tried(name: str, look: Callable[[], Finding]) -> Finding:
    """What a look brings, whatever happens on the way."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001  (a doctor tells of every illness)
        return wrong(name, error)
