"""A person's tables: the same rows from every form, and mistakes that name file and line."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UsageError
from engine.teach import Labelled, Pair, read_labels, read_pairs

WRITTEN = {
    "plain.csv": "cat.png,a cat,p1\nlow.wav,a hum,p2\n",
    "named.csv": "left,right,group\ncat.png,a cat,p1\nlow.wav,a hum,p2\n",
    "turned.csv": "group,right,left\np1,a cat,cat.png\np2,a hum,low.wav\n",
    "bom.csv": "\ufeffLEFT,Right,group\r\ncat.png,a cat,p1\r\n\r\nlow.wav,a hum,p2\r\n",
    "quoted.csv": '"cat.png","a cat",p1\n low.wav , a hum ,p2',
    "plain.tsv": "cat.png\ta cat\tp1\nlow.wav\ta hum\tp2\n",
    "rows.jsonl": '{"left": "cat.png", "right": "a cat", "group": "p1", "more": [1]}\n\n'
    '{"right": "a hum", "left": "low.wav", "group": "p2"}\n',
}


def written(folder: Path, name: str, text: str) -> Path:
    (folder / "cat.png").touch()
    file = folder / name
    file.write_text(text, encoding="utf-8", newline="")
    return file


@pytest.mark.parametrize("name", WRITTEN)
def test_every_form_says_the_same(tmp_path: Path, name: str) -> None:
    found = read_pairs(written(tmp_path, name, WRITTEN[name]))

    assert [(one.left, one.right, one.group) for one in found] == [
        (tmp_path / "cat.png", "a cat", "p1"),
        (tmp_path / "low.wav", "a hum", "p2"),  # not there, and yet no words
    ]


def test_lines_are_counted_as_an_editor_shows_them(tmp_path: Path) -> None:
    text = 'left,right\ncat.png,"two\nlines"\n\na,b\n'

    assert read_pairs(written(tmp_path, "x.csv", text)) == (
        Pair(tmp_path / "cat.png", "two\nlines", "", 2),
        Pair("a", "b", "", 5),
    )


@pytest.mark.parametrize(
    ("cell", "item"),
    [
        ("cat.png", "{folder}/cat.png"),
        ("./sub/../cat.png", "{folder}/cat.png"),
        ("{folder}/cat.png", "{folder}/cat.png"),
        ("./nothing here", "{folder}/nothing here"),
        ("MY PHOTO.JPG", "{folder}/MY PHOTO.JPG"),
        ("a cat", "a cat"),
        ("version 3.14", "version 3.14"),
        ("text:cat.png", "cat.png"),
    ],
)
def test_a_cell_is_a_file_or_words(tmp_path: Path, cell: str, item: str) -> None:
    text = f"{cell.format(folder=tmp_path)},happy\n"
    (found,) = read_labels(written(tmp_path, "x.csv", text))

    is_path = "{folder}" in item
    assert str(found.item) == item.format(folder=tmp_path)
    assert isinstance(found.item, Path) is is_path


def test_a_thing_that_stands_twice_with_one_label_is_one(tmp_path: Path) -> None:
    text = "path,label\ncat.png,calm\n./cat.png,calm\nhello,calm\n"

    assert read_labels(written(tmp_path, "x.csv", text)) == (
        Labelled(tmp_path / "cat.png", "calm", "", 2),
        Labelled("hello", "calm", "", 4),
    )


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.csv", "", "no lines"),
        ("x.csv", "path,label\n", "no lines"),
        ("x.csv", "path,class\na,b\n", "no column 'label'"),
        ("x.csv", "a,b\nc\n", "Line 2 of .*x.csv has 1 columns, not 2 to 3"),
        ("x.csv", "a,b,c,d\n", "Line 1 of .*x.csv has 4 columns"),
        ("x.csv", "a,b\nc,\n", "Line 2 of .*x.csv has no label"),
        ("x.csv", 'a,b\n"c,d\n', "Line 2 of .*x.csv cannot be read"),
        ("x.csv", "cat.png,calm\nx,y\n./cat.png,angry\n", "Line 3 of .*'angry', line 1 as 'calm'"),
        ("x.jsonl", '{"path": "a", "label": "b"}\n[]\n', "Line 2 of .*x.jsonl is no object"),
        ("x.jsonl", '{"path": "a"\n', "Line 1 of .*x.jsonl is no JSON"),
        ("x.jsonl", '{"path": "a"}\n', "Line 1 of .*x.jsonl has no label"),
        ("x.jsonl", '{"path": "a", "label": [1]}\n', "Line 1 of .* has a label that is no word"),
        ("x.xlsx", "a,b\n", "x.xlsx is no table by its name"),
    ],
)
def test_mistakes_name_the_file_and_the_line(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        read_labels(written(tmp_path, name, text))


def test_files_that_are_no_text_or_not_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"a,\xff\n")
    with pytest.raises(UsageError, match=r"x\.csv is no UTF-8 text"):
        read_pairs(tmp_path / "x.csv")
    for name in ("gone.csv", "gone.jsonl"):
        with pytest.raises(UsageError, match=f"{name} cannot be read: No such file"):
            read_pairs(tmp_path / name)


CELLS = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=6
).map(lambda one: f"w{one}w")  # neither blanks at the ends nor a name of a column


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=4))
def test_what_csv_and_json_write_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    for name, dialect in (("x.csv", "excel"), ("x.tsv", "excel-tab")):
        with (folder / name).open("w", newline="", encoding="utf-8") as out:
            csv.writer(out, dialect).writerows(rows)
    keys = ("left", "right", "group")
    lines = [json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows]
    (folder / "x.jsonl").write_text("".join(lines), encoding="utf-8")

    for name in ("x.csv", "x.tsv", "x.jsonl"):
        found = read_pairs(folder / name)
        assert [(one.left, one.right, one.group) for one in found] == rows
