"""Fetch one of the packages named in packages.toml, check it and unpack it without root."""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).resolve().with_name("packages.toml")
BLOCK = 1 << 20
AR_MAGIC = b"!<arch>\n"
AR_HEADER = 60


class FetchError(Exception):
    """A package could not be fetched or unpacked; the message is one plain sentence."""


@dataclass(frozen=True)
class Package:
    """One entry of packages.toml.

    Attributes:
        name: The name of the package.
        kind: `debian` or `pypi`.
        version: The pinned version.
        file: The name of the archive.
        sha256: The checksum of the archive, in hexadecimal.
        url: Where the archive lies (Debian packages only).
        options: Extra options of `pip download` (PyPI packages only).
    """

    name: str
    kind: str
    version: str
    file: str
    sha256: str
    url: str = ""
    options: tuple[str, ...] = ()


def say(message: str) -> None:
    """Print one line of progress on standard error."""
    print(message, file=sys.stderr, flush=True)


def read_list(path: Path = LIST) -> dict[str, Package]:
    """Read the list of packages.

    Args:
        path: The TOML file.

    Returns:
        The packages by name.
    """
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: Package(
            name=name,
            kind=entry["kind"],
            version=entry["version"],
            file=entry["file"],
            sha256=entry["sha256"],
            url=entry.get("url", ""),
            options=tuple(entry.get("options", ())),
        )
        for name, entry in table.items()
    }


def default_folder() -> Path:
    """Return the folder that holds fetched packages unless the user names another."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "seehear-bench"


def check(archive: Path, package: Package) -> None:
    """Compare the checksum of an archive with the list.

    Raises:
        FetchError: The archive is not the one that the list names.
    """
    with archive.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != package.sha256:
        raise FetchError(
            f"The sha256 of {archive.name} is {found}, but packages.toml says {package.sha256}."
        )
    say(f"sha256 of {archive.name} is right")


def run(command: Sequence[str], folder: Path) -> None:
    """Run a command in a folder, with its output on standard error.

    Raises:
        FetchError: The command failed or is not there.
    """
    try:
        subprocess.run(command, cwd=folder, stdout=sys.stderr, check=True)
    except subprocess.CalledProcessError as error:
        raise FetchError(f"{command[0]} failed with exit status {error.returncode}.") from error
    except OSError as error:
        raise FetchError(f"{command[0]} could not be started: {error}.") from error


def only_file(folder: Path, suffix: str) -> Path:
    """Return the one file of a folder that ends in a suffix.

    Raises:
        FetchError: There is none, or more than one.
    """
    found = sorted(folder.glob(f"*{suffix}"))
    if len(found) != 1:
        raise FetchError(f"Expected one *{suffix} file in {folder}, found {len(found)}.")
    return found[0]


def by_apt(package: Package, folder: Path) -> Path:
    """Download a Debian package with the machine's own tools."""
    say(f"apt-get download {package.name}={package.version}")
    run(["apt-get", "download", f"{package.name}={package.version}"], folder)
    return only_file(folder, ".deb")


def by_mirror(package: Package, folder: Path) -> Path:
    """Download a Debian package from the URL in the list.

    Raises:
        FetchError: The mirror did not answer or broke off.
    """
    say(f"downloading {package.url}")
    target = folder / package.file
    try:
        with urllib.request.urlopen(package.url, timeout=60) as answer, target.open("wb") as out:
            copy_with_progress(answer, out, int(answer.headers.get("Content-Length") or 0))
    except OSError as error:
        raise FetchError(f"Could not download {package.url}: {error}.") from error
    return target


def copy_with_progress(source: io.BufferedIOBase, target: io.BufferedIOBase, total: int) -> None:
    """Copy a stream and report every tenth of it."""
    done = 0
    told = 0
    while block := source.read(BLOCK):
        target.write(block)
        done += len(block)
        if total and done * 10 // total > told:
            told = done * 10 // total
            say(f"  {told * 10} % of {total / 1e6:.1f} MB")


