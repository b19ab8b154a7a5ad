"""What is installed: packages, and the libraries in C inside them, which no package list shows."""

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from engine.health.finding import Finding, State, tried
from engine.store.connect import sqlite_told, word_search_lacks

_NEEDED = ("numpy", "sqlalchemy", "pillow", "av", "onnxruntime")
_USED = ("seehear", "openvino", "torch")
_PICTURES = {
    "libjpeg-turbo": "libjpeg_turbo",
    "zlib": "zlib",
    "libwebp": "webp",
    "libtiff": "libtiff",
    "libavif": "avif",
    "littlecms": "littlecms2",
}
"""As Pillow calls them; what it has besides is told too."""

_BESIDES = {"zlib-ng": "zlib_ng", "openjpeg": "jpg_2000"}
_FFMPEG = ("libavcodec", "libavformat", "libswscale", "libswresample")


def packages() -> Iterator[Finding]:
    """Python and the packages that matter most."""
    yield Finding("Python", sys.version.split()[0])
    for name in (*_NEEDED, *_USED):
        if found := installed(name):
            yield Finding(name, found)
        else:
            state = State.WRONG if name in _NEEDED else State.NOTE
            yield Finding(name, "missing", state, "pip install --force-reinstall seehear")


def libraries() -> Iterator[Finding]:
    """The libraries in C that decode what may be hostile, or that keep what was indexed."""
    yield tried("pictures", _pictures)
    yield _heif()
    yield tried("recordings", _ffmpeg)
    yield tried("SQLite", _sqlite)
    yield tried("FAISS", _faiss)


def installed(name: str) -> str:
    """The version of a package; empty when it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _pictures() -> Finding:
    from PIL import features

    found = {name: features.version(feature) for name, feature in _PICTURES.items()}
    lacking = [name for name, one in found.items() if one is None]
    found |= {name: features.version(feature) for name, feature in _BESIDES.items()}
    told = ", ".join(f"{name} {one}" for name, one in found.items() if one)
    if not lacking:
        return Finding("pictures", told)
    return Finding(
        "pictures",
        f"{told}; without {', '.join(lacking)}",
        State.WRONG,
        "pip install --force-reinstall --only-binary :all: pillow",
    )


def _heif() -> Finding:
    if not installed("pillow-heif"):
        return Finding(
            "HEIC", "not installed, so HEIC is not read", State.NOTE, 'pip install "seehear[heic]"'
        )
    return tried("HEIC", _libheif)


def _libheif() -> Finding:
    import pillow_heif

    return Finding("HEIC", f"libheif {pillow_heif.libheif_info()['libheif']}")


def _ffmpeg() -> Finding:
    import av

    versions = av.library_versions
    told = ", ".join(f"{name} {'.'.join(map(str, versions[name]))}" for name in _FFMPEG)
    return Finding("recordings", f"FFmpeg {av.ffmpeg_version_info}: {told}")


def _sqlite() -> Finding:
    if lack := word_search_lacks():
        hint = "Use a Python whose SQLite is 3.38 or newer and has FTS5."
        return Finding("SQLite", lack, State.WRONG, hint)
    return Finding("SQLite", sqlite_told())


def _faiss() -> Finding:
    from engine.vectors.faiss import described

    name = next((one for one in ("faiss-gpu", "faiss-cpu") if installed(one)), "faiss")
    return Finding("FAISS", f"{name} {described()}")
