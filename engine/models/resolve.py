"""From a model's id to a folder of verified files: fetched where missing, hashed where in doubt."""

import shutil
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from engine.errors import EngineError, ModelError
from engine.models import hub
from engine.models.cache import alone, alone_on, folder_of, room_for, shelf
from engine.models.consent import check_licence
from engine.models.known import check_known, entry, known_files, locked, not_here
from engine.models.lock import LockedFile, LockedModel
from engine.models.pins import DOWNLOADS, pin
from engine.models.progress import Progress, Step, Watcher, silent
from engine.models.receipt import add_seal, read_seals, seal
from engine.models.sources import ON_REQUEST, SOURCES
from engine.models.unpack import check, unpack


def fetch(model_id: str, *, progress: Watcher = silent) -> Path:
    """The folder with all files of a model, each of the right size and hash.

    Where they are there already this reads one small file and nothing else: no process, no
    network, no hashing. Interrupted, it keeps every verified file and every complete download.
    The model hub is never asked: what is not in the cache of its tools either is for `pull`.

    Raises:
        ModelError: if a file cannot be had, or is not what the lock says.
        UsageError: if the model is for research only, and nobody accepted that.
        DiskFullError: if the cache has no room left.
    """
    return _complete(locked(model_id), progress, online=False)


def pull(model_id: str, *, accept_licence: bool = False, progress: Watcher = silent) -> Path:
    """Fetch a model from wherever it is, the model hub too; interrupted, the next call goes on.

    Args:
        model_id: of the registry or the lock.
        accept_licence: agree to a licence for research only; remembered from then on.
        progress: told every step.

    Raises:
        ModelError: if a file cannot be had, or is not what the lock or the pins say.
        UsageError: if the model is for research only, and nobody accepted that.
        DiskFullError: if the cache has no room left.
    """
    model = entry(model_id)
    check_licence(model, accept=accept_licence)
    return _complete(model if model.files else pin(model, progress), progress, online=True)


def check_consent(model_id: str) -> None:
    """UsageError when a model is for research only, and nobody accepted that."""
    check_licence(entry(model_id))


def accept_licence(model_id: str) -> None:
    """Agree to a licence for research only, once for all; nothing to do for an open one."""
    check_licence(entry(model_id), accept=True)


def is_fetched(model_id: str) -> bool:
    """Whether every file of a model is there and verified; ModelError for an unknown id."""
    model = known_files(model_id)
    return model is not None and not _unsealed(model)


def must_be_pulled(model_id: str) -> bool:
    """Whether the model is not here, and comes only when it is asked for: see `pull`."""
    model = entry(model_id)
    if not model.files:
        return True
    return not all(_within_reach(model, file) for file in _unsealed(model))


def verify(model_id: str, *, progress: Watcher = silent) -> Path:
    """Hash every file of a fetched model again, and all that was made of them.

    Returns:
        the folder that holds them.

    Raises:
        ModelError: for the first file that is missing, or has changed; a changed one is deleted,
            so that it is fetched or made again.
    """
    model = locked(model_id)
    with alone(model) as folder:
        for file in model.files:
            _rehash(model, file, progress)
        _rehash_made(model, folder, progress)
        for built in sorted(folder.glob("built-*")):
            _rehash_made(model, built, progress, all_of_it=True)
    return folder


def remove(model_id: str) -> int:
    """Delete a model's files from the cache; its pins and an accepted licence stay.

    Returns:
        the bytes that became free; a file that another tool's cache holds too frees none.
    """
    check_known(model_id)
    if not shelf(model_id).exists():
        return 0
    freed = 0
    with alone_on(model_id) as folder:
        for path in [path for path in folder.iterdir() if path.is_dir()]:
            freed += sum(_own_size(one) for one in path.rglob("*"))
            shutil.rmtree(path)
    return freed


def path_of(model_id: str) -> Path:
    """Where a model's files lie, or will lie; its shelf while nobody knows them yet."""
    model = known_files(model_id)
    return folder_of(model) if model else shelf(model_id)


def size_of(model_id: str) -> int:
    """Bytes that a first fetch downloads; 0 where nobody knows, or nothing is downloaded."""
    model = known_files(model_id)
    if model is not None:
        return model.download
    try:
        return entry(model_id).download
    except ModelError:  # a folder that is refused, or not there
        return 0


