"""Texts and subtitles become passages that know where they stand."""

import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import MediaError
from engine.media.text import MAX_TEXT_BYTES, passages, read_text
from engine.ports import TextRule
from engine.types import Span, SpanUnit

PROSE = st.text(alphabet="ab.!? \n\r\t,é漢。\u0301", max_size=300)
SUBTITLE = st.text(alphabet="0123:,.-> \n<b/WEBVTT", max_size=200)


def read(folder: Path, data: bytes, name: str = "x.txt") -> str:
    path = folder / name
    path.write_bytes(data)
    return read_text(path)


def ms(start: int, end: int) -> Span:
    return Span(start, end)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Grüße 漢字".encode(), "Grüße 漢字"),
        ("Grüße".encode("utf-8-sig"), "Grüße"),
        ("Grüße 漢字".encode("utf-16"), "Grüße 漢字"),
        (b"\xfe\xff" + "Grüße".encode("utf-16-be"), "Grüße"),
        ("Grüße 漢字".encode("utf-32"), "Grüße 漢字"),
        ("Grüße “so”".encode("cp1252"), "Grüße “so”"),
        ("viele Grüße, schöne Tage ".encode() + b"\xff", "viele Grüße, schöne Tage \ufffd"),
        (b"one\r\ntwo\rthree", "one\ntwo\nthree"),
        (b"no newline", "no newline"),
        (b"a nul\0 in a long enough sentence", "a nul\ufffd in a long enough sentence"),
    ],
)
def test_bytes_become_characters(tmp_path: Path, data: bytes, text: str) -> None:
    assert read(tmp_path, data) == text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\t\r\n ", "blank"),
        (b"\xef\xbb\xbf \n", "blank"),
        (b"\0" * 100, "binary"),
        ("no mark".encode("utf-16-le"), "binary"),
    ],
)
def test_what_is_no_text_has_a_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(MediaError) as caught:
        read(tmp_path, data)

    assert caught.value.reason == reason


