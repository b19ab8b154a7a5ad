"""Classifiers on disk: replaced as a whole, refused when damaged or when encoders changed."""

import errno
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.encode.hashed import hashed_image, hashed_text
from engine.errors import DiskFullError, EngineError, UsageError
from engine.teach import kept
from engine.teach.kept import CARD, FOLDER, Card
from making import flipped, names_in

MOOD = Card("mood", ("angry", "calm"), {"image": hashed_image().space}, {"uar": 0.5})


def writes(data: bytes = b"numbers") -> Callable[[Path], object]:
    def save(folder: Path) -> None:
        folder.mkdir()
        (folder / "numbers").write_bytes(data)
        (folder / "facts").write_text("{}")

    return save


def numbers(library: Path, card: Card) -> bytes:
    return (kept.model_of(library, card) / "numbers").read_bytes()


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    made = kept.keep(tmp_path, MOOD, writes())

    assert kept.names(tmp_path) == ("mood",)
    assert kept.card_of(tmp_path, "mood") == made
    assert made == replace(MOOD, model=made.model, sha256=made.sha256)
    assert numbers(tmp_path, made) == b"numbers"


def test_a_newer_one_takes_its_place_and_nothing_is_left_over(tmp_path: Path) -> None:
    kept.keep(tmp_path, MOOD, writes())
    newer = kept.keep(tmp_path, replace(MOOD, labels=("sad", "glad")), writes(b"others"))

    assert kept.card_of(tmp_path, "mood").labels == ("sad", "glad")
    assert names_in(tmp_path / FOLDER / "mood") == [CARD, newer.model]
    kept.drop(tmp_path, "mood")
    assert (kept.names(tmp_path), names_in(tmp_path / FOLDER)) == ((), [])


@pytest.mark.parametrize("step", ["save", "card"])
def test_a_disk_that_fills_up_leaves_the_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    made = kept.keep(tmp_path, MOOD, writes())

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        if step == "card":
            patched.setattr(Path, "write_text", full)
        with pytest.raises(DiskFullError):
            kept.keep(tmp_path, MOOD, full if step == "save" else writes(b"others"))
    assert numbers(tmp_path, kept.card_of(tmp_path, "mood")) == b"numbers"
    assert kept.card_of(tmp_path, "mood") == made


def test_damage_is_told_and_can_be_dropped(tmp_path: Path) -> None:
    made = kept.keep(tmp_path, MOOD, writes())
    flipped(tmp_path / FOLDER / "mood" / made.model / "numbers")
    with pytest.raises(EngineError, match=r"'mood' is damaged: its digest differs\. Fit it again"):
        kept.model_of(tmp_path, made)
    shutil.rmtree(tmp_path / FOLDER / "mood" / made.model)
    with pytest.raises(EngineError, match="damaged: No such file"):
        kept.model_of(tmp_path, made)
    for text in ("{", "[]", "{}", '{"format": 2}', json.dumps({"format": 1, "reads": {}})):
        (tmp_path / FOLDER / "mood" / CARD).write_text(text)
        with pytest.raises(EngineError, match="'mood' is damaged"):
            kept.card_of(tmp_path, "mood")
    kept.drop(tmp_path, "mood")
    with pytest.raises(UsageError, match=r"no classifier 'mood'\. Make one"):
        kept.drop(tmp_path, "mood")


@pytest.mark.parametrize(
    ("said", "other"), [("angry", "hungry"), ("hashed-image-1", "hashed-image-2")]
)
def test_what_its_card_says_is_checked_too(tmp_path: Path, said: str, other: str) -> None:
    kept.keep(tmp_path, MOOD, None)
    card = tmp_path / FOLDER / "mood" / CARD
    assert said in card.read_text()
    card.write_text(card.read_text().replace(said, other))

    with pytest.raises(EngineError, match=r"'mood' is damaged: its digest differs\. Fit it again"):
        kept.card_of(tmp_path, "mood")


@pytest.mark.parametrize("name", ["", "Mood", "a/b", "..", ".x", "a b", "x" * 65, "é"])
def test_a_name_that_would_not_do_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no name for a classifier"):
        kept.keep(tmp_path, replace(MOOD, name=name), writes())


def test_other_encoders_than_it_was_fitted_with_are_refused() -> None:
    kept.check_spaces(MOOD, {"image": hashed_image(), "text": hashed_text()})
    for encoders in ({"image": hashed_text()}, {"text": hashed_text()}):
        with pytest.raises(EngineError, match=r"reads image as 'hashed-image'.*Fit it again"):
            kept.check_spaces(MOOD, encoders)
