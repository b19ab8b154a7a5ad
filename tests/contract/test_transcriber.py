"""The laws of a transcriber, over every adapter whose package is installed."""

import socket
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from engine.media.pieces import pieces
from engine.media.probe import probe
from engine.ports import Payload, Transcriber, Transcript
from engine.transcribe import transcriber
from engine.types import Origin, Span
from making import white_noise

DATA = Path(__file__).parents[2] / "data"
SPEECH = DATA / "speech" / "sense-and-sensibility.ogg"
PACKAGES = {Origin.SEEN: ("rapidocr", "ocr"), Origin.HEARD: ("pocketsphinx", "speech")}

Parts = Sequence[tuple[Span | None, Payload]]


def loaded(origin: Origin) -> Transcriber:
    package, extra = PACKAGES[origin]
    if find_spec(package) is None:
        pytest.skip(f'NOT TESTED, {package} is not installed: pip install "seehear[{extra}]"')
    return transcriber(origin)


@pytest.fixture(scope="module", params=PACKAGES)
def one(request: pytest.FixtureRequest) -> Transcriber:
    return loaded(request.param)


@pytest.fixture(scope="module")
def reader() -> Transcriber:
    return loaded(Origin.SEEN)


@pytest.fixture(scope="module")
def listener() -> Transcriber:
    return loaded(Origin.HEARD)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> None:
        raise AssertionError("a transcriber asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def card(*lines: str, size: tuple[int, int] = (640, 360), ground: str = "ivory") -> Payload:
    """Lines of text, one below the other."""
    image = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(image)
    for at, line in enumerate(lines):
        draw.text((40, 40 + 70 * at), line, font=ImageFont.load_default(34), fill="black")
    return np.asarray(image)


def parts_of(path: Path, one: Transcriber) -> Parts:
    return [(each.span, each.payload) for each in pieces(path, probe(path).format, one.rule)]


def speaking(one: Transcriber) -> Parts:
    """A medium with words in it."""
    if one.origin is Origin.HEARD:
        return parts_of(SPEECH, one)
    return [(Span(0, 900), card("The harbour")), (Span(900, 2_000), card("A long winter"))]


def empty(one: Transcriber) -> Parts:
    """A medium without any."""
    if one.origin is Origin.HEARD:
        return [(Span(0, 2_000), np.zeros(32_000, np.float32))]
    return [(None, np.zeros((200, 300, 3), np.uint8))]


def told(one: Transcriber, parts: Parts) -> list[Transcript]:
    return list(one.transcribe(iter(parts)))


def test_nothing_in_nothing_out(one: Transcriber) -> None:
    assert told(one, []) == []
    assert told(one, empty(one)) == []


def test_the_same_medium_gives_the_same_whatever_came_before(one: Transcriber) -> None:
    parts = speaking(one)
    first = told(one, parts)
    told(one, list(reversed(parts))[:1])
    told(one, empty(one))

    assert len(first) == 2
    assert told(one, parts) == first
    assert told(loaded(one.origin), parts) == first


def test_spans_follow_each_other_inside_the_medium(one: Transcriber) -> None:
    parts = speaking(one)
    whole = [span for span, _ in parts if span is not None]
    spans = [each.span for each in told(one, parts) if each.span is not None]

    assert len(spans) == 2
    assert whole[0].start <= spans[0].start < spans[0].end <= spans[1].start
    assert spans[1].end <= whole[-1].end
    assert all(each.words.strip() and 0 <= each.confidence <= 1 for each in told(one, parts))


def test_it_says_what_it_is(one: Transcriber) -> None:
    package, _ = PACKAGES[one.origin]

    assert one.describe().startswith(f"{package} ")
    assert len(one.fingerprint) == 64
    assert loaded(one.origin).fingerprint == one.fingerprint


# --- read --------------------------------------------------------------------------------------


def test_a_sign_is_read_in_the_order_of_reading(reader: Transcriber) -> None:
    (found,) = told(reader, [(None, card("Opening hours", "Monday to Friday 9 - 17"))])

    assert found.words == "Opening hours\nMonday to Friday 9 - 17"
    assert found.span is None
    assert found.confidence > 0.9


def test_shots_with_the_same_words_are_one(reader: Transcriber) -> None:
    shots = [
        ("Chapter one", 0),
        ("Chapter one", 1),
        ("Chapter two", 2),
        ("", 3),
        ("Chapter two", 4),
    ]
    parts = [(Span(1_000 * at, 1_000 * (at + 1)), card(words)) for words, at in shots]

    assert [(one.words, one.span) for one in told(reader, parts)] == [
        ("Chapter one", Span(0, 2_000)),
        ("Chapter two", Span(2_000, 3_000)),
        ("Chapter two", Span(4_000, 5_000)),
    ]


def test_a_film_is_read_shot_by_shot(reader: Transcriber, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        for words, ground in (("The harbour", "ivory"), ("A long winter", "skyblue")):
            frame = av.VideoFrame.from_ndarray(card(words, ground=ground), format="rgb24")
            for packet in [p for _ in range(30) for p in stream.encode(frame)]:
                out.mux(packet)
        out.mux(stream.encode())

    found = told(reader, parts_of(path, reader))

    assert [one.words for one in found] == ["The harbour", "A long winter"]
    assert [one.span for one in found] == [Span(0, 3_000), Span(3_000, 6_000)]


@pytest.mark.parametrize("name", ["animals/panda.jpg", "drawings/puppy.png", "home/coffee.png"])
def test_textures_are_no_text(reader: Transcriber, name: str) -> None:
    assert told(reader, parts_of(DATA / "sample" / "pictures" / name, reader)) == []


@pytest.mark.parametrize("shape", [(1, 1), (7, 900), (9, 1_900), (1_900, 9)])
def test_strips_take_no_more_memory_than_pictures(
    reader: Transcriber, shape: tuple[int, int]
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)

    assert told(reader, [(None, noise)]) == []


def test_a_banner_is_read(reader: Transcriber) -> None:
    (found,) = told(reader, [(None, card("Welcome to the annual fair", size=(1_800, 110)))])

    assert found.words == "Welcome to the annual fair"


# --- heard -------------------------------------------------------------------------------------


def test_speech_is_heard_where_it_is(listener: Transcriber) -> None:
    first, second = told(listener, parts_of(SPEECH, listener))

    assert "leisure to consider how much there might be" in first.words
    assert "he might even have been made" in second.words
    assert first.span is not None
    assert second.span is not None
    assert abs(first.span.start - 1_300) < 300
    assert abs(second.span.start - 9_300) < 300


def test_windows_that_overlap_say_nothing_twice(listener: Transcriber) -> None:
    ((span, samples),) = parts_of(SPEECH, listener)
    assert span is not None
    cut = 7_000
    parts = [
        (Span(0, cut), samples[: cut * 16]),
        (Span(5_000, span.end), samples[5_000 * 16 :]),  # moved back, as a last window is
    ]

    assert told(listener, parts) == told(listener, [(span, samples)])


def test_times_are_on_the_clock_of_the_film(listener: Transcriber) -> None:
    ((span, samples),) = parts_of(SPEECH, listener)
    assert span is not None
    late = told(listener, [(Span(span.start + 5_000, span.end + 5_000), samples)])

    starts = [one.span.start for one in told(listener, [(span, samples)]) if one.span]
    assert [one.span.start - 5_000 for one in late if one.span] == starts


def test_noise_music_and_a_crowd_say_nothing(listener: Transcriber) -> None:
    sounds = DATA / "sample" / "sounds"
    for path in (sounds / "city" / "VOICE_008.wav", sounds / "music" / "take-02.flac"):
        assert told(listener, parts_of(path, listener)) == []
    assert told(listener, [(Span(0, 3_000), white_noise(48_000))]) == []


def test_a_click_is_too_short_to_hear(listener: Transcriber) -> None:
    assert told(listener, [(Span(0, 1), np.ones(16, np.float32))]) == []
