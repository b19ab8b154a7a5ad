"""Makes engine/models/sound_anchors.safetensors: what the starter's sound bridges are fitted on.

    pip install tinysoundfont
    python data/make_sound_anchors.py

Fetches the packages it needs through data/fetch.py. Only features of 512 numbers are kept of a
sound, and the words for it (data/sound_names.py). Sounds that are alike to one of Tux Paint's
stamps or of data/sample are left out, so that searches in these measure something.

Sources: Fluid R3, General MIDI and GS (MIT), a few notes of each preset; Sonic Pi's samples (CC0);
OpenClonk's sounds (CC BY 3.0 and CC0, by the authors that its authors.txt names); the outputs of
aiSFX (CC BY 4.0) with the categories of data/ucs.py.
"""

import fnmatch
import gzip
import re
import struct
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import tinysoundfont
from safetensors import safe_open
from safetensors.numpy import save_file

from engine import models
from engine.arrays import unit_rows
from engine.encode.soundfx import RATE, SoundFx
from engine.types import Vectors
from make_anchors import embedded, family_means, fetched, quantised
from sound_names import KITS, NOT_A_THING, OPENCLONK, PERCUSSION, SONIC_PI
from ucs import CATEGORIES, HEADS

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "engine" / "models" / "sound_anchors.safetensors"
LIKENESS = 0.95
"""Cosine of centred features above which an anchor counts as a copy of a measured sound."""

DRUMS = 9
"""The MIDI channel of drum kits."""

EFFECTS = 120
"""From this program on, General MIDI has sound effects, no instruments."""

NOTES, LOUD = (48, 60, 72), 110
Samples = npt.NDArray[np.float32]
Named = tuple[str, Samples]


def fluid(package: str) -> Iterator[Named]:
    """A few notes of every preset of a sound font, with the preset's name."""
    (font,) = fetched(package).rglob("*.sf2")
    synth = tinysoundfont.Synth(samplerate=RATE)
    loaded = synth.sfload(str(font))
    for bank in range(17):
        for program in range(128):
            name = synth.sfpreset_name(loaded, bank, program)
            if not name or re.search(NOT_A_THING, name.lower()):
                continue
            synth.program_select(0, loaded, bank, program)
            effect = program >= EFFECTS
            for note in NOTES[1:2] if effect else NOTES:
                yield _spoken(name), _played(synth, 0, note, 4.0 if effect else 2.0)
    for kit in KITS if synth.sfpreset_name(loaded, 128, 40) else ():
        synth.program_select(DRUMS, loaded, 128, kit)
        for note, name in PERCUSSION.items():
            yield name, _played(synth, DRUMS, note, 1.5)


def _spoken(name: str) -> str:
    """A preset's name as words."""
    return " ".join(re.sub(r"[0-9]+", "", name.lower()).split())


def _played(synth: tinysoundfont.Synth, channel: int, note: int, seconds: float) -> Samples:
    synth.noteon(channel, note, LOUD)
    held = bytes(synth.generate(int(RATE * seconds)))
    synth.noteoff(channel, note)
    faded = bytes(synth.generate(int(RATE * 0.6)))
    synth.generate(RATE)  # what still rings is not heard in the next note
    samples = np.frombuffer(held + faded, np.float32).reshape(-1, 2).mean(axis=1)
    heard = np.flatnonzero(np.abs(samples) > 1e-3 * np.abs(samples).max(initial=1e-9))
    return samples[: heard[-1] + 1 if len(heard) else 0]


def sonic_pi() -> Iterator[Named]:
    """Samples whose names tell what they are."""
    for file in sorted(fetched("sonic-pi-samples").rglob("*.flac")):
        if name := _called(file.stem, SONIC_PI):
            yield name, decoded(file)


def openclonk() -> Iterator[Named]:
    """Sounds of the game's packed folder."""
    (packed,) = fetched("openclonk-data").rglob("Sound.ocg")
    # A group is a gzip file with two other bytes at its start.
    content = gzip.decompress(b"\x1f\x8b" + packed.read_bytes()[2:])
    with tempfile.TemporaryDirectory() as folder:
        for path, data in _group(content, ""):
            name = _called(path, OPENCLONK)
            file = Path(folder) / f"sound{Path(path).suffix}"
            file.write_bytes(data)
            if name and file.suffix in (".ogg", ".wav") and len(samples := decoded(file)):
                yield name, samples


