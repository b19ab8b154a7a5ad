"""Laws of the line that people type: never a traceback, mistakes have a place, it reads back."""

from collections.abc import Callable
from datetime import datetime

from hypothesis import example, given
from hypothesis import strategies as st

from engine.errors import GrammarError
from engine.grammar import Operand, operand, parse, unparse
from engine.grammar.conditions import NAMES
from engine.query import Query

NOW = datetime(2024, 5, 15, 12, 34, 56)  # noqa: DTZ001  (the clock on the wall)

PARTS = st.sampled_from(
    [
        *(f"{name}:" for name in sorted(NAMES)),
        *("+", "-", '"', "“", "\\", ",", "..", "<", "<=", ">", ">=", "=", "text:", "2:", "0.5:"),
        *("red", "car", "#", "@", "16:9", "http://a.b", "durration:", "Title:", "ŝi", "日本"),
        *("10s", "1:30", "1h30m", "1.5", "5MB", "3KiB", "1920px", "4", "photo", "square", "/a/b"),
        *("2023", "2023-07", "2023-07-14T10:30", "9999", "today", "7d", "3mo", "99999y"),
        *("calm", "emotion/", "/", ">0.8", ">=.5", "≥1", "<0.3", ">2", '"very calm>0.8"'),
        *("48.14", "-11.58", "180", "10km", "500m", "jpg", ".", "~", "~/x", "\0", "\udcff"),
        *(" ", " ", " ", " ", " "),
    ]
)
LINES = st.text(max_size=40) | st.lists(PARTS, max_size=12).map("".join)
CONDITIONS = st.tuples(st.sampled_from(sorted(NAMES)), PARTS, PARTS, PARTS, PARTS).map(
    lambda parts: f"{parts[0]}:{''.join(parts[1:])}"
)


def outcome(line: str) -> Query | GrammarError:
    try:
        return parse(line, now=NOW)
    except GrammarError as error:
        return error


@given(LINES | CONDITIONS)
@example("\x1c")
@example('ext:"..a"')
@example("date:9999")
@example("date:>9999")
@example("in:İ.")
@example("width:1.5px")
@example("path:~\0")
def test_a_line_is_a_query_or_a_mistake_with_its_place(line: str) -> None:
    found = outcome(line)

    if isinstance(found, GrammarError):
        assert found.line == line
        assert 0 <= found.column <= len(line)
        assert 0 <= found.length <= len(line) - found.column
        assert found.length or found.column == len(line) or not line.strip()
        assert found.sentence.endswith(".")
        assert found.hint
        again = outcome(line)
        assert isinstance(again, GrammarError)
        assert (again.column, again.length, str(again)) == (found.column, found.length, str(found))
    else:
        assert outcome(line) == found
        assert found.terms or found.filters


@given(LINES | CONDITIONS)
@example("beach -people sunset")
@example('- a "b" + "c"')
@example("date:9999")
@example("date:<=9999")
@example("text:- text:text:x text:+")
@example('name:"a\\"b" name:<"a b" ext:" . x"')
@example("duration:0 duration:60s,1m,1:00,59.5s size:0..0")
@example("near:-0.0000000001,0,0.4m")
@example('label:emotion/calm>0.8,/a/b,"very calm>=.5",x>>0.123456,a=>1,b≥1.0')
@example("label:a/b/c>0.8 label:c> label:emotion/very label:a≥0.050")
def test_what_is_written_reads_as_the_same_query(line: str) -> None:
    query = outcome(line)
    if isinstance(query, Query):
        written = unparse(query)
        assert parse(written, now=NOW) == query
        assert unparse(parse(written, now=NOW)) == written


@given(st.text(max_size=30) | st.lists(PARTS, max_size=6).map("".join))
def test_words_of_any_kind_can_be_written(words: str) -> None:
    if words.split():
        query = Query(text=words)
        assert [t.payload for t in parse(unparse(query), now=NOW).terms] == [
            " ".join(words.split())
        ]


SUFFIXES = st.lists(
    st.sampled_from(
        [":0.5", ":-1", ":0", "@1:20-1:35", "@9-5", "#10%,20%,50%,50%", "#2,2,2,2", ":", "@x"]
    ),
    max_size=4,
).map("".join)


@given(st.text(max_size=12), SUFFIXES | st.text(max_size=8))
@example("~\0", "")
def test_an_operand_is_a_path_or_a_mistake_with_its_place(path: str, suffix: str) -> None:
    text = path + suffix
    for exists in ({path}.__contains__, set[str]().__contains__, {text}.__contains__):
        found = outcome_of_operand(text, exists)
        if isinstance(found, GrammarError):
            assert found.line == text
            assert 0 <= found.column < found.column + found.length <= len(text)
            assert found.hint
        else:
            assert str(found.path)


def outcome_of_operand(text: str, exists: Callable[[str], bool]) -> Operand | GrammarError:
    try:
        return operand(text, exists)
    except GrammarError as error:
        return error
