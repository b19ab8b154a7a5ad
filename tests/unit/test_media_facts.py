"""What files say about themselves is read; what is broken or hostile is left out, at no cost."""

import random
import struct
import time
import zlib
from calendar import timegm
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin, TiffTags
from PIL.PngImagePlugin import PngInfo

import tagged
from engine.errors import MediaError
from engine.facts import Facts
from engine.media import exif, stated
from engine.media.chunks import MAX_TEXTS
from engine.media.facts import read_facts
from engine.media.image import decode_image
from engine.media.iptc import iptc_facts
from engine.media.probe import probe
from engine.media.tags import facts_of
from engine.media.text import heading
from engine.media.xmp import sidecar_facts, words_of, xmp_facts
from engine.ports import ImageRule
from engine.types import Modality
from tagged import bag, iptc, recording, title, with_iptc, xmp

SYDNEY = {1: "S", 2: (33.0, 51.0, 30.0), 3: "E", 4: (151.0, 12.0, 36.0)}


def seconds(*clock: int) -> int:
    return timegm((*clock, 0, 0, 0))


def facts(path: Path) -> Facts:
    kind = probe(path)
    return read_facts(path, kind.modality, kind.format)


def photo(path: Path, size: tuple[int, int] = (40, 30), **saved: Any) -> Path:
    Image.new("RGB", size, "teal").save(path, **saved)
    return path


# --- pictures ------------------------------------------------------------------------------


def test_a_camera_tells_when_where_and_with_what(tmp_path: Path) -> None:
    made = tagged.exif(tagged.SHOT | {274: 6}, {36867: "2019:05:06 07:08:09"}, SYDNEY)

    found = facts(photo(tmp_path / "x.jpg", exif=made))

    assert found == Facts(
        width=30,
        height=40,
        taken=seconds(2019, 5, 6, 7, 8, 9),
        camera="Canon EOS 5D",
        latitude=-33.858333,
        longitude=151.21,
        rating=3,
    )


@pytest.mark.parametrize(
    ("maker", "model", "camera"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("FUJIFILM", "X-T4", "FUJIFILM X-T4"),
        ("Apple\0junk", "iPhone 12", "Apple iPhone 12"),
        ("", "Scanner", "Scanner"),
        ("Leica", "", "Leica"),
    ],
)
def test_the_maker_is_not_said_twice(tmp_path: Path, maker: str, model: str, camera: str) -> None:
    path = photo(tmp_path / "x.jpg", exif=tagged.exif({271: maker, 272: model}))

    assert facts(path).camera == camera


@pytest.mark.parametrize(
    ("tags", "inner", "taken"),
    [
        ({306: "2020:01:02 03:04:05"}, {}, (2020, 1, 2, 3, 4, 5)),
        ({306: "2020:01:02 03:04:05"}, {36868: "2018:01:02 03:04:05"}, (2018, 1, 2, 3, 4, 5)),
        ({306: "2020:01:02 03:04:05"}, {36867: "0000:00:00 00:00:00"}, (2020, 1, 2, 3, 4, 5)),
        ({}, {36867: "    :  :     :  :  "}, None),
        ({}, {36867: "2019:13:45 00:00:00"}, None),
        ({}, {36867: "1970:01:01 00:00:00"}, None),
        ({}, {36867: "1958:02:03 12:00:00"}, (1958, 2, 3, 12, 0, 0)),
    ],
)
def test_dates_fall_back_and_broken_ones_are_unknown(
    tmp_path: Path, tags: Mapping[int, str], inner: Mapping[int, str], taken: tuple[int, ...] | None
) -> None:
    path = photo(tmp_path / "x.jpg", exif=tagged.exif(tags, inner))

    assert facts(path).taken == (seconds(*taken) if taken else None)


@pytest.mark.parametrize(
    "gps",
    [
        {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)},
        {1: "N", 2: (91.0, 0.0, 0.0), 3: "E", 4: (10.0, 0.0, 0.0)},
        {1: "N", 2: (TiffImagePlugin.IFDRational(1, 0), 0.0, 0.0), 3: "E", 4: (10.0, 0.0, 0.0)},
        {1: "N", 2: (50.0, 0.0, 0.0)},
    ],
    ids=["no satellite", "beyond the pole", "divided by zero", "half"],
)
def test_a_place_that_is_none_is_unknown(tmp_path: Path, gps: Mapping[int, Any]) -> None:
    found = facts(photo(tmp_path / "x.jpg", exif=tagged.exif(gps=gps)))

    assert (found.latitude, found.longitude) == (None, None)


