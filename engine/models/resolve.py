"""From a model's id to a folder of verified files: fetched where missing, hashed where in doubt."""

import shutil
from itertools import groupby
from pathlib import Path

from engine.errors import EngineError, ModelError
from engine.models.cache import alone, folder_of
from engine.models.lock import LockedFile, LockedModel, locked
from engine.models.progress import Progress, Step, Watcher, silent
from engine.models.receipt import add_seal, read_seals, seal
from engine.models.sources import SOURCES
from engine.models.unpack import check, unpack

DOWNLOADS = "downloads"


def fetch(model_id: str, *, progress: Watcher = silent) -> Path:
    """The folder with all files of the lock's entry, each of the right size and hash.

    Where they are there already this reads one small file and nothing else: no process, no
    network, no hashing. Interrupted, it keeps every verified file and every complete download.

    Raises:
        ModelError: if a file cannot be had, or is not what the lock says.
        DiskFullError: if the cache has no room left.
    """
    model = locked(model_id)
    if not _unsealed(model):
        return folder_of(model)
    with alone(model) as folder:
        lacking = [file for file in _unsealed(model) if not _adopt(model, file, progress)]
        for archive, files in groupby(sorted(lacking, key=_place), key=_place):
            _bring(model, archive, list(files), progress)
        shutil.rmtree(folder / DOWNLOADS, ignore_errors=True)
    return folder


def is_fetched(model: LockedModel) -> bool:
    """Whether every file of a model is there and verified."""
    return not _unsealed(model)


def verify(model_id: str, *, progress: Watcher = silent) -> Path:
    """Hash every file of a fetched model again, whatever the receipt says.

    Returns:
        the folder that holds them.

    Raises:
        ModelError: for the first file that is missing, or has changed; a changed one is deleted,
            so that the next `fetch` replaces it.
    """
    model = locked(model_id)
    with alone(model) as folder:
        for file in model.files:
            _rehash(model, file, progress)
    return folder


def _unsealed(model: LockedModel) -> list[LockedFile]:
    folder = folder_of(model)
    seals = read_seals(folder)

    def sealed(file: LockedFile) -> bool:
        known = seals.get(file.name)
        return known is not None and known.sha256 == file.sha256 and known.holds(folder / file.name)

    return [file for file in model.files if not sealed(file)]


def _adopt(model: LockedModel, file: LockedFile, progress: Watcher) -> bool:
    # A file without a seal may still be right: its receipt was lost, or only its time changed.
    try:
        _rehash(model, file, progress)
    except ModelError:
        return False
    return True


def _rehash(model: LockedModel, file: LockedFile, progress: Watcher) -> None:
    folder = folder_of(model)
    path = folder / file.name
    if not path.exists():
        raise ModelError(f"{path} is missing.", hint="It is fetched when it is needed next.")
    found = seal(
        path, saw=lambda done: progress(Progress(model.id, Step.VERIFY, file.name, done, file.size))
    )
    try:
        check(file, found.size, found.sha256, where=folder)
    except ModelError:
        path.unlink()
        raise
    add_seal(folder, file.name, found)


def _place(file: LockedFile) -> tuple[str, str]:
    return file.scheme, file.locator


def _bring(
    model: LockedModel, place: tuple[str, str], files: list[LockedFile], progress: Watcher
) -> None:
    scheme, locator = place
    folder = folder_of(model)
    downloads = folder / DOWNLOADS
    downloads.mkdir(exist_ok=True)
    if scheme not in SOURCES:
        raise ModelError(f"models.lock names a source '{scheme}', which this seehear cannot read.")

    def saw(done: int) -> None:
        progress(
            Progress(model.id, Step.DOWNLOAD, locator, min(done, model.download), model.download)
        )

    archive = SOURCES[scheme](locator, downloads, saw)
    try:
        for file in files:
            _unpack(model, file, archive, progress)
    except EngineError:
        shutil.rmtree(downloads, ignore_errors=True)  # or the next try would meet the same bytes
        raise


def _unpack(model: LockedModel, file: LockedFile, archive: Path, progress: Watcher) -> None:
    folder = folder_of(model)

    def saw(done: int) -> None:
        progress(Progress(model.id, Step.UNPACK, file.name, done, file.size))

    add_seal(folder, file.name, unpack(archive, file, folder, saw))
