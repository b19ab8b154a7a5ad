"""The command line as people use it: exit codes, streams, shapes, and words that help."""

import json
import os
import socket
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from terminal import PROGRAM, Ended, Terminal

from making import caption, picture, tone

ESCAPE = "\x1b"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def media(folder: Path) -> Path:
    """Three pictures, two sounds, two texts; `red.txt` describes `red.png`; no test changes it."""
    media = folder / "media"
    (media / "sub").mkdir(parents=True)
    for seed, name in enumerate(("red.png", "sub/green.png", "sub/blue.png")):
        picture(media / name, seed=seed)
    tone(media / "low.wav", hertz=220)
    tone(media / "sub" / "high.wav", hertz=3_000)
    caption(media / "red.txt", "a poppy on the table")
    caption(media / "sub" / "notes.txt", "the quick brown fox jumps over the lazy dog")
    return media


@pytest.fixture(scope="module")
def indexed(folder: Path, media: Path, warm: socket.socket) -> Terminal:
    """The library of `media`, which no test changes either."""
    terminal = Terminal(folder, warm)
    terminal.index(media)
    return terminal


def one_sentence(ended: Ended, *parts: str) -> bool:
    """Whether nothing but words for a person were said, and these among them."""
    assert ended.out == ""
    assert "should not" not in ended.err
    assert "Traceback" not in ended.err
    assert ended.err.endswith("\n")
    for part in parts:
        assert part in ended.err, ended.err
    return True


