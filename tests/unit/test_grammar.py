"""The line that people type, case by case: what it means, and where a mistake in it is."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.errors import GrammarError, UsageError
from engine.grammar import Operand, operand, parse, unparse
from engine.query import Box, Field, Filter, Given, Near, Query, Range, Region, Term, Value
from engine.types import Modality, Span

NOW = datetime(2024, 3, 31, 12, 34, 56)  # noqa: DTZ001  (the clock on the wall)


def words(text: str, weight: float = 1.0) -> Term:
    return Term(Modality.TEXT, text, weight)


def exact(text: str, weight: float = 1.0) -> Term:
    return Term(Modality.TEXT, text, weight, exact=True)


def only(field: Field, *values: Value, negated: bool = False) -> Filter:
    return Filter(field, values, negated)


def at(*date: int) -> int:
    """The second at which a date of the wall's clock begins."""
    year, month, day, *time = (*date, *(1, 1)[len(date) - 1 :]) if len(date) < 3 else date
    return int(datetime(year, month, day, *time, tzinfo=UTC).timestamp())


TERMS: list[tuple[str, tuple[Term, ...]]] = [
    ("beach", (words("beach"),)),
    ("  red   car ", (words("red car"),)),
    ("beach - people", (words("beach"), words("people", -1))),
    ("beach - people + sunset sky", (words("beach"), words("people", -1), words("sunset sky"))),
    ("- people", (words("people", -1),)),
    ("a + b + c", (words("a"), words("b"), words("c"))),
    ("beach -people sunset", (words("beach sunset"), words("people", -1))),
    ("beach +people sunset", (words("beach sunset"), words("people"))),
    ('"red car"', (exact("red car"),)),
    ('"red  car" beach "sky"', (exact("red car"), words("beach"), exact("sky"))),
    ("beach “red car”", (words("beach"), exact("red car"))),
    ('-"red car"', (exact("red car", -1),)),
    ('a - "red car" b', (words("a"), exact("red car", -1), words("b", -1))),
    ('a - b +"red car"', (words("a"), words("b", -1), exact("red car"))),
    (r'"a \"b\" c\\"', (exact('a "b" c\\'),)),
    ('12" vinyl', (words('12" vinyl'),)),
    ('5"x7"', (words('5"x7"'),)),
    ("2:beach", (words("beach", 2),)),
    ("0.5:red car", (words("red car", 0.5),)),
    (".5:red car", (words("red car", 0.5),)),
    ("sky 2:red car 3:dog", (words("sky"), words("red car", 2), words("dog", 3))),
    ("a - 2:b", (words("a"), words("b", -2))),
    ("a -2:b c", (words("a c"), words("b", -2))),
    ('2:"red car" sky', (exact("red car", 2), words("sky"))),
    ("16:9 12:30 3:", (words("16:9 12:30 3:"),)),
    ("Title: something", (words("Title: something"),)),
    ("http://a.org/b note:this", (words("http://a.org/b note:this"),)),
    ("next:week bin:3 update:x same:y", (words("next:week bin:3 update:x same:y"),)),
    ("Durration: 3", (words("Durration: 3"),)),
    ("a->b -> -- --x -=- c++", (words("a->b -> -- --x -=- c++"),)),
    ("text:red.jpg text:-dog text:tag:x", (words("red.jpg -dog tag:x"),)),
    ("a - text:tag:x", (words("a"), words("tag:x", -1))),
    ("-text:tag:x", (words("tag:x", -1),)),
    ("text: Text:x", (words("text: Text:x"),)),
    ("-海 日本", (words("海", -1), words("日本"))),
]