def _group(data: bytes, path: str) -> Iterator[tuple[str, bytes]]:
    """The files of a C4Group and of the groups in it, in the order of their names."""
    header = bytearray(byte ^ 237 for byte in data[:204])
    for at in range(0, 202, 3):
        header[at], header[at + 2] = header[at + 2], header[at]
    (count,) = struct.unpack("<i", header[36:40])
    entries = [data[204 + 316 * n : 520 + 316 * n] for n in range(count)]
    for entry in sorted(entries, key=lambda e: e[:260]):
        name = entry[:260].split(b"\0")[0].decode("ascii")
        _, group, size, _, at = struct.unpack("<5i", entry[260:280])
        start = 204 + 316 * count + at
        inside = data[start : start + size]
        where = f"{path}{name.removesuffix('.ocg')}"
        if group:
            yield from _group(inside, f"{where}/")
        else:
            yield where, inside


def _called(name: str, table: Sequence[tuple[str, str]]) -> str:
    fitting = [(len(start), words) for start, words in table if fnmatch.fnmatch(name, f"{start}*")]
    return max(fitting, default=(0, ""))[1]


def decoded(file: Path) -> Samples:
    """Mono samples at the network's rate; none for a file that cannot be read."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    try:
        with av.open(str(file)) as opened:
            frames = [out for one in opened.decode(audio=0) for out in resampler.resample(one)]
            frames += resampler.resample(None)
    except av.FFmpegError:
        return np.empty(0, np.float32)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def features_of(sounds: Iterator[Named]) -> tuple[list[str], Vectors]:
    """Names, and features of the first window of each (n, 512); silent ones are left out."""
    encoder = SoundFx()
    window = RATE * encoder.rule.window_ms // 1000
    names, rows = [], []
    for name, samples in sounds:
        if len(samples) and np.abs(samples).max() > 0:
            names.append(name)
            rows.append(encoder.encode([encoder.prepare(samples[:window])])[0])
    return names, np.stack(rows)


def measured() -> Iterator[Named]:
    """The sounds that searches are measured on."""
    stamps = fetched("tuxpaint-stamps-default") / "usr/share/tuxpaint/stamps"
    files = [*stamps.rglob("*.ogg"), *stamps.rglob("*.wav"), *(HERE / "sample/sounds").rglob("*")]
    for file in sorted(files):
        if file.is_file() and file.suffix != ".txt" and "_desc" not in file.stem:
            yield file.stem, decoded(file)


def heads() -> dict[str, npt.NDArray[np.generic]]:
    """The layers of the three heads that name UCS categories, under names of ours."""
    (checkpoint,) = models.fetch("soundfx").glob("*.safetensors")
    with safe_open(checkpoint, "np") as stored:
        return {
            f"head_{head}.{layer}.{part}": stored.get_tensor(
                f"fc.{head}.{layer}.{part}"
            ).astype(np.float16)
            for head in range(len(HEADS))
            for layer in (0, 2, 4)
            for part in ("weight", "bias")
        }  # fmt: skip


def main() -> None:
    """Write the anchors."""
    sources = (fluid("fluid-soundfont-gm"), fluid("fluid-soundfont-gs"), sonic_pi(), openclonk())
    found = [features_of(one) for one in sources]
    names = [name for some, _ in found for name in some]
    features = np.concatenate([rows for _, rows in found])
    centre = features.mean(axis=0)
    _, others = features_of(measured())
    alike = unit_rows(features - centre) @ unit_rows(others - centre).T
    kept = alike.max(axis=1) < LIKENESS
    words = embedded([f"a {name}" for name in names])
    families = [[[name], said, [f"the sound of {w}" for w in said]] for name, said in CATEGORIES]
    arrays = heads() | {"categories": family_means(families).astype(np.float16)}
    order = [name for name, _ in CATEGORIES]
    for head, outputs in enumerate(HEADS):
        arrays[f"outputs_{head}"] = np.array([order.index(one) for one in outputs], np.int16)
    for name, rows in {"features": features[kept], "words": words[kept]}.items():
        arrays[name], arrays[f"{name}_scale"] = quantised(rows)
    save_file(arrays, TARGET)
    counts = ", ".join(str(len(some)) for some, _ in found)
    print(
        f"{int(kept.sum())} sounds ({counts}; {int((~kept).sum())} are like a measured one and "
        f"left out), {TARGET.stat().st_size / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    main()
