"""Images per second of a tower the size of ViT-B-32, beside open_clip's own float32 loop.

    python -m tests.bench.towers

The weights are drawn at random; speed does not depend on them. Rounds of both alternate, so that
whatever else the machine does meets both. The bar is a ratio of 1.3 from files.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from engine.encode import encoders
from engine.encode.image_tower import ImageTower
from engine.encode.text_tower import TextTower
from engine.media.image import decode_image
from engine.models import registry
from tests.bench.decode import photo
from tests.checkpoints import openclip as checkpoint

ROUNDS = 3
PICTURES = 64
FILES = 16
BATCH = 16

_QUERY = """
import time
began = time.perf_counter()
import numpy, onnxruntime
from engine.encode import encoders
from engine.models import registry
_, text = encoders(registry().model("bench"))
imported = time.perf_counter()
prepared = text.prepare("a dog on the beach")
tokenized = time.perf_counter()
text.encode([prepared])
done = time.perf_counter()
print(imported - began, tokenized - imported, done - tokenized)
"""


def register(home: Path, sources: Path) -> None:
    """Make the checkpoint the user's own model `bench`, with a cache of its own."""
    os.environ["XDG_CONFIG_HOME"] = str(home / "config")
    os.environ["XDG_CACHE_HOME"] = str(home / "cache")
    file = home / "config" / "seehear" / "profiles.toml"
    file.parent.mkdir(parents=True)
    file.write_text(f'[model.bench]\nadapter = "openclip"\nsource = "folder:{sources}"\n')


def rate(work: Callable[[], int]) -> float:
    """Payloads per second of one run."""
    start = time.perf_counter()
    return work() / (time.perf_counter() - start)


def compare(what: str, plain: Callable[[], int], ours: Callable[[], int]) -> None:
    """Print the medians of alternating rounds, and the median of their ratios."""
    ours()
    rounds = [(rate(plain), rate(ours)) for _ in range(ROUNDS)]
    a, b = (median(column) for column in zip(*rounds, strict=True))
    ratio = median(mine / theirs for theirs, mine in rounds)
    print(f"{what:<22} open_clip float32 {a:6.1f}/s   ours {b:6.1f}/s   ratio {ratio:5.2f}")


def plain_loop(model: Any, transform: Any, pictures: Sequence[Any]) -> int:
    """What open_clip's README does, in batches."""
    import torch

    for start in range(0, len(pictures), BATCH):
        part = [transform(_opened(one)) for one in pictures[start : start + BATCH]]
        with torch.inference_mode():
            model.encode_image(torch.stack(part), normalize=True)
    return len(pictures)


def our_loop(tower: ImageTower, pictures: Sequence[Any]) -> int:
    """What indexing does, in one process."""
    for start in range(0, len(pictures), tower.at_once):
        part = pictures[start : start + tower.at_once]
        pixels = [
            decode_image(one, tower.rule).pixels if isinstance(one, Path) else one for one in part
        ]
        tower.encode([tower.prepare(one) for one in pixels])
    return len(pictures)


def _opened(picture: Any) -> Image.Image:
    if isinstance(picture, Path):
        return Image.open(picture).convert("RGB")
    return Image.fromarray(picture)


def images(sources: Path, home: Path, tower: ImageTower) -> None:
    """Both loops, from pixels and from files."""
    import open_clip

    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{sources}")
    model.eval()
    large = photo()
    small = np.asarray(large.resize((640, 480)))
    pixels = [np.roll(small, 10 * n, axis=1) for n in range(PICTURES)]
    files = [home / f"{n}.jpg" for n in range(FILES)]
    for file in files:
        large.save(file, quality=90)
    compare(
        "from 640x480 pixels",
        lambda: plain_loop(model, transform, pixels),
        lambda: our_loop(tower, pixels),
    )
    compare(
        "from 12 MP JPEG files",
        lambda: plain_loop(model, transform, files),
        lambda: our_loop(tower, files),
    )
    print(f"  ours: {tower.describe()}, batches of {tower._batches.size}")


def queries(count: int = 9) -> None:
    """The text tower's part of a first query in a new process."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", _QUERY], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(count)
    ]
    parts = (median(float(run[i]) for run in runs) for i in range(3))
    names = ("imports", "tokenizer", "session and first run")
    print(
        "cold query, medians:  "
        + "   ".join(f"{n} {s:.3f} s" for n, s in zip(names, parts, strict=True))
    )


def texts(tower: TextTower, count: int = 256) -> None:
    """Captions of different lengths, all new."""
    words = ["dog", "beach", "a", "the", "piano", "running", "rain", "on", "window", "red"]
    random = np.random.default_rng(0)
    captions = [" ".join(random.choice(words, n)) for n in random.integers(3, 20, count)]
    tower.encode([tower.prepare(one) for one in captions[:32]])
    start = time.perf_counter()
    tower.encode([tower.prepare(one) for one in captions])
    print(
        f"captions              {count / (time.perf_counter() - start):.0f}/s  {tower.describe()}"
    )


def main() -> None:
    """Write, build, measure."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        sources = checkpoint.write(home / "sources", checkpoint.VIT_B_32)
        register(home, sources)
        image, text = encoders(registry().model("bench"))
        assert isinstance(image, ImageTower)
        assert isinstance(text, TextTower)
        start = time.perf_counter()
        _ = image.space
        print(f"built in              {time.perf_counter() - start:.1f} s")
        queries()
        images(sources, home, image)
        texts(text)


if __name__ == "__main__":
    main()