D = Field.DATE
FILTERS: list[tuple[str, tuple[Filter, ...]]] = [
    ("kind:photo", (only(Field.KIND, "image"),)),
    ("type:Sound,film,images", (only(Field.KIND, "audio", "video", "image"),)),
    ("kind:music,audio", (only(Field.KIND, "audio"),)),
    ("in:holiday", (only(Field.FOLDER, "holiday"),)),
    ('folder:"my trip/2023/",b', (only(Field.FOLDER, "my trip/2023", "b"),)),
    ("under:/a/b/../c/ path:/x", (only(Field.UNDER, "/a/c"), only(Field.UNDER, "/x"))),
    ("name:IMG_", (only(Field.NAME, "IMG_"),)),
    ("ext:.JPG,png format:wav", (only(Field.FORMAT, "jpg", "png"), only(Field.FORMAT, "wav"))),
    ("date:2023", (only(D, Range(at(2023), at(2024))),)),
    ("date:2023-12", (only(D, Range(at(2023, 12), at(2024))),)),
    ("date:2024-2-29", (only(D, Range(at(2024, 2, 29), at(2024, 3))),)),
    ("taken:2023/07/14", (only(Field.TAKEN, Range(at(2023, 7, 14), at(2023, 7, 15))),)),
    (
        "modified:2023-07-14T10:30",
        (only(Field.MODIFIED, Range(at(2023, 7, 14, 10, 30), at(2023, 7, 14, 10, 31))),),
    ),
    (
        'date:"2023-07-14 10:30:59"',
        (only(D, Range(at(2023, 7, 14, 10, 30, 59), at(2023, 7, 14, 10, 31))),),
    ),
    ("date:>2020", (only(D, Range(at(2021), None)),)),
    ("date:>=2020", (only(D, Range(at(2020), None)),)),
    ("date:<2020", (only(D, Range(None, at(2020))),)),
    ("date:<=2020", (only(D, Range(None, at(2021))),)),
    ("date:2021..2023", (only(D, Range(at(2021), at(2024))),)),
    ("date:2021-05..", (only(D, Range(at(2021, 5), None)),)),
    ("date:..2021-05", (only(D, Range(None, at(2021, 6))),)),
    ("date:2019,2021", (only(D, Range(at(2019), at(2020)), Range(at(2021), at(2022))),)),
    ("after:2023", (only(D, Range(at(2023), None)),)),
    ("before:2023", (only(D, Range(None, at(2023))),)),
    ("after:today", (only(D, Range(at(2024, 3, 31), None)),)),
    ("date:Yesterday", (only(D, Range(at(2024, 3, 30), at(2024, 3, 31))),)),
    ("after:7d", (only(D, Range(at(2024, 3, 24), None)),)),
    ("date:7d", (only(D, Range(at(2024, 3, 24), None)),)),
    ('before:"2 weeks ago"', (only(D, Range(None, at(2024, 3, 17))),)),
    ("after:1mo", (only(D, Range(at(2024, 2, 29), None)),)),
    ("after:1y", (only(D, Range(at(2023, 3, 31), None)),)),
    ("after:2h", (only(D, Range(at(2024, 3, 31, 10, 34, 56), None)),)),
    ("duration:<10s", (only(Field.DURATION, Range(None, 10_000)),)),
    ("duration:<=10s", (only(Field.DURATION, Range(None, 10_001)),)),
    ("duration:>10s", (only(Field.DURATION, Range(10_001, None)),)),
    ("length:>=10", (only(Field.DURATION, Range(10_000, None)),)),
    ("duration:≥1h30m", (only(Field.DURATION, Range(5_400_000, None)),)),
    ("duration:10s", (only(Field.DURATION, Range(10_000, 11_000)),)),
    ("duration:=1.5s", (only(Field.DURATION, Range(1_500, 1_600)),)),
    ("duration:2min", (only(Field.DURATION, Range(120_000, 180_000)),)),
    ("duration:1:30", (only(Field.DURATION, Range(90_000, 91_000)),)),
    ("duration:1:02:03.5", (only(Field.DURATION, Range(3_723_500, 3_723_600)),)),
    ("duration:10s..1m", (only(Field.DURATION, Range(10_000, 60_001)),)),
    ('duration:"< 250 ms"', (only(Field.DURATION, Range(None, 250)),)),
    ("size:>10MB", (only(Field.SIZE, Range(10_000_001, None)),)),
    ("size:<1.5GiB", (only(Field.SIZE, Range(None, 1_610_612_736)),)),
    ("size:..500kb", (only(Field.SIZE, Range(None, 500_001)),)),
    ("size:0", (only(Field.SIZE, Range(0, 1)),)),
    (
        "width:1920 height:>=1080px",
        (only(Field.WIDTH, Range(1920, 1921)), only(Field.HEIGHT, Range(1080, None))),
    ),
    ("width:<1.5", (only(Field.WIDTH, Range(None, 2)),)),
    ("shape:Portrait,square", (only(Field.SHAPE, "portrait", "square"),)),
    ("orientation:landscape", (only(Field.SHAPE, "landscape"),)),
    ('camera:"Canon EOS",nikon', (only(Field.CAMERA, "Canon EOS", "nikon"),)),
    ("near:48.14,-11.5", (only(Field.PLACE, Near(48.14, -11.5, 10)),)),
    ('near:"48, 11, 500m"', (only(Field.PLACE, Near(48, 11, 0.5)),)),
    ("box:-10,170,10,-170", (only(Field.PLACE, Box(-10, 170, 10, -170)),)),
    ("tag:x keyword:y", (only(Field.TAG, "x"), only(Field.TAG, "y"))),
    ("rating:4", (only(Field.RATING, Range(4, 5)),)),
    ("rating:>=3stars", (only(Field.RATING, Range(3, None)),)),
    ("rating:3..5", (only(Field.RATING, Range(3, 6)),)),
    ("-tag:x", (only(Field.TAG, "x", negated=True),)),
    ("- in:foo", (only(Field.FOLDER, "foo", negated=True),)),
    ("+tag:x", (only(Field.TAG, "x"),)),
    ("-after:2023", (only(D, Range(at(2023), None), negated=True),)),
    ("label:angry", (only(Field.LABEL, Given("angry")),)),
    ('-label:"very calm"', (only(Field.LABEL, Given("very calm"), negated=True),)),
    ("label:emotion/angry", (only(Field.LABEL, Given("angry", "emotion")),)),
    ("label:angry>0.8", (only(Field.LABEL, Given("angry", "", 0.8, above=True)),)),
    ('label:"very calm >= .05",x', (only(Field.LABEL, Given("very calm", "", 0.05), Given("x")),)),
    ("label:m/a/b≥1", (only(Field.LABEL, Given("a/b", "m", 1.0)),)),
    ("label:/a/b", (only(Field.LABEL, Given("a/b")),)),
    ("Tag:X", (only(Field.TAG, "X"),)),
]

