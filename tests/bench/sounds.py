"""Speed of a CLAP audio tower of HTSAT-tiny's size, beside the plain loop over transformers.

python -m tests.bench.sounds
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

RATE, SECONDS = 48_000, 10
WINDOWS = 16
ROUNDS = 3

Sounds = list[Any]


def main() -> None:
    """Real time multiples of the front end, of the network, and of both, beside transformers."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {WINDOWS} windows of 10 s")
    random = np.random.default_rng(0)
    shape = (WINDOWS, RATE * SECONDS)
    sounds = list((random.normal(size=shape) * 0.1).astype(np.float32))
    with tempfile.TemporaryDirectory() as place:
        folder = checkpoint(Path(place))
        spent = {}
        for precision in ("f32", "auto"):
            os.environ["SEEHEAR_PRECISION"] = precision
            spent[precision] = tower(sounds)
        theirs = plain(folder, sounds)
    for precision, ours in spent.items():
        print(f"SEEHEAR_PRECISION={precision}: {theirs / ours:.1f} times the best plain loop")


def checkpoint(place: Path) -> Path:
    """A random CLAP of HTSAT-tiny's size, known to the registry of a home of its own."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from checkpoints.clap import TINY, write_clap

    os.environ |= {"XDG_CONFIG_HOME": str(place / "config"), "XDG_CACHE_HOME": str(place / "cache")}
    folder = write_clap(place / "tiny", audio=TINY)
    (place / "config" / "seehear").mkdir(parents=True)
    row = f'[model.tiny]\nadapter = "clap"\nsource = "folder:{folder}"\n'
    (place / "config" / "seehear" / "profiles.toml").write_text(row)
    return folder


def tower(sounds: Sounds) -> float:
    """Seconds of ours, through the encoder's own two steps."""
    from engine.encode.audio_tower import AudioTower
    from engine.models import ready, registry

    ready("tiny")
    encoder = AudioTower(registry().model("tiny"))
    with one_core():
        front = best(lambda: [encoder.prepare(one) for one in sounds])
    prepared = [encoder.prepare(one) for one in sounds]
    for _ in range(3):
        encoder.encode(prepared)  # it finds its batch size
    network = best(lambda: encoder.encode(prepared))
    both = best(lambda: encoder.encode([encoder.prepare(one) for one in sounds]))
    name = encoder.describe()
    say("ours, spectrogram on one core", front)
    say(f"ours, network ({name}, batches of {encoder._batches.size})", network)
    say("ours, one after the other", both)
    return both


def plain(folder: Path, sounds: Sounds) -> float:
    """Seconds of the loop that everybody writes: feature extractor, then model."""
    import torch
    from transformers import ClapFeatureExtractor, ClapModel

    extractor = ClapFeatureExtractor.from_pretrained(folder, local_files_only=True)
    model = ClapModel.from_pretrained(folder, local_files_only=True).eval()

    def mels(part: Sounds) -> Any:
        return extractor(part, sampling_rate=RATE, return_tensors="pt")

    def loop(size: int) -> None:
        for start in range(0, len(sounds), size):
            with torch.inference_mode():
                model.get_audio_features(**mels(sounds[start : start + size]))

    say("transformers, spectrogram", best(lambda: mels(sounds)))
    spent = {size: best(lambda size=size: loop(size)) for size in (1, 8)}
    for size, seconds in spent.items():
        say(f"transformers, both, batches of {size}", seconds)
    return min(spent.values())


@contextmanager
def one_core() -> Iterator[None]:
    """Keep BLAS from helping."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield


def best(work: Callable[[], Any]) -> float:
    """Seconds of the quickest of some rounds."""
    spent = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return min(spent)


def say(what: str, seconds: float) -> None:
    """One line."""
    window = seconds / WINDOWS
    print(f"{what}: {window * 1000:.1f} ms a window, {SECONDS / window:.0f} x real time")


if __name__ == "__main__":
    main()
