"""Files to search with: the whole of them, a region of a picture, a span of a recording."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.encode.hashed import hashed_audio, hashed_image, hashed_text
from engine.errors import UsageError
from engine.library import Library
from engine.query import Query, Region, Term
from engine.search.example import encode_file
from engine.types import Modality, Span
from indexer import index
from making import caption, picture, tone


def halves(path: Path) -> Path:
    """A picture whose left half is one pattern and whose right half another."""
    parts = [picture(path.with_name(f"{n}.png"), seed=n, size=(64, 64)) for n in (1, 2)]
    left, right = (np.asarray(Image.open(part)) for part in parts)
    Image.fromarray(np.concatenate([left, right], axis=1)).save(path)
    return path


@pytest.mark.parametrize(("x", "same"), [(0.0, "1.png"), (0.5, "2.png")])
def test_a_region_is_the_picture_that_it_shows(tmp_path: Path, x: float, same: str) -> None:
    both = halves(tmp_path / "both.png")
    region = Term(Modality.IMAGE, both, region=Region(x, 0.0, 0.5, 1.0))
    alone = Term(Modality.IMAGE, tmp_path / same)

    cropped = encode_file(both, hashed_image(), region)[0]
    whole = encode_file(tmp_path / same, hashed_image(), alone)[0]

    assert cropped @ whole > 0.98  # it is scaled another way
    assert encode_file(both, hashed_image(), Term(Modality.IMAGE, both))[0] @ whole < 0.9


def two_tones(path: Path) -> Path:
    """Four seconds of one tone, then four of another."""
    import wave

    parts = []
    for hertz in (300, 3_000):
        with wave.open(str(tone(path.with_name(f"{hertz}.wav"), hertz=hertz, seconds=4))) as one:
            parts.append(one.readframes(one.getnframes()))
            parameters = one.getparams()
    with wave.open(str(path), "wb") as out:
        out.setparams(parameters)
        out.writeframes(b"".join(parts))
    return path


@pytest.mark.parametrize(
    ("start", "end", "like"), [(0, 4_000, 300), (4_000, 8_000, 3_000), (5_100, 5_600, 3_000)]
)
def test_a_span_is_the_sound_that_is_heard_there(
    tmp_path: Path, start: int, end: int, like: int
) -> None:
    both = two_tones(tmp_path / "both.wav")
    meant = encode_file(both, hashed_audio(), Term(Modality.AUDIO, both, span=Span(start, end)))
    direction = meant.mean(axis=0) / np.linalg.norm(meant.mean(axis=0))
    near = {
        hertz: float(encode_file(path, hashed_audio(), Term(Modality.AUDIO, path))[0] @ direction)
        for hertz in (300, 3_000)
        for path in [tmp_path / f"{hertz}.wav"]
    }

    assert max(near, key=lambda hertz: near[hertz]) == like


def test_a_span_behind_the_end_is_told(tmp_path: Path) -> None:
    short = tone(tmp_path / "a.wav", hertz=300)

    with pytest.raises(UsageError, match=r"a\.wav ends before 60 s"):
        encode_file(short, hashed_audio(), Term(Modality.AUDIO, short, span=Span(60_000, 70_000)))


def test_a_file_of_another_kind_is_told(tmp_path: Path) -> None:
    words = caption(tmp_path / "a.txt", "a poppy")

    with pytest.raises(UsageError, match="is text, not image"):
        encode_file(words, hashed_text(), Term(Modality.IMAGE, words))


def test_a_part_of_an_indexed_file_is_not_taken_from_its_stored_whole(
    library: Library, tmp_path: Path
) -> None:
    """The picture of both halves is indexed; asked with its right half, that half comes first."""
    both = halves(tmp_path / "both.png")
    index(library, [tmp_path])
    query = Query(more=(Term(Modality.IMAGE, both, region=Region(0.5, 0.0, 0.5, 1.0)),))

    assert library.search(query, modalities={"image"}, k=1).hits[0].path.name == "2.png"


def test_likes_and_dislikes_move_the_list(library: Library, tmp_path: Path) -> None:
    """Liking one tone and not another brings what is between them nearer to the first."""
    low, high = (tone(tmp_path / f"{h}.wav", hertz=h) for h in (200, 6_000))
    tone(tmp_path / "nearly low.wav", hertz=230)
    tone(tmp_path / "nearly high.wav", hertz=5_800)
    index(library, [tmp_path])
    query = Query(more=(Term(Modality.AUDIO, low), Term(Modality.AUDIO, high, weight=-1.0)))

    found = [hit.path.name for hit in library.similar(query).hits]

    assert found == ["nearly low.wav", "nearly high.wav"]
