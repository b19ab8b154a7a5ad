"""Pins: what a repository of the hub holds at a commit, written down once and then enforced."""

import hashlib
import shutil
from pathlib import Path

from engine.errors import ModelError
from engine.models.cache import alone_on, folder_of, shelf, write_whole
from engine.models.hub import HubFile, Place, check_open, download, listing
from engine.models.lock import LockedFile, LockedModel, read_rows, write_row
from engine.models.progress import Progress, Step, Watcher
from engine.models.reading import chosen, plain_name, reading_of
from engine.models.receipt import sha256_of

PINS = "pins.toml"
DOWNLOADS = "downloads"

_NO_HASH = "0" * 64


def read_pins(wanted: LockedModel) -> LockedModel | None:
    """The pinned model, if it was pinned from the same commit for the same adapter."""
    try:
        rows = read_rows((shelf(wanted.id) / PINS).read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError):
        return None  # damaged: pinned again from the same commit
    pinned = rows.get(wanted.id)
    same = pinned and (pinned.hub, pinned.builder) == (wanted.hub, wanted.builder)
    return pinned if same and pinned and pinned.files else None


def pin(wanted: LockedModel, progress: Watcher) -> LockedModel:
    """Ask the hub what the commit holds, and write down what the adapter reads of it.

    What git itself stores has no sha256 at the hub: it is fetched, checked by its git id, and
    hashed here.

    Raises:
        ModelError: if the hub cannot be asked, or the repository lacks what the adapter needs.
    """
    check_open()
    with alone_on(wanted.id) as folder:
        if pinned := read_pins(wanted):  # another process was first
            return pinned
        pinned = _asked(wanted, folder / DOWNLOADS, progress)
        _hand_over(folder / DOWNLOADS, pinned)
        write_whole(folder / PINS, write_row(pinned))
    return pinned


def _asked(wanted: LockedModel, downloads: Path, progress: Watcher) -> LockedModel:
    locator, _, weights = wanted.hub.partition("!")
    place = Place.of(locator)
    reading = reading_of(wanted.builder, wanted.id)
    listed, licence = listing(place)
    there = {file.path: file for file in listed}
    paths = chosen(reading, there, where=place.repository, weights=weights)
    downloads.mkdir(exist_ok=True)
    progress(Progress(wanted.id, Step.DOWNLOAD, place.repository, 0, 0))
    files = tuple(_pinned(there[path], locator, downloads) for path in paths)
    _check_known(files, wanted, locator)
    return LockedModel(
        wanted.id,
        files,
        wanted.licence or licence or f"unknown (see {place.homepage})",
        wanted.attribution or f"{place.repository} on the model hub",
        wanted.homepage or place.homepage,
        sum(file.size for file in files),
        wanted.builder,
        wanted.hub,
    )


def _check_known(files: tuple[LockedFile, ...], wanted: LockedModel, locator: str) -> None:
    found = {file.name: file.sha256 for file in files}
    for name, sha256 in wanted.weights:
        if found.get(name) != sha256:
            raise ModelError(
                f"{name} of {locator} is not the file that seehear knows: "
                f"expected sha256 {sha256}, the hub has {found.get(name, 'none')}.",
                hint="Nothing was kept. If a mirror is set by HF_ENDPOINT, it is at fault.",
            )


def _pinned(file: HubFile, locator: str, downloads: Path) -> LockedFile:
    row = LockedFile(
        plain_name(file.path), "hub", locator, file.path, file.size, file.sha256 or _NO_HASH
    )
    if file.sha256:
        return row
    path = download(row, downloads, lambda _done: None) / file.path
    if file.blob and _git_id(path) != file.blob:
        path.unlink()
        raise ModelError(
            f"{file.path} of {locator} is not the file that its commit names.",
            hint="It was not kept. Run it again; if that fails too, the mirror is at fault.",
        )
    return LockedFile(row.name, "hub", locator, file.path, file.size, sha256_of(path))


def _git_id(path: Path) -> str:
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _hand_over(downloads: Path, pinned: LockedModel) -> None:
    # What had to be fetched to be hashed is where the fetch that follows looks for it.
    target = folder_of(pinned) / DOWNLOADS
    if target.exists():
        shutil.rmtree(downloads)
    else:
        target.parent.mkdir(exist_ok=True)
        downloads.rename(target)
