"""What a built model consists of: its towers, as the manifest towers.json describes them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

from engine import models
from engine.errors import ModelError
from engine.models.registry import ModelRow
from engine.types import Space

MANIFEST = "towers.json"
VERSION = 1

_PREPARATION = "towers-1"
"""Rises when a payload would be prepared otherwise, so that vectors are not mixed."""

_PLAIN = re.compile(r"\w[\w.-]*")

INTERPOLATIONS = frozenset({"nearest", "bilinear", "bicubic"})
_PATHS = (Path, Path | None)

RESIZES = frozenset({"shortest", "squash", "longest"})
CLEANS = frozenset({"none", "whitespace", "lower", "canonicalize"})


@dataclass(frozen=True, slots=True)
class ImagePart:
    """The image tower, and how it wants its pictures.

    Attributes:
        file: graph with input ``image`` float32 (n, 3, height, width).
        pixels: height and width of what it sees.
        mean: of each channel, values from 0 to 1.
        std: of each channel.
        interpolation: ``nearest``, ``bilinear`` or ``bicubic``.
        resize: ``shortest`` side to fit, then cropped; ``longest``, then padded; or ``squash``.
        fill: grey value, 0 to 255, of what is padded.
        bf16: whether bfloat16 was measured to agree with float32.
        agreement: the least cosine that was measured then.
    """

    file: Path
    pixels: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    resize: str
    fill: int = 0
    bf16: bool = False
    agreement: float = 0.0

    def __post_init__(self) -> None:
        _check(len(self.pixels) == 2 and min(self.pixels) > 0, "pixels")  # noqa: PLR2004
        _check(len(self.mean) == 3, "mean")  # noqa: PLR2004
        _check(len(self.std) == 3 and min(self.std) > 0, "std")  # noqa: PLR2004
        _check(self.interpolation in INTERPOLATIONS, "interpolation")
        _check(self.resize in RESIZES, "resize")


@dataclass(frozen=True, slots=True)
class TextPart:
    """The text tower, and how words become its tokens.

    Attributes:
        file: graph with some of the inputs ``ids`` and ``mask``, int64 (n, t), and ``rows``,
            float32 (n, t, width).
        rows: float16 (vocabulary, width) under the name ``rows``: the embedding of each token.
        tokenizer: as the package tokenizers writes it; it cuts at `tokens` by itself.
        tokens: the most that it reads, those that mark start and end included.
        pad: id of the token that fills up.
        fixed: whether every text is filled up to `tokens`; if not, none ever is.
        clean: what is done to the words first, in the terms of open_clip.
        prefix: what is written before every text.
        zeroed: ids that become 0 after tokenization.
        index: the tokenizer once more, for a few words; None where it is read quickly anyway.
    """

    file: Path
    rows: Path
    tokenizer: Path
    tokens: int
    pad: int = 0
    fixed: bool = False
    clean: str = "none"
    prefix: str = ""
    zeroed: tuple[int, ...] = ()
    index: Path | None = None

    def __post_init__(self) -> None:
        _check(self.tokens > 2, "tokens")  # noqa: PLR2004  (start, end, and something between)
        _check(self.clean in CLEANS, "clean")


@dataclass(frozen=True, slots=True)
class AudioPart:
    """The audio tower, and how it wants its sound.

    Attributes:
        file: graph with input ``mel`` float32 (n, 1, frames, bands).
        rate: samples per second.
        window: samples of one window.
        mel: parameters of the spectrogram.
        bf16: whether bfloat16 was measured to agree with float32.
        agreement: the least cosine that was measured then.
    """

    file: Path
    rate: int
    window: int
    mel: Mapping[str, Any]
    bf16: bool = False
    agreement: float = 0.0

    def __post_init__(self) -> None:
        _check(self.rate > 0, "rate")
        _check(self.window > 0, "window")


@dataclass(frozen=True, slots=True)
class Towers:
    """One built model.

    Attributes:
        file: the manifest it was read from.
        dim: components of a vector of any of its towers.
        image: None when it reads no pictures.
        text: None when it reads no words.
        audio: None when it hears nothing.
    """

    file: Path
    dim: int
    image: ImagePart | None = None
    text: TextPart | None = None
    audio: AudioPart | None = None

    def __post_init__(self) -> None:
        _check(self.dim > 0, "dim")


def read_towers(folder: Path) -> Towers:
    """Read the manifest of a built model.

    Raises:
        ModelError: naming the manifest when it is missing, or says what cannot be.
    """
    file = folder / MANIFEST
    try:
        said = json.loads(file.read_bytes())
        _check(said.pop("version") == VERSION, "version")
        parts = {
            name: _part(kind, said.pop(name), folder)
            for name, kind in (("image", ImagePart), ("text", TextPart), ("audio", AudioPart))
            if name in said
        }
        _check(isinstance(said["dim"], int), "dim")
        return Towers(file, **said, **parts)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(
            f"{file} does not describe a model: {error}.", hint="Remove its folder, to build again."
        ) from error


def towers_of(row: ModelRow) -> Towers:
    """The towers of a model of the registry; it is fetched and built where that is to do.

    Raises:
        ModelError: if it cannot be had, or is not what its row says.
    """
    towers = read_towers(models.ready(row.id))
    _compare(row, "dim", row.dim, towers.dim)
    if towers.text:
        _compare(row, "tokens", row.tokens, towers.text.tokens)
    if towers.audio:
        _compare(row, "rate", row.rate, towers.audio.rate)
    if towers.image:
        _compare(row, "pixels", row.pixels, max(towers.image.pixels))
    return towers


def space_of(row: ModelRow, dim: int) -> Space:
    """The one space that all towers of a model share.

    Its fingerprint covers the files (weights, tokenizer, how pictures and sounds are prepared),
    what the row sets besides, and our own code.
    """
    chosen = (row.pixels, row.window_ms, row.hop_ms, row.tokens)
    digest = models.locked(row.id).digest
    return Space(row.id, dim, f"{digest}:{_PREPARATION}:{chosen}")


def _compare(row: ModelRow, what: str, said: int | None, is_: int) -> None:
    if said is not None and said != is_:
        raise ModelError(
            f"The registry says {what} = {said} of the model '{row.id}', its files say {is_}.",
            hint="Correct or leave out that line of profiles.toml.",
        )


def _part(kind: type, said: dict[str, Any], folder: Path) -> Any:  # noqa: ANN401  (one of `kind`)
    files = {one.name for one in fields(kind) if one.type in _PATHS}
    found = {name: _file(folder, value) if name in files else value for name, value in said.items()}
    return kind(**{name: _frozen(value) for name, value in found.items()})


def _file(folder: Path, name: object) -> Path:
    _check(isinstance(name, str) and bool(_PLAIN.fullmatch(name)), f"file {name}")
    path = folder / cast("str", name)
    _check(path.is_file(), f"file {name}")
    return path


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _check(good: bool, what: str) -> None:  # noqa: FBT001  (a condition)
    if not good:
        raise ValueError(f"its {what} cannot be")
