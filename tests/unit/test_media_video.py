"""Films become shots with a frame each and windows of their sound, or say why not."""

import contextlib
import io
import random
import socket
import tracemalloc
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from PIL import Image

from engine.errors import MediaError
from engine.media import frames as reading
from engine.media import video
from engine.media.endings import is_cut
from engine.media.pieces import Piece, pieces
from engine.media.probe import probe
from engine.media.shots import (
    FRAMES_PER_HOUR,
    GRID_MS,
    MAX_FRAMES,
    SPARE_FRAMES,
    Budget,
    Look,
    Seen,
    _Cell,
    look,
    observed,
    shots,
)
from engine.media.video import Frame, frames
from engine.ports import AudioRule, ImageRule
from engine.types import Modality

RULE = ImageRule(64)
SOUND = AudioRule(16_000, 1000, 1000)
RED, GREEN, BLUE, BLACK = (200, 30, 30), (30, 160, 30), (30, 30, 200), (0, 0, 0)
Array = np.ndarray[Any, Any]

# name, container, codec, sound
KINDS = [
    ("x.mp4", "mp4", "libx264", "aac"),
    ("x.m4v", "mp4", "mpeg4", "aac"),
    ("x.mov", "mov", "libx264", "pcm_s16le"),
    ("x.mkv", "matroska", "libx265", "libopus"),
    ("x.webm", "webm", "libvpx-vp9", "libopus"),
    ("x.avi", "avi", "mpeg4", "libmp3lame"),
    ("x.wmv", "asf", "wmv2", "libmp3lame"),
    ("x.flv", "flv", "flv", "libmp3lame"),
    ("x.mpg", "mpeg", "mpeg2video", "mp2"),
    ("x.mts", "mpegts", "libx264", "aac"),
    ("x.3gp", "3gp", "mpeg4", "aac"),
    ("x.ogv", "ogg", "libvpx", "libopus"),
]


def scene(colour: tuple[int, int, int], seed: int, size: tuple[int, int]) -> Array:
    """A picture of one colour with marks that differ by seed."""
    marks = np.random.default_rng(seed).integers(-40, 40, (4, 6, 1))
    plain = np.clip(np.array(colour) + marks, 0, 255).astype(np.uint8)
    shown: Array = np.asarray(Image.fromarray(plain).resize(size, Image.Resampling.NEAREST))
    return shown


def scenes(*parts: tuple[Any, float], rate: int = 25, size: tuple[int, int] = (176, 144)) -> Any:
    """Frames of scenes, each a colour (or a picture) and its seconds."""
    for number, (what, seconds) in enumerate(parts):
        is_picture = isinstance(what, np.ndarray)
        picture = what if is_picture else scene(what, number, size)
        if what is BLACK:
            picture = np.zeros((size[1], size[0], 3), np.uint8)
        for _ in range(round(seconds * rate)):
            yield picture


def film(  # noqa: PLR0913
    path: Path,
    pictures: Any,
    *,
    kind: str | None = None,
    codec: str = "libx264",
    rate: int = 25,
    sound: str = "",
    seconds: float = 0,
    late: float = 0,
    options: dict[str, str] | None = None,
    change: Callable[[Any], None] = lambda _: None,
    times: Callable[[int], int] = lambda number: number,
    pix_fmt: str = "yuv420p",
) -> Path:
    """Write a film, perhaps with a tone from `late` on for `seconds`."""
    with av.open(path, "w", format=kind) as container:
        stream: Any = None
        tone: Any = None
        for number, picture in enumerate(pictures):
            if stream is None:
                stream = container.add_stream(codec, rate=rate, options=options or {})
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = pix_fmt
                change(stream)
                tone = container.add_stream(sound, rate=48_000) if sound else None
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture))
            frame.pts, frame.time_base = times(number), Fraction(1, rate)
            container.mux(stream.encode(frame))
        if stream is None:
            tone = container.add_stream(sound, rate=48_000)
        else:
            container.mux(stream.encode(None))
        if tone is not None:
            for ready in tone_frames(tone, seconds, late):
                container.mux(tone.encode(ready))
            container.mux(tone.encode(None))
    return path


