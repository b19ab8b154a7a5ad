"""Conditions admit just the files that a plain reading of their meaning admits."""

import os
import time
from calendar import timegm
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import acos, cos, radians, sin
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.errors import EngineError, UsageError
from engine.facts import Facts
from engine.query import LEAST_CHANCE, Box, Field, Filter, Given, Near, Range, Value
from engine.store.records import ContentRecord, FileRecord, Guess, Stamp, State
from engine.store.writer import CatalogueWriter
from engine.types import Modality

HOME, SHARE = Path("/home/Ada/Pictures"), Path("/srv/Straße")
ROOTS = (HOME, SHARE)


@dataclass(frozen=True)
class Made:
    """A file with what it says about itself."""

    root: Path
    path: str
    modality: Modality
    format: str
    size: int
    mtime_ns: int
    facts: Facts
    guesses: tuple[tuple[str, tuple[Guess, ...]], ...] = ()
    """What each classifier said of it."""


# --- the oracle ----------------------------------------------------------------------------------


def passes(file: Made, filters: Sequence[Filter]) -> bool:
    return all(any(fits(file, f.field, v) for v in f.any_of) != f.negated for f in filters)


def fits(file: Made, field: Field, value: Value) -> bool:
    numbers = numbers_of(file)
    if field in numbers:
        assert isinstance(value, Range)
        number = numbers[field]
        return number is not None and number in value
    if field is Field.PLACE:
        return is_there(file.facts, value)
    if field is Field.LABEL:
        assert isinstance(value, Given)
        return any(is_given(said, value) for said in file.guesses)
    assert isinstance(value, str)
    if field is Field.UNDER:
        return Path(file.root / file.path).parent.is_relative_to(value)
    word = value.casefold()
    name = Path(file.path).name.casefold()
    simple = {
        Field.KIND: lambda: word == file.modality.value,
        Field.FOLDER: lambda: has_folders(file, word.split("/")),
        Field.NAME: lambda: word in name if "*" not in word else has_parts(name, word),
        Field.FORMAT: lambda: word in {Path(name).suffix[1:] or None, file.format},
        Field.SHAPE: lambda: word == shape(file.facts),
        Field.CAMERA: lambda: file.facts.camera != "" and word in file.facts.camera.casefold(),
        Field.TAG: lambda: word in {one.casefold() for one in file.facts.tags},
    }
    return simple[field]()


def is_given(said: tuple[str, tuple[Guess, ...]], wanted: Given) -> bool:
    classifier, guesses = said
    if not guesses or wanted.classifier.casefold() not in {"", classifier}:
        return False
    best = max(guesses, key=lambda one: one.probability)  # the first of equal ones
    kept = [one for one in guesses if one is best or one.probability >= LEAST_CHANCE]
    named = [one for one in kept if one.label.casefold() == wanted.label.casefold()]
    if wanted.least is None:
        return best in named
    if wanted.above:
        return any(one.probability > wanted.least for one in named)
    return any(one.probability >= wanted.least for one in named)


def numbers_of(file: Made) -> Mapping[Field, int | None]:
    seconds = file.mtime_ns // 10**9
    modified = timegm(time.localtime(seconds))
    facts = file.facts
    return {
        Field.DATE: modified if facts.taken is None else facts.taken,
        Field.TAKEN: facts.taken,
        Field.MODIFIED: modified,
        Field.DURATION: facts.duration_ms,
        Field.SIZE: file.size,
        Field.WIDTH: facts.width,
        Field.HEIGHT: facts.height,
        Field.RATING: facts.rating,
    }


def has_folders(file: Made, wanted: list[str]) -> bool:
    names = [one.casefold() for one in (file.root.name, *Path(file.path).parts[:-1])]
    runs = [names[i : i + len(wanted)] for i in range(len(names) - len(wanted) + 1)]
    return any(
        all(has_parts(n, w, whole=True) for n, w in zip(run, wanted, strict=True)) for run in runs
    )


