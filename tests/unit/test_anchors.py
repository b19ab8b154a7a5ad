"""The anchors are computed as written; where they are not, it says so."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import anchors
from checkpoints.every import every_model, shared_folder
from engine.models.registry import Anchor, ModelRow
from engine.types import Modality
from making import picture, tone


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ModelRow]]:
    with every_model(shared_folder(tmp_path_factory)) as found:
        yield found


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    images = []
    for number in range(6):
        picture(tmp_path / f"{number}.png", seed=number).rename(tmp_path / f"{number}.jpg")
        words = [{"raw": f"{number} {word}"} for word in ("red", "green", "blue")]
        split = "test" if number < 5 else "train"
        images.append({"filename": f"{number}.jpg", "split": split, "sentences": words})
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": images}))
    return tmp_path


def test_recall_on_coco_is_counted_in_both_directions(
    rows: dict[str, ModelRow], coco: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caption 3 n + m belongs to picture n; with these vectors two in five find their own."""
    seen = np.eye(5, dtype=np.float32)
    said = np.repeat(np.roll(seen, 1, axis=0), 3, axis=0)
    said[0:3] = seen[0]
    said[3] = seen[1]
    monkeypatch.setattr(anchors, "of_files", lambda *_: seen)
    monkeypatch.setattr(anchors, "of_payloads", lambda *_: said)

    assert anchors.words_to_picture(rows["random-clip"], coco) == pytest.approx(4 / 15)
    assert anchors.picture_to_words(rows["random-clip"], coco) == pytest.approx(2 / 5)


def test_real_towers_are_used(rows: dict[str, ModelRow], coco: Path) -> None:
    files = [coco / f"{number}.jpg" for number in range(5)]
    seen = anchors.of_files(rows["random-clip"], Modality.IMAGE, files)

    assert seen.shape == (5, 48)
    assert 0 <= anchors.words_to_picture(rows["random-clip"], coco) <= 1


def test_a_sound_counts_when_its_own_class_is_nearest(
    rows: dict[str, ModelRow], tmp_path: Path
) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "audio").mkdir()
    with (tmp_path / "meta" / "esc50.csv").open("w") as out:
        table = csv.DictWriter(out, ["filename", "category"])
        table.writeheader()
        for number in range(4):
            tone(tmp_path / "audio" / f"{number}.wav", hertz=200 * (number + 1))
            table.writerow({"filename": f"{number}.wav", "category": f"class_{number}"})

    assert anchors.esc50(rows["random-clap"], tmp_path) in {0, 0.25, 0.5, 0.75, 1}


def test_what_is_not_here_is_said_and_is_no_success(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert anchors.main() == 1

    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("NOT RUN") for line in lines[:-1])
    assert lines[-1].startswith("0 of")


def test_missing_data_and_unknown_tasks_have_their_reasons(
    rows: dict[str, ModelRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEEHEAR_COCO", raising=False)
    known = Anchor("COCO 5k, words to picture, R@1", 0.4, 0.01, "somewhere")
    unknown = Anchor("a task of one's own", 0.4, 0.01, "somewhere")

    assert "SEEHEAR_COCO" in str(anchors.computed(rows["random-clip"], known))
    assert "nobody wrote down" in str(anchors.computed(rows["random-clip"], unknown))
