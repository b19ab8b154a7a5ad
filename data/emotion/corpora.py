"""Clips of RAVDESS, CREMA-D and MELD, and of the made-up corpus, from the folders as they come.

RAVDESS (Livingstone and Russo, 2018), https://zenodo.org/records/1188976
CREMA-D (Cao et al., 2014), https://github.com/CheyneyComputerScience/CREMA-D
MELD (Poria et al., 2019), https://github.com/declare-lab/MELD
None of them is part of this repository; each has terms of its own, see docs/emotion.md.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import UsageError


@dataclass(frozen=True, slots=True)
class Clip:
    """One utterance.

    Attributes:
        sound: the recording, or the film whose sound track it is.
        words: what is said.
        emotion: the label.
        speaker: who speaks; folds never part a speaker.
    """

    sound: Path
    words: str
    emotion: str
    speaker: str


RAVDESS_EMOTIONS = {
    "01": "neutral", "02": "calm", "03": "happy", "04": "sad",
    "05": "angry", "06": "fearful", "07": "disgust", "08": "surprised",
}  # fmt: skip
RAVDESS_WORDS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}

CREMA_EMOTIONS = {
    "ANG": "anger", "DIS": "disgust", "FEA": "fear",
    "HAP": "happy", "NEU": "neutral", "SAD": "sad",
}  # fmt: skip
CREMA_WORDS = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}

MELD_FOLDERS = {
    "train": "train_splits",
    "dev": "dev_splits_complete",
    "test": "output_repeated_splits_test",
}


def ravdess(folder: Path) -> list[Clip]:
    """Speech in sound alone: Actor_*/03-01-EMOTION-LEVEL-STATEMENT-TAKE-ACTOR.wav."""
    return _found(folder, "Actor_*/*.wav", _of_ravdess, "Actor_01/03-01-05-01-01-01-01.wav")


def crema_d(folder: Path) -> list[Clip]:
    """AudioWAV/ACTOR_SENTENCE_EMOTION_LEVEL.wav, or the .wav files themselves."""
    place = folder / "AudioWAV" if (folder / "AudioWAV").is_dir() else folder
    return _found(place, "*.wav", _of_crema_d, "AudioWAV/1001_DFA_ANG_XX.wav")


def synthetic(folder: Path) -> list[Clip]:
    """What `synthetic.py` writes: SPEAKER/EMOTION_NUMBER.wav with its words beside it."""
    return _found(folder, "*/*.wav", _of_synthetic, "speaker00/angry_0.wav")


def meld(folder: Path) -> list[Clip]:
    """Utterances of *_sent_emo.csv whose film, or sound, lies in the folder of their part."""
    found = [clip for part in MELD_FOLDERS for clip in _of_meld(folder, part)]
    return _enough(found, folder, "train_sent_emo.csv and train_splits/dia0_utt0.mp4")


def _found(
    folder: Path, pattern: str, reading: Callable[[Path], Clip | None], example: str
) -> list[Clip]:
    clips = [clip for path in sorted(folder.glob(pattern)) if (clip := reading(path))]
    return _enough(clips, folder, example)


def _enough(clips: list[Clip], folder: Path, example: str) -> list[Clip]:
    if not clips:
        raise UsageError(
            f"There are no clips in {folder}.", hint=f"Expected are names such as {example}."
        )
    return clips


def _of_ravdess(path: Path) -> Clip | None:
    parts = path.stem.split("-")
    if len(parts) != 7 or parts[:2] != ["03", "01"]:  # songs, and films with or without sound
        return None
    emotion, words = RAVDESS_EMOTIONS.get(parts[2]), RAVDESS_WORDS.get(parts[4])
    return Clip(path, words, emotion, f"actor {parts[6]}") if emotion and words else None


def _of_crema_d(path: Path) -> Clip | None:
    parts = path.stem.split("_")
    if len(parts) != 4:
        return None
    words, emotion = CREMA_WORDS.get(parts[1]), CREMA_EMOTIONS.get(parts[2])
    return Clip(path, words, emotion, f"actor {parts[0]}") if emotion and words else None


def _of_synthetic(path: Path) -> Clip | None:
    words = path.with_suffix(".txt")
    emotion, _, number = path.stem.partition("_")
    if not number or not words.is_file():
        return None
    return Clip(path, words.read_text("utf-8"), emotion, path.parent.name)


def _of_meld(folder: Path, part: str) -> Iterator[Clip]:
    tables = sorted(folder.rglob(f"{part}_sent_emo.csv"))
    places = sorted(one for one in folder.rglob(MELD_FOLDERS[part]) if one.is_dir())
    if not tables or not places:
        return
    with tables[0].open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        for row in csv.DictReader(lines):
            name = f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}"
            for sound in (places[0] / f"{name}.wav", places[0] / f"{name}.mp4"):
                if sound.is_file():
                    yield Clip(sound, row["Utterance"], row["Emotion"], row["Speaker"])
                    break
