"""Texts in odd bytes, and lists that name other files and addresses."""

from pathlib import Path

from tests.faults.bad_pictures import Expected, put

ELSEWHERE = "elsewhere.txt"
"""Outside of what is indexed: what they name, and nobody may open."""


def make(folder: Path, longest: int) -> Expected:
    """Write texts of all bad kinds into a folder; one is a single line of so many bytes."""
    folder.mkdir()
    kinds: dict[str, tuple[bytes, str]] = {
        "empty.txt": (b"", "empty"),
        "latin.txt": (b"caf\xe9 au lait, un peu de pain", "indexed"),
        "invalid.txt": ("déjà vu ".encode() * 9 + b"\xff\xfe\xc3\x28\xe2\x82", "indexed"),
        "utf-16-le.txt": ("words in two bytes each".encode("utf-16"), "indexed"),
        "utf-16-be.txt": (b"\xfe\xff" + "two bytes each".encode("utf-16-be"), "indexed"),
        "utf-16-unmarked.txt": ("no mark at all".encode("utf-16-le"), "binary"),
        "utf-32.txt": ("words in four bytes".encode("utf-32"), "indexed"),
        "one-nul.txt": (b"all is well" * 9 + b"\0", "indexed"),
        "nuls.txt": (bytes(5_000), "binary"),
        "marks.txt": (b"a" + "\N{COMBINING ACUTE ACCENT}".encode() * 100_000, "indexed"),
        "mark-alone.txt": (b"\xef\xbb\xbf", "blank"),
        "marked.txt": (b"\xef\xbb\xbfwith a mark", "indexed"),
        "blank.txt": (b" \n\t\r\n\x0c ", "blank"),
        "escape.md": (b"# \x1b[31mred\x1b[0m\n\nwords", "indexed"),
        "noise.txt": (bytes(range(256)) * 20, "binary"),
        "broken.srt": (b"1\n99:99:99,999 --> 00:00:00,000\nwords\n\n-->\n-->", "indexed"),
        "no-cues.vtt": (b"WEBVTT\n\nNOTE nothing\n", "blank"),
        "alone.xmp": (b"<x:xmpmeta/>", "alone"),
        "entities.xmp": (_laughs(), "alone"),
    }
    made: Expected = {}
    for name, (data, expected) in kinds.items():
        made |= put(folder / name, data, expected)
    line = folder / "one-line.txt"
    with line.open("wb") as out:
        for at in range(0, longest, 1 << 20):
            out.write(b"word " * 209_715 + b"%5d" % (at >> 20) if at else b"longest " * 131_072)
    return made | {line: "indexed"}


def _laughs() -> bytes:
    """Entities that would grow to a billion words."""
    more = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE x [<!ENTITY l0 "lol">{more}]><x>&l9;</x>'.encode()


def make_lists(folder: Path, port: int) -> Expected:
    """Write playlists and the like, under their own names and under those of media."""
    folder.mkdir()
    elsewhere = folder.parent.parent / ELSEWHERE
    elsewhere.write_text("nobody may read this")
    address = f"http://127.0.0.1:{port}/x.mp3"
    playlist = (
        f"#EXTM3U\n#EXTINF:1,\n{address}\nfile://{elsewhere}\n{elsewhere}\n../../{ELSEWHERE}\n"
    )
    concat = f"ffconcat version 1.0\nfile '{elsewhere}'\nfile '{address}'\n"
    contents = {
        "m3u8": playlist,
        "mpd": f"<?xml version='1.0'?><MPD><BaseURL>{address}</BaseURL></MPD>",
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio {port} RTP/AVP 0\n",
        "ffconcat": concat,
        "strm": address,
        "url": f"[InternetShortcut]\nURL={address}\n",
        "pls": f"[playlist]\nFile1={address}\nFile2=file:///etc/passwd\n",
        "asx": f"<asx><entry><ref href='{address}'/></entry></asx>",
    }
    made: Expected = {}
    for suffix, words in contents.items():
        made |= put(folder / f"list.{suffix}", words.encode(), "unsupported")
        refused = "undecodable" if suffix == "asx" else "container-not-allowed"
        for other in ("mp3", "mp4", "wav", "mkv", "jpg"):
            made |= put(folder / f"really-{suffix}.{other}", words.encode(), refused)
    return made | put(folder / "good.txt", b"a good one among them", "indexed")
