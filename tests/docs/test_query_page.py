"""The page on queries is true: its examples are read, and every condition is on it."""

import re
from pathlib import Path

import pytest

from engine.errors import GrammarError
from engine.grammar import parse, unparse
from engine.grammar.conditions import NAMES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "query.md").read_text("utf-8")
LINES = [
    line
    for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("line", LINES)
def test_every_example_is_read(line: str) -> None:
    query = parse(line)

    assert query.filters or len(query.terms) >= 1
    assert parse(unparse(query)) == query


def test_every_condition_in_the_text_is_one() -> None:
    written = set(re.findall(r"`-?([a-z]+):", PAGE)) - {"text", "durration", "tpye", "http"}

    assert written <= NAMES
    assert NAMES - written <= {"modality", "filename", "tags", "keywords"}  # silent synonyms


def test_the_mistake_on_the_page_is_one() -> None:
    with pytest.raises(GrammarError, match="'duration:'"):
        parse("durration:<3s")