BOTH: list[tuple[str, Query]] = [
    (
        'after:2023 in:holiday duration:<10s "red car" beach - people',
        Query(
            more=(exact("red car"), words("beach"), words("people", -1)),
            filters=(
                only(D, Range(at(2023), None)),
                only(Field.FOLDER, "holiday"),
                only(Field.DURATION, Range(None, 10_000)),
            ),
        ),
    ),
    (
        "beach - in:foo sunset",
        Query(more=(words("beach sunset"),), filters=(only(Field.FOLDER, "foo", negated=True),)),
    ),
    (
        "beach tag:a - people tag:b dogs",
        Query(
            more=(words("beach"), words("people dogs", -1)),
            filters=(only(Field.TAG, "a"), only(Field.TAG, "b")),
        ),
    ),
]

CASES = [
    *((line, Query(more=terms)) for line, terms in TERMS),
    *((line, Query(filters=filters)) for line, filters in FILTERS),
    *BOTH,
]


@pytest.mark.parametrize(("line", "query"), CASES, ids=[line for line, _ in CASES])
def test_a_line_reads_as_its_query_and_back(line: str, query: Query) -> None:
    assert parse(line, now=NOW) == query
    assert parse(unparse(query), now=NOW) == query


MISTAKES = [
    ("", 0, 0, "empty"),
    ("   ", 0, 0, "empty"),
    ("durration:<3s", 0, 10, "'duration:'"),
    ("tpye:photo", 0, 5, "'type:'"),
    ("Heigth:<3", 0, 7, "'height:'"),
    ("a -camra:canon", 3, 6, "'camera:'"),
    ("beach in:", 6, 3, "value"),
    ("tag: x", 0, 4, "value"),
    ("tag:a,,b", 4, 4, "alternative"),
    ("tag:a,", 4, 2, "alternative"),
    ("kind:imge", 5, 4, "image, audio, video, text"),
    ("kind:image,vdeo x", 11, 4, "video"),
    ("shape:round", 6, 5, "portrait"),
    ('a "open b', 2, 7, "not closed"),
    ('camera:"Canon', 7, 6, "not closed"),
    ('camera:"Canon"x', 14, 1, "closing quote"),
    ('a "" b', 2, 2, "nothing"),
    ("a -", 2, 1, "follows"),
    ("a - - b", 4, 1, "Two signs"),
    ("a - -b", 4, 2, "Two signs"),
    ("0:beach", 0, 2, "weight"),
    ("99999:beach", 0, 6, "weight"),
    ("2:tag:x", 0, 6, "no weight"),
    ("duration:<10q", 9, 4, "10s"),
    ("duration:1:75", 9, 4, "10s"),
    ("duration:10s,x", 13, 1, "10s"),
    ("duration:1m..10s", 9, 7, "smaller"),
    ("duration:..", 9, 2, "end"),
    ("width:1.5", 6, 3, "Nothing lies"),
    ("rating:6", 7, 1, "0 to 5"),
    ("size:999999999TB", 5, 11, "too much"),
    ("date:2023-13", 5, 7, "2023-07"),
    ("date:2023-02-30", 5, 10, "no date"),
    ("date:0000", 5, 4, "no date"),
    ("date:14.07.2023", 5, 10, "2023-07-14"),
    ("date:2023..2021", 5, 10, "smaller"),
    ("after:9999y", 6, 5, "no date"),
    ("after:>2023", 6, 5, "no date"),
    ("after:2021,2022", 11, 4, "one date"),
    ("near:48", 5, 2, "near:48.14"),
    ("near:95,3", 5, 2, "-90 to 90"),
    ("near:48,11,10parsecs", 11, 9, "10km"),
    ("near:48,11,0km", 11, 3, "distance"),
    ("box:1,2,3", 4, 5, "south, west"),
    ("box:3,2,1,4", 8, 1, "north"),
    ("under:holiday", 6, 7, "in:holiday"),
    ("label:>0.8", 6, 4, "missing"),
    ("label:emotion/", 6, 8, "missing"),
    ("label:angry<0.3", 6, 9, "-label:angry>=0.3"),
    ("label:angry>2", 6, 7, "0.05 to 1"),
    ("label:angry>0.04", 6, 10, "0.05 to 1"),
    ("lable:angry", 0, 6, "'label:'"),
    ("in:///", 3, 3, "letter"),
]


