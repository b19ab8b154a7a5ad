"""Classifiers of a library on disk: a folder each, replaced as a whole, never half-written.

`LIBRARY/classifiers/NAME/classifier.json` names the folder of the numbers, with its SHA-256 and one
of what it says itself: who reads it sees the old classifier or the new one, whenever the writer was
interrupted.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Any

from engine.errors import EngineError, UsageError
from engine.ports import Encoder
from engine.store.folder import written
from engine.store.snapshots import sync_folder
from engine.types import Space

FOLDER = "classifiers"
CARD = "classifier.json"

_FORMAT = 2
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_AGAIN = "Fit it again: seehear classify fit --labels FILE --name {}"


@dataclass(frozen=True, slots=True)
class Card:
    """What a classifier is.

    Attributes:
        labels: what it chooses from.
        reads: the space of each channel that it reads, by the channel's name; empty where it
            compares files with the words of its labels.
        report: how it did on things it had not seen, as JSON values.
        model: the folder that holds its numbers; empty before it is kept, and without any.
        sha256: of the files in that.
    """

    name: str
    labels: tuple[str, ...]
    reads: Mapping[str, Space]
    report: Mapping[str, Any]
    model: str = ""
    sha256: str = ""


def checked_name(name: str) -> str:
    """The name; UsageError when it would not do as a folder and after `label:`."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"'{name}' is no name for a classifier.",
            hint="Take small letters, digits, - and _, at most 64: --name emotion",
        )
    return name


def keep(library: Path, card: Card, save: Callable[[Path], object] | None) -> Card:
    """Put a classifier on disk, in place of one of its name.

    Args:
        library: its folder.
        card: all but the folder of its numbers.
        save: makes that folder at the path it is given; None where there are no numbers.

    Raises:
        DiskFullError, EngineError: the folder cannot be written; an older one is as it was.
    """
    folder = library / FOLDER / checked_name(card.name)
    unfinished = folder / "unfinished"
    with written(library):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(unfinished, ignore_errors=True)
        made = card
        if save is not None:
            save(unfinished)
            _sync(unfinished)
            made = replace(card, model=f"model-{token_hex(6)}", sha256=_digest(unfinished))
            unfinished.rename(folder / made.model)
        _write_card(folder / CARD, made)
        for left in folder.iterdir():
            if left.name not in {CARD, made.model}:
                shutil.rmtree(left)
        sync_folder(folder.parent)
    return made


def _sync(folder: Path) -> None:
    """Put the files in a folder on disk."""
    for file in folder.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    sync_folder(folder)


def _digest(folder: Path) -> str:
    """SHA-256 of the files in a folder, by name."""
    found = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        data = file.read_bytes()
        found.update(f"{file.name} {len(data)}\n".encode() + data)
    return found.hexdigest()


def _write_card(path: Path, card: Card) -> None:
    unfinished = path.with_suffix(".tmp")
    told = {"format": _FORMAT, "digest": _core(card), **asdict(card)}
    text = json.dumps(told, ensure_ascii=False, indent=1)
    unfinished.write_text(text + "\n", encoding="utf-8")
    with unfinished.open("rb") as opened:
        os.fsync(opened.fileno())
    unfinished.rename(path)
    sync_folder(path.parent)


def _core(card: Card) -> str:
    """SHA-256 of what a classifier does; not of its name or report."""
    told = asdict(card)
    core = {key: told[key] for key in ("labels", "reads", "model", "sha256")}
    return hashlib.sha256(json.dumps(core, sort_keys=True).encode()).hexdigest()


def names(library: Path) -> tuple[str, ...]:
    """The names of a library's classifiers, sorted."""
    return tuple(sorted(one.parent.name for one in (library / FOLDER).glob(f"*/{CARD}")))


def card_of(library: Path, name: str) -> Card:
    """What a classifier is; UsageError when there is none, EngineError when it is damaged."""
    if name not in names(library):
        known = ", ".join(names(library))
        raise UsageError(
            f"There is no classifier '{name}'.",
            hint=f"Known: {known}." if known else "Make one with: seehear classify fit",
        )
    try:
        found = json.loads((library / FOLDER / name / CARD).read_text(encoding="utf-8"))
        if found.pop("format") != _FORMAT:
            raise _damaged(name, "it was written by another version of seehear")
        digest = found.pop("digest")
        reads = {channel: Space(**space) for channel, space in found.pop("reads").items()}
        card = Card(reads=reads, **found | {"name": name, "labels": tuple(found["labels"])})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(name, str(error)) from error
    if digest != _core(card):
        raise _damaged(name, "its digest differs")
    return card


def model_of(library: Path, card: Card) -> Path:
    """The folder of a classifier's numbers; EngineError when it is not as it was written."""
    path = library / FOLDER / card.name / card.model
    try:
        digest = _digest(path)
    except OSError as error:
        raise _damaged(card.name, error.strerror or "unreadable") from error
    if digest != card.sha256:
        raise _damaged(card.name, "its digest differs")
    return path


def _damaged(name: str, why: str) -> EngineError:
    return EngineError(f"The classifier '{name}' is damaged: {why}.", hint=_AGAIN.format(name))


def drop(library: Path, name: str) -> None:
    """Delete a classifier, damaged or not; UsageError when there is none."""
    if name not in names(library):
        card_of(library, name)
    folder = library / FOLDER / name
    with written(library):
        (folder / CARD).unlink()
        shutil.rmtree(folder)
        sync_folder(folder.parent)


def check_spaces(card: Card, encoders: Mapping[str, Encoder]) -> None:
    """Raise EngineError when what a classifier reads is made by another encoder today."""
    for channel, space in card.reads.items():
        now = encoders[channel].space if channel in encoders else None
        if now != space:
            other = f"'{now.name}' {now.fingerprint[:12]}" if now else "no encoder"
            raise EngineError(
                f"The classifier '{card.name}' reads {channel} as '{space.name}' "
                f"{space.fingerprint[:12]}, but the library has {other} for it now.",
                hint=_AGAIN.format(card.name),
            )
