"""Files out of an archive or a folder, hashed on the way; only verified ones get their name.

A file that lies in a folder of the same disk is linked, not copied: weights are gigabytes.
"""

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

from engine.errors import ModelError
from engine.models.cache import sync_folder
from engine.models.lock import LockedFile
from engine.models.receipt import Seal, sha256_of
from engine.models.refusals import inspect
from engine.models.sources import FOREIGN
from engine.points import reached

_CHUNK = 1 << 20


def unpack(archive: Path, file: LockedFile, folder: Path, saw: Callable[[int], None]) -> Seal:
    """Copy or link one file into the folder; `saw` is told the bytes so far.

    Raises:
        ModelError: if the archive cannot be read, the bytes are not those of the lock, or a
            foreign file is one that is never read; then nothing of it is left in the folder.
    """
    part = folder / f"{file.name}.part"
    part.unlink(missing_ok=True)
    try:
        linked = file.scheme in FOREIGN and _link(archive / file.inner, part)
        if linked:
            size, sha256 = part.stat().st_size, sha256_of(part, saw=saw)
        else:
            size, sha256 = _copy(archive, file, part, saw)
        check(file, size, sha256, where=archive)
        if file.scheme in FOREIGN:
            inspect(part, archive / file.inner)
        reached("model-written")
        part.replace(folder / file.name)
        reached("model-renamed")
    finally:
        part.unlink(missing_ok=True)
    sync_folder(folder)
    return Seal(sha256, size, (folder / file.name).stat().st_mtime_ns)


def check(file: LockedFile, size: int, sha256: str, *, where: Path) -> None:
    """ModelError unless size and hash are those of the lock."""
    if (size, sha256) == (file.size, file.sha256):
        return
    expected, found = f"sha256 {file.sha256}", f"sha256 {sha256}"
    if size != file.size:
        expected, found = f"{file.size} bytes", "more" if size > file.size else f"{size}"
    raise ModelError(
        f"{file.name} from {where} is not the file it should be: "
        f"expected {expected}, found {found}.",
        hint="It was not kept. Run it again; if that fails too, the mirror or folder is at fault.",
    )


def _link(source: Path, target: Path) -> bool:
    try:
        target.hardlink_to(source.resolve())
    except OSError:  # an archive, another disk, or a file that only its owner may link
        return False
    return True


def _copy(
    archive: Path, file: LockedFile, part: Path, saw: Callable[[int], None]
) -> tuple[int, str]:
    digest, done = hashlib.sha256(), 0
    with part.open("wb") as target, closing(_chunks(archive, file)) as chunks:
        for chunk in chunks:
            digest.update(chunk)
            target.write(chunk)
            done += len(chunk)
            saw(done)
        target.flush()
        os.fsync(target.fileno())
    return done, digest.hexdigest()


def _chunks(archive: Path, file: LockedFile) -> Generator[bytes, None, None]:
    # One byte too many is enough to know: an archive that unpacks to terabytes stops there.
    left = file.size + 1
    try:
        with _opened(archive, file.inner) as stream:
            while chunk := stream.read(min(_CHUNK, left)):
                yield chunk
                left -= len(chunk)
    except (KeyError, FileNotFoundError) as error:
        raise ModelError(
            f"{archive} holds no {file.inner}.",
            hint="It is not the release that seehear knows; its mirror or folder is at fault.",
        ) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ModelError(
            f"{archive} is damaged: {error}.",
            hint="A download is not kept; run it again.",
        ) from error


@contextmanager
def _opened(archive: Path, inner: str) -> Iterator[IO[bytes]]:
    if archive.is_dir():
        with (archive / inner).open("rb") as stream:
            yield stream
    else:
        with zipfile.ZipFile(archive) as members, members.open(inner) as stream:
            yield stream
