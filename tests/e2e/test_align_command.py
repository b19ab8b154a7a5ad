"""`seehear align` from the terminal: teach, judge, use, drop, hand on; and bad pairs are told."""

import json
from pathlib import Path

import pytest

from e2e.terminal import Terminal
from worlds import pictures, write_pairs

WORDS = ("effusion", "nodule", "fracture", "oedema", "clear", "scar")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty pictures with two things each, and the table of their words."""
    folder = tmp_path_factory.mktemp("world")
    write_pairs(folder / "pairs.csv", pictures(folder / "scans", WORDS, 60))
    return folder


@pytest.fixture
def taught(seehear: Terminal, world: Path) -> Terminal:
    seehear.index(world / "scans")
    ended = seehear("align", "fit", "--pairs", world / "pairs.csv", "--method", "ridge,cca")
    assert ended.code == 0, ended
    assert ended.out.startswith("It helps: "), ended.out
    return seehear


def words_of(world: Path) -> dict[str, str]:
    rows = (world / "pairs.csv").read_text().splitlines()[1:]
    return {Path(row.split(",")[0]).name: row.split(",")[1] for row in rows}


def right_in_ten(seehear: Terminal, world: Path) -> int:
    known = words_of(world)
    found = seehear.found("effusion", "--type", "image", "-k", "10")
    return sum("effusion" in known[path.name] for path in found)


def test_what_was_taught_is_found_and_dropped_without_a_trace(
    taught: Terminal, world: Path
) -> None:
    before = taught("search", "--all", "--json", "effusion").json["hits"]
    few = right_in_ten(taught, world)

    assert taught("align", "use", "pairs").code == 0
    many = right_in_ten(taught, world)
    listed = taught("align", "list", "--json").json["bridges"]
    taught("align", "drop", "pairs")

    assert many >= 9 > few
    assert [(one["name"], one["in_use"], one["verdict"]) for one in listed] == [
        ("pairs", True, "helps")
    ]
    assert taught("search", "--all", "--json", "effusion").json["hits"] == before
    assert taught("align", "list", "--json").json["bridges"] == []


def test_a_report_says_what_was_measured(taught: Terminal, tmp_path: Path) -> None:
    told = taught("align", "show", "pairs", "--json").json
    drawn = taught("align", "show", "pairs", "--picture", tmp_path / "report.png")

    assert told["verdict"] == "helps"
    assert told["pairs"] == 60
    assert told["groups"] == 30
    assert {one["method"] for one in told["candidates"]} >= {"ridge", "cca"}
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    assert "Next: seehear align use pairs" in drawn.out
    assert "words" in drawn.out


def test_a_bridge_is_handed_on(taught: Terminal, world: Path, tmp_path: Path) -> None:
    taught("align", "export", "pairs", "--to", tmp_path / "out")
    taught("align", "drop", "pairs")
    assert taught("align", "import", tmp_path / "out" / "pairs.json").code == 0
    assert taught("align", "use", "pairs").code == 0
    assert right_in_ten(taught, world) >= 9


def test_it_may_be_used_at_once_if_it_helps(seehear: Terminal, world: Path) -> None:
    seehear.index(world / "scans")
    pairs = world / "pairs.csv"

    ended = seehear("align", "fit", "--pairs", pairs, "--method", "ridge", "--use", "--json")

    assert ended.json["in_use"]
    assert right_in_ten(seehear, world) >= 9


def test_pairs_that_do_not_belong_together_change_nothing(
    seehear: Terminal, world: Path, tmp_path: Path
) -> None:
    seehear.index(world / "scans")
    head, *rows = (world / "pairs.csv").read_text().splitlines()
    left, right = zip(*((row.split(",")[0], row.split(",")[1]) for row in rows), strict=True)
    turned = [f"{world}/{a},{b}" for a, b in zip(left, right[17:] + right[:17], strict=True)]
    (tmp_path / "wrong.csv").write_text("\n".join([head.removesuffix(",group"), *turned]))

    ended = seehear("align", "fit", "--pairs", tmp_path / "wrong.csv", "--method", "ridge")

    assert ended.code == 0
    assert "It helps" not in ended.out
    assert seehear("align", "list", "--json").json["bridges"] == []


def test_captions_beside_media_are_pairs_too(seehear: Terminal, tmp_path: Path) -> None:
    for one in pictures(tmp_path / "scans", WORDS, 40):
        one.path.with_suffix(".txt").write_text(one.words)
    seehear.index(tmp_path / "scans")

    ended = seehear("align", "fit", "--captions", "--method", "ridge", "--json")

    assert ended.code == 0, ended
    assert ended.json["pairs"] == 40
    assert ended.json["verdict"] == "helps"


BAD = {
    "one.csv": ("left,right\n{a},text:one\n", "too few"),
    "empty.csv": ("left,right\n", "no lines to read"),
    "sided.csv": ("left,right\n{a},\n", "has no right"),
    "same.csv": ("left,right\n" + "{a},text:one two\n" * 20, "same in every pair"),
    "mixed.csv": ("left,right\n{a},text:one\nsome words,text:two\n", "The left side mixes"),
    "kind.csv": ("left,right\n{a},{b}\n{b},{a}\n", "Both sides are image"),
    "gone.csv": ("left,right\nnone.png,text:a\nnot.png,text:b\n", "can be read"),
    "binary.csv": ("left,right\n{a},\udcff\n", "no UTF-8"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_pairs_are_told_in_a_sentence_and_change_nothing(
    seehear: Terminal, world: Path, tmp_path: Path, name: str
) -> None:
    seehear.index(world / "scans")
    text, told = BAD[name]
    first, second = sorted((world / "scans").iterdir())[:2]
    whole = text.replace("{a}", str(first)).replace("{b}", str(second))
    (tmp_path / name).write_bytes(whole.encode(errors="surrogateescape"))

    ended = seehear("align", "fit", "--pairs", tmp_path / name)

    assert ended.code == 2, ended
    assert told in ended.err
    assert seehear("align", "list", "--json").json["bridges"] == []


def test_a_pair_whose_file_is_gone_is_left_out_and_told(
    seehear: Terminal, world: Path, tmp_path: Path
) -> None:
    seehear.index(world / "scans")
    text = (world / "pairs.csv").read_text().replace("scans/", f"{world}/scans/")
    text += "gone.png,text:effusion,x\n"
    (tmp_path / "pairs.csv").write_text(text)

    ended = seehear("align", "fit", "--pairs", tmp_path / "pairs.csv", "--method", "ridge")

    assert ended.code == 0, ended
    assert "Line 62: There is no file" in ended.err
    assert "It helps" in ended.out


def test_pairs_that_stand_twice_are_no_more_than_they_are(
    seehear: Terminal, world: Path, tmp_path: Path
) -> None:
    seehear.index(world / "scans")
    text = (world / "pairs.csv").read_text().replace("scans/", f"{world}/scans/")
    head, *rows = text.splitlines()
    # Each line twice, under groups that say they have nothing in common.
    bare = [row.rpartition(",")[0] for row in rows]
    twice = [f"{row},{half}{at}" for half in "ab" for at, row in enumerate(bare)]
    (tmp_path / "twice.csv").write_text("\n".join([head, *twice]))

    ended = seehear(
        "align", "fit", "--pairs", tmp_path / "twice.csv", "--method", "ridge", "--json"
    )

    # Files with the same bytes are one group, whatever the table says.
    assert (ended.json["pairs"], ended.json["groups"]) == (120, 60)
    assert ended.json["verdict"] == "helps"


def test_unknown_names_are_told(seehear: Terminal, world: Path) -> None:
    seehear.index(world / "scans")
    pairs = world / "pairs.csv"

    for arguments, told in (
        (("use", "nothing"), "There is no bridge 'nothing' here"),
        (("fit", "--pairs", pairs, "--method", "magic"), "There is no method 'magic'"),
        (("fit", "--pairs", pairs, "--from", "clip"), "Nothing puts image into a space 'clip'"),
        (("fit",), "Say what to learn from"),
        (("fit", "--pairs", pairs, "--picture", "x.jpg"), "is no picture by its name"),
        (("drop", "--keep", "nothing"), "There is no bridge 'nothing' here"),
        (("import", "none.json"), "There is no file none.json"),
        (("fit", "--pairs", pairs, "--name", "../x"), "cannot be called"),
    ):
        ended = seehear("align", *arguments)
        assert ended.code == 2, ended
        assert told in ended.err


def test_a_bridge_is_not_replaced_by_the_name_of_another_table(
    taught: Terminal, world: Path
) -> None:
    ended = taught("align", "fit", "--pairs", world / "pairs.csv", "--method", "ridge")

    assert ended.code == 2
    assert "There is a bridge 'pairs' here already" in ended.err
    again = ("align", "fit", "--pairs", world / "pairs.csv", "--method", "ridge", "--name", "pairs")
    assert taught(*again).code == 0
    assert taught("align", "show", "pairs", "--json").json["kept"]


def test_a_bridge_of_another_profile_is_refused(taught: Terminal, tmp_path: Path) -> None:
    taught("align", "export", "pairs", "--to", tmp_path)
    told = json.loads((tmp_path / "pairs.json").read_text())
    told["ends"][0]["fingerprint"] = "another"
    (tmp_path / "pairs.json").write_text(json.dumps(told))

    ended = taught("align", "import", tmp_path / "pairs.json", "--name", "other")

    assert ended.code == 12
    assert "damaged" in ended.err
