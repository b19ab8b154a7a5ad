"""Subtitles become passages that name a moment, from files of their own and from inside films."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.media.subtitles import subtitles
from engine.media.text import ENOUGH_MS, MAX_PASSAGE_MS, cue_passages, passages
from engine.ports import TextRule
from engine.types import Span
from tagged import film

CUES = [
    (0, 2_000, "<i>Good</i> morning."),
    (3_000, 5_000, "The river\nis high"),
    (26_000, 28_000, "{\\an8}and &amp; wild."),
]
PASSAGES = [
    (Span(0, 5_000), "Good morning. The river is high"),
    (Span(26_000, 28_000), "and & wild."),
]


@pytest.mark.parametrize(
    ("name", "kind", "codec"),
    [
        ("x.mp4", "mp4", "mov_text"),
        ("x.mov", "mov", "mov_text"),
        ("x.mkv", "matroska", "subrip"),
    ],
)
def test_text_tracks_of_films(tmp_path: Path, name: str, kind: str, codec: str) -> None:
    path = film(tmp_path / name, kind, subtitles=codec, cues=CUES)

    assert subtitles(path, "mkv" if kind == "matroska" else "mp4") == PASSAGES


def test_styles_and_fields_of_ass_are_left_out(tmp_path: Path) -> None:
    line = "0,0,Default,,0,0,0,,{\\i1}Good{\\i0}, morning,\\Nriver"
    path = film(tmp_path / "x.mkv", "matroska", subtitles="ass", cues=[(0, 1_000, line)])

    assert subtitles(path, "mkv") == [(Span(0, 1_000), "Good, morning, river")]


def test_what_has_no_words_gives_none(tmp_path: Path) -> None:
    silent = film(tmp_path / "x.mp4", "mp4")
    (tmp_path / "broken.mp4").write_bytes(silent.read_bytes()[:300])

    assert subtitles(silent, "mp4") == []
    assert subtitles(tmp_path / "broken.mp4", "mp4") == []
    assert subtitles(tmp_path / "gone.mp4", "mp4") == []
    assert subtitles(silent, "mp3") == []


def srt(count: int, every_ms: int, words: str) -> str:
    """Cues one after the other, without a pause."""
    made = []
    for number in range(count):
        times = [divmod(at * every_ms, 1_000) for at in (number, number + 1)]
        start, end = (f"00:{s // 60:02}:{s % 60:02},{ms:03}" for s, ms in times)
        made.append(f"{number + 1}\n{start} --> {end}\n{words.format(number)}\n")
    return "\n".join(made)


def test_passages_last_ten_to_twenty_seconds() -> None:
    sentences = passages(srt(40, 3_000, "Rain {}."), TextRule(1_000), "srt")
    endless = passages(srt(40, 3_000, "and rain {}"), TextRule(1_000), "srt")

    assert {span.end - span.start for span, _ in sentences[:-1]} == {12_000}
    assert {span.end - span.start for span, _ in endless[:-1]} == {18_000}
    assert sentences[0][1] == "Rain 0. Rain 1. Rain 2. Rain 3."


spans = st.builds(
    lambda start, length: Span(start, start + length),
    st.integers(0, 200_000),
    st.integers(1, 9_000),
)


@given(st.lists(st.tuples(spans, st.sampled_from(["yes.", "no", "well, perhaps"]))))
def test_no_cue_is_lost_and_no_passage_is_too_long(cues: list[tuple[Span, str]]) -> None:
    found = cue_passages(cues, 200)

    said = " ".join(words for _, words in found)
    assert sorted(said.split()) == sorted(" ".join(words for _, words in cues).split())
    assert all(span.end - span.start <= MAX_PASSAGE_MS for span, _ in found)
    assert ENOUGH_MS < MAX_PASSAGE_MS