def test_only_the_beginning_of_a_huge_text_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    with path.open("wb") as file:
        file.write(b"word " * (MAX_TEXT_BYTES // 5 + 1))
        file.truncate(1 << 30)
    start = time.monotonic()

    text = read_text(path)

    assert len(text) == MAX_TEXT_BYTES
    assert time.monotonic() - start < 1


def test_a_character_cut_in_two_by_the_cap_is_left_out(tmp_path: Path) -> None:
    for shift in range(3):
        text = read(tmp_path, b"a" * shift + "漢".encode() * MAX_TEXT_BYTES)

        assert text.strip("a") == "漢" * ((MAX_TEXT_BYTES - shift) // 3)


def test_paragraphs_that_fit_stay_whole_and_are_packed() -> None:
    text = "First one.\n\nSecond.\n\nThe third is longer."

    found = passages(text, TextRule(20), "txt")

    assert [words for _, words in found] == ["First one.\n\nSecond.", "The third is longer."]
    assert found[0][0] == Span(0, 19, SpanUnit.CHARACTERS)


def test_long_paragraphs_are_cut_at_sentences_then_at_words() -> None:
    text = "Short one. Another one! A sentence that is far too long to fit."

    assert [words for _, words in passages(text, TextRule(24), "md")] == [
        "Short one. Another one!",
        "A sentence that is far",
        "too long to fit.",
    ]


def test_windows_newlines_make_paragraphs_too() -> None:
    assert [words for _, words in passages("one\r\n\r\ntwo", TextRule(4), "txt")] == ["one", "two"]


def test_sentences_of_chinese_and_japanese_end_without_a_space() -> None:
    assert [w for _, w in passages("你好吗。我很好。", TextRule(4), "txt")] == [
        "你好吗。",
        "我很好。",
    ]


@given(PROSE, st.integers(1, 40))
def test_passages_index_the_text_cover_it_and_fit(text: str, limit: int) -> None:
    found = passages(text, TextRule(limit), "txt")

    for span, words in found:
        assert text[span.start : span.end] == words == words.strip()
        assert 0 < len(words) <= limit
    for (before, _), (after, _) in pairwise(found):
        assert before.end <= after.start
    kept = {at for span, _ in found for at in range(span.start, span.end)}
    assert all(at in kept for at, character in enumerate(text) if not character.isspace())


@given(PROSE, st.integers(5, 40))
def test_words_are_cut_only_when_one_alone_is_too_long(text: str, limit: int) -> None:
    for span, _ in passages(text, TextRule(limit), "txt"):
        for at in (span.start, span.end):
            if 0 < at < len(text) and not (text[at - 1] + text[at]).isspace():
                inside = not text[at - 1].isspace() and not text[at].isspace()
                word = max(text[max(0, at - limit) : at + limit].split(), key=len)
                assert not inside or len(word) >= limit or text[at - 1] in "。.!?"


@pytest.mark.parametrize(
    "text",
    [
        "a" * MAX_TEXT_BYTES,
        "e" + "\u0301" * 100_000,
        "\n" * MAX_TEXT_BYTES + "x",
        "\n" + " " * MAX_TEXT_BYTES + "x",
        "." * MAX_TEXT_BYTES,
        '."' * (MAX_TEXT_BYTES // 2),
        "a. " * (MAX_TEXT_BYTES // 3),
        " \n" * (MAX_TEXT_BYTES // 2),
    ],
    ids=["one word", "marks", "newlines", "spaces", "dots", "quotes", "sentences", "blank lines"],
)
@pytest.mark.parametrize("kind", ["txt", "srt"])
def test_hostile_texts_take_no_time(text: str, kind: str) -> None:
    start = time.monotonic()

    found = passages(text, TextRule(200), kind)

    assert time.monotonic() - start < 3
    assert all(len(words) <= 200 for _, words in found)


SRT = """1
00:00:01,000 --> 00:00:02,500
<i>Hello</i> {\\an8}there,
you &amp; you.

2
00:00:03,000 --> 00:00:04,000
Fine.

3
00:01:00,5 --> 00:01:01,000
Much later.
"""


def test_cues_are_cleaned_and_packed_but_not_over_a_long_silence() -> None:
    assert passages(SRT, TextRule(100), "srt") == [
        (ms(1000, 4000), "Hello there, you & you. Fine."),
        (ms(60500, 61000), "Much later."),
    ]


def test_cues_are_packed_only_while_they_fit() -> None:
    assert passages(SRT, TextRule(24), "srt")[0] == (ms(1000, 2500), "Hello there, you & you.")


def test_a_cue_that_is_too_long_is_cut_within_its_time() -> None:
    text = "00:01.000 --> 00:02.000\nmany words that do not fit\n"

    assert passages(text, TextRule(11), "vtt") == [
        (ms(1000, 2000), "many words"),
        (ms(1000, 2000), "that do not"),
        (ms(1000, 2000), "fit"),
    ]


def test_webvtt_without_its_notes_styles_and_voices() -> None:
    text = (
        "\ufeffWEBVTT\n\nSTYLE\n::cue { color: red }\n\nNOTE not this\n\n"
        "intro\n00:01.000 --> 01:00:02.000 align:start\n<v Bob>Hi <00:01.500><c>5 < 6</c>\n"
    )

    assert passages(text, TextRule(100), "vtt") == [(ms(1000, 3_602_000), "Hi 5 < 6")]


def test_garbage_between_cues_is_survived() -> None:
    text = (
        "ÿþ rubbish\n1\n00:00:01,000-->00:00:02,000\nOne\n2\n00:00:02,000 --> 00:00:01,000\nTwo\n"
        "99:99 --> nonsense\n\nstray words\n00:00:09,000 -->\n"
    )

    assert passages(text, TextRule(5), "srt") == [
        (ms(1000, 2000), "One"),
        (ms(2000, 2001), "Two"),
        (ms(2000, 2001), "99:99"),
        (ms(2000, 2001), "-->"),
        (ms(2000, 2001), "nonse"),
        (ms(2000, 2001), "nse"),
    ]


def test_rolling_captions_are_not_repeated() -> None:
    text = (
        "00:01.000 --> 00:02.000\nfirst line\n\n"
        "00:02.000 --> 00:03.000\nfirst line\nsecond line\n\n"
        "00:03.000 --> 00:04.000\nsecond line\n"
    )

    assert passages(text, TextRule(100), "vtt") == [(ms(1000, 3000), "first line second line")]


def test_cues_out_of_order_are_sorted() -> None:
    text = "00:05.000 --> 00:06.000\nlate\n\n00:01.000 --> 00:02.000\nearly\n"

    assert [words for _, words in passages(text, TextRule(5), "vtt")] == ["early", "late"]


@given(SUBTITLE, st.integers(1, 30))
def test_subtitle_passages_fit_and_are_in_order(text: str, limit: int) -> None:
    found = passages("00:01.000 --> 00:02.000\n" + text, TextRule(limit), "vtt")

    assert all(0 < len(words) <= limit for _, words in found)
    assert [span.start for span, _ in found] == sorted(span.start for span, _ in found)