COMMANDS = (
    ["search", "--all", "x"],
    ["similar", "x.jpg"],
    ["status"],
    ["verify"],
    ["rebuild"],
    ["forget", "x"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_without_a_library(seehear: Terminal, command: list[str]) -> None:
    ended = seehear(*command)
    assert ended.code == 10
    assert one_sentence(ended, str(seehear.library), "seehear index FOLDER")
    assert not seehear.library.exists()


def test_the_shape_of_a_search(indexed: Terminal, media: Path) -> None:
    ended = indexed("search", "--all", "poppy", "--audio", media / "low.wav", "--json")
    assert (ended.code, ended.err) == (0, "")
    result = ended.json
    assert list(result) == ["query", "hits", "nearest", "timings_ms"]
    assert named(result["query"]) == {"text": "poppy", "audio": str(media / "low.wav")}
    assert set(result["timings_ms"]) >= {"total", "encode", "search"}
    assert all(isinstance(spent, float) for spent in result["timings_ms"].values())
    assert len(result["hits"]) == 7
    for hit in result["hits"]:
        check_hit(hit)
    scores = [hit["score"] for hit in result["hits"]]
    assert scores == sorted(scores, reverse=True)
    spans = {Path(hit["path"]).suffix: hit["span"] for hit in result["hits"]}
    assert spans[".png"] is None
    assert spans[".txt"] is None
    start, end = spans[".wav"]
    assert 0 <= start < end <= 1_000


def named(query: dict[str, Any]) -> dict[str, Any]:
    """The parts of a query that have a name of their own."""
    return {k: v for k, v in query.items() if k not in {"line", "terms", "filters"}}


def check_hit(hit: dict[str, Any]) -> None:
    assert list(hit)[:4] == ["path", "id", "modality", "score"]
    assert {"path", "modality", "score", "span", "because"} <= set(hit)
    assert Path(hit["path"]).is_absolute()
    assert Path(hit["path"]).is_file()
    assert hit["modality"] in {"image", "audio", "text"}
    assert isinstance(hit["score"], float)
    assert 0 <= hit["relevance"] <= 1
    assert hit["id"].startswith("#")
    assert hit["because"]
    for reason in hit["because"]:
        assert list(reason) == ["source", "rank", "score"]
        assert isinstance(reason["source"], str)
        assert reason["rank"] >= 0
        assert isinstance(reason["score"], float)


def test_a_search_for_people(indexed: Terminal, media: Path) -> None:
    ended = indexed("search", "--all", "poppy", cwd=media)
    assert (ended.code, ended.err) == (0, "")
    assert ESCAPE not in ended.out
    assert "red.png" in ended.out
    assert 'its caption has "poppy"' in ended.out
    assert ": a poppy on the table" in ended.out
    assert len(ended.out.splitlines()) == 14


def test_options_of_a_search(indexed: Terminal, media: Path) -> None:
    assert len(indexed.found("poppy", "-k", "2")) == 2
    assert {p.suffix for p in indexed.found("poppy", "--in", "image,Audio")} == {".png", ".wav"}
    sub = media / "sub"
    assert {p.parent for p in indexed.found("poppy", "--under", sub)} == {sub}
    assert (
        indexed("search", "--all", "poppy", "--under", "sub", "-0", cwd=media).out.count("\0") == 4
    )
    assert indexed("search", "--all", "poppy", "--under", media / "su").code == 1
    lines = indexed("search", "--all", "poppy", "--paths").out
    assert set(lines.splitlines()) == set(map(str, indexed.found("poppy")))
    (media / "else").mkdir()
    both = indexed.found("--under", sub, "--under", media / "else", "x")
    assert len(both) == 4


def test_terms_that_are_files(indexed: Terminal, media: Path) -> None:
    query = indexed("search", "--all", "red.png", "poppy", "--json", cwd=media).json["query"]
    assert named(query) == {"text": "poppy", "image": "red.png"}
    query = indexed("search", "--all", "./low.wav", "--json", cwd=media).json["query"]
    assert named(query) == {"audio": "low.wav"}
    query = indexed("search", "--all", "text:red.png", "--json", cwd=media).json["query"]
    assert named(query) == {"text": "red.png"}


def test_similar_leaves_the_file_itself_out(indexed: Terminal, media: Path) -> None:
    paths = indexed("similar", media / "red.png", "--paths").out.splitlines()
    assert sorted(Path(path).name for path in paths) == ["blue.png", "green.png"]
    assert indexed("similar", media / "red.png", "--in", "audio", "--json").code == 0


def test_ways_to_ask(indexed: Terminal) -> None:
    lone = indexed("red car", "--json", "--all").json
    assert named(lone["query"]) == {"text": "red car"}
    for alias in ("find", "query"):
        assert indexed(alias, "red", "car", "--json", "--all").json["hits"] == lone["hits"]
    dash = indexed("search", "--json", "--all", "--", "x", "-cat")
    assert dash.json["query"]["line"] == "x - cat"
    alone = indexed("search", "--", "-cat")
    assert alone.code == 2
    assert one_sentence(alone, "keep away", "look for")
    long = indexed("search", "--all", "--json", "word " * 2_000)
    assert long.code == 0
    raw = indexed("search", "--json", "caf\udcff")
    assert named(raw.json["query"]) == {"text": "caf\N{REPLACEMENT CHARACTER}"}
    home = indexed("search", "~no-user", "--json").json["query"]
    assert named(home) == {"text": "~no-user"}
    for alias, name in (("add", "index"), ("update", "index"), ("stats", "status")):
        assert indexed(alias, "--json").code == indexed(name, "--json").code == 0


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["search"], ["query is empty", "Give some words"]),
        (["search", "", " "], ["query is empty"]),
        (["search", "text:"], ["query is empty"]),
        (["search", "x", "--in", "bogus"], ["bogus", "image", "audio", "text"]),
        (["search", "--all", "x", "--in", "BOGUS"], ["bogus"]),
        (["search", "x", "-k", "0"], ["-k"]),
        (["search", "x", "-k", "99999999"], ["10,000"]),
        (["search", "x", "-k", "many"], ["-k", "'many'"]),
        (["search", "--image", "missing.jpg"], ["missing.jpg", "spelling"]),
        (["search", "./missing.jpg"], ["missing.jpg", "spelling"]),
        (["search", "--image", "red.txt"], ["red.txt", "text, not image"]),
        (["search", "--audio", "sub"], ["sub", "a folder"]),
        (["search", "/"], ["/ cannot be searched with"]),
        (["similar", "missing.jpg"], ["missing.jpg", "spelling"]),
        (["similar"], ["file"]),
        (["index", "nowhere"], ["nowhere", "spelling"]),
        (["index", "~no-such-user"], ["~no-such-user", "spelling"]),
        (["index", "--profile", "bogus"], ["no profile 'bogus'", "starter"]),
        (["index", "--profile", "starter"], ["'hashed', not 'starter'", "profile use starter"]),
        (["profile", "use", "bogus"], ["no profile 'bogus'", "starter"]),
        (["models", "pull"], ["Which models?"]),
        (["models", "pull", "bogus"], ["no model 'bogus'", "models list"]),
        (["forget", "nowhere"], ["nowhere", "seehear status"]),
        (["status", "--bogus"], ["--bogus"]),
        (["bogus"], ["bogus"]),
    ],
    ids=" ".join,
)
def test_wrong_usage(
    indexed: Terminal, media: Path, arguments: list[str], parts: list[str]
) -> None:
    ended = indexed(*arguments, cwd=media)
    assert ended.code == 2
    assert one_sentence(ended, *parts)


