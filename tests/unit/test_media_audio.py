"""Recordings become windows of mono samples, or say why not."""

import contextlib
import io
import itertools
import os
import random
import socket
import struct
import threading
import time
import tracemalloc
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.errors import MediaError
from engine.media import audio, samples
from engine.media.audio import Window, audio_info, cut_windows, windows
from engine.ports import AudioRule

RULE = AudioRule(rate=32_000, window_ms=1000, hop_ms=500)

# name, container, codec, rate
RECORDINGS = [
    ("x.flac", "flac", "flac", 44_100),
    ("x.opus", "ogg", "libopus", 48_000),
    ("x.mp3", "mp3", "libmp3lame", 44_100),
    ("x.m4a", "mp4", "aac", 44_100),
    ("x.aac", "adts", "aac", 44_100),
    ("x.aiff", "aiff", "pcm_s16be", 44_100),
    ("x.caf", "caf", "pcm_s16be", 44_100),
    ("x.au", "au", "pcm_s16be", 44_100),
    ("x.w64", "w64", "pcm_s16le", 44_100),
    ("x.wav", "wav", "pcm_s24le", 96_000),
    ("x.wv", "wv", "wavpack", 44_100),
    ("x.wma", "asf", "wmav2", 44_100),
    ("x.mka", "matroska", "flac", 44_100),
]
BY_NAME = {name: rest for name, *rest in RECORDINGS}


def tone(seconds: float, rate: int, hertz: float = 440.0, level: float = 0.5) -> np.ndarray:
    steps = np.arange(round(seconds * rate))
    return (level * np.sin(2 * np.pi * hertz * steps / rate)).astype(np.float32)


def record(folder: Path, name: str, cover: bool = False) -> Path:  # noqa: FBT001, FBT002
    """Write three seconds of a tone in stereo."""
    path = folder / name
    path.write_bytes(encoded(name, cover))
    return path


@cache
def encoded(name: str, cover: bool) -> bytes:  # noqa: FBT001
    kind, codec, rate = BY_NAME[name]
    out = io.BytesIO()
    with av.open(out, "w", format=kind) as container:
        stream: Any = container.add_stream(codec, rate=rate, layout="stereo", bit_rate=128_000)
        if cover:
            picture: Any = container.add_stream("mjpeg", rate=1)
            picture.width = picture.height = 64
            picture.pix_fmt = "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8))
            container.mux(picture.encode(frame.reformat(format="yuvj420p")) + picture.encode())
        for ready in frames(tone(3, rate), rate, stream):
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))
    return out.getvalue()


def frames(signal: np.ndarray, rate: int, stream: Any) -> Iterator[av.AudioFrame]:
    """Cut a signal, on both channels, into the frames that an encoder takes."""
    if not stream.codec_context.is_open:
        stream.codec_context.open()
    whole = av.AudioFrame.from_ndarray(np.stack([signal, signal]), format="fltp", layout="stereo")
    whole.sample_rate, whole.pts, whole.time_base = rate, 0, Fraction(1, rate)
    convert = av.AudioResampler(stream.codec_context.format.name, "stereo", rate)
    fifo = av.AudioFifo()
    for frame in convert.resample(whole) + convert.resample(None):
        fifo.write(frame)
    size = stream.codec_context.frame_size or 1024
    while ready := fifo.read(size) or fifo.read(size, partial=True):
        yield ready


def write_wav(
    path: Path, data: bytes, rate: int = 16_000, channels: int = 1, code: int = 1
) -> Path:
    """Write a WAV header by hand, as strange as the test wants it."""
    depth = 2 if code == 1 else 4
    head = struct.pack(
        "<HHIIHH",
        code,
        channels,
        rate,
        rate * channels * depth % 2**32,
        channels * depth % 2**16,
        8 * depth,
    )
    body = (
        b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(data)) + data
    )
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def wav(path: Path, signal: np.ndarray, rate: int = 16_000) -> Path:
    """Write float samples (n,) or (n, channels)."""
    channels = 1 if signal.ndim == 1 else signal.shape[1]
    return write_wav(path, signal.astype("<f4").tobytes(), rate, channels, code=3)


def reason(path: Path, rule: AudioRule = RULE) -> str:
    with pytest.raises(MediaError) as caught:
        list(windows(path, rule))
    return caught.value.reason


