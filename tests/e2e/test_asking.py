"""What people type after `seehear search`: operands, signs, examples, and mistakes that point."""

import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from terminal import Terminal

from making import caption, picture, tone


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures, a sound, a text, and a picture whose name looks like a weight."""
    media = tmp_path_factory.mktemp("asking")
    picture(media / "red.png", seed=1)
    picture(media / "blue.png", seed=2)
    picture(media / "odd.png", seed=3).rename(media / "odd.png:0.5")
    tone(media / "low.wav", hertz=220, seconds=3)
    caption(media / "notes.txt", "a poppy on the table")
    return media


@pytest.fixture(scope="module")
def indexed(media: Path, tmp_path_factory: pytest.TempPathFactory, warm: socket.socket) -> Terminal:
    terminal = Terminal(tmp_path_factory.mktemp("home"), warm)
    terminal.index(media)
    return terminal


def asked(terminal: Terminal, media: Path, *arguments: str) -> dict[str, Any]:
    """The query that the arguments make."""
    ended = terminal("search", "--json", "--all", *arguments, cwd=media)
    assert ended.code in {0, 1}
    assert ended.err == ""
    return dict(ended.json["query"])


def terms(query: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Each term: what it is, its weight, and the part that is meant."""
    return [
        (one.get("words", one.get("path")), one["weight"], one["span"] or one["region"])
        for one in query["terms"]
    ]


def test_files_have_weights_spans_and_regions(indexed: Terminal, media: Path) -> None:
    query = asked(
        indexed, media, "beach", "red.png#10%,20%,50%,0.5:0.5", "low.wav@0:01-2s", "odd.png:0.5"
    )

    assert terms(query) == [
        ("beach", 1.0, None),
        ("red.png", 0.5, [0.1, 0.2, 0.5, 0.5]),
        ("low.wav", 1.0, [1_000, 2_000]),
        ("odd.png:0.5", 1.0, None),
    ]


def test_options_repeat_and_push_away(indexed: Terminal, media: Path) -> None:
    query = asked(
        indexed,
        media,
        *("--image", "red.png:2", "--image", "blue.png", "--audio", "low.wav@1-2"),
        *("--not", "people and dogs", "-x", "notes.txt:0.5", "--sub", '"a logo" tag:x'),
        *("--like", "blue.png", "--unlike", "odd.png:0.5"),
    )

    assert terms(query) == [
        ("people and dogs", -1.0, None),
        ("notes.txt", -0.5, None),
        ("a logo", -1.0, None),
        ("red.png", 2.0, None),
        ("blue.png", 1.0, None),
        ("low.wav", 1.0, [1_000, 2_000]),
        ("blue.png", 1.0, None),
        ("odd.png:0.5", -1.0, None),
    ]
    assert query["filters"] == [{"field": "tag", "any_of": ["x"], "negated": True}]


def test_what_was_liked_or_not_is_known_and_not_listed(indexed: Terminal, media: Path) -> None:
    found = indexed.found("--like", media / "red.png", "--unlike", media / "blue.png")

    assert found
    assert not {"red.png", "blue.png"} & {path.name for path in found}


def test_a_sign_before_a_file_belongs_to_it(indexed: Terminal, media: Path) -> None:
    query = asked(indexed, media, "beach", "-", "red.png", "sand", "+", "blue.png", "-", "dogs")

    assert terms(query) == [
        ("beach sand", 1.0, None),
        ("dogs", -1.0, None),
        ("red.png", -1.0, None),
        ("blue.png", 1.0, None),
    ]


def test_the_query_is_shown_as_a_line_with_its_conditions(indexed: Terminal, media: Path) -> None:
    query = asked(indexed, media, "2:red", "-", "car", "kind:photo", "after:2020", "near:48,11,5km")

    assert query["line"] == "2:red - car kind:image after:2020 near:48,11,5km"
    assert query["text"] == "red"
    assert query["filters"] == [
        {"field": "kind", "any_of": ["image"], "negated": False},
        {"field": "date", "any_of": [{"least": 1_577_836_800, "below": None}], "negated": False},
        {
            "field": "place",
            "any_of": [{"latitude": 48.0, "longitude": 11.0, "km": 5.0}],
            "negated": False,
        },
    ]