def test_windows_and_people_write_into_exif(tmp_path: Path) -> None:
    made = tagged.exif(
        {
            270: "OLYMPUS DIGITAL CAMERA",
            40091: "Größe".encode("utf-16-le"),
            40094: "sea;harbour;Sea".encode("utf-16-le"),
            315: "Anna",
        },
        {37510: b"UNICODE\0" + "на море".encode("utf-16-be")},
    )

    found = facts(photo(tmp_path / "x.jpg", exif=made))

    assert found.tags == ("sea", "harbour")
    assert dict(found.about) == {"title": "Größe", "artist": "Anna", "comment": "на море"}


XMP = xmp(
    title("The title")
    + "<dc:description><rdf:Alt><rdf:li>Two\n lines</rdf:li></rdf:Alt></dc:description>"
    + bag("dc:subject", "sea", "Sea", "boat")
    + bag("lr:hierarchicalSubject", "Places|Italy|Genoa", "sea"),
    'xmp:Rating="5" photoshop:DateCreated="2021-02-03T04:05:06+02:00" photoshop:City="Genoa"'
    ' exif:GPSLatitude="44,24.5N" exif:GPSLongitude="8,56,0W"',
)
NOTED = Facts(
    taken=seconds(2021, 2, 3, 4, 5, 6),
    latitude=44.408333,
    longitude=-8.933333,
    rating=5,
    tags=("sea", "boat", "Places", "Italy", "Genoa"),
    about=(("title", "The title"), ("description", "Two lines"), ("city", "Genoa")),
)


def test_a_packet_is_read() -> None:
    assert xmp_facts(XMP) == xmp_facts(XMP.decode()) == NOTED


@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.tif", "x.webp", "x.avif"])
def test_a_packet_is_found_in_every_format(tmp_path: Path, name: str) -> None:
    saved: dict[str, Any] = {"xmp": XMP}
    if name == "x.png":
        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        saved = {"pnginfo": texts}
    if name == "x.tif":
        directory = TiffImagePlugin.ImageFileDirectory_v2()
        directory[700] = XMP
        saved = {"tiffinfo": directory}

    found = facts(photo(tmp_path / name, **saved))

    assert (found.rating, found.tags, found.about) == (NOTED.rating, NOTED.tags, NOTED.about)
    assert (found.width, found.height, found.taken) == (40, 30, NOTED.taken)


