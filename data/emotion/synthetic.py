"""A small corpus of made-up voices and words, to try the study where no corpus is at hand.

Nobody speaks here. Speakers have their own pitch and loudness. Angry and happy sound alike (high,
loud, lively) and differ in words; sad and neutral have the same words and differ in sound. So each
modality alone cannot tell all four, and both together can. What is measured on it shows that the
procedure works, and says nothing of people.
"""

import wave
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

RATE = 16_000

VOICE = {
    "angry": (1.25, 1.6, 0.18, 1.0),
    "happy": (1.25, 1.6, 0.18, 1.0),
    "neutral": (1.0, 1.0, 0.08, 1.3),
    "sad": (0.88, 0.6, 0.03, 1.8),
}
"""Pitch and loudness as a share of the speaker's own, how far the pitch moves, and how fast the
overtones fall: little in a pressed voice, much in a soft one."""

Manner: TypeAlias = tuple[float, float, float, float]

WORDS = {
    "angry": "stop enough never wrong shut blame hate unfair",
    "happy": "great love lovely wonderful thanks party laugh sunny",
    "neutral": "table monday paper street number list window train",
    "sad": "table monday paper street number list window train",
}
COMMON = "the a it is was and we you that this there then".split()  # noqa: SIM905
SLIPS = 0.15
"""Share of clips in which the voice, or the words, are those of another emotion."""


def write(folder: Path, speakers: int, takes: int, seed: int = 0) -> None:
    """Write SPEAKER/EMOTION_TAKE.wav with a .txt beside each."""
    random = np.random.default_rng(seed)
    for speaker in range(speakers):
        place = folder / f"speaker{speaker:02}"
        place.mkdir(parents=True, exist_ok=True)
        pitch, loudness = random.uniform(95, 220), random.uniform(0.06, 0.2)
        for emotion in VOICE:
            for take in range(takes):
                sounds, says = (_slipped(emotion, random) for _ in range(2))
                samples = _voice(VOICE[sounds], pitch, loudness, random)
                _save(place / f"{emotion}_{take}.wav", samples)
                (place / f"{emotion}_{take}.txt").write_text(_words(says, random), "utf-8")


def _slipped(emotion: str, random: np.random.Generator) -> str:
    return str(random.choice(list(VOICE))) if random.random() < SLIPS else emotion


def _words(emotion: str, random: np.random.Generator) -> str:
    telling = random.choice(WORDS[emotion].split(), size=2)
    plain = random.choice(COMMON, size=5)
    return " ".join(random.permutation([*telling, *plain]).tolist())


def _voice(
    manner: Manner, pitch: float, loudness: float, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """A harmonic tone that moves and beats like syllables, with some noise; mono samples."""
    higher, louder, moving, falling = manner
    seconds = random.uniform(0.8, 1.3)
    t = np.arange(round(seconds * RATE)) / RATE
    base = pitch * higher * random.normal(1.0, 0.06)
    f0 = base * (
        1 + moving * np.sin(2 * np.pi * random.uniform(1.0, 2.0) * t + random.uniform(0, 6))
    )
    phase = 2 * np.pi * np.cumsum(f0) / RATE
    tone = sum(np.sin(n * phase) / n**falling for n in range(1, 16))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * random.uniform(3, 5) * t)
    level = loudness * louder * random.normal(1.0, 0.15)
    samples = level * syllables * tone + 0.003 * random.normal(size=t.size)
    return np.clip(samples, -1, 1)


def _save(path: Path, samples: npt.NDArray[np.float64]) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((samples * 32767).astype("<i2").tobytes())