def tone_frames(stream: Any, seconds: float, late: float) -> Iterator[av.AudioFrame]:
    context = stream.codec_context
    if not context.is_open:
        context.open()
    steps = np.arange(round(seconds * 48_000))
    wave = (0.4 * np.sin(steps * 2 * np.pi * 440 / 48_000)).astype(np.float32)
    channels = context.layout.nb_channels
    whole = av.AudioFrame.from_ndarray(
        np.stack([wave] * channels), format="fltp", layout=context.layout.name
    )
    whole.sample_rate, whole.pts, whole.time_base = 48_000, 0, Fraction(1, 48_000)
    convert = av.AudioResampler(context.format.name, context.layout.name, 48_000)
    fifo = av.AudioFifo()
    for frame in convert.resample(whole) + convert.resample(None):
        fifo.write(frame)
    size, at = context.frame_size or 1024, round(late * 48_000)
    while ready := fifo.read(size) or fifo.read(size, partial=True):
        ready.pts, ready.time_base = at, Fraction(1, 48_000)
        at += ready.samples
        yield ready


def chosen(path: Path, rule: ImageRule = RULE) -> list[Frame]:
    found = list(frames(path, rule))
    assert found[0].span.start == 0
    assert all(a.span.end == b.span.start for a, b in pairwise(found))
    assert not any(one.partial for one in found[:-1])
    return found


def starts(found: list[Frame]) -> list[int]:
    return [one.span.start for one in found]


def colour(frame: Frame) -> Array:
    return np.asarray(frame.pixels.mean(axis=(0, 1)))


def is_near(frame: Frame, wanted: tuple[int, int, int]) -> bool:
    return bool(np.abs(colour(frame) - np.array(wanted)).max() < 45)


def sound_of(path: Path) -> list[Piece]:
    return list(pieces(path, probe(path).format, SOUND))


def reason(path: Path) -> str:
    with pytest.raises(MediaError) as caught:
        list(frames(path, RULE))
    return caught.value.reason


def three_scenes(path: Path, **how: Any) -> Path:
    parts = scenes((RED, 1.2), (GREEN, 1.52), (BLUE, 1.28), rate=how.get("rate", 25))
    return film(path, parts, **how)