def test_a_profile_that_is_not_there_leaves_nothing(seehear: Terminal, media: Path) -> None:
    ended = seehear("index", media, "--profile", "bogus")
    assert ended.code == 2
    assert one_sentence(ended, "no profile 'bogus'", "starter")
    assert not seehear.library.exists()


@pytest.mark.skipif(find_spec("rapidocr") is not None, reason="rapidocr is installed")
def test_a_package_that_is_not_there_leaves_nothing(seehear: Terminal, media: Path) -> None:
    ended = seehear("index", media, "--profile", "hashed", "--read-text")

    assert ended.code == 4
    assert one_sentence(ended, "rapidocr", 'pip install "seehear[ocr]"')
    assert not seehear.library.exists()


def test_nothing_found(seehear: Terminal) -> None:
    empty = seehear.folder / "empty"
    empty.mkdir()
    seehear.index(empty)
    ended = seehear("search", "--all", "x")
    assert ended.code == 1
    assert one_sentence(ended, "seehear status")
    ended = seehear("search", "--all", "x", "--json")
    assert (ended.code, ended.json["hits"], ended.err) == (1, [], "")
    ended = seehear("search", "--all", "x", "-0")
    assert (ended.code, ended.out, ended.err) == (1, "", "")


def test_reports_on_stdout_and_progress_on_stderr(seehear: Terminal, media: Path) -> None:
    ended = seehear("index", media, "--profile", "hashed")
    assert ended.code == 0
    assert "7 new" in ended.out
    assert ended.err.startswith("Indexed ")
    assert ESCAPE not in ended.out + ended.err
    quiet = seehear("index", "-q")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    ended = seehear("index", "--json")
    assert ended.err == ""
    assert {"added", "encoded", "skipped", "seconds"} <= set(ended.json)
    assert "7 vectors" in seehear("verify").out
    assert seehear("verify", "--json").json["findings"] == []
    assert "3 files" in seehear("status").out
    assert "snapshots" in seehear("rebuild").out
    assert seehear("doctor").code == 0


def test_suffixes_cannot_command_the_terminal(seehear: Terminal) -> None:
    root = seehear.folder / "root"
    root.mkdir()
    for number in range(30):
        (root / f"{number}.{ESCAPE}[31m").touch()
    ended = seehear("index", root, "--profile", "hashed")
    assert "30 files that are no media" in ended.out
    assert ESCAPE not in ended.out


