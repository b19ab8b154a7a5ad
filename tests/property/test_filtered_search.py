"""A search among the files that conditions let through, against a search of all, cut to these."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.library import Library
from engine.query import Field, Filter, Query, Range
from indexer import index
from making import caption, picture, tone

FILES = 40


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Pictures, sounds and texts of several sizes, in folders, some with captions."""
    media = tmp_path_factory.mktemp("media")
    for number in range(FILES):
        folder = media / "abc"[number % 3]
        folder.mkdir(exist_ok=True)
        match number % 4:
            case 0 | 1:
                made = picture(folder / f"{number}.png", seed=number, size=(30 + number, 40))
            case 2:
                made = tone(
                    folder / f"{number}.wav", hertz=200 + 50 * number, seconds=1 + number % 3
                )
            case _:
                made = caption(folder / f"{number}.md", f"words of file {number}")
        if number % 5 == 0:
            caption(made.with_suffix(".txt"), f"a caption that tells of {number}")
        os.utime(made, (1_600_000_000 + 86_400 * number,) * 2)
    library = Library.open(
        tmp_path_factory.mktemp("home") / "library", create=True, profile="hashed"
    )
    index(library, [media])
    return library


SIZES = st.integers(0, 60).map(lambda n: Range(n, None))
filters = st.lists(
    st.one_of(
        st.sampled_from("abc").map(lambda one: Filter(Field.FOLDER, (one,))),
        st.sampled_from(["image", "audio", "text"]).map(lambda one: Filter(Field.KIND, (one,))),
        SIZES.map(lambda size: Filter(Field.WIDTH, (size,))),
        st.booleans().map(lambda no: Filter(Field.FORMAT, ("png", "wav"), negated=no)),
        st.integers(0, FILES).map(
            lambda day: Filter(Field.MODIFIED, (Range(1_600_000_000 + 86_400 * day, None),))
        ),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60)
@given(
    chosen=filters,
    words=st.sampled_from(["words of file 7", "a caption that tells", "poppy"]),
    k=st.integers(1, 50),
)
def test_a_filtered_list_is_the_whole_list_cut_to_what_is_let_through(
    library: Library, chosen: list[Filter], words: str, k: int
) -> None:
    whole = library.search(Query(words), k=200, least=0.0).hits
    let_through = library.search(Query(filters=tuple(chosen)), k=200).hits
    allowed = {hit.path for hit in let_through}

    found = library.search(Query(words, filters=tuple(chosen)), k=k, least=0.0).hits

    expected = [hit for hit in whole if hit.path in allowed]
    assert len(whole) == len({hit.path for hit in whole}) == FILES + FILES // 5
    assert {hit.path for hit in found} <= allowed
    assert len(found) == min(k, len(expected))
    scores = {hit.path: hit.score for hit in expected}
    assert [hit.score for hit in found] == pytest.approx(
        [scores[hit.path] for hit in found], abs=1e-4
    )
    assert [hit.score for hit in found] == pytest.approx(
        [hit.score for hit in expected[:k]], abs=1e-4
    )


def test_conditions_alone_list_the_newest_first(library: Library) -> None:
    found = library.search(Query(filters=(Filter(Field.FORMAT, ("png",)),)), k=5).hits
    times = [Path(hit.path).stat().st_mtime for hit in found]

    assert len(found) == 5
    assert times == sorted(times, reverse=True)
