"""One random checkpoint for every adapter and kind of tower, built once for a whole test run."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from checkpoints import openclip
from checkpoints.clap import write_clap
from checkpoints.own import own_models
from checkpoints.sentence import write_sentence
from engine.encode import encoders
from engine.models.registry import ModelRow
from engine.ports import Encoder
from engine.types import Modality


def _laion(folder: Path) -> None:
    from checkpoints.laion import SMALL, reference, write_laion
    from engine.models.laion_code import model_code

    write_laion(folder, reference(model_code(), SMALL))


WRITERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "random-clip": ("openclip", lambda folder: openclip.write(folder, openclip.CLIP)),
    "random-siglip": ("openclip", lambda folder: openclip.write(folder, openclip.SIGLIP)),
    "random-clap": ("clap", write_clap),
    "random-clap-fused": ("clap", lambda folder: write_clap(folder, fused=True)),
    "random-laion": ("laion", _laion),
    "random-sentence": ("sentence", write_sentence),
}

ENCODERS = (
    ("random-clip", Modality.IMAGE),
    ("random-clip", Modality.TEXT),
    ("random-siglip", Modality.IMAGE),
    ("random-siglip", Modality.TEXT),
    ("random-clap", Modality.AUDIO),
    ("random-clap", Modality.TEXT),
    ("random-clap-fused", Modality.AUDIO),
    ("random-laion", Modality.AUDIO),
    ("random-laion", Modality.TEXT),
    ("random-sentence", Modality.TEXT),
)


PROFILE = """
[profile.random]
summary = "made like `clip`, of towers that know nothing"
models = ["random-sentence", "random-clip", "random-clap"]
bridges = ["random-clip<->random-clap"]
"""


@contextmanager
def every_model(shared: Path) -> Iterator[dict[str, ModelRow]]:
    """Every random model, registered as a user's own; sockets are shut meanwhile.

    Args:
        shared: a folder that all processes of the test run share; what is there is used.
    """
    shared.mkdir(parents=True, exist_ok=True)
    with (shared / "writing.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for name, (_, write) in WRITERS.items():
            done = shared / name / ".done"
            if not done.exists():
                write(shared / name)
                done.touch()
    folders = {name: (adapter, shared / name) for name, (adapter, _) in WRITERS.items()}
    with own_models(shared / "home", folders) as rows:
        with (shared / "home" / "config" / "seehear" / "profiles.toml").open("a") as registered:
            registered.write(PROFILE)
        yield rows


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of a run."""
    base = factory.getbasetemp()
    return (base.parent if base.name.startswith("popen-") else base) / "every-model"


def encoder_of_row(row: ModelRow, modality: Modality) -> Encoder:
    """The model's encoder for a modality."""
    return next(one for one in encoders(row) if one.modality is modality)