@pytest.mark.parametrize(
    ("line", "column", "length", "told"), MISTAKES, ids=[one[0] for one in MISTAKES]
)
def test_a_mistake_has_its_place_and_a_remedy(
    line: str, column: int, length: int, told: str
) -> None:
    with pytest.raises(GrammarError) as caught:
        parse(line, now=NOW)

    error = caught.value
    assert (error.line, error.column, error.length) == (line, column, length)
    assert told in str(error)
    assert isinstance(error, UsageError)
    assert error.exit_code == 2


WRITTEN = [
    ("after:2023 before:2024-05-01", "after:2023 before:2024-05"),
    ("date:2023-01-01..2023-12-31", "date:2023"),
    ("date:>2020", "after:2021"),
    ("taken:<2020-05-03", "taken:<2020-05-03"),
    ("duration:60s..120s", "duration:1m..2m"),
    ("duration:60s", "duration:60s"),
    ("duration:1m", "duration:1m"),
    ("size:>=1500000", "size:>=1500KB"),
]


@pytest.mark.parametrize(("line", "written"), WRITTEN)
def test_what_is_written_is_short(line: str, written: str) -> None:
    assert unparse(parse(line, now=NOW)) == written


def test_words_of_a_query_are_written_so_that_they_stay_words() -> None:
    query = Query(text="tag:x - 2:b -c", image="a.jpg")

    assert unparse(query) == "text:tag:x text:- text:2:b text:-c"