def _complete(model: LockedModel, progress: Watcher, *, online: bool) -> Path:
    if not _unsealed(model):
        return folder_of(model)
    check_licence(model)
    if not online and not all(_within_reach(model, file) for file in _unsealed(model)):
        raise not_here(model)  # at once, though another process may be pulling it right now
    with alone(model) as folder:
        lacking = [file for file in _unsealed(model) if not _adopt(model, file, progress)]
        usual = [file for file in lacking if file.scheme not in ON_REQUEST]
        for _, files in groupby(sorted(usual, key=_place), key=_place):
            _bring(model, list(files), progress)
        asked = [file for file in lacking if file.scheme in ON_REQUEST]
        if asked := [file for file in asked if not _shared(model, file, progress)]:
            if not online:
                raise not_here(model)
            _ask_for(model, asked, progress)
        shutil.rmtree(folder / DOWNLOADS, ignore_errors=True)
    return folder


def _within_reach(model: LockedModel, file: LockedFile) -> bool:
    if file.scheme not in ON_REQUEST or (folder_of(model) / file.name).exists():
        return True
    return hub.in_cache(file) is not None


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
        if file.scheme in ON_REQUEST:
            raise not_here(model)
        raise ModelError(f"{path} is missing.", hint="It is fetched when it is needed next.")
    found = seal(path, saw=_saw(model, Step.VERIFY, file, progress))
    try:
        check(file, found.size, found.sha256, where=folder)
    except ModelError:
        path.unlink()
        raise
    add_seal(folder, file.name, found)


def _rehash_made(
    model: LockedModel, folder: Path, progress: Watcher, *, all_of_it: bool = False
) -> None:
    for name, known in read_seals(folder).items():
        path = folder / name
        if not (known.origin or all_of_it) or not path.exists():
            continue
        progress(Progress(model.id, Step.VERIFY, name, 0, known.size))
        if seal(path).sha256 != known.sha256:
            path.unlink()
            raise ModelError(f"{path} has changed.", hint="It is made again when it is needed.")


def _place(file: LockedFile) -> tuple[str, str]:
    return file.scheme, file.locator


def _bring(model: LockedModel, files: list[LockedFile], progress: Watcher) -> None:
    first = files[0]
    downloads = folder_of(model) / DOWNLOADS
    downloads.mkdir(exist_ok=True)
    if first.scheme not in SOURCES:
        raise ModelError(
            f"models.lock names a source '{first.scheme}', which this seehear cannot read."
        )

    def saw(done: int) -> None:
        done = min(done, model.download)
        progress(Progress(model.id, Step.DOWNLOAD, first.locator, done, model.download))

    archive = SOURCES[first.scheme](first, downloads, saw)
    try:
        for file in files:
            _unpack(model, file, archive, progress)
    except EngineError:
        shutil.rmtree(downloads, ignore_errors=True)  # or the next try would meet the same bytes
        raise


def _shared(model: LockedModel, file: LockedFile, progress: Watcher) -> bool:
    kept = hub.in_cache(file)
    if kept is None:
        return False
    try:
        _unpack(model, file, hub.root_of(kept, file), progress)
    except ModelError:  # what another tool left there is not what it should be
        return False
    return True


def _ask_for(model: LockedModel, files: list[LockedFile], progress: Watcher) -> None:
    hub.check_open()
    downloads = folder_of(model) / DOWNLOADS
    downloads.mkdir(exist_ok=True)
    have = sum(_own_size(path) for path in downloads.rglob("*"))
    room_for(sum(file.size for file in files) - have, downloads)
    total = sum(file.size for file in model.files)
    before = total - sum(file.size for file in files)
    for file in files:
        _download(model, file, progress, before=before, total=total)
        before += file.size


def _download(
    model: LockedModel, file: LockedFile, progress: Watcher, *, before: int, total: int
) -> None:
    def saw(done: int) -> None:
        progress(Progress(model.id, Step.DOWNLOAD, file.name, before + done, total))

    root = hub.download(file, folder_of(model) / DOWNLOADS, saw)
    try:
        _unpack(model, file, root, progress)
    except EngineError:
        (root / file.inner).unlink()  # or the next try would meet the same bytes
        raise


def _unpack(model: LockedModel, file: LockedFile, archive: Path, progress: Watcher) -> None:
    folder = folder_of(model)
    add_seal(
        folder, file.name, unpack(archive, file, folder, _saw(model, Step.UNPACK, file, progress))
    )


def _saw(
    model: LockedModel, step: Step, file: LockedFile, progress: Watcher
) -> Callable[[int], None]:
    return lambda done: progress(Progress(model.id, step, file.name, done, file.size))


def _own_size(path: Path) -> int:
    found = path.lstat()
    return found.st_size if path.is_file() and found.st_nlink == 1 else 0
