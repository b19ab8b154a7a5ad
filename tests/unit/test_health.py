"""What an examination tells of encoders and decoders that do wrong, and of room and networks."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from engine.errors import EngineError
from engine.health import State, containers, examine, meaning, places
from engine.media.workers import Workers
from engine.ports import Encoder
from engine.profile import Profile
from engine.store import disks
from engine.types import Modality, Vectors
from tests.faults.workers import GUARD


@dataclass(frozen=True)
class Ill:
    """An encoder of the hashed profile whose rows are spoilt, anew at every call."""

    encoder: Encoder
    how: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.encoder, name)

    def encode(self, prepared: Sequence[Any]) -> Vectors:
        rows = self.encoder.encode(prepared)
        match self.how:
            case "nan":
                rows[:, 0] = np.nan
            case "long":
                rows *= 2
            case "random":
                rows = np.random.default_rng().normal(size=rows.shape).astype(np.float32)
                rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            case "short":
                rows = rows[:, 1:]
        return rows


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("nan", "not finite"),
        ("long", "not of unit length"),
        ("random", "the second time"),
        ("short", "shape"),
    ],
)
@pytest.mark.parametrize("modality", [Modality.IMAGE, Modality.AUDIO, Modality.TEXT])
def test_what_encoders_do_wrong(how: str, told: str, modality: Modality) -> None:
    profile = Profile.load("hashed")
    encoder = next(one for one in profile.encoders if one.modality is modality)
    good = meaning.Trial(profile, encoder, "a").told()
    assert (good.state, good.told[:12]) == (State.GOOD, "vectors hold")
    ill = meaning.Trial(profile, cast("Encoder", Ill(encoder, how)), "a")
    with pytest.raises(EngineError, match=told):
        ill.told()


def test_vectors_without_meaning_fail() -> None:
    """The hashed profile's pictures and sounds reach words by rotations that mean nothing."""
    hashed = Profile.load("hashed")
    starter = Profile("starter", "", hashed.encoders, hashed.bridges)
    found = [meaning.Trial(starter, one, "a").told() for one in starter.encoders]
    wrong = [one for one in found if one.state is State.WRONG]
    assert wrong
    assert all("mean nothing" in one.told for one in wrong)


def test_decoders_that_die_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    # The decoders of the harness do what the name of a file says.
    monkeypatch.setattr(containers, "SAMPLE", "sample-segfaults")
    with closing(Workers(1, GUARD)) as pool:
        pictures = next(iter(containers.containers(pool)))
    assert pictures.state is State.WRONG
    assert "0 of " in pictures.told
    assert "SIGSEGV" in pictures.told
    assert pictures.hint.startswith("pip install ")


def test_a_network_and_a_full_disk_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_bytes(b"1 0 0:1 / / rw - nfs4 x rw\n")
    monkeypatch.setattr(disks, "_MOUNTS", mounts)
    monkeypatch.setattr(places, "LEAST_FREE", 1 << 62)
    found = {one.name: one for one in places.place(tmp_path, private=True, instead="")}
    assert found["file system"].state is found["room"].state is State.NOTE
    assert "nfs4, over a network" in found["file system"].told
    assert found["room"].hint == f"Free some space: df -h {tmp_path}"


def test_sections_come_one_by_one(tmp_path: Path) -> None:
    titles = [one.title for one in examine(tmp_path / "none", "hashed")]
    assert titles[0] == "Programs"
    assert len(titles) == 7