def get_debian(package: Package, folder: Path, via: str) -> Path:
    """Download a Debian package: with apt-get where it works, else from the mirror."""
    if via == "apt" or (via == "auto" and shutil.which("apt-get")):
        try:
            return by_apt(package, folder)
        except FetchError as error:
            if via == "apt":
                raise FetchError(f"{error} Perhaps `apt-get update` is needed first.") from error
            say(f"{error} Perhaps `apt-get update` is needed first; trying the mirror instead.")
    return by_mirror(package, folder)


def get_pypi(package: Package, folder: Path) -> Path:
    """Download a package from the Python package index with pip."""
    wanted = f"{package.name}=={package.version}"
    say(f"pip download --no-deps {wanted}")
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check"]
    run([*pip, *package.options, wanted], folder)
    return only_file(folder, package.file)


def deb_member(archive: Path, prefix: str) -> tuple[str, bytes]:
    """Read one member of a Debian package, which is an `ar` archive.

    Args:
        archive: The .deb file.
        prefix: How the name of the member starts.

    Returns:
        The name and the content of the member.

    Raises:
        FetchError: The file is no such archive, or has no such member.
    """
    with archive.open("rb") as stream:
        if stream.read(len(AR_MAGIC)) != AR_MAGIC:
            raise FetchError(f"{archive.name} is not a Debian package.")
        while len(header := stream.read(AR_HEADER)) == AR_HEADER:
            name = header[:16].decode("ascii").rstrip(" /")
            size = int(header[48:58])
            if name.startswith(prefix):
                return name, stream.read(size)
            stream.seek(size + size % 2, os.SEEK_CUR)
    raise FetchError(f"{archive.name} has no member {prefix}.")


def unpack_deb_here(archive: Path, folder: Path) -> None:
    """Unpack a Debian package with the standard library alone.

    Raises:
        FetchError: The content is compressed in a way that Python 3.11 cannot read.
    """
    name, content = deb_member(archive, "data.tar")
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            tar.extractall(folder, filter="data")
    except tarfile.TarError as error:
        raise FetchError(f"Could not unpack {name} of {archive.name}: {error}.") from error


def unpack_deb(archive: Path, folder: Path) -> None:
    """Unpack a Debian package, with dpkg-deb where it is there."""
    if shutil.which("dpkg-deb"):
        run(["dpkg-deb", "-x", str(archive), str(folder)], folder)
    else:
        unpack_deb_here(archive, folder)


def unpack_pypi(archive: Path, folder: Path) -> None:
    """Unpack a wheel or a source archive."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as bundle:
            bundle.extractall(folder)
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")


def fetch(package: Package, into: Path, via: str = "auto") -> Path:
    """Fetch, check and unpack a package, unless it is already there.

    Args:
        package: What to fetch.
        into: The folder that holds one folder for each package.
        via: `apt`, `mirror`, or `auto` for the first that works (Debian packages only).

    Returns:
        The folder of the unpacked package.
    """
    into = into.expanduser().resolve()
    target = into / package.name
    if target.is_dir():
        say(f"{package.name} is already there")
        return target
    into.mkdir(parents=True, exist_ok=True)
    unpack: Callable[[Path, Path], None] = unpack_deb if package.kind == "debian" else unpack_pypi
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=into) as scratch:
        folder = Path(scratch)
        if package.kind == "debian":
            archive = get_debian(package, folder, via)
        else:
            archive = get_pypi(package, folder)
        check(archive, package)
        say(f"unpacking {archive.name}")
        (folder / "tree").mkdir()
        unpack(archive, folder / "tree")
        (folder / "tree").rename(target)
    return target


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", help="a name from packages.toml")
    parser.add_argument("--into", type=Path, default=default_folder(), metavar="DIR")
    parser.add_argument("--via", choices=("auto", "apt", "mirror"), default="auto")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = parse(arguments)
    try:
        packages = read_list()
        if options.package not in packages:
            known = ", ".join(sorted(packages))
            raise FetchError(f"There is no package {options.package}; the list has {known}.")
        print(fetch(packages[options.package], options.into, options.via))
    except (FetchError, OSError) as error:
        say(f"fetch.py: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