def test_heic_is_read_where_its_package_is(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()

    found = facts(photo(tmp_path / "x.heic", exif=tagged.exif(tagged.SHOT), xmp=XMP))

    assert (found.camera, found.rating) == ("Canon EOS 5D", 5)


def test_what_people_wrote_counts_before_what_the_camera_wrote(tmp_path: Path) -> None:
    made = tagged.exif(tagged.SHOT | {270: "from the camera"}, {36867: "2019:05:06 07:08:09"})

    found = facts(photo(tmp_path / "x.jpg", exif=made, xmp=XMP))

    assert (found.rating, dict(found.about)["description"]) == (5, "Two lines")
    assert (found.taken, found.camera) == (seconds(2019, 5, 6, 7, 8, 9), "Canon EOS 5D")


def test_a_rejected_picture_has_no_rating() -> None:
    assert xmp_facts(xmp("", 'xmp:Rating="-1"')).rating is None
    assert xmp_facts(xmp("<xmp:Rating>4</xmp:Rating>")).rating == 4


def test_parts_of_a_document_do_not_name_the_whole() -> None:
    inner = f"<photoshop:Part><rdf:Description>{title('a part')}</rdf:Description></photoshop:Part>"

    assert xmp_facts(xmp(inner)) == Facts()


def test_newsrooms_write_iptc(tmp_path: Path) -> None:
    records = iptc(
        (25, b"harbour"),
        (25, "Boote für alle".encode()),
        (105, b"Boats are back"),
        (120, "Caf\xe9 at the pier".encode("latin-1")),
        (90, b"Genoa"),
        (101, b"Italy"),
        (55, b"20210203"),
        (60, b"040506+0200"),
    )

    found = facts(with_iptc(photo(tmp_path / "x.jpg"), records))

    assert found.tags == ("harbour", "Boote für alle")
    assert found.taken == seconds(2021, 2, 3, 4, 5, 6)
    assert dict(found.about) == {
        "headline": "Boats are back",
        "description": "Café at the pier",
        "city": "Genoa",
        "country": "Italy",
    }
    assert iptc_facts(records[:-30]).tags == found.tags, "what came before the damage is kept"


def test_iptc_in_tiff_is_a_tag_or_a_resource(tmp_path: Path) -> None:
    records = iptc((105, b"Boats"), (25, b"sea"))
    block = (
        b"8BIM\x04\x01\x02ab\0\0\0\0\3abc\0"
        b"8BIM\x04\x04\0\0" + len(records).to_bytes(4, "big") + records
    )
    for name, tag, kind, value in (
        ("tag.tif", 33723, TiffTags.UNDEFINED, records),
        ("resource.tif", 34377, TiffTags.BYTE, block),
    ):
        directory = TiffImagePlugin.ImageFileDirectory_v2()
        directory.tagtype[tag] = kind
        directory[tag] = value

        found = facts(photo(tmp_path / name, tiffinfo=directory))

        assert (found.tags, found.about) == (("sea",), (("headline", "Boats"),)), name


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(path: Path, *chunks: bytes) -> Path:
    """Put chunks behind the pixels, as exiftool does."""
    data = path.read_bytes()
    path.write_bytes(data[:-12] + b"".join(chunks) + data[-12:])
    return path


def test_a_png_says_it_in_chunks_even_behind_its_pixels(tmp_path: Path) -> None:
    texts = PngInfo()
    texts.add_text("Title", "Before")
    texts.add_text("Description", "packed " * 20, zip=True)
    path = photo(tmp_path / "x.png", pnginfo=texts)
    international = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp("", 'xmp:Rating="2"'))
    camera = tagged.exif(tagged.SHOT).tobytes().removeprefix(b"Exif\0\0")
    with_chunks(
        path, chunk(b"iTXt", international), chunk(b"tEXt", b"Author\0Anna"), chunk(b"eXIf", camera)
    )

    found = facts(path)

    assert (found.rating, found.camera) == (2, "Canon EOS 5D")
    assert dict(found.about) == {
        "title": "Before",
        "description": ("packed " * 20).strip(),
        "artist": "Anna",
    }


def test_plain_comments_are_read_but_for_those_of_programs(tmp_path: Path) -> None:
    said = [
        facts(photo(tmp_path / f"{number}.jpg", comment=words)).about
        for number, words in enumerate(("Our house", "CREATOR: gd-jpeg v1.0"))
    ]

    assert said == [(("comment", "Our house"),), ()]


@pytest.mark.parametrize("turned", range(1, 9))
def test_size_is_the_size_as_decoded(tmp_path: Path, turned: int) -> None:
    path = photo(tmp_path / "x.jpg", exif=tagged.exif({274: turned}))
    found, decoded = facts(path), decode_image(path, ImageRule(16))

    assert (found.width, found.height) == (decoded.width, decoded.height)


def test_no_pixel_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[object] = []

    def load(one: object) -> None:
        decoded.append(one)

    paths = [photo(tmp_path / f"x.{one}") for one in ("jpg", "png", "tif", "webp", "gif", "bmp")]
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)

    assert [facts(path).width for path in paths] == [40] * len(paths)
    assert decoded == []