def test_the_clock_is_read_when_none_is_given() -> None:
    (since,) = parse("after:1h").filters

    now = datetime.now(UTC).astimezone().replace(tzinfo=UTC).timestamp()
    assert isinstance(since.any_of[0], Range)
    assert abs(now - 3_600 - (since.any_of[0].least or 0)) < 60


FILES = {"a.jpg", "s.mp3", "odd.jpg:0.5", "p#1.jpg", "x@1-2"}
OPERANDS = [
    ("a.jpg", Operand(Path("a.jpg"))),
    ("a.jpg:0.5", Operand(Path("a.jpg"), 0.5)),
    ("a.jpg:-2", Operand(Path("a.jpg"), -2)),
    ("s.mp3@1:20-1:35", Operand(Path("s.mp3"), span=Span(80_000, 95_000))),
    ("s.mp3@1m20s..95.5", Operand(Path("s.mp3"), span=Span(80_000, 95_500))),
    ("s.mp3@1:20-1:35:0.5", Operand(Path("s.mp3"), 0.5, Span(80_000, 95_000))),
    ("s.mp3:0.5@80s-95s", Operand(Path("s.mp3"), 0.5, Span(80_000, 95_000))),
    ("a.jpg#10%,20%,50%,50%", Operand(Path("a.jpg"), region=Region(0.1, 0.2, 0.5, 0.5))),
    ("a.jpg#.1,0.2,50%,1%:3", Operand(Path("a.jpg"), 3, region=Region(0.1, 0.2, 0.5, 0.01))),
    ("odd.jpg:0.5", Operand(Path("odd.jpg:0.5"))),
    ("odd.jpg:0.5:2", Operand(Path("odd.jpg:0.5"), 2)),
    ("p#1.jpg#0,0,1,1", Operand(Path("p#1.jpg"), region=Region(0, 0, 1, 1))),
    ("x@1-2@3-4", Operand(Path("x@1-2"), span=Span(3_000, 4_000))),
    ("gone.jpg:0.5", Operand(Path("gone.jpg"), 0.5)),
    ("after:2020", Operand(Path("after:2020"))),
    ("birds@dawn", Operand(Path("birds@dawn"))),
]


@pytest.mark.parametrize(("text", "expected"), OPERANDS, ids=[text for text, _ in OPERANDS])
def test_a_file_has_a_weight_a_span_a_region(text: str, expected: Operand) -> None:
    assert operand(text, FILES.__contains__) == expected


def test_the_home_folder_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")

    assert operand("~/a.jpg:2", {"/home/me/a.jpg"}.__contains__).path == Path("/home/me/a.jpg")
    assert parse("under:~/x").filters == (only(Field.UNDER, "/home/me/x"),)
    with pytest.raises(GrammarError) as caught:
        operand("~/a.jpg:0", {"/home/me/a.jpg"}.__contains__)
    assert (caught.value.line, caught.value.column) == ("~/a.jpg:0", 7)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a.jpg:0", 5),
        ("a.jpg:x", 5),
        ("a.jpg:1:2", 5),
        ("s.mp3@5-3", 5),
        ("s.mp3@1:20", 5),
        ("s.mp3@1:75-2:00", 5),
        ("a.jpg#1,2", 5),
        ("a.jpg#50%,0,60%,1", 5),
        ("a.jpg#10,10,20,20", 5),
        ("a.jpg:0.5#x", 5),
    ],
)
def test_a_suffix_of_a_file_that_cannot_be_read_is_pointed_at(text: str, column: int) -> None:
    with pytest.raises(GrammarError, match="FILE@1:20-1:35") as caught:
        operand(text, FILES.__contains__)

    assert (caught.value.column, caught.value.length) == (column, len(text) - column)
