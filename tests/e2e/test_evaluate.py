"""`seehear evaluate` as people use it: a table, JSON, two settings, and words that help."""

import math
from pathlib import Path

import pytest
from terminal import Terminal

from making import caption, picture, tone

NOTES = ("bees in may", "how to hang a shelf", "the quick brown fox", "a cake with apples")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluate")


@pytest.fixture(scope="module")
def media(folder: Path) -> Path:
    """Four pictures, of which two have captions, one sound and four notes."""
    media = folder / "media"
    media.mkdir()
    for seed in range(4):
        picture(media / f"p{seed}.png", seed=seed)
    for seed in range(2):
        caption(media / f"p{seed}.txt", f"what is seen in picture {seed}")
    tone(media / "low.wav", hertz=220)
    for number, words in enumerate(NOTES):
        caption(media / f"note{number}.md", words)
    return media


@pytest.fixture(scope="module")
def indexed(folder: Path, media: Path, warm: object) -> Terminal:
    terminal = Terminal(folder, warm)  # type: ignore[arg-type]
    terminal.index(media)
    return terminal


@pytest.fixture(scope="module")
def queries(folder: Path) -> Path:
    file = folder / "queries.tsv"
    lines = [f"{words}\tnote{number}.md" for number, words in enumerate(NOTES)]
    file.write_text("\n".join(lines))
    return file


def test_the_figures_of_a_table(indexed: Terminal, queries: Path) -> None:
    """Each note is asked for by its own words, which the encoder of the tests knows again."""
    ended = indexed("evaluate", queries, "--json", "--in", "text")

    assert (ended.code, ended.err) == (0, "")
    found = ended.json
    forward, back = found["directions"]
    assert (forward["name"], back["name"]) == ("words -> text", "text -> words")
    assert (forward["queries"], forward["gallery"], back["gallery"]) == (4, 6, 4)
    first = forward["metrics"]["R@1"]
    assert (first["value"], first["low"], first["high"]) == (1, 1, 1)
    assert math.isclose(first["chance"], 1 / 6)
    assert first["shuffled"] == 0
    assert forward["overlap_at_10"] == 1
    assert forward["ms_per_query"]["p95"] >= forward["ms_per_query"]["p50"] > 0
    assert back["metrics"]["R@1"]["value"] == 1
    assert back["ms_per_query"] is None
    assert forward["ranks"][0] == {"query": NOTES[0], "rank": 1}
    assert set(found["encoders"])
    assert found["profile"] == "hashed"
    assert found["protocol"]["questions"] == str(queries)
    assert found["protocol"]["resamples"] == 10_000
    assert "R@k = 1[any relevant in top k]; P@k; AP@k" in found["definitions"]


def test_the_same_seed_gives_the_same_figures(indexed: Terminal, queries: Path) -> None:
    runs = [indexed("evaluate", queries, "--json", "--seed", "7").json for _ in range(2)]

    metrics = [[one["metrics"] for one in run["directions"]] for run in runs]
    assert metrics[0] == metrics[1]


def test_a_person_reads_tables_and_how_they_came_about(indexed: Terminal, queries: Path) -> None:
    ended = indexed("evaluate", queries)

    assert ended.code == 0
    assert "words -> text: 4 queries, 6 files to find" in ended.out
    assert "R@1           1.000   [1.000, 1.000]    0.167      0.000" in ended.out
    assert "of the exact ten best, 100.0% were found" in ended.out
    assert "Definitions: R@k = 1[any relevant in top k];" in ended.out
    assert "seed 0; no published anchor." in ended.out
    assert "Profile hashed: " in ended.out


def test_captions_are_asked_when_no_file_is_given(indexed: Terminal) -> None:
    found = indexed("evaluate", "--json").json

    forward, back = found["directions"]
    assert (forward["name"], back["name"]) == ("words -> image", "image -> text")
    assert (forward["queries"], forward["gallery"]) == (2, 4)
    assert (back["queries"], back["gallery"]) == (2, 6)
    assert found["protocol"]["questions"] == "captions"
    assert not found["protocol"]["captions_searched"]
    assert [one["query"] for one in forward["ranks"]] == [
        "what is seen in picture 0",
        "what is seen in picture 1",
    ]


def test_a_picture_asks_for_sounds_and_a_sound_for_pictures(
    indexed: Terminal, folder: Path
) -> None:
    file = folder / "pairs.json"
    file.write_text('{"./media/p0.png": "media/low.wav", "media/p1.png": "p0.png"}')

    found = indexed("evaluate", file, "--json").json

    names = [one["name"] for one in found["directions"]]
    assert names == ["image -> audio", "image -> image", "image -> audio + image", "audio -> image"]
    galleries = [one["gallery"] for one in found["directions"]]
    assert galleries == [1, 3, 4, 4]


def test_two_settings_are_compared(indexed: Terminal, queries: Path) -> None:
    ended = indexed("evaluate", queries, "--compare", "hubness=off", "--limit", "3")
    found = indexed("evaluate", queries, "--compare", "hubness=off", "--json").json

    assert ended.code == 0
    assert "with hubness=off" in ended.out
    assert "no difference shown" in ended.out
    assert found["protocol"]["compared"] == "hubness=off"
    assert set(found["directions"][0]["metrics"]["MRR"]["difference"]) == {
        "mean", "low", "high", "p", "verdict",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "flags", "says"),
    [
        ("", [], ["has no queries", "query, tab, path"]),
        ("a fox\tgone.jpg\n", [], ["1 relevant file is not in the library: gone.jpg"]),
        ("only words\n", [], ["Line 1", "has 1 columns"]),
        ("a fox\tnote0.md\n", ["--in", "smell"], ["smell", "Known: image"]),
        ("a fox\tnote0.md\n", ["--in", "audio"], ["nothing to measure"]),
        ("a fox\tnote0.md\n", ["--compare", "magic=off"], ["magic=off", "hubness"]),
        ("./gone.png\tnote0.md\n", [], ["There is no file ./gone.png"]),
    ],
)
def test_what_is_wrong_is_said_in_words(
    indexed: Terminal, tmp_path: Path, lines: str, flags: list[str], says: list[str]
) -> None:
    file = tmp_path / "queries.tsv"
    file.write_text(lines)

    ended = indexed("evaluate", file, *flags)

    assert (ended.code, ended.out) == (2, "")
    for part in says:
        assert part in ended.err


def test_a_library_without_captions_says_what_to_do(indexed: Terminal) -> None:
    ended = indexed("evaluate", "--in", "audio")

    assert ended.code == 2
    assert "No captions were found" in ended.err
    assert "seehear evaluate FILE" in ended.err


def test_folders_limit_what_is_found(indexed: Terminal, queries: Path, folder: Path) -> None:
    ended = indexed("evaluate", queries, "--under", folder / "elsewhere")

    assert ended.code == 2
    assert "nothing to measure" in ended.err