def has_parts(name: str, pattern: str, *, whole: bool = False) -> bool:
    """Whether a name fits a pattern, sign by sign."""
    pattern = pattern if whole else f"*{pattern}*"
    ends = {0}  # how much of the pattern may have been used
    for sign in [*name, None]:
        open_ = set(ends)
        for end in sorted(ends):
            at = end
            while at < len(pattern) and pattern[at] == "*":
                at += 1
                open_.add(at)
        if sign is None:
            return len(pattern) in open_
        ends = {e for e in open_ if e < len(pattern) and pattern[e] == "*"}
        ends |= {e + 1 for e in open_ if e < len(pattern) and pattern[e] == sign != "*"}
    raise AssertionError


def shape(facts: Facts) -> str | None:
    width, height = facts.width, facts.height
    if width is None or height is None:
        return None
    if abs(width - height) < 0.02 * max(width, height):
        return "square"
    if width == height:  # nothing at all
        return None
    return "landscape" if width > height else "portrait"


def is_there(facts: Facts, value: Value) -> bool:
    if facts.latitude is None or facts.longitude is None:
        return False
    if isinstance(value, Near):
        return angle(facts.latitude, facts.longitude, value) * 6371 <= value.km
    assert isinstance(value, Box)
    east = facts.longitude
    inside = value.west <= east <= value.east
    if value.west > value.east:
        inside = east >= value.west or east <= value.east
    return inside and value.south <= facts.latitude <= value.north


def angle(north: float, east: float, at: Near) -> float:
    """By the law of cosines, so that it is not the formula under test; radians."""
    a, b, turn = radians(north), radians(at.latitude), radians(east - at.longitude)
    return acos(max(-1.0, min(1.0, sin(a) * sin(b) + cos(a) * cos(b) * cos(turn))))


# --- what is asked of it ------------------------------------------------------------

SIDES = st.sampled_from([0, 1, 49, 50, 98, 100, 102, 1000, 1020])
SMALL = st.sampled_from([0, 1, 2, 5, 50, 100, 1000])
LATITUDES = st.sampled_from([-90.0, -33.9, 0.0, 48.1, 48.2, 90.0])
LONGITUDES = st.sampled_from([-180.0, -179.5, 0.0, 11.5, 11.6, 151.2, 179.5, 180.0])
TAGS = st.sampled_from(["Sea", "sea", "red car", "ÉTÉ", "été", "Straße"])
FOLDERS = ["", "2023", "2023/Holiday", "2023/holiday 2/Beach", "Holiday/2023", "STRASSE", "[x]*?"]
NAMES = ["IMG_01.JPG", "img_02.jpeg", "a*b?[c].png", "Straße.tar.gz", "no suffix", "é.JPG", ".x"]
SECONDS = st.sampled_from([-(10**9), -1, 0, 1, 10**9, 4 * 10**9])


def some(strategy: st.SearchStrategy[int]) -> st.SearchStrategy[int | None]:
    return st.none() | strategy


@st.composite
def all_facts(draw: st.DrawFn) -> Facts:
    placed = draw(st.booleans())
    return Facts(
        width=draw(some(SIDES)),
        height=draw(some(SIDES)),
        duration_ms=draw(some(SMALL)),
        taken=draw(some(SECONDS)),
        camera=draw(st.sampled_from(["", "Canon EOS 5D", "NIKON D90", "Größe"])),
        latitude=draw(LATITUDES) if placed else None,
        longitude=draw(LONGITUDES) if placed else None,
        rating=draw(some(st.integers(0, 5))),
        tags=tuple(draw(st.lists(TAGS, max_size=3, unique=True))),
    )


CHANCES = st.sampled_from([0.0, 0.04, 0.05, 0.3, 0.5, 0.8, 0.8000001, 1.0])
LABELS = st.sampled_from(["calm", "Angry", "very calm", "Straße"])
CLASSIFIERS = ("emotion", "room-2")
SAID = st.lists(st.builds(Guess, LABELS, CHANCES), max_size=4, unique_by=lambda one: one.label)
GIVEN = st.builds(
    Given,
    LABELS | st.sampled_from(["ANGRY", "strasse", "calm "]),
    st.sampled_from(["", *CLASSIFIERS, "EMOTION", "gone"]),
    st.none() | CHANCES,
    st.booleans(),
)

