"""A tiny sample of every container that is read, made here and sent through a decoding process."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import EngineError
from engine.health.finding import Finding, State
from engine.health.programs import installed
from engine.media.workers import Workers
from engine.ports import AudioRule, ImageRule

_PICTURES = {
    "jpg": "JPEG",
    "png": "PNG",
    "gif": "GIF",
    "webp": "WEBP",
    "bmp": "BMP",
    "tif": "TIFF",
    "avif": "AVIF",
    "ico": "ICO",
}
_SOUNDS = {
    "wav": ("wav", "pcm_s16le"),
    "w64": ("w64", "pcm_s16le"),
    "flac": ("flac", "flac"),
    "mp3": ("mp3", "libmp3lame"),
    "ogg": ("ogg", "libopus"),
    "m4a": ("ipod", "aac"),
    "aac": ("adts", "aac"),
    "aiff": ("aiff", "pcm_s16be"),
    "caf": ("caf", "pcm_s16le"),
    "au": ("au", "pcm_s16be"),
    "wma": ("asf", "wmav2"),
    "wv": ("wv", "wavpack"),
    "mka": ("matroska", "libopus"),
}
_FILMS = {
    "mp4": ("mp4", "libx264"),
    "mkv": ("matroska", "mpeg4"),
    "webm": ("webm", "libvpx"),
    "avi": ("avi", "mpeg4"),
    "mpg": ("mpeg", "mpeg2video"),
    "mts": ("mpegts", "mpeg2video"),
    "flv": ("flv", "flv"),
    "wmv": ("asf", "wmv2"),
    "ogv": ("ogg", "libvpx"),
}
"""By suffix: container and encoder, as FFmpeg calls them."""

SAMPLE = "sample"

_SIDE, _RATE, _FRAMES = 64, 48_000, 5

Write = Callable[[Path], None]


def containers(pool: Workers) -> Iterator[Finding]:
    """One finding for each kind of file."""
    sounds = {suffix: _sound(*how) for suffix, how in _SOUNDS.items()}
    films = {suffix: _film(*how) for suffix, how in _FILMS.items()}
    with tempfile.TemporaryDirectory(prefix="seehear-") as name:
        yield _tried(pool, Path(name), "pictures", _pictures())
        yield _tried(pool, Path(name), "sounds", sounds)
        yield _tried(pool, Path(name), "films", films)


def _tried(pool: Workers, folder: Path, kind: str, samples: dict[str, Write]) -> Finding:
    read, failed, untried = [], [], []
    for suffix, write in samples.items():
        path = folder / f"{SAMPLE}.{suffix}"
        try:
            write(path)
        except Exception:  # noqa: BLE001  (whoever cannot write a kind may read it all the same)
            untried.append(suffix)
            continue
        try:
            _decode(pool, path)
        except EngineError as error:
            failed.append(f"{suffix} ({error.sentence})")
        else:
            read.append(suffix)
    told = [f"{len(read)} of {len(samples)} kinds are read: {' '.join(read)}"]
    told += [f"fail: {', '.join(failed)}"] if failed else []
    told += [f"no sample could be made of: {' '.join(untried)}"] if untried else []
    if not failed:
        return Finding(kind, "; ".join(told))
    hint = "pip install --force-reinstall --only-binary :all: pillow av"
    return Finding(kind, "; ".join(told), State.WRONG, hint)


def _decode(pool: Workers, path: Path) -> None:
    """Read a sample as a run would; EngineError when nothing comes of it."""
    kind = pool.probe(path)
    rule = AudioRule(16_000, 500, 500) if kind.modality == "audio" else ImageRule(_SIDE // 2)
    found = list(pool.pieces(path, kind.format, rule))
    if not found or not all(np.asarray(one.payload).any() for one in found):
        raise EngineError("nothing came of it")


def _pictures() -> dict[str, Write]:
    kinds = _PICTURES | ({"heic": "HEIF"} if installed("pillow-heif") else {})
    return {suffix: _picture(kind) for suffix, kind in kinds.items()}


def _picture(kind: str) -> Write:
    def write(path: Path) -> None:
        from PIL import Image

        if kind == "HEIF":
            import pillow_heif

            pillow_heif.register_heif_opener()
        Image.fromarray(_dots()).save(path, kind)

    return write


def _sound(container: str, codec: str) -> Write:
    def write(path: Path) -> None:
        import av

        tone = np.sin(np.arange(_RATE // 2) * 440 * 2 * np.pi / _RATE)
        samples = (9_000 * tone).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = _RATE
        with av.open(str(path), "w", format=container) as out:
            stream: Any = out.add_stream(codec, rate=_RATE, layout="mono", bit_rate=64_000)
            context = stream.codec_context
            context.open()
            size = context.frame_size or 1024
            fit = av.AudioResampler(context.format.name, "mono", _RATE, frame_size=size)
            for part in (*fit.resample(frame), *fit.resample(None), None):
                out.mux(stream.encode(part))

    return write


def _film(container: str, codec: str) -> Write:
    def write(path: Path) -> None:
        import av

        with av.open(str(path), "w", format=container) as out:
            stream: Any = out.add_stream(codec, rate=25)
            stream.width = stream.height = _SIDE
            stream.pix_fmt = "yuv420p"
            for _ in range(_FRAMES):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(_dots(), format="rgb24")))
            out.mux(stream.encode(None))

    return write


def _dots() -> Any:  # noqa: ANN401  (an array of pixels)
    steps = np.linspace(0, 255, _SIDE, dtype=np.uint8)
    return np.stack(np.broadcast_arrays(steps[:, None], steps[None], np.uint8(128)), axis=2)
