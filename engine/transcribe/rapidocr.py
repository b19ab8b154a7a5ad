"""Text in pictures and in the shots of a film, by RapidOCR with the models that its wheel carries.

The models are PP-OCRv6 (PaddleOCR, Apache-2.0): a detector of lines and a reader of some fifty
languages in Latin letters, Chinese and Japanese.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import MissingPackageError, ModelError
from engine.ports import ImageRule, Payload, Transcript
from engine.transcribe.digest import fingerprint
from engine.types import Modality, Origin, Span

Pixels = npt.NDArray[np.uint8]

SURE = 0.8
"""Least confidence in a line; textures that pass for letters mostly get less."""

MIN_SIGNS = 2
"""Fewest letters and digits in a line: a lone ring or stroke passes for one with confidence."""

MIN_SIDE = 8
"""Nothing can be read in a picture of fewer pixels across."""

MAX_RATIO = 8
"""A longer strip gets a margin: the detector blows the shorter side up to 736 pixels."""

_MODELS = {
    "Det.model_path": "PP-OCRv6_det_small.onnx",
    "Rec.model_path": "PP-OCRv6_rec_small.onnx",
    "Cls.model_path": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
}
_INSTALL = 'pip install "seehear[ocr]"'
_RULES = f"1:{SURE}:{MIN_SIGNS}:{MIN_SIDE}:{MAX_RATIO}"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text: what it says, and where it stands in pixels."""

    words: str
    confidence: float
    left: float
    top: float
    bottom: float

    @property
    def middle(self) -> float:
        """Half way between top and bottom."""
        return (self.top + self.bottom) / 2


class RapidOcr:
    """Reads each picture by itself; shots with the same words become one transcript."""

    origin = Origin.SEEN
    modalities = frozenset({Modality.IMAGE, Modality.VIDEO})
    rule = ImageRule(at_least=1200)  # small print of a scanned page is still some ten pixels high

    def __init__(self) -> None:
        self._models = _models()

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the three models and the rules above."""
        return fingerprint(self._models.values(), f"{_RULES}:{self.rule.at_least}")

    def describe(self) -> str:
        """Package and models."""
        return f"rapidocr {version('rapidocr')}, PP-OCRv6 small, onnxruntime"

    def transcribe(self, parts: Iterable[tuple[Span | None, Payload]]) -> Iterator[Transcript]:
        """The text of a picture, or of the shots of a film."""
        held: Transcript | None = None
        for span, pixels in parts:
            found = self._read(span, np.asarray(pixels, dtype=np.uint8))
            if _goes_on(held, found):
                held = _joined(held, found)
                continue
            if held is not None:
                yield held
            held = found
        if held is not None:
            yield held

    def _read(self, span: Span | None, pixels: Pixels) -> Transcript | None:
        if min(pixels.shape[:2]) < MIN_SIDE:
            return None
        rows = in_rows(self._lines(_with_margin(pixels)))
        if not rows:
            return None
        lines = [one for row in rows for one in row]
        weights = [len(one.words) for one in lines]
        confidence = float(np.average([one.confidence for one in lines], weights=weights))
        words = "\n".join(" ".join(one.words for one in row) for row in rows)
        return Transcript(span, words, confidence)

    def _lines(self, pixels: Pixels) -> list[Line]:
        blue_green_red = np.ascontiguousarray(pixels[..., ::-1])
        try:
            found = self._engine(blue_green_red)
        except Exception as error:  # OpenCV and onnxruntime share no kind of error
            kind = type(error).__name__
            raise ModelError(
                f"The text of a picture could not be read: {kind}: {error}."
            ) from error
        if found.boxes is None or found.txts is None:
            return []
        lines = [_line(*one) for one in zip(found.boxes, found.txts, found.scores, strict=True)]
        return [one for one in lines if _is_text(one)]

    @cached_property
    def _engine(self) -> Any:  # noqa: ANN401  (rapidocr is imported late)
        from rapidocr import RapidOCR

        # With the paths given it looks for models nowhere else, and fetches none.
        paths = {key: str(path) for key, path in self._models.items()}
        return RapidOCR(params={"Global.log_level": "critical", **paths})


def in_rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Lines in reading order: rows from top to bottom, and in each row from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda one: one.middle):
        if rows and rows[-1][0].top < line.middle < rows[-1][0].bottom:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda one: one.left) for row in rows]


def _models() -> dict[str, Path]:
    package = find_spec("rapidocr")
    if package is None or package.origin is None:
        raise MissingPackageError("rapidocr", "read the text in pictures", _INSTALL)
    folder = Path(package.origin).parent / "models"
    found = {key: folder / name for key, name in _MODELS.items()}
    for path in found.values():
        if not path.is_file():
            raise ModelError(
                f"The package rapidocr lacks its model {path}.", hint=f"Run: {_INSTALL}"
            )
    return found


def _line(box: npt.NDArray[np.float32], words: str, confidence: float) -> Line:
    left, top = box.min(axis=0)
    return Line(words.strip(), float(confidence), float(left), float(top), float(box[:, 1].max()))


def _is_text(line: Line) -> bool:
    return line.confidence >= SURE and sum(map(str.isalnum, line.words)) >= MIN_SIGNS


def _with_margin(pixels: Pixels) -> Pixels:
    """Widen a strip in its own most usual colour, until it is no longer than MAX_RATIO widths."""
    height, width = pixels.shape[:2]
    more_height = max(0, -(-width // MAX_RATIO) - height)
    more_width = max(0, -(-height // MAX_RATIO) - width)
    if not (more_height or more_width):
        return pixels
    ground = np.median(pixels, axis=(0, 1)).astype(np.uint8)
    wide = np.broadcast_to(ground, (height + more_height, width + more_width, 3)).copy()
    top, left = more_height // 2, more_width // 2
    wide[top : top + height, left : left + width] = pixels
    return wide


def _goes_on(first: Transcript | None, second: Transcript | None) -> bool:
    """Whether two shots that follow each other say the same."""
    if first is None or second is None or first.span is None or second.span is None:
        return False
    return first.words == second.words and first.span.end == second.span.start


def _joined(first: Transcript | None, second: Transcript | None) -> Transcript | None:
    if first is None or second is None or first.span is None or second.span is None:
        return second
    span = Span(first.span.start, second.span.end)
    return Transcript(span, first.words, max(first.confidence, second.confidence))
