"""Pictures that are cut, damaged, misnamed, bombs or liars, and what must become of each."""

import gzip
import io
import random
import struct
import zlib
from pathlib import Path

from PIL import Image

from tests.faults.fuzz_media import pictures

Expected = dict[Path, str]
"""Paths with what must become of them: ``indexed``, ``indexed partial`` or a reason.

Where libraries may judge one way or the other, both stand there, with `` or `` between.
"""

SHARES = (1, 10, 50, 90, 99)
"""Per cent of a file that are left of it."""

MIB = 1 << 20
SCRIPT = "<script>alert(1)</script>"


def make(folder: Path, dice: random.Random) -> Expected:
    """Write them all into a folder."""
    folder.mkdir()
    made = _cut(folder) | _damaged(folder, dice) | _misnamed(folder) | _foreign(folder)
    return made | _bombs(folder) | _chunky(folder) | _long(folder) | _shapes(folder) | _exif(folder)


def put(path: Path, data: bytes, expected: str) -> Expected:
    """Write a file."""
    path.write_bytes(data)
    return {path: expected}


def _cut(folder: Path) -> Expected:
    made: Expected = {}
    for name, data in pictures().items():
        for share in SHARES:
            part = data[: max(1, len(data) * share // 100)]
            made |= put(
                folder / f"cut-{share:02}-{name}", part, "indexed or truncated or undecodable"
            )
    return made


def _damaged(folder: Path, dice: random.Random) -> Expected:
    """Bits flipped in the header and in the body; noise behind no header at all."""
    made: Expected = {}
    for name, data in pictures().items():
        made |= put(folder / f"head-{name}", b"\1" * 8 + data[8:], "undecodable")
        body = bytearray(data)
        for _ in range(8):
            body[dice.randrange(len(data) // 2, len(data))] ^= 1 << dice.randrange(8)
        damage = "indexed or truncated or undecodable or too-many-pixels or dimensions"
        made |= put(folder / f"body-{name}", bytes(body), damage)
    for number, suffix in enumerate((".jpg", ".png", ".gif", ".webp", ".tif")):
        made |= put(
            folder / f"noise-{number}{suffix}", b"\1" + dice.randbytes(4_000), "undecodable"
        )
    page = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"
    made |= put(folder / "page.jpg", page, "undecodable")
    return made | {path: "empty" for path in (folder / "empty.jpg",) if not path.touch()}


def _misnamed(folder: Path) -> Expected:
    """Under the name of another kind."""
    data = pictures()
    made = put(folder / "really-png.jpg", pixels((4, 4), seed=1), "indexed")
    made |= put(folder / "really-jpeg.png", data["plain.jpg"], "indexed")
    made |= put(folder / "really-gif.webp", data["a.gif"], "indexed")
    return made | put(folder / "really-webp.tiff", data["a.webp"], "indexed")


def pixels(size: tuple[int, int], seed: int = 0, kind: str = "PNG", mode: str = "RGB") -> bytes:
    """A picture of noise that no other seed gives."""
    dots = random.Random(f"{seed}/{size}").randbytes(size[0] * size[1])  # noqa: S311
    out = io.BytesIO()
    Image.frombytes("L", size, dots).convert(mode).save(out, kind)
    return out.getvalue()


def _foreign(folder: Path) -> Expected:
    """Kinds that are known and not read, under their own name and under that of a picture."""
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    kinds = {
        "svg": svg,
        "svgz": gzip.compress(svg, mtime=0),
        "pdf": b"%PDF-1.7\n%\xe2\xe3\n1 0 obj\n",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run\n",
        "xcf": b"gimp xcf v011\0\0\0\1",
        "djvu": b"AT&TFORM\0\0\0\x20DJVUINFO",
        "psd": b"8BPS\0\1\0\0\0\0\0\0",
    }
    told = {"svg", "pdf", "eps", "psd"}
    made: Expected = {}
    for suffix, data in kinds.items():
        made |= put(folder / f"drawing.{suffix}", data, "unsupported")
        other = "unsupported" if suffix in told else "undecodable"
        made |= put(folder / f"really-{suffix}.jpg", data, other)
    archive = b"PK\3\4\x14\0\0\0\0\0" + bytes(40)
    made |= put(folder / "archive.zip", archive, "ignored")
    made |= put(folder / "archive.tar.gz", gzip.compress(archive, mtime=0), "ignored")
    return made | put(folder / "really-zip.jpg", archive, "undecodable")


def _bombs(folder: Path) -> Expected:
    """Small files that want much memory; the last says more than it has."""
    made: Expected = {}
    for name, width, height in (("a", 13_000, 13_500), ("b", 20_000, 20_000)):
        head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
        body = png([(b"IHDR", head), (b"IDAT", packed((width // 8 + 1) * height))])
        made |= put(folder / f"bomb-{name}.png", body, "too-many-pixels")
    made |= put(folder / "bomb-c.tif", _fax(16_000, 11_000), "too-many-pixels")
    lie = png([(b"IHDR", struct.pack(">IIBBBBB", 4000, 4000, 8, 0, 0, 0, 0)), (b"IDAT", b"")])
    return made | put(folder / "bomb-lie.png", lie, "truncated or undecodable")


def packed(count: int) -> bytes:
    """So many zeros, deflated; they are never in memory all at once."""
    deflate = zlib.compressobj(9)
    parts = [deflate.compress(bytes(min(MIB, count - at))) for at in range(0, count, MIB)]
    return b"".join(parts) + deflate.flush()


def _fax(width: int, height: int) -> bytes:
    """White paper in CCITT group 4, which takes one bit for each row."""
    rows = b"\xff" * (height // 8) + b"\0\x10\1\0"
    tags = {256: width, 257: height, 258: 1, 259: 4, 262: 0, 273: 8 + 2 + 9 * 12 + 4}
    fields = tags | {277: 1, 278: height, 279: len(rows)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields.items())
    return b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + bytes(4) + rows


def png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG of these chunks."""
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in [*chunks, (b"IEND", b"")]
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _small(number: int) -> list[tuple[bytes, bytes]]:
    """A grey PNG of 2 x 2 points, another for each number."""
    head = struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)
    return [(b"IHDR", head), (b"IDAT", zlib.compress(bytes([0, number, 9, 0, 8, 7])))]


def _chunky(folder: Path) -> Expected:
    """Texts and profiles in PNG that unpack to much more than they take."""
    large, usual = packed(200 * MIB), packed(MIB)
    extra = {
        "ztxt": [(b"zTXt", b"k\0\0" + large)],
        "itxt": [(b"iTXt", b"k\0\1\0\0\0" + large)],
        "iccp": [(b"iCCP", b"k\0\0" + large)],
        "many": [(b"zTXt", b"k%d\0\0" % one + usual) for one in range(60)],
    }
    made: Expected = {}
    for number, (name, more) in enumerate(extra.items()):
        head, *rest = _small(number)
        either = "indexed or undecodable"
        made |= put(folder / f"chunks-{name}.png", png([head, *more, *rest]), either)
    return made


def _long(folder: Path) -> Expected:
    """Many frames or pages, of which the first counts."""
    made = put(folder / "frames.gif", _gif(100_000), "indexed")
    made |= put(folder / "frames.webp", _webp(100_000), "indexed")
    return made | put(folder / "pages.tif", _tiff(10_000), "indexed")


def _gif(frames: int) -> bytes:
    head = b"GIF89a\1\0\1\0\x80\0\0\xff\x10\x20\0\0\0"
    return head + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0" * frames + b";"


def _webp(frames: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (1, 1), (1, 2, 3)).save(out, "WEBP", lossless=True)
    frame = out.getvalue()[12:]
    one = struct.pack("<4sI", b"ANMF", 16 + len(frame)) + bytes(12) + b"\1\0\0\0" + frame
    head = b"VP8X" + struct.pack("<IB3x3x3x", 10, 2) + b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    body = b"WEBP" + head + one * frames
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _tiff(pages: int) -> bytes:
    """One point of grey, and its directory again and again."""
    parts, at = [b"II*\0" + struct.pack("<I", 8)], 8
    for page in range(pages):
        tags = [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 4), (278, 1), (279, 1)]
        fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
        at += 2 + len(fields) + 4
        after = at if page < pages - 1 else 0
        parts.append(struct.pack("<H", len(tags)) + fields + struct.pack("<I", after))
    return b"".join(parts)


def _shapes(folder: Path) -> Expected:
    """Sizes and colours at their limits."""
    nothing = struct.pack(">IIBBBBB", 0, 0, 8, 0, 0, 0, 0)
    nought = png([(b"IHDR", nothing), (b"IDAT", zlib.compress(b""))])
    made = put(folder / "0x0.png", nought, "dimensions or undecodable")
    made |= put(folder / "1x65535.png", pixels((1, 65_535)), "dimensions")
    made |= put(folder / "deep.png", _deep(), "indexed")
    made |= put(folder / "cmyk.jpg", pixels((40, 30), 2, "JPEG", "CMYK"), "indexed")
    made |= put(folder / "cmyk.tif", pixels((40, 30), 3, "TIFF", "CMYK"), "indexed")
    path = folder / "palette.png"
    Image.new("P", (8, 9), 5).save(path, transparency=5)
    return made | {path: "indexed"}


def _deep() -> bytes:
    out = io.BytesIO()
    Image.frombytes("I;16", (30, 20), random.Random(4).randbytes(1_200)).save(out, "PNG")  # noqa: S311
    return out.getvalue()


def _exif(folder: Path) -> Expected:
    """EXIF that goes round in circles, is garbage, or says what cannot be."""
    blocks = {
        "next": _ifd([(0x0112, 3, 6)], after=8),
        "child": _ifd([(0x8769, 4, 8)]),
        "gps-child": _ifd([(0x8825, 4, 8)]),
        "garbage": b"Exif\0\0" + random.Random(7).randbytes(60_000),  # noqa: S311
        "turn-0": _exif_of({0x0112: 0}),
        "turn-9": _exif_of({0x0112: 9}),
        "gps": _exif_of({}, {1: "N", 2: (999.0, 1e9, 3.0), 3: "E", 4: (181.0, 61.0, 0.0)}),
        "script": _exif_of({0x010E: SCRIPT, 0x013B: SCRIPT}),
    }
    made: Expected = {}
    for seed, (name, block) in enumerate(blocks.items(), start=10):
        path = folder / f"exif-{name}.jpg"
        dots = random.Random(seed).randbytes(24 * 16 * 3)  # noqa: S311
        Image.frombytes("RGB", (24, 16), dots).save(path, exif=block)
        made[path] = "indexed"
    return made


def _ifd(fields: list[tuple[int, int, int]], after: int = 0) -> bytes:
    """A directory at its usual place, 8."""
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in fields)
    head = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(fields))
    return head + entries + struct.pack("<I", after)


def _exif_of(tags: dict[int, object], place: dict[int, object] | None = None) -> bytes:
    exif = Image.Exif()
    exif.update(tags)
    if place:
        exif.get_ifd(0x8825).update(place)
    return bytes(exif.tobytes())