MADE = st.builds(
    Made,
    root=st.sampled_from(ROOTS),
    path=st.builds(os.path.join, st.sampled_from(FOLDERS), st.sampled_from(NAMES)),
    modality=st.sampled_from(Modality),
    format=st.sampled_from(["jpeg", "png", "mp4", "txt"]),
    size=SMALL | st.just(2**62),
    mtime_ns=SECONDS.map(lambda one: one * 10**9 + 5),
    facts=all_facts(),
    guesses=st.tuples(*(st.tuples(st.just(one), SAID.map(tuple)) for one in CLASSIFIERS)),
)

FAR = SMALL | SIDES | SECONDS | st.sampled_from([-(2**70), 2**70, 3, 4])
RANGES = st.builds(Range, some(FAR), some(FAR))
PLACES = st.one_of(
    # No circle ends just at a place, where the two formulas may differ in the last digit.
    st.builds(Near, LATITUDES, LONGITUDES, st.sampled_from([1.0, 11.5, 500.0, 9_000.0, 21_000.0])),
    st.builds(Box, LATITUDES, LONGITUDES, LATITUDES, LONGITUDES),
)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=5)
WORDS = {
    Field.KIND: st.sampled_from([*Modality, "IMAGE", "x"]),
    Field.FOLDER: st.sampled_from(
        ["2023", "holiday", "2023/HOLIDAY", "holi*", "*y/2023", "pictures", "pictures/2023", "ada",
         "strasse", "[x]*?", "*"]
    ),
    Field.UNDER: st.sampled_from(
        ["/", "/home/Ada", "/home/Ada/Pictures", "/home/Ada/Pictures/2023/", "/home/A", "/srv"]
    ),
    Field.NAME: st.sampled_from(["img", "IMG*1", "*?[*", "strasse", "jp*g", "a*a", "É"]) | ANY_TEXT,
    Field.FORMAT: st.sampled_from(["JPG", "jpeg", "png", "gz", "mp4"]),
    Field.SHAPE: st.sampled_from(["portrait", "landscape", "square", "round"]),
    Field.CAMERA: st.sampled_from(["canon", "eos 5d", "D90", "GRÖSSE", "d"]) | ANY_TEXT,
    Field.TAG: TAGS | st.just("STRASSE") | ANY_TEXT,
}  # fmt: skip


@st.composite
def one_filter(draw: st.DrawFn) -> Filter:
    field = draw(st.sampled_from(Field))
    others: dict[Field, st.SearchStrategy[Value]] = {Field.PLACE: PLACES, Field.LABEL: GIVEN}
    values = WORDS.get(field, others.get(field, RANGES))
    chosen = draw(st.lists(values, max_size=3))
    return Filter(
        field, tuple(str(v) if isinstance(v, str) else v for v in chosen), draw(st.booleans())
    )


def write(catalogue: CatalogueWriter, files: Sequence[Made]) -> None:
    records, contents = [], []
    for at, one in enumerate(files):
        digest = at.to_bytes(4, "big")
        stamp = Stamp(one.size, one.mtime_ns, 1)
        path = os.fsencode(one.path)
        records.append(FileRecord(one.root, path, stamp, State.INDEXED, digest=digest))
        info = one.facts.as_info()
        contents.append(ContentRecord(digest, one.modality, one.format, info, ()))
    catalogue.write(records, contents)
    said: dict[str, dict[int, tuple[Guess, ...]]] = {}
    for at, one in enumerate(files):
        content = catalogue.content_at(at.to_bytes(4, "big"))
        assert content is not None
        for classifier, guesses in one.guesses:
            said.setdefault(classifier, {})[content] = guesses
    for classifier, given_ in said.items():
        catalogue.set_labels(classifier, given_)


@contextmanager
def a_catalogue() -> Iterator[CatalogueWriter]:
    with TemporaryDirectory() as folder:
        catalogue = CatalogueWriter.open(Path(folder) / "catalogue.db")
        for root in ROOTS:
            catalogue.adopt_root(root)
        yield catalogue
        catalogue.close()


def admitted(catalogue: CatalogueWriter, filters: Sequence[Filter]) -> set[Path]:
    ids = catalogue.admitted(filters).tolist()
    assert ids == sorted(set(ids))
    known = paths(catalogue)
    return {known[one] for one in ids}


def paths(catalogue: CatalogueWriter) -> dict[int, Path]:
    with catalogue._reading() as connection:
        rows = connection.exec_driver_sql(
            "SELECT f.id, r.path AS root, f.path FROM file AS f JOIN root AS r ON r.id = f.root_id"
        )
        return {row.id: Path(os.fsdecode(row.root)) / os.fsdecode(row.path) for row in rows}