def test_debug_says_where(indexed: Terminal) -> None:
    plain = indexed("search", "x", "--in", "bogus")
    assert "Traceback" not in plain.err
    debug = indexed("--debug", "search", "x", "--in", "bogus")
    assert debug.code == plain.code == 2
    assert "Traceback" in debug.err
    assert plain.err in debug.err


def test_help_and_version(seehear: Terminal) -> None:
    for arguments in (["--help"], ["search", "-h"], ["--version"]):
        ended = seehear(*arguments)
        assert (ended.code, ended.err) == (0, "")
        assert ended.out
    assert "Exit codes" in seehear("--help").out


def in_a_terminal(terminal: Terminal, *arguments: str, **environ: str) -> str:
    """What is shown when stdout is a terminal."""
    leader, follower = os.openpty()
    with terminal.start(*arguments, stdout=follower, environ={"TERM": "xterm", **environ}) as one:
        os.close(follower)
        shown = b""
        try:
            while part := os.read(leader, 65_536):
                shown += part
        except OSError:  # Linux says so when the other side has closed
            pass
        os.close(leader)
        one.communicate(timeout=60)
    return shown.decode()


def test_colours_only_where_they_are_wanted(indexed: Terminal) -> None:
    assert f"{ESCAPE}[" in in_a_terminal(indexed, "search", "--all", "poppy")
    plain = in_a_terminal(indexed, "search", "--all", "poppy", NO_COLOR="1")
    assert not any(f"{ESCAPE}[{code}m" in plain for code in (31, 32, 33, 34, 35, 36))


@pytest.mark.parametrize("form", [[], ["--json"], ["-0"]], ids=["hits", "json", "paths"])
def test_a_reader_that_has_enough(indexed: Terminal, form: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    ended = indexed.alone("search", "--all", "poppy", *form, stdout=write)
    os.close(write)
    assert (ended.code, ended.err) == (0, "")


def test_head_is_quiet(indexed: Terminal) -> None:
    with (
        indexed.start("search", "--all", "poppy", "--paths") as search,
        subprocess.Popen(["head", "-1"], stdin=search.stdout, stdout=subprocess.PIPE) as head,  # noqa: S607
    ):
        assert search.stdout is not None
        search.stdout.close()
        assert head.communicate(timeout=60)[0].count(b"\n") == 1
        assert search.stderr is not None
        assert search.stderr.read() == b""


def test_a_reader_of_a_long_report_that_has_enough(seehear: Terminal) -> None:
    root = seehear.folder / "root"
    root.mkdir()
    for number in range(2_000):
        (root / f"{number}.jpg").touch()
    with (
        seehear.start("index", root, "--profile", "hashed") as indexing,
        subprocess.Popen(["head", "-1"], stdin=indexing.stdout, stdout=subprocess.PIPE) as head,  # noqa: S607
    ):
        assert indexing.stdout is not None
        indexing.stdout.close()
        assert head.communicate(timeout=60)[0].startswith(b"Indexed in ")
        assert indexing.stderr is not None
        assert all(line.startswith(b"Indexed ") for line in indexing.stderr), "it is progress"
        assert indexing.wait() == 0
    assert len(seehear.index(code=3)["skipped"]) == 2_000


def test_without_stdin(indexed: Terminal) -> None:
    closed = ("sh", "-c", 'exec "$@" <&-', "sh")
    ended = indexed.alone("search", "--all", "poppy", "--json", before=closed)
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out)["hits"]


def test_files_that_are_not_indexed(indexed: Terminal) -> None:
    new = indexed.folder / "new"
    new.mkdir()
    assert indexed.hits("--image", picture(new / "a.png", seed=50), "--in", "image")
    assert indexed.hits("--audio", tone(new / "a.wav", hertz=300), "--in", "audio")
    assert indexed.hits("--text-file", caption(new / "a.txt", "poppy"), "--in", "text")


def test_python_runs_it_too() -> None:
    ended = subprocess.run([*PROGRAM, "--version"], capture_output=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, b"")
