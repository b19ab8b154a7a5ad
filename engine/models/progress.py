"""What a caller may watch while weights are made ready: values, never printed here."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """What is being done to the file."""

    DOWNLOAD = "download"
    UNPACK = "unpack"
    VERIFY = "verify"
    CONVERT = "convert"
    BUILD = "build"
    FIT = "fit"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one step of one file is.

    Attributes:
        model: id of the model.
        step: what is being done.
        file: the file's name, or what is being downloaded or built.
        done: bytes so far; an estimate while downloading.
        total: bytes in the end; 0 where nobody can know.
    """

    model: str
    step: Step
    file: str
    done: int
    total: int


Watcher = Callable[[Progress], None]
"""Called often, from the thread that fetches; an exception it raises stops the fetch."""


def silent(_progress: Progress) -> None:
    """Watch nothing."""