SOME_FILES = st.lists(MADE, max_size=12, unique_by=lambda one: (one.root, one.path))
SHARE_X = Made(SHARE, "[x]*?/a*b?[c].png", Modality.IMAGE, "png", 1, 1, Facts())


@settings(max_examples=30)
@given(
    files=SOME_FILES, asked=st.lists(st.lists(one_filter(), max_size=3), min_size=1, max_size=12)
)
@example(
    files=[SHARE_X], asked=[[Filter(Field.NAME, ("*?[",))], [Filter(Field.FOLDER, ("[x]*?",))]]
)
def test_what_is_admitted_is_what_passes(files: list[Made], asked: list[list[Filter]]) -> None:
    with a_catalogue() as catalogue:
        write(catalogue, files)
        for filters in asked:
            expected = {one.root / one.path for one in files if passes(one, filters)}
            assert admitted(catalogue, filters) == expected, filters


def many(count: int) -> list[Made]:
    rng = np.random.default_rng(7)
    rolls = rng.integers(0, 10_000, size=count).tolist()
    return [
        Made(
            HOME,
            f"{roll % 100}/{at}.jpg",
            Modality.IMAGE,
            "jpeg",
            roll,
            10**18 + at,
            Facts(rating=roll % 6 or None, tags=("rare",) if roll == 0 else ("often",)),
        )
        for at, roll in enumerate(rolls)
    ]


@pytest.mark.slow
def test_few_or_many_of_many_files_pass() -> None:
    files = many(20_000)
    asked: list[tuple[float, Filter]] = [
        (0.5, Filter(Field.SIZE, (Range(below=5_000),))),
        (0.01, Filter(Field.FOLDER, ("17",))),
        (0.0001, Filter(Field.TAG, ("RARE",))),
        (0.0001, Filter(Field.SIZE, (Range(42, 43),))),
    ]
    with a_catalogue() as catalogue:
        write(catalogue, files)
        for share, one in asked:
            for both in (one, replace(one, negated=not one.negated)):
                expected = {f.root / f.path for f in files if passes(f, [both])}
                assert admitted(catalogue, [both]) == expected
                near = share if both is one else 1 - share
                assert len(expected) / len(files) == pytest.approx(near, rel=0.2, abs=0.0002)


def test_a_condition_with_thousands_of_alternatives_is_answered() -> None:
    with a_catalogue() as catalogue:
        write(catalogue, [SHARE_X])
        ranges = tuple(Range(at, at + 1) for at in range(5_000, 0, -1))

        assert admitted(catalogue, [Filter(Field.SIZE, ranges)]) == {SHARE / SHARE_X.path}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (Field.SIZE, "big"),
        (Field.TAG, Range(1, 2)),
        (Field.PLACE, "here"),
        (Field.UNDER, Range()),
        (Field.LABEL, "calm"),
    ],
)
def test_a_value_that_a_field_cannot_take_is_told(field: Field, value: Value) -> None:
    with a_catalogue() as catalogue, pytest.raises(UsageError, match=f"condition '{field}' wants"):
        catalogue.admitted([Filter(field, (value,))])


def test_conditions_on_a_catalogue_of_an_older_format_say_what_to_run() -> None:
    with a_catalogue() as catalogue:
        with catalogue._engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA user_version=1")

        assert catalogue.admitted([]).tolist() == []
        with pytest.raises(EngineError, match="seehear rebuild"):
            catalogue.admitted([Filter(Field.NAME, ("a",))])


def test_labels_on_a_catalogue_from_before_there_were_any_say_what_to_run() -> None:
    with a_catalogue() as catalogue:
        with catalogue._engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE label")
            connection.exec_driver_sql("PRAGMA user_version=2")

        assert catalogue.admitted([Filter(Field.NAME, ("a",))]).tolist() == []
        assert (catalogue.label_counts(), catalogue.labels_of(1)) == ({}, [])
        assert catalogue.inconsistencies() == []
        with pytest.raises(EngineError, match=r"no labels to search by.*seehear rebuild"):
            catalogue.admitted([Filter(Field.LABEL, (Given("calm"),))])