def test_a_large_photo_costs_milliseconds(tmp_path: Path) -> None:
    """25 photos a second are indexed; 3 ms would be the cost of a thirteenth of each."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    pixels = Image.fromarray(noise).resize((4000, 3000))
    path = tmp_path / "x.jpg"
    pixels.save(
        path, exif=tagged.exif(tagged.SHOT, {36867: "2019:05:06 07:08:09"}, SYDNEY), xmp=XMP
    )
    took = []
    for _ in range(20):
        start = time.perf_counter()
        facts(path)
        took.append(time.perf_counter() - start)

    assert min(took) < 0.003


# --- recordings and films ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "codec"),
    [
        ("x.mp3", "mp3", "libmp3lame"),
        ("x.ogg", "ogg", "vorbis"),
        ("x.opus", "ogg", "libopus"),
        ("x.flac", "flac", "flac"),
        ("x.m4a", "ipod", "aac"),
        ("x.wav", "wav", "pcm_s16le"),
        ("x.mka", "matroska", "libopus"),
        ("x.wma", "asf", "libmp3lame"),
    ],
)
def test_tags_of_recordings(tmp_path: Path, name: str, kind: str, codec: str) -> None:
    found = facts(recording(tmp_path / name, kind, codec, tagged.TAGS))

    assert found.tags == ("Folk", "Field recording")
    assert found.taken == seconds(2004, 5, 6, 0, 0, 0)
    assert found.about == (
        ("title", "Morning é"),
        ("artist", "The Larks"),
        ("album", "Fields"),
        ("comment", "by the river"),
    )
    assert found.duration_ms is not None
    assert name == "x.ogg" or 990 <= found.duration_ms <= 1100


@pytest.mark.parametrize(
    ("tags", "rating"),
    [
        ({"rating": "4"}, 4),
        ({"rating": "80"}, 4),
        ({"rating": "255"}, 5),
        ({"rating": "good"}, None),
        ({"rating": "-3"}, None),
        ({"rating": "nan"}, None),
        ({"fmps_rating": "0.6"}, 3),
        ({"wm/shareduserrating": "99"}, 5),
    ],
)
def test_ratings_have_many_scales(tags: dict[str, str], rating: int | None) -> None:
    assert facts_of(tags).rating == rating


def test_comments_of_programs_on_recordings_are_left_out() -> None:
    said = [facts_of({"comment": one}).about for one in ("Processed by SoX", "By the sea")]

    assert said == [(), (("comment", "By the sea"),)]


def test_a_phone_tells_of_its_film(tmp_path: Path) -> None:
    tags = {
        "com.apple.quicktime.location.ISO6709": "-33.8568+151.2153+034.000/",
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.model": "iPhone 12",
        "com.apple.quicktime.creationdate": "2021-02-03T23:05:06+1100",
        "creation_time": "2021-02-03T12:05:06Z",
    }

    found = facts(
        tagged.film(tmp_path / "x.mp4", "mp4", tags=tags, options={"movflags": "use_metadata_tags"})
    )

    assert (found.latitude, found.longitude) == (-33.8568, 151.2153)
    assert found.camera == "Apple iPhone 12"
    assert found.taken == seconds(2021, 2, 3, 23, 5, 6), "the clock on the wall"
    assert found.duration_ms == 30_000


@pytest.mark.parametrize(("name", "kind"), [("x.mkv", "matroska"), ("x.avi", "avi")])
def test_tags_of_films(tmp_path: Path, name: str, kind: str) -> None:
    found = facts(tagged.film(tmp_path / name, kind, tags={"title": "Our film", "date": "2010"}))

    assert (found.about, found.duration_ms) == ((("title", "Our film"),), 30_000)
    assert found.taken == seconds(2010, 1, 1, 0, 0, 0)


# --- texts and sidecars --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# The title #\n\n## Other", "The title"),
        ("some words\n\n### Below C#\n", "Below C#"),
        ("Underlined\n===\n\n# Other", "Underlined"),
        ("---\ntitle: x\n---\n# Real\n", "Real"),
        ("```\n# a comment\n```\n# Real", "Real"),
        ("#hashtag and no heading", ""),
        ("", ""),
    ],
)
def test_the_first_heading_is_the_title(text: str, found: str) -> None:
    assert heading(text) == found


def test_only_markdown_has_headings(tmp_path: Path) -> None:
    for name in ("x.md", "x.txt"):
        (tmp_path / name).write_text("# Notes\n\nof a day")

    assert facts(tmp_path / "x.md").about == (("title", "Notes"),)
    assert facts(tmp_path / "x.txt") == Facts()


def test_a_sidecar_has_the_facts_of_its_medium(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg.xmp"
    path.write_bytes(XMP)

    assert probe(path).format == "xmp"
    assert facts(path) == NOTED
    assert words_of(NOTED) == "The title. Two lines. sea, boat, Places, Italy, Genoa"


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "empty"), (b"no xml", "undecodable"), (b"<a><b>", "undecodable")]
)
def test_a_broken_sidecar_has_a_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "x.xmp"
    path.write_bytes(data)
    with pytest.raises(MediaError) as caught:
        sidecar_facts(path)

    assert caught.value.reason == reason
    assert read_facts(path, Modality.TEXT, "xmp") == Facts()


def test_a_packet_with_bad_characters_is_mended() -> None:
    assert xmp_facts(xmp(title("caf\0 x")).replace(b"caf", b"caf\xe9")).about == (
        ("title", "café x"),
    )


# --- what is hostile -----------------------------------------------------------------------

TOO_DEEP = "<a>" * 140_000 + "</a>" * 140_000
LAUGHS = '<!DOCTYPE l [<!ENTITY a0 "ha">' + "".join(
    f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(20)
)


@pytest.mark.parametrize(
    "packet",
    [
        LAUGHS + "]>" + xmp("<dc:title>&a20;</dc:title>").decode(),
        '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + xmp(title("&a;")).decode(),
        xmp(title("x" * 10_000_000)).decode(),
        xmp(TOO_DEEP).decode(),
        xmp(TOO_DEEP).decode()[:900_000],
        xmp("", " ".join(f'a{n}="1"' for n in range(80_000))).decode(),
    ],
    ids=["laughs", "a file", "10 MB", "deep", "cut", "attributes"],
)
def test_hostile_packets_say_nothing_and_take_no_time(packet: str) -> None:
    start = time.monotonic()

    assert xmp_facts(packet) == Facts()
    assert time.monotonic() - start < 2


def test_texts_and_tags_have_limits() -> None:
    many = [f"tag {number}" for number in range(5_000)] + ["x" * 100_000]

    found = xmp_facts(xmp(title("word " * 100_000) + bag("dc:subject", *many)))

    assert len(found.tags) == stated.MAX_TAGS
    assert len(dict(found.about)["title"]) <= stated.MAX_WORDS


def jpeg_with(path: Path, camera: bytes) -> Path:
    data = photo(path).read_bytes()
    segment = b"Exif\0\0" + camera
    marker = b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big")
    path.write_bytes(data[:2] + marker + segment + data[2:])
    return path


def entries(*lines: tuple[int, int, int, int]) -> bytes:
    made = b"".join(struct.pack("<HHII", *one) for one in lines)
    return struct.pack("<H", len(lines)) + made + struct.pack("<I", 8)


@pytest.mark.parametrize(
    "inner",
    [
        entries((0x8769, 4, 1, 8), (0x8825, 4, 1, 8)),
        entries((0x8769, 4, 1, 38), (0x8825, 4, 1, 38))
        + entries(*((tag, 3, 30_000, 0) for tag in range(4_900))),
        entries((271, 2, 0xFFFFFFFF, 8), (0x8769, 4, 1, 0xFFFFFFF0)),
        struct.pack("<H", 65_535),
    ],
    ids=["in circles", "thousands of the whole", "beyond the end", "cut"],
)
def test_hostile_exif_takes_no_time(tmp_path: Path, inner: bytes) -> None:
    body = b"II*\0" + struct.pack("<I", 8) + inner
    path = jpeg_with(tmp_path / "x.jpg", body + b"x" * (65_000 - len(body)))
    start = time.monotonic()

    found = facts(path)

    assert time.monotonic() - start < 2
    assert (found.width, found.taken, found.latitude) == (40, None, None)


def test_bombs_in_chunks_take_no_time(tmp_path: Path) -> None:
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 50_000_000))
    path = with_chunks(photo(tmp_path / "x.png"), *[bomb] * 300)
    start = time.monotonic()

    found = facts(path)

    assert time.monotonic() - start < 3
    assert len(dict(found.about)["comment"]) == stated.MAX_WORDS


def test_only_so_many_chunks_are_read(tmp_path: Path) -> None:
    many = [chunk(b"tEXt", b"Key%d\0words" % number) for number in range(MAX_TEXTS)]
    title_chunk, author = chunk(b"tEXt", b"Title\0T"), chunk(b"tEXt", b"Author\0A")

    found = facts(with_chunks(photo(tmp_path / "x.png"), title_chunk, *many, author))

    assert found.about == (("title", "T"),)


@pytest.mark.parametrize(("depth", "is_read"), [(50, True), (200, False)])
def test_only_so_many_levels_are_read(depth: int, *, is_read: bool) -> None:
    packet = xmp(title("T") + "<a>" * depth + "</a>" * depth)

    assert bool(xmp_facts(packet).about) == is_read


def flipped(data: bytes, seed: int) -> bytes:
    """A few bytes of the head changed."""
    draw = random.Random(seed)  # noqa: S311
    changed = bytearray(data)
    for _ in range(draw.randint(1, 8)):
        changed[draw.randrange(min(len(changed), 6_000))] = draw.randrange(256)
    return bytes(changed)


def test_flipped_bytes_never_raise(tmp_path: Path) -> None:
    camera = tagged.exif(tagged.SHOT, {36867: "2019:05:06 07:08:09"}, SYDNEY)
    picture = photo(tmp_path / "a.jpg", exif=camera, xmp=XMP, comment="x")
    with_iptc(picture, iptc((25, b"harbour"), (120, b"words")))
    sound = recording(tmp_path / "a.mp3", "mp3", "libmp3lame", tagged.TAGS)
    for whole, kind, modality in (
        (picture.read_bytes(), "jpeg", Modality.IMAGE),
        (sound.read_bytes(), "mp3", Modality.AUDIO),
    ):
        for seed in range(200):
            path = tmp_path / "flipped"
            path.write_bytes(flipped(whole, seed))

            assert isinstance(read_facts(path, modality, kind), Facts)


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(data: bytes) -> None:
    assert isinstance(iptc_facts(b"\x1c\x02\x19" + data), Facts)
    assert isinstance(xmp_facts(data), Facts)
    made = exif.exif_of(Image.new("1", (1, 1)), b"Exif\0\0II*\0\x08\0\0\0" + data)
    assert isinstance(exif.exif_facts(made), Facts)


@given(st.text(), st.integers(1, 50))
def test_words_are_clean_and_short(text: str, at_most: int) -> None:
    found = stated.words(text, at_most)

    assert len(found) <= at_most
    assert found == " ".join(found.split())
    assert not any(one < " " or "\ud800" <= one <= "\udfff" for one in found)


@given(st.one_of(st.text(), st.from_regex(r"\d{4}[:-]\d\d[:-]\d\d[ T]\d\d:\d\d:\d\d")))
def test_dates_never_raise(text: str) -> None:
    found = stated.moment(text)

    assert found is None or isinstance(found, int)


@given(st.floats(-89.9, 89.9), st.floats(-179.9, 179.9))
def test_places_are_read_in_degrees_minutes_and_seconds(latitude: float, longitude: float) -> None:
    near = stated.place(f"{latitude:+08.4f}{longitude:+09.4f}/")
    degrees, minutes = divmod(abs(latitude) * 60, 60)
    sign = "-" if latitude < 0 else "+"
    by_minutes = stated.place(f"{sign}{degrees:02.0f}{minutes:07.4f}{longitude:+09.4f}/")

    if near is not None and round(minutes, 4) < 60:
        assert near == pytest.approx((latitude, longitude), abs=1e-4)
        assert by_minutes == pytest.approx(near, abs=1e-4)


@given(
    st.builds(
        Facts,
        rating=st.none() | st.integers(0, 5),
        taken=st.none() | st.integers(),
        tags=st.lists(st.sampled_from("abc"), unique=True).map(tuple),
        about=st.dictionaries(st.sampled_from(stated.KINDS[:3]), st.sampled_from("xyz")).map(
            lambda drawn: stated.about(**drawn)
        ),
    )
)
def test_facts_survive_merging_and_storing(one: Facts) -> None:
    assert stated.merged([one, Facts()]) == stated.merged([Facts(), one]) == one
    assert stated.merged([one, one]) == one
    assert set(Facts.from_info(one.as_info()).about) == set(one.about)
