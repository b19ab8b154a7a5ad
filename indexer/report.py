"""What indexing says of itself: progress while it runs, a report when it has ended."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from engine.log import log


@dataclass(frozen=True, slots=True)
class Skip:
    """A file that could not be indexed, and why; its neighbours are not affected.

    Attributes:
        file: its absolute path; of very many, a text takes a third of the memory of a `Path`.
    """

    file: str
    reason: str

    @property
    def path(self) -> Path:
        """The absolute path."""
        return Path(self.file)


def log_skip(skip: Skip) -> None:
    """Note in the log that a file could not be indexed."""
    log.warning("skipped %s: %s", skip.file, skip.reason)


class Step(StrEnum):
    """What a run does to files."""

    INDEX = "indexing"
    READ = "reading text"
    LISTEN = "listening"
    RECOGNISE = "learning to recognise sounds"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        done: files with a final state, committed.
        total: files that need work.
        path: the last file that was committed.
        step: what is done to them.
    """

    done: int
    total: int
    path: Path
    step: Step = Step.INDEX


Watch = Callable[[Progress], None]


def unwatched(_progress: Progress) -> None:
    """Watch nothing."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a run did; the counts of files add up to what was found.

    Attributes:
        added: new files.
        refreshed: files whose bytes changed.
        moved: files found under a new name, their vectors kept.
        copies: new files whose bytes the library had already; nothing was encoded for them.
        kept: files that had not changed.
        removed: files that are gone from disk (moved ones not counted).
        encoded: contents that went through an encoder.
        segments: vectors made.
        seen: contents in which words were read, in this run.
        heard: contents in which words were heard, in this run.
        recognised: sounds and videos of before that can be found inside others from now on.
        skipped: files that could not be indexed, in this run or in an earlier one.
        ignored: files that are no media at all.
        away: roots that are not there now; what is known of them is kept.
        seconds: how long it took.
    """

    added: int = 0
    refreshed: int = 0
    moved: int = 0
    copies: int = 0
    kept: int = 0
    removed: int = 0
    encoded: int = 0
    segments: int = 0
    seen: int = 0
    heard: int = 0
    recognised: int = 0
    skipped: tuple[Skip, ...] = ()
    ignored: tuple[Path, ...] = ()
    away: tuple[Path, ...] = ()
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """What a process that did nothing else returns: 3 when files were skipped, else 0."""
        return 3 if self.skipped else 0

    @property
    def counts(self) -> str:
        """What came of the files, in words."""
        parts = {
            "new": self.added,
            "changed": self.refreshed,
            "moved": self.moved,
            "removed": self.removed,
            "unchanged": self.kept,
            "skipped": len(self.skipped),
        }
        told = ", ".join(f"{count:,} {name}" for name, count in parts.items() if count)
        return told or "nothing to do"