def joined(found: list[Window], rule: AudioRule) -> np.ndarray:
    """Put windows together again."""
    out = np.zeros(0, np.float32)
    for window in found:
        start = window.span.start * rule.rate // 1000
        out = np.concatenate((out[:start], window.samples))
    return out


@pytest.mark.parametrize("name", BY_NAME)
def test_every_format_is_decoded(tmp_path: Path, name: str) -> None:
    path = record(tmp_path, name)

    info, found = audio_info(path), list(windows(path, RULE))

    assert (info.rate, info.channels) == (BY_NAME[name][2], 2)
    assert info.duration_ms is not None
    assert abs(info.duration_ms - 3000) < 250
    assert abs(found[-1].span.end - 3000) < 80
    assert not any(window.partial for window in found)
    for window in found:
        assert window.samples.dtype == np.float32
        assert window.samples.shape == (32_000,)
    middle = found[2].samples
    assert abs(np.sqrt(np.mean(middle**2)) - 0.5 / np.sqrt(2)) < 0.02  # LAME takes 5 % away
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert abs(int(spectrum.argmax()) - 440) <= 1


def test_a_wav_called_mp3_is_a_wav(tmp_path: Path) -> None:
    path = wav(tmp_path / "x.mp3", tone(1, 16_000))

    assert audio_info(path).format == "wav"
    assert len(list(windows(path, RULE))) == 1


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64], ids=lambda kind: kind.__name__
)
def test_samples_at_the_rules_rate_come_through_unchanged(tmp_path: Path, dtype: Any) -> None:
    signal = tone(0.5, 16_000)
    if np.issubdtype(dtype, np.floating):
        stored, back = signal.astype(dtype), signal
    else:
        full, middle = {1: (128, 128), 2: (2**15, 0), 4: (2**31, 0)}[np.dtype(dtype).itemsize]
        stored = (np.round(signal.astype(np.float64) * full) + middle).astype(dtype)
        back = ((stored.astype(np.float64) - middle) / full).astype(np.float32)
    path = tmp_path / "x.wav"
    codec = {"uint8": "pcm_u8", "int16": "pcm_s16le", "int32": "pcm_s32le"}.get(
        np.dtype(dtype).name, f"pcm_f{8 * np.dtype(dtype).itemsize}le"
    )
    with av.open(path, "w", format="wav") as container:
        stream: Any = container.add_stream(codec, rate=16_000, layout="mono")
        kind = stream.codec_context.format.name
        frame = av.AudioFrame.from_ndarray(stored[np.newaxis], format=kind, layout="mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame) + stream.encode(None))

    [found] = windows(path, AudioRule(16_000, 1000, 1000))

    assert np.abs(found.samples - back).max() < 1e-7


def test_channels_are_averaged(tmp_path: Path) -> None:
    levels = np.array([0.5, -0.1, 0.3, 0.2, 0.0, 0.6], np.float32)
    path = wav(tmp_path / "x.wav", np.tile(levels, (8000, 1)))

    [found] = windows(path, AudioRule(16_000, 1000, 1000))

    assert np.allclose(found.samples, levels.mean(), atol=1e-6)


@pytest.mark.parametrize("rate", [8_000, 16_000, 32_000, 48_000])
def test_resampling_keeps_what_fits_and_removes_what_does_not(tmp_path: Path, rate: int) -> None:
    rule = AudioRule(rate, 2000, 2000)
    low = wav(tmp_path / "low.wav", tone(2, 44_100, 1000), 44_100)
    high = wav(tmp_path / "high.wav", tone(2, 44_100, min(rate * 0.55, 20_000)), 44_100)

    [kept] = windows(low, rule)
    [rest] = windows(high, rule)

    inner = slice(rate // 10, -rate // 10)
    assert np.abs(kept.samples - tone(2, rate, 1000))[inner].max() < 5e-4
    if rate < 44_100:
        assert np.abs(rest.samples[inner]).max() < 0.5 * 10 ** (-80 / 20)


def test_resampling_does_not_shift(tmp_path: Path) -> None:
    click = np.zeros(44_100, np.float32)
    click[22_050] = 1

    [found] = windows(wav(tmp_path / "x.wav", click, 44_100), RULE)

    assert int(found.samples.argmax()) == 16_000


def test_decoding_twice_gives_the_same_bits(tmp_path: Path) -> None:
    path = record(tmp_path, "x.mp3")
    first = [window.samples for window in windows(path, RULE)]

    with ThreadPoolExecutor(4) as pool:
        others = list(pool.map(lambda _: [w.samples for w in windows(path, RULE)], range(8)))

    for other in others:
        assert all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_what_is_no_number_becomes_silence(tmp_path: Path) -> None:
    signal = np.full(44_100, 0.25, np.float32)
    signal[100:200] = [np.nan, np.inf] * 50

    for rate in (44_100, 16_000):
        [found] = windows(wav(tmp_path / "x.wav", signal, 44_100), AudioRule(rate, 1000, 1000))
        assert np.isfinite(found.samples).all()
        assert abs(found.samples[rate // 2] - 0.25) < 1e-3


@pytest.mark.parametrize("large", [1e10, 3e38])
def test_what_is_louder_than_any_sound_becomes_silence(tmp_path: Path, large: float) -> None:
    """Else the spectrum of it would not be finite, whatever the encoder."""
    signal = np.full(44_100, 0.25, np.float32)
    signal[100:200] = [large, -large] * 50

    [found] = windows(wav(tmp_path / "x.wav", signal, 44_100), AudioRule(44_100, 1000, 1000))

    assert not found.samples[100:200].any()
    assert np.abs(found.samples[200:] - 0.25).max() < 1e-6


def test_samples_scaled_as_integers_stay(tmp_path: Path) -> None:
    signal = np.full(44_100, 20_000, np.float32)

    [found] = windows(wav(tmp_path / "x.wav", signal, 44_100), AudioRule(44_100, 1000, 1000))

    assert np.array_equal(found.samples, signal)


def test_silence_is_a_sound(tmp_path: Path) -> None:
    [found] = windows(wav(tmp_path / "x.wav", np.zeros(8000, np.float32)), RULE)

    assert not found.samples.any()
    assert not found.partial


def test_a_recording_shorter_than_a_window_keeps_its_length(tmp_path: Path) -> None:
    [found] = windows(wav(tmp_path / "x.wav", tone(0.05, 16_000)), RULE)

    assert (found.span.start, found.span.end, len(found.samples)) == (0, 50, 1600)
    assert not found.partial


@pytest.mark.parametrize("count", [44_099, 44_101, 66_153, 100_003])
def test_spans_never_exceed_the_recording(tmp_path: Path, count: int) -> None:
    found = list(windows(wav(tmp_path / "x.wav", tone(4, 44_100)[:count], 44_100), RULE))

    assert found[-1].span.end * 44_100 <= count * 1000
    assert found[-1].span.end * 44_100 > (count - 90) * 1000


def blocks(signal: np.ndarray, sizes: list[int]) -> Iterator[np.ndarray]:
    at = 0
    for size in itertools.cycle(sizes):
        if at >= len(signal):
            return
        yield signal[at : at + size]
        at += size


@given(
    total=st.integers(0, 5000),
    window=st.integers(1, 1500),
    hop=st.integers(1, 1500),
    sizes=st.lists(st.integers(1, 2000), min_size=1, max_size=4),
    rate=st.sampled_from([1000, 1600, 2000]),
)
def test_windows_cover_everything_in_order_and_the_last_is_full(
    total: int, window: int, hop: int, sizes: list[int], rate: int
) -> None:
    hop = max(1, min(hop, window), window // 50)
    rule = AudioRule(rate, window, hop)
    signal = np.arange(total, dtype=np.float32)

    found = list(cut_windows(blocks(signal, sizes), rule))

    size = max(1, round(window * rate / 1000))
    if total * 1000 < rate:
        assert not found or size <= total
        return
    assert [span.start for span, _ in found] == sorted({span.start for span, _ in found})
    assert {len(cut) for _, cut in found} == {min(size, total)}
    for _, cut in found:
        assert np.array_equal(cut, signal[int(cut[0]) :][: len(cut)])
    ends = [0, *(int(cut[-1]) + 1 for _, cut in found)]
    assert all(cut[0] <= end for (_, cut), end in zip(found, ends, strict=False))
    assert 0 <= (total - ends[-1]) * 1000 < rate
    assert found[-1][0].end * rate <= total * 1000 or found[-1][0].end - found[-1][0].start == 1


def test_a_hop_longer_than_a_window_leaves_gaps_but_not_at_the_end() -> None:
    found = list(
        cut_windows(iter([np.arange(10_500.0, dtype=np.float32)]), AudioRule(1000, 1000, 4000))
    )

    assert [(span.start, span.end) for span, _ in found] == [
        (0, 1000),
        (4000, 5000),
        (8000, 9000),
        (9500, 10_500),
    ]


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        for _ in range(20):
            file.writeframes(bytes(2 * 16_000 * 60))
    tracemalloc.start()

    count = sum(1 for _ in windows(path, AudioRule(16_000, 5000, 5000)))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 240
    assert peak < 6 << 20


def test_windows_come_before_the_file_has_been_read(tmp_path: Path) -> None:
    path = wav(tmp_path / "x.wav", tone(1, 16_000))
    with path.open("r+b") as file:
        file.truncate(2 << 30)
        file.seek(4)
        file.write(struct.pack("<I", (2 << 30) - 8))
        file.seek(40)
        file.write(struct.pack("<I", (2 << 30) - 44))
    start = time.monotonic()

    first = next(windows(path, RULE))

    assert (first.span.start, first.span.end) == (0, 1000)
    assert time.monotonic() - start < 1


def test_longer_recordings_are_used_up_to_a_cap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audio, "MAX_SECONDS", 2)

    found = list(windows(wav(tmp_path / "x.wav", tone(5, 16_000)), RULE))

    assert found[-1].span.end == 2000
    assert [window.partial for window in found] == [False, False, True]


def test_a_flac_that_claims_a_billion_seconds_is_harmless(tmp_path: Path) -> None:
    path = record(tmp_path, "x.flac")
    data = bytearray(path.read_bytes())
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4
    path.write_bytes(data)

    found = list(windows(path, RULE))

    assert abs(found[-1].span.end - 3000) < 10
    assert found[-1].partial


@pytest.mark.parametrize(
    ("rate", "channels"), [(1, 1), (10_000_000, 1), (16_000, 192), (16_000, 0), (0, 1)]
)
def test_absurd_parameters_are_refused(tmp_path: Path, rate: int, channels: int) -> None:
    path = write_wav(tmp_path / "x.wav", bytes(40_000), rate, channels)

    assert reason(path) in {"audio-params", "undecodable"}


def test_a_slow_or_fast_clock_is_an_audio_parameter(tmp_path: Path) -> None:
    assert reason(write_wav(tmp_path / "x.wav", bytes(4000), rate=1)) == "audio-params"
    assert reason(write_wav(tmp_path / "x.wav", bytes(4000), rate=10_000_000)) == "audio-params"


def test_a_recording_of_nothing_is_empty(tmp_path: Path) -> None:
    assert reason(write_wav(tmp_path / "x.wav", b"")) == "empty"


def test_a_film_without_sound_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.m4a"
    with av.open(path, "w", format="mp4") as container:
        stream: Any = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
        container.mux(stream.encode(frame) + stream.encode(None))

    assert reason(path) == "no-audio"
    with pytest.raises(MediaError, match="no-audio"):
        audio_info(path)


BROKEN_PICTURE = b"\x89PNG\r\n\x1a\n" + random.Random(5).randbytes(300_000)  # noqa: S311


def with_cover(path: Path, picture: bytes = BROKEN_PICTURE) -> Path:
    """Put a picture into an MP3 or FLAC by hand."""
    data = path.read_bytes()
    if path.suffix == ".mp3":
        body = b"\0image/png\0\3\0" + picture
        frame = b"APIC" + struct.pack(">IH", len(body), 0) + body
        size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
        at = 10 + int.from_bytes(data[6:10], "big")  # under 128 bytes: one digit
        path.write_bytes(b"ID3\3\0\0" + size + frame + data[at:])
    else:
        body = struct.pack(">II", 3, 9) + b"image/png" + struct.pack(">IIIIII", 0, 9, 9, 24, 0, 0)
        body = body[:-4] + struct.pack(">I", len(picture)) + picture
        path.write_bytes(data[:42] + b"\x06" + len(body).to_bytes(3, "big") + body + data[42:])
    return path


@pytest.mark.parametrize("name", ["x.mp3", "x.flac"])
def test_cover_art_does_not_disturb(tmp_path: Path, name: str) -> None:
    plain = list(windows(record(tmp_path, name), RULE))

    covered = list(windows(with_cover(tmp_path / name), RULE))

    with av.open(tmp_path / name) as container:
        assert container.streams.video
    assert [window.span for window in covered] == [window.span for window in plain]
    assert not covered[-1].partial


def test_a_cover_in_an_m4a_does_not_disturb(tmp_path: Path) -> None:
    path = record(tmp_path, "x.m4a", cover=True)

    with av.open(path) as container:
        assert container.streams.video
    assert len(list(windows(path, RULE))) == 6


@pytest.mark.parametrize("name", ["x.mp3", "x.flac", "x.opus", "x.wav", "x.aiff", "x.w64", "x.wv"])
def test_of_a_file_cut_short_the_rest_is_used(tmp_path: Path, name: str) -> None:
    path = record(tmp_path, name)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])

    found = list(windows(path, RULE))

    assert 900 < found[-1].span.end < 1900  # Ogg loses its last page, here a second
    assert [window.partial for window in found] == [False] * (len(found) - 1) + [True]


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_a_cut_anywhere_gives_windows_or_a_reason(tmp_path: Path, name: str, share: float) -> None:
    path = record(tmp_path, name)
    data = path.read_bytes()
    path.write_bytes(data[: max(1, int(len(data) * share))])

    try:
        found = list(windows(path, RULE))
    except MediaError as error:
        outcome = error.reason
    else:
        outcome = f"{found[-1].span.end <= 3100}"

    assert outcome in {"True", "truncated", "undecodable", "empty"}


@pytest.mark.parametrize("name", ["x.mp3", "x.flac", "x.opus", "x.m4a"])
def test_too_little_to_use_is_truncated(tmp_path: Path, name: str) -> None:
    path = record(tmp_path, name)
    data = path.read_bytes()
    path.write_bytes(data[: {"x.mp3": 1200, "x.flac": 8300, "x.opus": 300, "x.m4a": 900}[name]])

    assert reason(path) == "truncated"


@pytest.mark.parametrize("name", ["x.mp3", "x.aac", "x.m4a", "x.flac"])
def test_a_damaged_stretch_in_the_middle_costs_only_itself(tmp_path: Path, name: str) -> None:
    path = record(tmp_path, name)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 600] = random.Random(1).randbytes(600)  # noqa: S311
    path.write_bytes(data)

    found = list(windows(path, RULE))

    assert found[-1].span.end > 2500


def test_only_audio_decoders_run(tmp_path: Path) -> None:
    """Finding out the size of a cover would take a decoder for pictures."""
    image = io.BytesIO()
    Image.new("RGB", (99, 77)).save(image, "PNG")
    path = with_cover(record(tmp_path, "x.mp3"), image.getvalue())

    with path.open("rb") as file, samples.open_recording(file, "mp3") as container:
        assert container.streams.video[0].codec_context.width == 0


def test_tags_in_unknown_letters_do_not_disturb(tmp_path: Path) -> None:
    path = wav(tmp_path / "x.wav", tone(1, 16_000))
    data = path.read_bytes()
    tags = b"LIST" + struct.pack("<I", 16) + b"INFOINAM" + struct.pack("<I", 4) + b"\xff\xe9\xc3\0"
    path.write_bytes(data[:36] + tags + data[36:])

    assert len(list(windows(path, RULE))) == 1


def test_names_may_be_any_bytes(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"-\xff\xfe\n%2e.wav")

    assert len(list(windows(wav(path, tone(1, 16_000)), RULE))) == 1


def test_bytes_that_only_begin_like_a_recording_are_undecodable(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    path.write_bytes(b"fLaC" + random.Random(1).randbytes(5000))  # noqa: S311

    assert reason(path) == "undecodable"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert reason(path) == "undecodable"


@contextlib.contextmanager
def listening() -> Iterator[tuple[int, Callable[[float], bool]]]:
    """Listen on a local port; the second value waits for somebody to have knocked."""
    heard = threading.Event()

    def answer(server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                server.accept()[0].close()
                heard.set()

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        pool.submit(answer, server)
        try:
            yield server.getsockname()[1], heard.wait
        finally:
            server.shutdown(socket.SHUT_RDWR)


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile {url}\n",
    "dash": "<?xml version='1.0'?><MPD><BaseURL>{url}</BaseURL></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio {port} RTP/AVP 0\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("name", ["x.mp3", "x.m4a", "x.wav"])
def test_a_playlist_reaches_for_nothing(tmp_path: Path, kind: str, name: str) -> None:
    with listening() as (port, knocked):
        url = f"http://127.0.0.1:{port}/a.ts"
        path = tmp_path / name
        path.write_text(PLAYLISTS[kind].format(url=url, port=port))

        assert reason(path) == "container-not-allowed"
        assert not knocked(0.02)


def test_the_listener_would_hear_an_unguarded_playlist(tmp_path: Path) -> None:
    with listening() as (port, knocked):
        path = tmp_path / "x.m3u8"
        path.write_text(PLAYLISTS["hls"].format(url=f"http://127.0.0.1:{port}/a.ts"))
        free = {"protocol_whitelist": "file,http,tcp"}
        with ThreadPoolExecutor(1) as pool:
            opened = pool.submit(av.open, str(path), "r", "hls", container_options=free)

            assert knocked(5)
            assert opened.exception() is not None


@pytest.mark.parametrize("kind", ["hls", "concat"])
def test_even_a_playlist_reader_could_open_nothing_else(tmp_path: Path, kind: str) -> None:
    other = wav(tmp_path / "other.wav", tone(1, 16_000))
    with listening() as (port, knocked):
        for url in (f"http://127.0.0.1:{port}/a.ts", other.name, f"file://{other}", str(other)):
            path = tmp_path / "x.mp3"
            path.write_text(PLAYLISTS[kind].format(url=url, port=port))
            with (
                path.open("rb") as file,
                pytest.raises((av.FFmpegError, MediaError)),
                samples.open_recording(file, kind) as container,
            ):
                samples.audio_stream(container)
        assert not knocked(0.02)


@pytest.mark.parametrize("name", ["x.mp3", "x.flac", "x.opus", "x.m4a", "x.wav", "x.mka"])
def test_damaged_files_are_read_or_refused_and_nothing_else(tmp_path: Path, name: str) -> None:
    path = record(tmp_path, name)
    data, luck = path.read_bytes(), random.Random(3)  # noqa: S311
    for _ in range(25):
        changed = bytearray(data)
        for _ in range(luck.randint(1, 8)):
            changed[luck.randrange(min(len(data), 2000))] = luck.randrange(256)
        path.write_bytes(changed)
        with contextlib.suppress(MediaError):
            assert all(np.isfinite(window.samples).all() for window in windows(path, RULE))


def test_a_sound_whose_rate_changes_on_the_way_is_followed(tmp_path: Path) -> None:
    first = record(tmp_path, "x.aac").read_bytes()
    half = tmp_path / "half.aac"
    with av.open(half, "w", format="adts") as container:
        stream: Any = container.add_stream("aac", rate=22_050, layout="stereo")
        for ready in frames(tone(3, 22_050), 22_050, stream):
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))
    (tmp_path / "x.aac").write_bytes(first + half.read_bytes())

    found = list(windows(tmp_path / "x.aac", RULE))

    assert abs(found[-1].span.end - 6100) < 150
    late = found[-2].samples
    assert abs(int(np.abs(np.fft.rfft(late * np.hanning(len(late)))).argmax()) - 440) <= 1


def test_a_read_error_of_the_disk_is_not_blamed_on_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(samples, "audio_stream", broken)
    assert reason(wav(tmp_path / "x.wav", tone(1, 16_000))) == "io"
    assert reason(tmp_path / "gone.wav") == "vanished"


def test_windows_follow_each_other(tmp_path: Path) -> None:
    signal = np.random.default_rng(0).normal(0, 0.1, 70_000).astype(np.float32)
    rule = AudioRule(16_000, 1000, 750)

    found = list(windows(wav(tmp_path / "x.wav", signal), rule))

    assert all(a.span.start < b.span.start for a, b in pairwise(found))
    assert np.array_equal(joined(found, rule), signal)
