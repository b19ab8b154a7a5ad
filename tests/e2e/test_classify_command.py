"""`seehear classify` at the command line: learn, list, predict, find, drop; and what is refused."""

import csv
import json
import shutil
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from terminal import Terminal

from engine.teach import kept
from making import caption, names_in, picture

WORDS = {"day": ("sun bright", "blue noon"), "night": ("dark moon", "stars owl")}


def scene(path: Path, label: str, seed: int) -> Path:
    """A noisy picture: light above by day, below by night."""
    grey = np.full((8, 8, 3), 120.0)
    grey[:4] += 60 if label == "day" else -60
    noisy = grey + np.random.default_rng(seed).normal(0, 30, grey.shape)
    pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).resize((48, 48), Image.Resampling.NEAREST).save(path)
    return path


@dataclass(frozen=True)
class Made:
    """Sixteen scenes, every other with a caption; twelve are labelled, and were learnt from.

    Attributes:
        told: what `classify fit` said of them.
    """

    folder: Path
    told: dict[str, Any]

    @property
    def media(self) -> Path:
        return self.folder / "media"

    def table(self) -> str:
        """The labels, with whole paths."""
        text = (self.folder / "scenes.csv").read_text()
        return text.replace("media/", f"{self.media}/")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, warm: socket.socket) -> Made:
    folder = tmp_path_factory.mktemp("made")
    media = folder / "media"
    media.mkdir()
    rows = []
    for at in range(16):
        label = ("day", "night")[at % 2]
        path = scene(media / f"{at:02}.png", label, at)
        if at % 4 < 2:
            caption(path.with_suffix(".txt"), WORDS[label][at % 8 // 4])
        if at < 12:
            rows.append(f"media/{path.name},{label},roll {at // 2}")
    (folder / "scenes.csv").write_text("path,label,group\n" + "\n".join(rows) + "\n")
    terminal = Terminal(folder, warm)
    terminal.index(media)
    ended = terminal("classify", "fit", "--labels", "scenes.csv", "--json")
    assert ended.code == 0, ended
    return Made(folder, ended.json)


@pytest.fixture
def fitted(seehear: Terminal, made: Made) -> Made:
    """With a copy of the library, which a test may change."""
    shutil.copytree(made.folder / "library", seehear.library)
    return made


def found_names(seehear: Terminal, condition: str) -> set[str]:
    return {one.name for one in seehear.found(condition, "-k", "99")}


def test_what_is_learnt_is_measured_and_told(fitted: Made, seehear: Terminal) -> None:
    told = fitted.told
    assert (told["name"], told["labels"], told["left_out"]) == ("scenes", ["day", "night"], [])
    assert told["reads"] == {"image": "hashed-image", "text": "hashed-text"}
    assert (told["things"], told["groups"]) == (12, 6)
    uar = told["figures"]["UAR"]
    assert uar["chance"] == 0.5
    assert uar["low"] > 0.5
    assert told["verdict"] == "better than chance"
    assert np.sum(told["confusion"]["rows"]) == 12
    assert told["channels"]["text"]["things"] == 6

    shown = seehear("classify", "show", "scenes")
    assert shown.code == 0
    for said in ("Verdict: better than chance", "95 % interval", "shuffled", "taken for"):
        assert said in shown.out
    assert seehear("classify", "show", "scenes", "--json").json == told


def test_what_is_predicted_is_written_and_found(
    seehear: Terminal, fitted: Made, tmp_path: Path
) -> None:
    assert seehear("search", "label:night", "-l").code == 1  # nothing has a label yet
    ended = seehear("classify", "predict", "scenes", "--to", "out.csv")
    assert ended.code == 0, ended
    with (tmp_path / "out.csv").open() as written:
        rows = {Path(row["path"]).name: row for row in csv.DictReader(written)}

    assert sorted(rows) == [f"{at:02}.png" for at in range(16)]  # captions belong to pictures
    assert [rows[f"{at}.png"]["label"] for at in range(12, 16)] == ["day", "night"] * 2
    for name, row in rows.items():
        assert float(row["p:day"]) + float(row["p:night"]) == pytest.approx(1, abs=1e-5)
        has_caption = (fitted.media / name).with_suffix(".txt").exists()
        assert has_caption or float(row["weight:text"]) == 0
        assert float(row["weight:image"]) + float(row["weight:text"]) == pytest.approx(1, abs=1e-5)

    nights = {name for name, row in rows.items() if row["label"] == "night"}
    assert found_names(seehear, "label:night") == nights
    assert found_names(seehear, "label:scenes/NIGHT") == nights
    sure = {name for name, row in rows.items() if float(row["p:night"]) > 0.9}
    assert found_names(seehear, "label:night>0.9") == sure
    assert found_names(seehear, "kind:image -label:night") == set(rows) - nights


def test_a_part_of_the_library_is_labelled_and_later_files_next_time(
    seehear: Terminal, fitted: Made, tmp_path: Path
) -> None:
    later = tmp_path / "later"
    later.mkdir()
    scene(later / "new.png", "night", 77)
    scene(later / "other.png", "day", 78)
    shutil.copy(fitted.media / "00.png", later / "copy.png")
    seehear("classify", "predict", "scenes")
    seehear.index(later)
    assert "new.png" not in found_names(seehear, "label:night")

    ended = seehear("classify", "predict", "scenes", "--under", later, "--json")
    found = {Path(one["path"]).name: one for one in ended.json["files"]}
    assert sorted(found) == ["copy.png", "new.png", "other.png"]
    assert (found["new.png"]["label"], found["other.png"]["label"]) == ("night", "day")
    assert set(found["new.png"]["probabilities"]) == {"day", "night"}
    assert "new.png" in found_names(seehear, "label:night")
    (row,) = seehear("classify", "list", "--json").json["classifiers"]
    assert row["labelled"] == 18  # a copy is no content of its own
    assert "18 labelled" in seehear("classify", "list").out


def test_a_classifier_is_replaced_and_dropped_with_its_labels(
    seehear: Terminal, fitted: Made, tmp_path: Path
) -> None:
    seehear("classify", "predict", "scenes")
    (tmp_path / "scenes.csv").write_text(fitted.table().replace(",day,", ",light,"))
    ended = seehear("classify", "fit", "--labels", "scenes.csv", "--use", "image")
    assert ended.code == 0, ended
    assert "Labels of 16 files or copies by the one before are gone." in ended.err
    assert seehear("search", "label:day", "-l").code == 1
    seehear("classify", "predict", "scenes", "--to", "out.json")
    rows = json.loads((tmp_path / "out.json").read_text())["files"]
    assert {row["label"] for row in rows} == {"light", "night"}
    assert all(row["weights"] == {"image": 1.0} for row in rows)
    assert seehear("rebuild").code == 0
    lit = {Path(row["path"]).name for row in rows if row["label"] == "light"}
    assert found_names(seehear, "label:light") == lit

    assert "16 files" in seehear("classify", "drop", "scenes").out
    assert seehear("search", "label:light", "-l").code == 1
    assert "No classifiers" in seehear("classify", "list").out
    assert seehear("verify").code == 0


def test_files_that_are_not_indexed_and_words_may_be_labelled(
    seehear: Terminal, fitted: Made, tmp_path: Path
) -> None:
    rows = fitted.table()
    for name, label in (("out.png", "day"), ("side.png", "night")):
        scene(tmp_path / name, label, 99)
        rows += f"{name},{label},outside\n"
    (tmp_path / "more.csv").write_text(rows + "gone.png,day,x\nsun and blue,day,y\n")
    ended = seehear("classify", "fit", "--labels", "more.csv", "--json")

    assert ended.code == 0, ended
    assert ended.json["things"] == 15
    assert ended.json["channels"]["image"]["things"] == 14
    (left,) = ended.json["left_out"]
    assert (left["path"], left["line"]) == (str(tmp_path / "gone.png"), 16)
    assert "no file" in left["reason"]


@pytest.mark.usefixtures("fitted")
def test_labels_can_be_known_by_their_words_alone(seehear: Terminal) -> None:
    ended = seehear("classify", "fit", "--zero-shot", "dark moon, blue noon", "--name", "words")
    assert ended.code == 0, ended
    assert "Verdict: not measured." in ended.out
    found = seehear("classify", "predict", "words", "--in", "image", "--json").json["files"]

    assert len(found) == 16
    for one in found:
        assert set(one["probabilities"]) == {"dark moon", "blue noon"}
        assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert one["weights"] == {}
    named = {Path(one["path"]).name for one in found if one["label"] == "dark moon"}
    assert found_names(seehear, 'label:"words/dark moon"') == named
    listed = seehear("classify", "list").out
    assert "whatever words reach; not measured; 16 labelled" in listed
    for arguments in (
        ["--zero-shot", "one"], ["--zero-shot", "a,b", "--labels", "x.csv"], ["--name", "x"],
        ["--zero-shot", "a,b"],
    ):  # fmt: skip
        ended = seehear("classify", "fit", *arguments)
        assert (ended.code, ended.out) == (2, ""), ended


TWO = "media/00.png,day\nmedia/01.png,night\n"
BAD: dict[str, tuple[str, list[str], str]] = {
    "one label": ("media/00.png,day\nmedia/02.png,day\n", [], "All 2 rows have the label 'day'"),
    "ten labels of one": (
        "".join(f"media/{at:02}.png,label {at}\n" for at in range(10)), [], "in two groups"
    ),
    "one group": ("media/00.png,day,a\nmedia/01.png,night,a\n", [], "in two groups"),
    "no files": ("media/nothing.png,day\nmedia/gone.png,night\n", [], "None of the 2 labelled"),
    "two labels": ("media/00.png,day\nmedia/00.png,night\n", [], "line 1 as 'day'"),
    "no column": ("media/00.png\n", [], "Line 1 of "),
    "nothing": ("", [], "no lines to read"),
    "no channel": (TWO, ["--use", "smell"], "called 'smell'"),
    "empty channel": (TWO, ["--use", "image,heard"], "has 'heard'"),
    "no name": (TWO, ["--name", "A b"], "no name for a classifier"),
    "no kind": (TWO + "media/02.png,day\nmedia/03.png,night\n", ["--kind", "m"], "no kind"),
}  # fmt: skip


def kept_in(library: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in (library / "classifiers").rglob("*") if p.is_file()}


@pytest.mark.parametrize("case", BAD)
def test_bad_tables_get_a_sentence_and_change_nothing(
    seehear: Terminal, fitted: Made, tmp_path: Path, case: str
) -> None:
    table, options, said = BAD[case]
    (tmp_path / "bad.csv").write_text(table.replace("media/", f"{fitted.media}/"))
    before = kept_in(seehear.library)
    ended = seehear("classify", "fit", "--labels", "bad.csv", *(options or ["--name", "scenes"]))

    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert ended.err.count("\n") == 1, ended.err
    assert kept_in(seehear.library) == before


MISTAKES: dict[str, tuple[list[str], int]] = {
    "gone.csv cannot be read": (["fit", "--labels", "gone.csv"], 2),
    "no classifier 'moods'. Known: scenes": (["predict", "moods"], 2),
    "no classifier 'mood'": (["show", "mood"], 2),
    "no classifier '../scenes'": (["drop", "../scenes"], 2),
    "neither CSV nor JSON": (["predict", "scenes", "--to", "x.pdf"], 2),
    "smell": (["predict", "scenes", "--in", "smell"], 2),
    "cannot be written": (["predict", "scenes", "--to", "nowhere/x.csv"], 4),
}


@pytest.mark.parametrize("said", MISTAKES)
@pytest.mark.usefixtures("fitted")
def test_mistakes_are_said(seehear: Terminal, said: str) -> None:
    arguments, code = MISTAKES[said]
    ended = seehear("classify", *arguments)

    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err


def test_without_a_library(seehear: Terminal, tmp_path: Path) -> None:
    picture(tmp_path / "a.png", seed=1)
    (tmp_path / "x.csv").write_text("a.png,day\n")
    for arguments in (["list"], ["predict", "x"], ["fit", "--labels", "x.csv"], ["drop", "x"]):
        ended = seehear("classify", *arguments)
        assert ended.code == 10, ended


@pytest.mark.usefixtures("fitted")
def test_a_changed_profile_and_a_damaged_classifier_are_refused(seehear: Terminal) -> None:
    (folder,) = (seehear.library / "classifiers").iterdir()
    card = folder / "classifier.json"
    text, made = card.read_text(), kept.card_of(seehear.library, "scenes")
    other = replace(made.reads["image"], fingerprint="hashed-image-0")
    kept._write_card(card, replace(made, reads={**made.reads, "image": other}))
    ended = seehear("classify", "predict", "scenes")
    assert (ended.code, ended.out) == (4, "")
    assert "reads image as 'hashed-image'" in ended.err
    assert "Fit it again" in ended.err
    card.write_text(text)
    (model,) = folder.glob("model-*")
    numbers = model / "classifier.safetensors"
    numbers.write_bytes(numbers.read_bytes()[:-1])
    ended = seehear("classify", "predict", "scenes")
    assert (ended.code, "damaged" in ended.err) == (4, True)
    assert len(names_in(folder)) == 2
