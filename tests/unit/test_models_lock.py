"""The lock that ships: every row is complete, and its digest follows bytes and nothing else."""

from dataclasses import replace

import pytest

from engine.models import LockedFile, all_locked, locked
from engine.models.sources import SOURCES

IDS = ["minilm", "efficientnet-lite2", "soundfx", "imagenet-names", "starter-bridges"]


def test_the_starter_profile_is_locked() -> None:
    assert [model.id for model in all_locked()] == IDS


@pytest.mark.parametrize("model_id", IDS)
def test_each_model_says_whose_work_it_is(model_id: str) -> None:
    model = locked(model_id)

    assert model.licence
    assert model.attribution
    assert model.homepage.startswith("https://")
    assert model.download > 1_000_000
    assert all(file.scheme in SOURCES for file in model.files)


def test_the_sound_model_names_its_authors_and_licence() -> None:
    model = locked("soundfx")

    assert "Alison Bernice Ma and Alexander Lerch" in model.attribution
    assert model.licence == "CC-BY-4.0"


def test_the_digest_follows_the_bytes_only() -> None:
    model = locked("minilm")
    first, *rest = model.files

    assert replace(model, attribution="other").digest == model.digest
    assert replace(model, files=(*rest, first)).digest == model.digest
    assert replace(model, files=(replace(first, size=1), *rest)).digest != model.digest


@pytest.mark.parametrize(
    "wrong", [{"sha256": "abc"}, {"size": -1}, {"inner": "../x"}, {"inner": "/x"}, {"name": "a/b"}]
)
def test_a_malformed_file_is_refused(wrong: dict[str, object]) -> None:
    good = {
        "name": "a.txt",
        "scheme": "pypi",
        "locator": "a==1",
        "inner": "a/a.txt",
        "size": 1,
        "sha256": "0" * 64,
    }
    LockedFile(**good)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match=r"\w"):
        LockedFile(**{**good, **wrong})  # type: ignore[arg-type]
