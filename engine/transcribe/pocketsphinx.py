"""English speech, by PocketSphinx with the model that its wheel carries.

D. Huggins-Daines et al., "PocketSphinx: a free, real-time continuous speech recognition system for
hand-held devices", ICASSP 2006. It always finds some words, in rain too; what tells speech is how
many there are in a second.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import MissingPackageError, ModelError
from engine.ports import AudioRule, Payload, Transcript
from engine.transcribe.digest import fingerprint
from engine.types import Modality, Origin, Span

RATE = 16_000
WINDOW_MS = 30_000
"""Whole 30 ms frames of the endpointer, and little memory."""

MAX_UTTERANCE_MS = 20_000
"""Longer stretches without a pause are cut: noise knows no pauses, and lattices grow."""

MIN_WORDS = 2
MIN_WORDS_PER_SECOND = 1.5
"""Speech has 2 to 5 words in a second; traffic, rain and crowds were heard to say under 1."""

SURE = 0.4
"""Least mean posterior of the words of an utterance; in speech .55 and more, in songs about .3."""

_SEARCH = {"maxhmmpf": 5_000, "maxwpf": 15, "cmn": "batch"}
"""Beams that save a third of the time at the same words; means of each utterance by itself."""

_BYTES_PER_MS = 2 * RATE // 1000
_FRAME_MS = 10
_INSTALL = 'pip install "seehear[speech]"'
_VARIANT = re.compile(r"\(\d+\)$")
_RULES = f"1:{MAX_UTTERANCE_MS}:{MIN_WORDS}:{MIN_WORDS_PER_SECOND}:{SURE}:{_SEARCH}"


@dataclass(slots=True)
class _Clock:
    """Where a recording begins and how far it was read; filled while its windows are read."""

    first_ms: int = -1
    end_ms: int = 0

    def tick(self, span: Span) -> int:
        """Go on to the end of a window; returns how much of its beginning was read already."""
        if self.first_ms < 0:
            self.first_ms = self.end_ms = span.start
        again = max(0, self.end_ms - span.start)
        self.end_ms = max(self.end_ms, span.end)
        return again


class PocketSphinx:
    """Hears one utterance after the other; none of them leaves a trace in the next."""

    origin = Origin.HEARD
    modalities = frozenset({Modality.AUDIO, Modality.VIDEO})
    rule = AudioRule(RATE, WINDOW_MS, WINDOW_MS)

    def __init__(self) -> None:
        if find_spec("pocketsphinx") is None:
            raise MissingPackageError("pocketsphinx", "hear what is said", _INSTALL)
        self._model = _model()

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the model's files and the rules above."""
        files = sorted(one for one in self._model.rglob("*") if one.is_file())
        return fingerprint(files, _RULES)

    def describe(self) -> str:
        """Package and model."""
        return f"pocketsphinx {version('pocketsphinx')}, en-us"

    def transcribe(self, parts: Iterable[tuple[Span | None, Payload]]) -> Iterator[Transcript]:
        """What is said, an utterance each; times are on the clock of the spans."""
        clock = _Clock()
        for start_ms, samples in _utterances(parts, clock):
            found = self._hear(start_ms, samples, clock.end_ms)
            if found is not None:
                yield found

    def _hear(self, start_ms: int, samples: bytes, last_ms: int) -> Transcript | None:
        decoder = self._decoder
        decoder.reinit_feat()  # else the utterance before leaves its mark on the features
        decoder.start_utt()
        decoder.process_raw(samples, no_search=False, full_utt=True)
        decoder.end_utt()
        words = [one for one in decoder.seg() or () if one.word[0] not in "<[+"]
        if not _is_speech([one.word for one in words], len(samples) // _BYTES_PER_MS):
            return None
        confidence = float(np.mean([one.prob for one in words]))
        if confidence < SURE:
            return None
        start = start_ms + words[0].start_frame * _FRAME_MS
        end = min(last_ms, start_ms + (words[-1].end_frame + 1) * _FRAME_MS)
        said = " ".join(_VARIANT.sub("", one.word) for one in words)
        return Transcript(Span(start, max(start + 1, end)), said, min(1.0, confidence))

    @cached_property
    def _decoder(self) -> Any:  # noqa: ANN401  (pocketsphinx is imported late)
        from pocketsphinx import Decoder

        try:
            return Decoder(
                hmm=str(self._model / "en-us"),
                lm=str(self._model / "en-us.lm.bin"),
                dict=str(self._model / "cmudict-en-us.dict"),
                samprate=RATE,
                loglevel="FATAL",
                **_SEARCH,
            )
        except RuntimeError as error:
            raise ModelError(f"The speech model {self._model} cannot be read: {error}.") from error


def _model() -> Path:
    from pocketsphinx import get_model_path

    found = Path(get_model_path("en-us"))
    if not found.is_dir():
        raise ModelError(
            f"The package pocketsphinx lacks its model {found}.", hint=f"Run: {_INSTALL}"
        )
    return found


def _is_speech(words: list[str], length_ms: int) -> bool:
    enough = len(words) * 1000 >= MIN_WORDS_PER_SECOND * length_ms
    return enough and len(set(words)) >= MIN_WORDS


def _utterances(
    parts: Iterable[tuple[Span | None, Payload]], clock: _Clock
) -> Iterator[tuple[int, bytes]]:
    """Stretches between pauses: where each begins, in ms, and its 16-bit samples."""
    from pocketsphinx import Endpointer, Vad

    gate = Endpointer(sample_rate=RATE, vad_mode=Vad.LOOSE)
    held, start_ms = bytearray(), 0
    for frame in _frames(parts, gate.frame_bytes, clock):
        was_open = gate.in_speech
        speech = gate.process(frame)
        if speech is None:
            continue
        if not was_open:
            start_ms = clock.first_ms + round(gate.speech_start * 1000)
        held += speech
        if not gate.in_speech or len(held) >= MAX_UTTERANCE_MS * _BYTES_PER_MS:
            yield start_ms, bytes(held)
            start_ms += len(held) // _BYTES_PER_MS
            held.clear()
    held += gate.end_stream(bytes(gate.frame_bytes)) or b""
    if held:
        yield start_ms, bytes(held)


def _frames(
    parts: Iterable[tuple[Span | None, Payload]], size: int, clock: _Clock
) -> Iterator[bytes]:
    """Frames of so many bytes, the last one filled up.

    A last window that was moved back, to be full, brings samples again: those are left out.
    """
    rest = b""
    for span, samples in parts:
        if span is None:
            continue
        again_ms = clock.tick(span)
        rest += _sixteen_bits(np.asarray(samples)[again_ms * RATE // 1000 :])
        whole = len(rest) - len(rest) % size
        for at in range(0, whole, size):
            yield rest[at : at + size]
        rest = rest[whole:]
    if rest:
        yield rest.ljust(size, b"\0")


def _sixteen_bits(samples: npt.NDArray[Any]) -> bytes:
    return bytes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