def test_words_with_a_prefix_are_words(indexed: Terminal, media: Path) -> None:
    query = asked(indexed, media, "text:red.png", "text:tag:x - y")

    assert terms(query) == [("red.png tag:x - y", 1.0, None)]
    assert query["line"] == "red.png text:tag:x text:- y"


def test_a_lone_minus_reads_the_query_from_stdin(indexed: Terminal) -> None:
    for line, code, told in ((b"poppy -people\n", 0, ""), (b"camra:x", 2, "  ^^^^^^\n")):
        with indexed.start("search", "-", "--json", stdin=subprocess.PIPE) as process:
            out, err = process.communicate(line, timeout=60)

        assert process.returncode == code
        assert told in err.decode()
        assert (b'"line": "poppy - people"' in out) is (code == 0)


@pytest.mark.parametrize("option", ["--in", "--kind", "--type", "--modality"])
def test_kinds_have_several_names(indexed: Terminal, media: Path, option: str) -> None:
    assert indexed.found("x", option, "audio") == [media / "low.wav"]


def test_more_like_several(indexed: Terminal, media: Path) -> None:
    both = indexed("similar", "red.png#0,0,50%,50%", "low.wav@0-1", "-l", cwd=media)

    assert {Path(one).name for one in both.out.splitlines()} == {"blue.png"}
    assert indexed("similar", "red.png@1-2", cwd=media).code == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["beach", "durration:<3s"],
            ["'duration:'", "  beach durration:<3s\n        ^^^^^^^^^^\n"],
        ),
        (["日本 camra:x"], ["'camera:'", "  日本 camra:x\n       ^^^^^^\n"]),
        (["x", "kind:imge"], ["  x kind:imge\n         ^^^^\n", "image, audio, video, text"]),
        (["beach", "-"], ["  beach -\n        ^\n"]),
        (["x", "--not", "in:"], ["  in:\n  ^^^\n"]),
        (["a\x1b[31m tag:x, b"], ["  a\\x1b[31m tag:x, b\n                ^^\n"]),
        (["w " * 500 + "date:x " + "w " * 500], ["…", " date:x w", "^\n"]),
        (["red.png:0"], ["  red.png:0\n         ^^\n", "FILE:0.5"]),
        (["red.png#1,2"], ["  red.png#1,2\n         ^^^^\n"]),
        (["--audio", "low.wav@9-5"], ["  low.wav@9-5\n         ^^^^\n"]),
        (["--audio", "low.wav#0,0,1,1"], ["has no regions"]),
        (["--image", "red.png@1-2"], ["has no spans"]),
        (["./gone.png:0.5"], ["no file gone.png."]),
        (["--like", "gone.png"], ["no file gone.png."]),
    ],
    ids=lambda one: " ".join(one)[:30] if isinstance(one, list) else "",
)
def test_a_mistake_points_at_the_word(
    indexed: Terminal, media: Path, arguments: list[str], told: list[str]
) -> None:
    ended = indexed("search", *arguments, cwd=media)

    assert (ended.code, ended.out) == (2, "")
    assert all(len(line) < 160 for line in ended.err.splitlines())
    for part in told:
        assert part in ended.err, ended.err


@pytest.mark.parametrize(
    "word", ["-dog", "-fox", "-xylophone", "-kitten", "-hat", "-tag:x", "-5°", '-"a b"']
)
def test_a_word_with_a_minus_has_a_remedy(indexed: Terminal, word: str) -> None:
    ended = indexed("search", "cat", word)

    assert (ended.code, ended.out) == (2, "")
    assert f"write: - {word[1:]} " in ended.err


def test_a_minus_is_no_word_where_options_are_meant(indexed: Terminal, media: Path) -> None:
    assert len(indexed("search", "cat", "-l", "-k2", "--all", cwd=media).out.splitlines()) == 2
    assert indexed("search", "cat", "--all", "-l0").out.count("\0") == 4
    assert indexed("search", "-h").code == 0
    assert terms(asked(indexed, media, "cat", "--not", "-dog"))[1][0] == "dog"
    assert terms(asked(indexed, media, "--", "cat", "-dog")) == [
        ("cat", 1.0, None),
        ("dog", -1.0, None),
    ]