@pytest.mark.parametrize(("name", "kind", "codec", "sound"), KINDS, ids=[one[0] for one in KINDS])
def test_every_format_gives_its_scenes_and_its_sound(
    tmp_path: Path, name: str, kind: str, codec: str, sound: str
) -> None:
    path = three_scenes(tmp_path / name, kind=kind, codec=codec, sound=sound, seconds=4)
    assert probe(path).modality is Modality.VIDEO

    found = chosen(path)

    assert [round(one / 40) for one in starts(found)] == pytest.approx([0, 30, 68], abs=2)
    assert abs(found[-1].span.end - 4000) <= 100
    assert all(is_near(*pair) for pair in zip(found, (RED, GREEN, BLUE), strict=True))
    assert {(one.width, one.height, one.partial) for one in found} == {(176, 144, False)}
    assert {one.pixels.shape for one in found} == {(64, 78, 3)}
    heard = sound_of(path)
    assert [one.span.start // 1000 for one in heard if one.span][:4] == [0, 1, 2, 3]
    assert heard[0].payload.shape == (16_000,)  # type: ignore[union-attr]
    assert ("partial", True) not in heard[-1].facts


def test_pieces_of_a_film_carry_its_facts(tmp_path: Path) -> None:
    path = three_scenes(tmp_path / "x.mp4")

    found = list(pieces(path, "mp4", RULE))

    assert [one.words for one in found] == ["", "", ""]
    assert dict(found[-1].facts) == {
        "width": 176,
        "height": 144,
        "duration_ms": 4000,
        "grid_ms": GRID_MS,
    }


def test_cuts_between_close_key_frames_are_found_at_a_key_frame(tmp_path: Path) -> None:
    path = three_scenes(tmp_path / "x.mp4", options={"g": "10", "sc_threshold": "0", "bf": "0"})

    found = chosen(path)

    # The first group is decoded whole; later only key frames, every 400 ms, are looked at.
    assert starts(found) == [0, 1200, 2800]
    assert all(is_near(*pair) for pair in zip(found, (RED, GREEN, BLUE), strict=True))


def decoded(path: Path, dense_ms: int) -> Iterator[tuple[int, Array]]:
    """Every frame that is looked at, from afar."""
    with (
        path.open("rb") as file,
        reading.open_film(file, "mkv" if path.suffix == ".mkv" else "mp4") as container,
    ):
        stream = reading.picture_stream(container)
        assert stream is not None
        for at_ms, frame in reading.frames(container, stream, "mp4", dense_ms, reading.Reel()):
            yield at_ms, reading.small(frame)


def given_to_decoder(path: Path) -> int:
    with path.open("rb") as file, reading.open_film(file, "mp4") as container:
        stream = reading.picture_stream(container)
        assert stream is not None
        packets = reading._timed(container, stream, "mp4", reading.Reel())
        return sum(1 for one in reading._thinned(packets, 1000, deque()) if one.size)


def test_only_key_frames_are_decoded_where_they_are_close(tmp_path: Path) -> None:
    options = {"sc_threshold": "0"}
    close = three_scenes(tmp_path / "a.mp4", options={"g": "20", **options})
    apart = three_scenes(tmp_path / "b.mp4", options={"g": "200", **options})

    assert len(list(decoded(close, 1000))) < 35 < given_to_decoder(apart)
    assert given_to_decoder(close) < 50


def test_leading_frames_of_an_open_group_are_not_used(tmp_path: Path) -> None:
    """They are made from frames before their key frame, which were left out."""
    params = "open-gop=1:bframes=3:b-adapt=0:b-pyramid=2:keyint=12:min-keyint=12:scenecut=0"
    options = {"x264-params": params}
    path = film(tmp_path / "x.mkv", pan(120), options=options)
    with av.open(path) as container:
        stream = container.streams.video[0]
        true = {
            round((one.time or 0) * 1000): reading.small(one) for one in container.decode(stream)
        }

    read = list(decoded(path, 1000))

    assert len(read) < 40
    for at_ms, planes in read:
        assert np.abs(planes.astype(int) - true[at_ms]).max() < 3


def test_the_first_group_is_looked_at_as_a_whole(tmp_path: Path) -> None:
    """What begins black would else be known by its black key frame alone."""
    options = {"g": "20", "sc_threshold": "0", "bf": "0"}
    parts = scenes((BLACK, 0.2), (RED, 0.6), (GREEN, 2))

    found = chosen(film(tmp_path / "x.mp4", parts, options=options))

    assert all(is_near(*pair) for pair in zip(found, (RED, GREEN), strict=True))


@pytest.mark.parametrize("seconds", [0.04, 0.6, 3.0])
def test_a_short_clip_gives_a_frame(tmp_path: Path, seconds: float) -> None:
    found = chosen(film(tmp_path / "x.mp4", scenes((RED, seconds))))

    assert [(one.span.end, one.partial) for one in found] == [(round(seconds * 1000), False)]
    assert is_near(found[0], RED)


def test_a_moving_picture_is_cut_by_the_grid(tmp_path: Path) -> None:
    found = chosen(film(tmp_path / "x.mp4", pan(130)))

    lengths = [one.span.end - one.span.start for one in found]
    assert len(found) == 3
    assert max(lengths) <= GRID_MS + 500


def test_a_still_picture_of_ten_minutes_is_one_frame(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", scenes((RED, 600), rate=5), rate=5)

    found = chosen(path)

    assert [(one.span.start, one.span.end) for one in found] == [(0, 600_000)]


def test_a_black_beginning_does_not_stand_for_anything(tmp_path: Path) -> None:
    for at, length in enumerate((0.4, 3.0)):
        path = film(tmp_path / f"{at}.mp4", scenes((BLACK, length), (GREEN, 2), (BLACK, 2)))

        found = chosen(path)

        assert [is_near(one, GREEN) for one in found] == [True]
        assert found[0].span.end == pytest.approx(1000 * (length + 4), abs=40)


def test_a_film_of_nothing_but_black_still_gives_a_frame(tmp_path: Path) -> None:
    [found] = chosen(film(tmp_path / "x.mp4", scenes((BLACK, 5))))

    assert found.pixels.max() < 10


def test_a_fade_is_stood_for_by_its_clear_part(tmp_path: Path) -> None:
    full = scene(GREEN, 3, (176, 144)).astype(float)
    fade = [(full * min(1, at / 40)).astype(np.uint8) for at in range(48)]

    found = chosen(film(tmp_path / "x.mp4", fade))

    assert all(is_near(one, GREEN) for one in found)


def test_a_flash_is_no_shot_of_its_own(tmp_path: Path) -> None:
    red, blue = scene(RED, 0, (176, 144)), scene(BLUE, 1, (176, 144))
    path = film(tmp_path / "x.mp4", scenes((red, 1), (blue, 0.08), (red, 1)))

    assert len(chosen(path)) == 1


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_frames_are_the_same_every_time(tmp_path: Path, codec: str) -> None:
    path = three_scenes(tmp_path / "x.mp4", codec=codec)
    first = chosen(path)

    with ThreadPoolExecutor(4) as pool:
        for other in pool.map(lambda _: chosen(path), range(8)):
            assert [one.span for one in other] == [one.span for one in first]
            for a, b in zip(first, other, strict=True):
                assert a.pixels.tobytes() == b.pixels.tobytes()


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_turned_film_is_put_upright(tmp_path: Path, degrees: int) -> None:
    seen = np.zeros((96, 160, 3), np.uint8)
    seen[:48, :80] = (230, 20, 20)
    seen[48:, 80:] = (20, 20, 230)
    stored = np.rot90(seen, -degrees // 90)
    path = tmp_path / "x.mp4"

    def turn(stream: Any) -> None:
        stream.set_display_rotation(degrees)

    film(path, (stored for _ in range(10)), change=turn)

    [found] = chosen(path, ImageRule(96))

    assert (found.width, found.height) == (160, 96)
    assert found.pixels.shape == (96, 160, 3)
    assert found.pixels[20, 20, 0] > 180
    assert found.pixels[80, 140, 2] > 180


def test_an_anamorphic_film_is_shown_wide(tmp_path: Path) -> None:
    def squeeze(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)

    path = film(tmp_path / "x.mkv", scenes((RED, 0.4)), change=squeeze)

    [found] = chosen(path)

    assert (found.width, found.height) == (352, 144)
    assert found.pixels.shape == (64, 156, 3)


@pytest.mark.parametrize(
    ("size", "pix_fmt", "codec"),
    [
        ((178, 146), "yuv420p10le", "libx264"),
        ((175, 143), "yuv444p", "ffv1"),
        ((2, 2), "yuv420p", "libx264"),
    ],
)
def test_odd_sizes_and_deep_colours_are_read(
    tmp_path: Path, size: tuple[int, int], pix_fmt: str, codec: str
) -> None:
    plain = np.full((size[1], size[0], 3), GREEN, np.uint8)

    [found] = chosen(
        film(tmp_path / "x.mkv", [plain] * 9, codec=codec, pix_fmt=pix_fmt), ImageRule(500)
    )

    assert found.pixels.shape == (size[1], size[0], 3)
    assert np.abs(colour(found) - np.array(GREEN)).max() < 6


def test_colours_of_large_films_are_those_of_bt709(tmp_path: Path) -> None:
    plain = np.full((720, 1280, 3), GREEN, np.uint8)
    frame = av.VideoFrame.from_ndarray(plain).reformat(format="yuv420p", dst_colorspace=1)
    path = tmp_path / "x.mkv"
    with av.open(path, "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        container.mux(stream.encode(frame) + stream.encode(None))

    [found] = chosen(path)

    assert np.abs(colour(found) - np.array(GREEN)).max() < 6


def test_frames_may_come_at_any_rate(tmp_path: Path) -> None:
    at = [0, 1, 2, 50, 51, 200, 201, 202]
    looks = [RED] * 3 + [GREEN] * 2 + [BLUE] * 3
    pictures = [scene(one, sum(one), (176, 144)) for one in looks]
    path = film(tmp_path / "x.mkv", pictures, times=at.__getitem__)

    found = chosen(path)

    assert starts(found) == [0, 2000, 8000]
    assert all(is_near(*pair) for pair in zip(found, (RED, GREEN, BLUE), strict=True))


def test_a_film_without_sound_has_none_and_that_is_no_error(tmp_path: Path) -> None:
    assert sound_of(three_scenes(tmp_path / "x.mp4")) == []


def test_a_film_of_sound_alone_has_no_frames_and_that_is_no_error(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mp4", [], sound="aac", seconds=2)

    assert probe(path).modality is Modality.VIDEO
    assert list(pieces(path, "mp4", RULE)) == []
    assert 1950 <= sound_of(path)[-1].span.end < 2100  # type: ignore[union-attr]
    for name in ("x.m4a", "x.mp3"):
        path = path.rename(tmp_path / name)
        assert (probe(path).modality, probe(path).format) == (Modality.AUDIO, "m4a")


@pytest.mark.parametrize("name", ["x.mp3", "x.jpg", "x.wav"])
def test_a_film_by_another_name_is_a_film(tmp_path: Path, name: str) -> None:
    path = three_scenes(tmp_path / "x.mp4").rename(tmp_path / name)

    assert probe(path).modality is Modality.VIDEO
    assert len(chosen(path)) == 3


def test_a_cover_is_no_film(tmp_path: Path) -> None:
    def cover(stream: Any) -> None:
        stream.disposition = av.stream.Disposition.attached_pic

    path = film(
        tmp_path / "x.mp4",
        scenes((RED, 0.04)),
        codec="mjpeg",
        pix_fmt="yuvj420p",
        sound="aac",
        seconds=1,
        change=cover,
    )
    with av.open(path) as container:
        assert container.streams.video

    assert list(frames(path, RULE)) == []
    path = path.rename(tmp_path / "x.jpg")  # the name says nothing that helps
    assert probe(path).modality is Modality.AUDIO


@pytest.mark.parametrize(
    ("name", "kind"), [("x.mp4", "mp4"), ("x.mkv", "matroska"), ("x.mts", "mpegts")]
)
def test_a_late_sound_is_where_it_is_heard(tmp_path: Path, name: str, kind: str) -> None:
    path = three_scenes(tmp_path / name, kind=kind, sound="aac", seconds=2, late=1.5)

    heard = sound_of(path)

    assert heard[0].span is not None
    assert abs(heard[0].span.start - 1500) < 60
    assert abs(heard[-1].span.end - 3500) < 100  # type: ignore[union-attr]
    assert ("partial", True) not in heard[-1].facts


def test_a_clock_that_starts_anywhere_starts_at_zero(tmp_path: Path) -> None:
    path = three_scenes(
        tmp_path / "x.mts",
        kind="mpegts",
        times=lambda number: number + 250_000,
        sound="aac",
        seconds=1,
        late=10_001,
    )

    assert [round(one / 40) for one in starts(chosen(path))] == pytest.approx([0, 30, 68], abs=2)
    assert sound_of(path)[0].span.start == pytest.approx(1000, abs=60)  # type: ignore[union-attr]


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def pan(count: int) -> list[Array]:
    """A camera that moves over a coloured wall."""
    wall = np.random.default_rng(0).integers(0, 255, (8, 40, 3), dtype=np.uint8)
    wide = np.asarray(Image.fromarray(wall).resize((700, 144), Image.Resampling.BICUBIC))
    return [wide[:, 4 * at : 4 * at + 176] for at in range(count)]


@pytest.mark.parametrize(("name", "kind", "codec"), [one[:3] for one in KINDS])
def test_of_a_film_cut_short_the_rest_is_used(
    tmp_path: Path, name: str, kind: str, codec: str
) -> None:
    boxes = kind in {"mp4", "mov", "3gp"}
    path = tmp_path / name
    write(path, pan(125), kind, codec, {"movflags": "faststart"} if boxes else {})
    whole = chosen(path)[-1].span.end

    found = chosen(cut(path, 0.6))

    assert 0.3 * whole < found[-1].span.end < 0.9 * whole
    assert found[-1].partial or kind in {"mpegts", "mpeg"}  # these state no length


def write(
    path: Path, pictures: list[Array], kind: str, codec: str, options: dict[str, str]
) -> None:
    with av.open(path, "w", format=kind, container_options=options) as container:
        stream: Any = container.add_stream(codec, rate=25, options={"g": "12"})
        stream.width, stream.height, stream.pix_fmt = 176, 144, "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("name", ["x.mp4", "x.mkv", "x.avi", "x.mts"])
@pytest.mark.parametrize("share", [0.001, 0.05, 0.3, 0.99])
def test_a_cut_anywhere_gives_frames_or_a_reason(tmp_path: Path, name: str, share: float) -> None:
    path = cut(three_scenes(tmp_path / name), share)

    try:
        outcome = "frames" if list(frames(path, RULE)) else "nothing"
    except MediaError as error:
        outcome = error.reason

    assert outcome in {"frames", "truncated", "undecodable", "empty"}


def test_a_film_whose_table_is_missing_is_truncated(tmp_path: Path) -> None:
    assert reason(cut(three_scenes(tmp_path / "x.mp4"), 0.5)) == "truncated"


@pytest.mark.parametrize("name", ["x.mp4", "x.mkv", "x.mts", "x.avi"])
def test_a_damaged_stretch_costs_only_itself(tmp_path: Path, name: str) -> None:
    codec = "mpeg4" if name == "x.avi" else "libx264"
    path = three_scenes(tmp_path / name, codec=codec, options={"g": "10"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = random.Random(1).randbytes(300)  # noqa: S311
    path.write_bytes(data)

    found = chosen(path)

    assert found[-1].span.end > 3500
    assert is_near(found[0], RED)
    assert is_near(found[-1], BLUE)


@pytest.mark.parametrize("name", ["x.mp4", "x.mkv", "x.webm", "x.avi", "x.mts", "x.flv"])
def test_damaged_films_are_read_or_refused_and_nothing_else(tmp_path: Path, name: str) -> None:
    codec = {"x.webm": "libvpx", "x.avi": "mpeg4", "x.flv": "flv"}.get(name, "libx264")
    path = film(tmp_path / name, scenes((RED, 0.5), (BLUE, 0.5)), codec=codec)
    data, luck = path.read_bytes(), random.Random(4)  # noqa: S311
    for _ in range(20):
        changed = bytearray(data)
        for _ in range(luck.randint(1, 8)):
            changed[luck.randrange(len(changed))] = luck.randrange(256)
        path.write_bytes(changed)
        with contextlib.suppress(MediaError):
            assert all(one.pixels.ndim == 3 for one in frames(path, RULE))


@pytest.mark.parametrize("factor", [0.1, 50])
def test_a_wrong_duration_in_the_header_changes_nothing_else(tmp_path: Path, factor: float) -> None:
    path = three_scenes(tmp_path / "x.mp4")
    right = chosen(path)
    data = bytearray(path.read_bytes())
    for box, at in ((b"mvhd", 20), (b"mdhd", 20), (b"tkhd", 24)):
        place = data.index(box) + at
        stated = int.from_bytes(data[place : place + 4], "big")
        data[place : place + 4] = round(stated * factor).to_bytes(4, "big")
    path.write_bytes(data)

    found = chosen(path)

    assert [one.span for one in found] == [one.span for one in right]


def test_a_picture_too_large_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = three_scenes(tmp_path / "x.mp4")
    monkeypatch.setattr(reading, "MAX_PIXELS", 176 * 144 - 1)
    monkeypatch.setattr(reading, "frames", lambda *_: pytest.fail("decoded"))

    assert reason(path) == "too-many-pixels"


def test_a_strip_is_no_picture(tmp_path: Path) -> None:
    strip = np.zeros((2, 500, 3), np.uint8)

    assert reason(film(tmp_path / "x.mkv", [strip] * 3, codec="ffv1")) == "dimensions"


def test_a_film_without_pictures_or_sound_is_empty(tmp_path: Path) -> None:
    path = three_scenes(tmp_path / "x.mkv")
    data = path.read_bytes()
    assert data.count(b"\x83\x81\x01") == 1
    path.write_bytes(data.replace(b"\x83\x81\x01", b"\x83\x81\x11"))  # now it is subtitles

    assert reason(path) == "empty"
    assert sound_of(path) == []


def test_a_track_without_frames_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "x.mkv"
    with av.open(path, "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()

    assert reason(path) in {"empty", "truncated"}


def test_an_unknown_codec_is_unsupported(tmp_path: Path) -> None:
    path = film(tmp_path / "x.mkv", scenes((RED, 0.2)), codec="snow", options={"strict": "-2"})

    assert reason(path) == "unsupported"


def test_a_picture_or_a_song_is_no_film(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    Image.new("RGB", (9, 9)).save(path, "PNG")

    assert probe(path).modality is Modality.IMAGE
    assert reason(path) == "undecodable"
    assert reason(tmp_path / "gone.mp4") == "vanished"


def test_a_read_error_of_the_disk_is_not_blamed_on_the_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, why in ((5, "io"), (22, "undecodable")):

        def broken(*_: object, number: int = number) -> None:
            raise OSError(number, "as the system says")

        monkeypatch.setattr(reading, "picture_stream", broken)
        assert reason(three_scenes(tmp_path / "x.mp4")) == why


def referring(path: Path, url: bytes) -> Path:
    """A film of which the one track says that its frames lie elsewhere."""
    three_scenes(path)
    data = bytearray(path.read_bytes())
    at = data.index(b"url \0\0\0\1")
    place = b"url \0\0\0\0" + url + b"\0"
    grow = len(place) - 8
    data[at : at + 8] = place
    for box in (b"url ", b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        head = data.index(box) - 4
        size = int.from_bytes(data[head : head + 4], "big") + grow
        data[head : head + 4] = size.to_bytes(4, "big")
    path.write_bytes(data)
    return path


def test_a_film_that_refers_elsewhere_opens_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.mov".encode()
        path = referring(tmp_path / "x.mov", url)

        with contextlib.suppress(MediaError):
            list(frames(path, RULE))

        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize("kind", ["hls", "concat", "dash"])
def test_even_a_playlist_reader_could_open_nothing_else(tmp_path: Path, kind: str) -> None:
    other = three_scenes(tmp_path / "other.mts", kind="mpegts")
    text = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile {other}\n",
        "dash": f"<?xml version='1.0'?><MPD><BaseURL>{other}</BaseURL></MPD>",
    }[kind]

    def read() -> list[object]:
        with reading.open_film(io.BytesIO(text.encode()), kind) as container:
            reading.picture_stream(container)
            return list(container.decode(video=0))

    with pytest.raises((av.FFmpegError, MediaError, ValueError)):
        read()


def test_only_decoders_for_pictures_run_on_pictures(tmp_path: Path) -> None:
    path = three_scenes(tmp_path / "x.mp4", sound="aac", seconds=1)
    with path.open("rb") as file, reading.open_film(file, "mp4") as container:
        whitelist = container.container_options["codec_whitelist"].split(",")

    assert "h264" in whitelist
    assert not {"aac", "snow", "gif", "webp", "svg"} & set(whitelist)


@pytest.mark.parametrize("name", ["x.mkv", "x.avi", "x.mp4"])
def test_a_missing_end_of_a_film_is_seen(tmp_path: Path, name: str) -> None:
    path = three_scenes(tmp_path / name, codec="mpeg4")
    found = probe(path).format
    for share, wanted in ((1.0, False), (0.9, True)):
        with cut(path, share).open("rb") as file:
            assert is_cut(file, found) is wanted


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)

    def moving(count: int) -> Iterator[Array]:
        for at in range(count):
            yield np.roll(noise, at * 7, axis=(0, 1)).repeat(4, 0).repeat(4, 1)

    def peak(count: int) -> tuple[int, int]:
        path = film(
            tmp_path / f"{count}.mp4", moving(count), rate=5, options={"preset": "ultrafast"}
        )
        tracemalloc.start()
        number = sum(1 for _ in frames(path, ImageRule(200)))
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return number, highest

    few, short = peak(100)
    many, long = peak(1000)

    assert many > 5 * few
    assert long < short + (2 << 20)


def test_frames_come_before_the_film_has_been_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film(tmp_path / "x.mp4", scenes(*[(RED, 1), (BLUE, 1)] * 20))
    read: list[int] = []
    real = video._seen

    def counted(*given: Any) -> Iterator[Seen]:
        for one in real(*given):
            read.append(one.at_ms)
            yield one

    monkeypatch.setattr(video, "_seen", counted)
    with contextlib.closing(cast("Generator[Frame, None, None]", frames(path, RULE))) as stream:
        next(stream)

    assert read[-1] < 10_000


# Without decoders: what is chosen of frames made up here.


def made(at_ms: int, level: int, last: Seen | None, luck: Any) -> Seen:
    planes = np.full((3, 42, 72), level, np.int16)
    planes[0] += luck.integers(0, 30, (42, 72)).astype(np.int16)
    pixels = np.zeros((1, 1, 3), np.uint8)
    return observed(last, at_ms, look(planes.astype(np.uint8)))._replace(pixels=pixels)


def stream_of(seconds: int, step_ms: int, shot_ms: int) -> Iterator[Seen]:
    luck = np.random.default_rng(0)
    last = None
    for at in range(0, seconds * 1000, step_ms):
        last = made(at, 20 + at // shot_ms * 73 % 200, last, luck)
        yield last


@pytest.mark.parametrize(
    ("hours", "most"), [(1, FRAMES_PER_HOUR), (2, 2 * FRAMES_PER_HOUR), (6, MAX_FRAMES)]
)
@pytest.mark.parametrize("stated", [True, False])
def test_a_long_film_has_a_limited_number_of_frames(hours: int, most: int, stated: bool) -> None:  # noqa: FBT001
    budget = Budget(hours * 3_600_000 if stated else 10_000)

    found = list(shots(stream_of(hours * 3600, 1000, 1000), budget))

    more = SPARE_FRAMES + 2 + (0 if stated else 2 * FRAMES_PER_HOUR)
    assert most * 0.8 <= len(found) <= most + more
    assert all(a.end_ms == b.start_ms for a, b in pairwise(found))
    if not stated and hours > 4:
        return
    assert (
        max(one.end_ms - one.start_ms for one in found[SPARE_FRAMES:])
        <= 4 * 3600 * hours * 1000 / most
    )


def test_a_cell_that_goes_on_and_on_keeps_a_few_candidates() -> None:
    cell = _Cell(0, [])
    luck = np.random.default_rng(0)
    for at in range(0, 200_000, 200):
        cell.add(made(at, 90, None, luck))

    assert len(cell.candidates) <= 12
    assert 50_000 < cell.closed(200_000).best.at_ms < 150_000


def test_the_grid_grows_with_the_length() -> None:
    minute = 60_000
    grids = [Budget(length * minute).grid_ms for length in (0, 1, 20, 60, 240, 480)]

    assert grids == [2000, 2000, 2000, 6000, 6000, 12_000]


def test_a_blank_frame_is_known_by_having_neither_marks_nor_colour() -> None:
    def plain(*levels: int) -> Look:
        return look(np.stack([np.full((42, 72), one, np.uint8) for one in levels]))

    assert plain(16, 128, 128).blank
    assert plain(235, 128, 128).blank
    assert not plain(80, 90, 200).blank
    assert not Look(plain(16, 128, 128).planes, 9.0).blank
