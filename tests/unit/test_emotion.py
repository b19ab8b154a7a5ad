"""The emotion study reads corpora as they come, and runs end to end on made-up voices."""

import importlib
import subprocess
import sys
import wave
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from engine.errors import UsageError
from making import tone

STUDY = Path(__file__).parents[2] / "data" / "emotion"


@pytest.fixture
def corpora(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(STUDY))
    return importlib.import_module("corpora")


@pytest.fixture
def synthetic(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(STUDY))
    return importlib.import_module("synthetic")


def emptied(folder: Path, *names: str) -> Path:
    """Empty files of these names below a folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_ravdess_names_are_read_and_songs_and_films_left_out(
    corpora: ModuleType, tmp_path: Path
) -> None:
    emptied(
        tmp_path,
        "Actor_01/03-01-05-02-02-01-01.wav",
        "Actor_12/03-01-08-01-01-02-12.wav",
        "Actor_12/03-02-05-01-01-02-12.wav",  # sung
        "Actor_12/01-01-05-01-01-02-12.mp4",
        "Actor_12/notes.wav",
    )

    found = [(one.emotion, one.speaker, one.words) for one in corpora.ravdess(tmp_path)]

    assert found == [
        ("angry", "actor 01", "Dogs are sitting by the door"),
        ("surprised", "actor 12", "Kids are talking by the door"),
    ]


@pytest.mark.parametrize("place", ["AudioWAV/", ""])
def test_crema_d_names_are_read(corpora: ModuleType, tmp_path: Path, place: str) -> None:
    emptied(tmp_path, f"{place}1001_DFA_ANG_XX.wav", f"{place}1091_TIE_NEU_LO.wav", f"{place}x.wav")

    found = [(one.emotion, one.speaker, one.words) for one in corpora.crema_d(tmp_path)]

    assert found == [
        ("anger", "actor 1001", "Don't forget a jacket"),
        ("neutral", "actor 1091", "That is exactly what happened"),
    ]


MELD = """Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode
1,"also I was the point person, ok",Chandler,neutral,neutral,0,0,8,21
2,No don\x92t!,Joey,surprise,negative,0,1,8,21
3,gone,Joey,joy,positive,9,9,8,21
"""


def test_meld_tables_lead_to_films_or_sounds(corpora: ModuleType, tmp_path: Path) -> None:
    emptied(
        tmp_path,
        "MELD.Raw/train_splits/dia0_utt0.mp4",
        "MELD.Raw/train_splits/dia0_utt1.mp4",
        "MELD.Raw/train_splits/dia0_utt1.wav",
        "MELD.Raw/dev_splits_complete/dia0_utt0.mp4",
    )
    for part in ("train", "dev", "test"):
        (tmp_path / "MELD.Raw" / f"{part}_sent_emo.csv").write_bytes(MELD.encode("latin-1"))

    found = corpora.meld(tmp_path)

    assert [(one.sound.name, one.emotion, one.speaker) for one in found] == [
        ("dia0_utt0.mp4", "neutral", "Chandler"),
        ("dia0_utt1.wav", "surprise", "Joey"),
        ("dia0_utt0.mp4", "neutral", "Chandler"),
    ]
    assert found[0].words == "also I was the point person, ok"


@pytest.mark.parametrize("name", ["ravdess", "crema_d", "meld", "synthetic"])
def test_a_folder_without_clips_is_told_in_a_sentence(
    corpora: ModuleType, tmp_path: Path, name: str
) -> None:
    with pytest.raises(UsageError, match=r"no clips in .* Expected are names such as"):
        getattr(corpora, name)(tmp_path)


def test_made_up_voices_are_the_same_each_time_and_speakers_differ(
    corpora: ModuleType, synthetic: ModuleType, tmp_path: Path
) -> None:
    synthetic.write(tmp_path / "a", speakers=2, takes=2)
    synthetic.write(tmp_path / "b", speakers=2, takes=2)
    first, second = (corpora.synthetic(tmp_path / one) for one in "ab")

    assert [one.sound.read_bytes() for one in first] == [one.sound.read_bytes() for one in second]
    assert len(first) == 2 * 4 * 2
    assert {one.speaker for one in first} == {"speaker00", "speaker01"}
    assert {one.emotion for one in first} == {"angry", "happy", "neutral", "sad"}
    with wave.open(str(first[0].sound)) as sound:
        assert 0.7 < sound.getnframes() / sound.getframerate() < 1.4


def test_speech_statistics_tell_loud_from_soft_and_low_from_high(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(STUDY))
    features = importlib.import_module("features")
    low, high = tone(tmp_path / "l.wav", hertz=200), tone(tmp_path / "h.wav", hertz=3_000)

    found = features.speech([low, high, low])

    assert (found.shape, found.dtype) == ((3, 3 * 64), np.float32)
    assert np.array_equal(found[0], found[2])
    assert found[0, :64].argmax() < found[1, :64].argmax()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(STUDY / "study.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_study_runs_and_marks_every_line_as_synthetic() -> None:
    done = run("--quick", "--text", "hashed")
    lines = done.stdout.splitlines()

    assert (done.returncode, done.stderr) == (0, "")
    assert all(line.startswith("SYNTHETIC  ") for line in lines)
    words = [line.removeprefix("SYNTHETIC  ") for line in lines]
    order = [one[:12].strip() for one in words[3:9]]
    assert order == ["speech alone", "text alone", "late", "concat", "gated", "attention"]
    assert sum("over late, paired by speaker" in one for one in words) == 2
    assert "72 clips of 6 speakers" in words[0]


def test_a_wrong_folder_ends_with_a_sentence_and_a_code(tmp_path: Path) -> None:
    done = run("--ravdess", str(tmp_path))

    assert done.returncode == 2
    assert done.stderr.startswith("study: There are no clips in")
    assert "Traceback" not in done.stderr
