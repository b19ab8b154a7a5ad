"""Pictures of every kind become small upright RGB pixels, or say why not."""

import contextlib
import io
import random
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageChops

from engine.errors import MediaError
from engine.media import pixels
from engine.media.image import DecodedImage, decode_image
from engine.ports import ImageRule

RED, GREEN, BLUE, WHITE = (250, 10, 10), (10, 240, 10), (10, 10, 250), (255, 255, 255)
SIZE = (96, 64)
FORMATS = ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "ICO"]
LOSSY = 14


def photo(width: int = 96, height: int = 64, seed: int = 0) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def corners() -> Image.Image:
    """Red at the upper left, green at the upper right, blue below."""
    image = Image.new("RGB", SIZE, BLUE)
    image.paste(RED, (0, 0, 48, 32))
    image.paste(GREEN, (48, 0, 96, 32))
    return image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def decode(folder: Path, data: bytes, at_least: int = 32, name: str = "x.jpg") -> DecodedImage:
    path = folder / name
    path.write_bytes(data)
    return decode_image(path, ImageRule(at_least))


def reason(folder: Path, data: bytes, name: str = "x.jpg") -> str:
    with pytest.raises(MediaError) as caught:
        decode(folder, data, name=name)
    return caught.value.reason


def near(value: Any, expected: tuple[int, ...], tolerance: int = LOSSY) -> bool:
    return bool(np.abs(np.asarray(value, int) - np.asarray(expected)).max() <= tolerance)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes, interlaced: int = 0) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def resized_header(jpeg: bytes, width: int, height: int) -> bytes:
    """Let a JPEG claim another size."""
    at = next(at for mark in (b"\xff\xc0", b"\xff\xc2") if (at := jpeg.find(mark)) > 0)
    return jpeg[: at + 5] + struct.pack(">HH", height, width) + jpeg[at + 9 :]


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read_whatever_it_is_called(tmp_path: Path, kind: str) -> None:
    options: dict[str, Any] = {"sizes": [SIZE]} if kind == "ICO" else {}

    found = decode(tmp_path, saved(corners(), kind, **options), name="x.wav")

    assert found.format == kind.lower()
    assert found.pixels.dtype == np.uint8
    assert (found.width, found.height) == SIZE
    height, width, _ = found.pixels.shape
    assert near(found.pixels[height // 4, width // 4], RED, 40)
    assert near(found.pixels[height // 4, width * 3 // 4], GREEN, 40)
    assert near(found.pixels[height * 3 // 4, width // 2], BLUE, 40)


def test_heic_is_read_when_its_package_is_there(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    heif.from_pillow(corners()).save(out, quality=90)

    found = decode(tmp_path, out.getvalue(), name="IMG_1.HEIC")

    assert (found.format, found.width, found.height) == ("heic", 96, 64)
    assert near(found.pixels[4, 4], RED, 40)


def test_heic_names_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    pixels._register_heic.cache_clear()

    with pytest.raises(MediaError, match=r'unsupported: HEIC needs: pip install "seehear\[heic\]"'):
        decode(tmp_path, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), name="x.heic")


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_scaled_while_decoding_but_never_below_the_rule(
    tmp_path: Path, *, progressive: bool
) -> None:
    data = saved(photo(800, 600), "JPEG", quality=90, progressive=progressive)

    for at_least, height in ((32, 32), (75, 75), (76, 150), (150, 150), (151, 300), (301, 600)):
        found = decode(tmp_path, data, at_least)

        assert (found.width, found.height) == (800, 600)
        assert found.pixels.shape[0] == height
        assert min(found.pixels.shape[:2]) >= at_least
    assert decode(tmp_path, data, 5000).pixels.shape == (600, 800, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_scaling_down_keeps_the_picture(tmp_path: Path, kind: str) -> None:
    image = photo(1010, 757)
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95}
    data = saved(image, kind, **options)

    found = decode(tmp_path, data, 70)

    assert 70 <= found.pixels.shape[0] < 140
    wanted = np.asarray(image.resize((93, 70), Image.Resampling.BICUBIC), float)
    ours = Image.fromarray(found.pixels).resize((93, 70), Image.Resampling.BICUBIC)
    assert 10 * np.log10(255**2 / np.mean((np.asarray(ours) - wanted) ** 2)) > 38


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("turned", range(1, 9))
def test_exif_orientation_is_followed(tmp_path: Path, kind: str, turned: int) -> None:
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = corners().resize((384, 256))
    stored = upright.transpose(back[turned]) if turned > 1 else upright
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turned

    found = decode(tmp_path, saved(stored, kind, exif=exif), at_least=64)

    assert (found.width, found.height) == (384, 256)
    assert found.pixels.shape == (64, 96, 3)
    assert found.pixels.flags.c_contiguous
    assert near(found.pixels[8, 8], RED, 30)
    assert near(found.pixels[8, -8], GREEN, 30)
    assert near(found.pixels[-8, 8], BLUE, 30)


@pytest.mark.parametrize("value", [0, 9, 77])
def test_a_senseless_orientation_is_ignored(tmp_path: Path, value: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = value

    assert near(decode(tmp_path, saved(corners(), "PNG", exif=exif)).pixels[2, 2], RED)


def test_a_phone_jpeg_with_a_second_picture_is_a_jpeg(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    first, second = photo(800, 600), photo(400, 300, seed=1)
    data = saved(first, "MPO", save_all=True, append_images=[second], exif=exif)
    assert Image.open(io.BytesIO(data)).format == "MPO"

    found = decode(tmp_path, data, 75)

    assert (found.format, found.width, found.height) == ("jpeg", 600, 800)
    assert found.pixels.shape == (100, 75, 3)
    ours = np.rot90(found.pixels)
    assert np.abs(ours - np.asarray(first.resize((100, 75)), int)).mean() < 8


def half_transparent(mode: str) -> Image.Image:
    image = Image.new("RGBA", SIZE, (*RED, 255))
    image.paste((0, 0, 0, 0), (48, 0, 96, 64))
    return image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF"), ("RGBA", "AVIF")],
)
def test_what_is_transparent_becomes_white(tmp_path: Path, mode: str, kind: str) -> None:
    found = decode(tmp_path, saved(half_transparent(mode), kind))

    width = found.pixels.shape[1]
    assert near(found.pixels[2, -2], WHITE, 6)
    assert found.pixels[2, width // 4].min() < 100


def test_what_is_half_transparent_is_mixed_with_white_and_nothing_else(tmp_path: Path) -> None:
    image = Image.new("RGBA", (256, 256), (255, 0, 0, 128))

    assert near(decode(tmp_path, saved(image, "PNG")).pixels, (255, 127, 127), 1)


def test_colours_below_full_transparency_do_not_bleed_when_scaled(tmp_path: Path) -> None:
    checks = np.zeros((256, 256, 4), np.uint8)
    checks[::2, :] = (255, 0, 0, 255)
    checks[1::2, :] = (0, 255, 0, 0)

    found = decode(tmp_path, saved(Image.fromarray(checks), "PNG"))

    assert near(found.pixels[8:-8, 8:-8], (255, 127, 127), 3)


def test_palettes_keep_colours_and_transparency(tmp_path: Path) -> None:
    plain = corners().convert("P", palette=Image.Palette.ADAPTIVE)
    holed = plain.copy()
    holed.info["transparency"] = bytes([0] * 3 + [255] * 253)
    keyed = Image.new("P", SIZE, 1)
    keyed.putpalette([0, 0, 0, *RED])
    keyed.paste(0, (48, 0, 96, 64))

    assert near(decode(tmp_path, saved(plain, "PNG")).pixels[2, 2], RED)
    assert near(decode(tmp_path, saved(holed, "PNG")).pixels, WHITE)
    assert near(decode(tmp_path, saved(keyed, "PNG", transparency=0)).pixels[2, -2], WHITE)
    assert near(decode(tmp_path, saved(keyed, "GIF", transparency=0)).pixels[2, -2], WHITE)
    assert near(decode(tmp_path, saved(keyed, "GIF", transparency=0)).pixels[2, 2], RED)


def test_a_transparent_colour_key_is_followed(tmp_path: Path) -> None:
    rgb = decode(tmp_path, saved(corners(), "PNG", transparency=RED))
    grey = decode(tmp_path, saved(Image.new("L", (200, 200), 7), "PNG", transparency=7))

    assert near(rgb.pixels[2, 2], WHITE)
    assert near(rgb.pixels[2, -2], GREEN)
    assert near(grey.pixels, WHITE)


def ramp(dtype: Any, top: float) -> np.ndarray:
    return np.tile(np.linspace(0, top, 96), (64, 1)).astype(dtype)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (ramp(np.uint16, 65535), "PNG"),
        (ramp(np.uint16, 65535), "TIFF"),
        (ramp(np.uint16, 4095), "TIFF"),
        (ramp(np.int32, 2_000_000), "TIFF"),
        (ramp(np.float32, 1.0), "TIFF"),
        (ramp(np.float32, 3e4) - 2e4, "TIFF"),
    ],
    ids=["16 bit PNG", "16 bit TIFF", "12 bit TIFF", "32 bit", "floats", "below zero"],
)
def test_deep_grey_keeps_its_range(tmp_path: Path, values: np.ndarray, kind: str) -> None:
    found = decode(tmp_path, saved(Image.fromarray(values), kind), at_least=64).pixels

    assert near(found[32, 0], (0, 0, 0), 3)
    assert near(found[32, 48], (128, 128, 128), 4)
    assert near(found[32, -1], WHITE, 3)


def test_floats_that_are_no_numbers_are_harmless(tmp_path: Path) -> None:
    values = ramp(np.float32, 1.0)
    values[0, :4] = [np.nan, np.inf, -np.inf, np.nan]

    assert near(decode(tmp_path, saved(Image.fromarray(values), "TIFF"), 64).pixels[32, -1], WHITE)
    nothing = Image.fromarray(np.full((64, 64), np.nan, np.float32))
    assert near(decode(tmp_path, saved(nothing, "TIFF"), 64).pixels, (0, 0, 0))


def test_bits_become_grey_and_are_averaged(tmp_path: Path) -> None:
    checks = np.indices((256, 256)).sum(axis=0) % 2 == 0

    found = decode(tmp_path, saved(Image.fromarray(checks), "PNG"))

    assert near(found.pixels[4:-4, 4:-4], (128, 128, 128), 4)


def test_cmyk_of_either_polarity_has_the_right_colours(tmp_path: Path) -> None:
    cmyk = corners().convert("CMYK")
    adobe = saved(cmyk, "JPEG", quality=95)
    at = adobe.find(b"\xff\xee")
    length = int.from_bytes(adobe[at + 2 : at + 4], "big")
    # Without Adobe's mark the numbers mean what they say; Pillow always writes them inverted.
    unmarked = saved(ImageChops.invert(cmyk), "JPEG", quality=95)
    unmarked = unmarked[:at] + unmarked[at + 2 + length :]

    for data in (adobe, unmarked, saved(cmyk, "TIFF")):
        found = decode(tmp_path, data)
        assert near(found.pixels[4, 4], RED, 30)
        assert near(found.pixels[4, -4], GREEN, 30)


@pytest.mark.parametrize("mode", ["L", "YCbCr", "LAB"])
def test_other_colour_spaces_become_rgb(tmp_path: Path, mode: str) -> None:
    kind = "PNG" if mode == "L" else "TIFF"
    image = Image.new("LAB", SIZE, (200, 128, 128)) if mode == "LAB" else corners().convert(mode)

    assert decode(tmp_path, saved(image, kind)).pixels.shape[2] == 3


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_animations_the_first_frame_counts(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", SIZE, colour) for colour in (RED, GREEN, BLUE)]

    found = decode(tmp_path, saved(frames[0], kind, save_all=True, append_images=frames[1:]))

    assert near(found.pixels, RED, 20)


def test_pixel_bombs_are_refused_by_their_header(tmp_path: Path) -> None:
    baseline = saved(photo(), "JPEG")
    progressive = saved(photo(), "JPEG", progressive=True)
    tiny = png(13_000, 13_500, b"")

    assert reason(tmp_path, tiny) == "too-many-pixels"
    assert reason(tmp_path, resized_header(baseline, 20_000, 20_000)) == "too-many-pixels"
    assert reason(tmp_path, resized_header(progressive, 9_000, 9_000)) == "too-many-pixels"
    fax = saved(Image.new("1", (16_000, 11_000)), "TIFF", compression="group4")
    assert reason(tmp_path, fax) == "too-many-pixels"


def test_an_icon_may_not_hide_a_pixel_bomb(tmp_path: Path) -> None:
    bomb = png(9_000, 9_000, b"")
    entry = struct.pack("<BBBBHHII", 32, 32, 0, 0, 1, 32, len(bomb), 22)

    assert reason(tmp_path, b"\0\0\1\0\1\0" + entry + bomb, "x.ico") == "too-many-pixels"


def test_a_phone_picture_of_200_megapixels_is_read(tmp_path: Path) -> None:
    data = saved(Image.new("L", (16_320, 12_240), 90), "JPEG", quality=50)

    found = decode(tmp_path, data, 260)

    assert (found.width, found.height) == (16_320, 12_240)
    assert found.pixels.shape == (260, 347, 3)
    assert near(found.pixels, (90, 90, 90))


@pytest.mark.parametrize("size", [(1, 65_500), (65_500, 1)])
def test_endless_strips_are_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    assert reason(tmp_path, saved(Image.new("L", size), "PNG")) == "dimensions"


def test_a_single_pixel_is_a_picture(tmp_path: Path) -> None:
    assert decode(tmp_path, saved(Image.new("RGB", (1, 1), RED), "PNG")).pixels.shape == (1, 1, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_file_cut_short_says_so(tmp_path: Path, kind: str, share: float) -> None:
    data = saved(photo(400, 300), kind)

    assert reason(tmp_path, data[: int(len(data) * share)]) == "truncated"


@pytest.mark.parametrize("interlaced", [0, 1])
@pytest.mark.parametrize("height", [100, 101])
def test_a_png_whose_data_end_early_is_not_a_black_picture(
    tmp_path: Path, height: int, interlaced: int
) -> None:
    rows = interlaced_rows(100, height, 192) if interlaced else (b"\0" + b"\xc0" * 300) * height
    assert decode(tmp_path, png(100, height, rows, interlaced)).pixels.min() == 192

    # Pillow itself notices an end within a row, but not one between two rows.
    for missing in (301, 301 * 50, 100, len(rows)):
        data = png(100, height, rows[: len(rows) - missing], interlaced)
        assert reason(tmp_path, data) == "truncated"


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P", "I;16"])
def test_a_black_png_is_a_picture(tmp_path: Path, mode: str) -> None:
    assert decode(tmp_path, saved(Image.new(mode, (33, 31)), "PNG"), 8).pixels.shape[2] == 3
    assert decode(tmp_path, png(33, 31, interlaced_rows(33, 31, 0), 1)).pixels.max() == 0


def interlaced_rows(width: int, height: int, value: int) -> bytes:
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
    rows = b""
    for x, y, dx, dy in [*passes, (0, 1, 1, 2)]:
        across, down = len(range(x, width, dx)), len(range(y, height, dy))
        rows += (b"\0" + bytes([value]) * 3 * across) * down
    return rows


@pytest.mark.parametrize(
    "data",
    [b"\xff\xd8\xff" + b"<html>" * 50 + b"\xff\xd9", b"GIF89a;", b"\x89PNG\r\n\x1a\nIEND"],
    ids=["JPEG", "GIF", "PNG"],
)
def test_garbage_behind_a_good_beginning_is_undecodable(tmp_path: Path, data: bytes) -> None:
    assert reason(tmp_path, data) == "undecodable"


def test_a_sound_is_no_picture(tmp_path: Path) -> None:
    assert reason(tmp_path, b"fLaC\0\0\0\x22") == "undecodable"


def test_any_exception_of_a_decoder_is_undecodable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error in (KeyError("x"), SyntaxError("bad"), RecursionError()):

        def broken(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(pixels, "load", broken)
        assert reason(tmp_path, saved(photo(), "PNG")) == "undecodable"


def test_a_picture_that_memory_is_short_for_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(pixels, "load", broken)
    assert reason(tmp_path, saved(photo(), "PNG")) == "memory"


def test_a_read_error_of_the_disk_is_not_blamed_on_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(pixels, "load", broken)
    assert reason(tmp_path, saved(photo(), "PNG")) == "io"


def test_an_unreadable_exif_is_no_orientation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Image.Image) -> None:
        raise struct.error

    monkeypatch.setattr(Image.Image, "getexif", broken)
    assert decode(tmp_path, saved(photo(), "BMP")).width == 96


def with_bad_exif() -> bytes:
    jpeg = saved(photo(), "JPEG")
    junk = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(range(256)) * 8
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(junk) + 2) + junk + jpeg[2:]


def test_pillows_warnings_do_not_leak(tmp_path: Path) -> None:
    data = with_bad_exif()
    with pytest.warns(UserWarning, match="EXIF"):
        Image.open(io.BytesIO(data)).getexif()

    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        decode(tmp_path, data)

    assert leaked == []


def test_many_threads_decode_alike(tmp_path: Path) -> None:
    paths = []
    for number, kind in enumerate(["JPEG", "PNG", "WEBP", "TIFF", "GIF"] * 4):
        paths.append(tmp_path / f"{number}.jpg")
        paths[-1].write_bytes(saved(photo(300, 200, seed=number), kind))
    alone = [decode_image(path, ImageRule(64)).pixels for path in paths]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda path: decode_image(path, ImageRule(64)).pixels, paths))

    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def mutants(data: bytes, count: int) -> Iterator[bytes]:
    luck = random.Random(7)  # noqa: S311  (not a secret)
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(luck.randint(1, 6)):
            changed[luck.randrange(len(changed))] = luck.randrange(256)
        yield bytes(changed[: luck.randint(len(data) // 2, len(data))])


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_files_are_read_or_refused_and_nothing_else(tmp_path: Path, kind: str) -> None:
    for data in mutants(saved(photo(), kind), 60):
        with contextlib.suppress(MediaError):
            assert decode(tmp_path, data).pixels.ndim == 3
