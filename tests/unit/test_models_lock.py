"""The lock that ships: every row is complete, and its digest follows bytes and nothing else."""

import re
import tomllib
from dataclasses import replace

import pytest

from engine.models import BUILDERS, LockedFile, LockedModel, locked
from engine.models.lock import read_rows, shipped, write_row
from engine.models.registry import SHIPPED
from engine.models.sources import SOURCES

IDS = ["minilm", "efficientnet-lite2", "soundfx", "imagenet-names", "starter-bridges"]


def test_the_starter_profile_is_locked() -> None:
    assert list(shipped())[: len(IDS)] == IDS


def test_every_builder_that_the_lock_names_is_known() -> None:
    assert {model.builder for model in shipped().values()} - {""} <= set(BUILDERS)


@pytest.mark.parametrize(("model_id", "version"), [("efficientnet-lite2", "2"), ("soundfx", "1")])
def test_what_the_starter_built_before_is_still_good(model_id: str, version: str) -> None:
    assert locked(model_id).builder == model_id
    assert BUILDERS[model_id].version == version


def test_every_model_of_the_registry_but_hashed_is_locked_or_named_by_commit() -> None:
    """A hub's model has its files written down, or a commit of forty digits."""
    for model_id in set(tomllib.loads(SHIPPED.read_text())["model"]) - {"hashed"}:
        model = shipped()[model_id]
        assert model.files or re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", model.hub), model_id
        assert model.licence
        assert model.attribution


WORDS = ["plain", 'quoted "so"', "back\\slash", "café 犬 🐕", "tab\there", "line\nbreak", "\x7f"]


@pytest.mark.parametrize("words", WORDS)
def test_a_row_reads_back_as_it_was_written(words: str) -> None:
    file = LockedFile("pooling.json", "hub", "us/m@" + "0" * 40, "1_Pooling/c.json", 3, "a" * 64)
    row = LockedModel("my.model", (file,), words, words, "x", 3, "clap", "us/m@" + "0" * 40)
    read = read_rows(write_row(row))["my.model"]

    assert read.files == row.files
    assert read.licence == words.replace("\x7f", "")
    assert (read.builder, read.hub, read.digest) == (row.builder, row.hub, row.digest)


def test_a_row_without_files_has_no_digest() -> None:
    unpinned = LockedModel("later", (), "MIT", "us", "x", 3, "clap", "us/m@" + "0" * 40)

    with pytest.raises(ValueError, match="not pinned"):
        _ = unpinned.digest
    with pytest.raises(ValueError, match="needs files"):
        replace(unpinned, hub="")


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
