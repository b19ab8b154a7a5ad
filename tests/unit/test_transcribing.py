"""Words that are seen and heard, by transcribers that know bright from dark and loud from soft."""

import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import indexer.transcribe
from engine.errors import MediaError, MissingPackageError, ModelError
from engine.library import Library
from engine.media.pieces import Piece, pieces
from engine.media.workers import Workers
from engine.ports import AudioRule, ImageRule, Payload, Rule, Transcript
from engine.store.records import SegmentRecord
from engine.store.writer import CatalogueWriter
from engine.types import Modality, Origin, Span
from indexer import Progress, index, move
from making import content, file, picture, some_rows, tone

OTHER = """
[model.other]
adapter = "hashed"
window_ms = 1000

[profile.other]
summary = "the same features in spaces of their own"
models = ["other"]
"""

SEEN, HEARD = Origin.SEEN, Origin.HEARD


class Levels:
    """Says of every payload how strong it is; `failing` is called first for each medium."""

    def __init__(self, origin: Origin, kinds: set[Modality], rule: Rule, name: str) -> None:
        self.origin = origin
        self.modalities = frozenset(kinds)
        self.rule = rule
        self.fingerprint = f"{name}-1"
        self.media = 0
        self.failing: Exception | KeyboardInterrupt | None = None

    def describe(self) -> str:
        return "numpy"

    def transcribe(self, parts: Iterable[tuple[Span | None, Payload]]) -> Iterator[Transcript]:
        self.media += 1
        if self.failing is not None:
            raise self.failing
        for span, payload in parts:
            level = float(np.abs(np.asarray(payload, dtype=np.float32)).mean())
            yield Transcript(span, f"{self.fingerprint} {level:.2f}", 1.0)


@pytest.fixture
def levels(monkeypatch: pytest.MonkeyPatch) -> dict[Origin, Levels]:
    made = {
        SEEN: Levels(SEEN, {Modality.IMAGE, Modality.VIDEO}, ImageRule(8), "seen"),
        HEARD: Levels(HEARD, {Modality.AUDIO, Modality.VIDEO}, AudioRule(8_000, 500, 500), "heard"),
    }
    monkeypatch.setattr(indexer.transcribe, "transcriber", made.__getitem__)
    return made


def words_in(library: Library) -> list[tuple[str, str, int | None, str]]:
    """Name, origin, start and words of all segments that were transcribed."""
    query = (
        "SELECT file.path, segment.kind, segment.start, segment.words FROM segment"
        " JOIN file USING (content_id) WHERE kind IN ('seen', 'heard')"
        " ORDER BY file.path, segment.ordinal"
    )
    with sqlite3.connect(library.path / "catalogue.db") as connection:
        rows = connection.execute(query).fetchall()
    connection.close()
    return [(Path(os.fsdecode(path)).name, *rest) for path, *rest in rows]


def names_of(library: Library) -> list[str]:
    return sorted({name for name, *_ in words_in(library)})


def test_nothing_is_transcribed_unasked(indexed: Library, levels: dict[Origin, Levels]) -> None:
    index(indexed)

    assert words_in(indexed) == []
    assert levels[SEEN].media == levels[HEARD].media == 0


@pytest.mark.usefixtures("levels")
def test_what_is_indexed_already_gets_its_words(indexed: Library) -> None:
    report = index(indexed, words={SEEN: True, HEARD: True})

    assert (report.seen, report.heard, report.kept, report.skipped) == (3, 2, 7, ())
    assert names_of(indexed) == ["blue.png", "green.png", "high.wav", "low.wav", "red.png"]
    low = [one for one in words_in(indexed) if one[0] == "low.wav"]
    assert [(origin, start) for _, origin, start, _ in low] == [("heard", 0), ("heard", 500)]
    assert indexed.verify().findings == ()


def snapshots(library: Library) -> dict[str, int]:
    return {one.name: one.stat().st_mtime_ns for one in (library.path / "snapshots").iterdir()}


@pytest.mark.usefixtures("levels")
def test_words_are_found_at_once_and_no_snapshot_is_written_for_them(indexed: Library) -> None:
    before = snapshots(indexed)
    index(indexed, words={SEEN: True})
    found = {hit.path.name for hit in indexed.search("seen").hits}
    index(indexed)

    assert found == {"red.png", "green.png", "blue.png"}
    assert len(before) > 0
    assert snapshots(indexed) == before


def test_later_runs_go_on_with_what_is_new(
    indexed: Library, media: Path, levels: dict[Origin, Levels]
) -> None:
    index(indexed, words={SEEN: True})
    levels[SEEN].media = 0
    picture(media / "new.png", seed=9)

    report = index(indexed)

    assert (report.added, report.seen, levels[SEEN].media) == (1, 1, 1)
    assert "new.png" in names_of(indexed)
    assert index(indexed).seen == 0


def test_it_stops_when_told_and_goes_on_where_it_was(
    indexed: Library, media: Path, levels: dict[Origin, Levels]
) -> None:
    index(indexed, words={SEEN: True})
    picture(media / "new.png", seed=9)

    assert index(indexed, words={SEEN: False}).seen == 0
    assert names_of(indexed) == ["blue.png", "green.png", "red.png"]
    assert index(indexed, words={SEEN: True}).seen == 1
    assert levels[SEEN].media == 4


def test_another_transcriber_finds_all_anew(indexed: Library, levels: dict[Origin, Levels]) -> None:
    index(indexed, words={SEEN: True, HEARD: True})
    before = words_in(indexed)
    levels[SEEN].fingerprint = "seen-2"

    index(indexed)

    after = words_in(indexed)
    assert len(after) == len(before)
    assert [one for one in after if one[1] == "heard"] == [o for o in before if o[1] == "heard"]
    assert all(words.startswith("seen-2") for _, origin, _, words in after if origin == "seen")


def test_a_missing_package_is_told_before_anything_is_indexed(
    library: Library, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("rapidocr", "pocketsphinx"):
        monkeypatch.setattr(f"engine.transcribe.{name}.find_spec", lambda _name: None)

    with pytest.raises(MissingPackageError, match=r"rapidocr .* pip install \"seehear\[ocr\]\""):
        index(library, [media], words={SEEN: True})
    with pytest.raises(MissingPackageError, match=r"pocketsphinx .*seehear\[speech\]"):
        index(library, [media], words={HEARD: True})
    assert library.status().contents == 0
    assert index(library, [media]).added == 7  # the wish was not noted


def test_an_interrupted_run_goes_on(
    indexed: Library, levels: dict[Origin, Levels], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer.transcribe, "BATCH_CONTENTS", 1)

    def pull_the_plug(now: Progress) -> None:
        if now.done == 2:
            levels[SEEN].failing = KeyboardInterrupt()

    with pytest.raises(KeyboardInterrupt):
        index(indexed, words={SEEN: True}, watch=pull_the_plug)
    kept = words_in(indexed)
    levels[SEEN].failing = None
    report = index(indexed)

    assert len(kept) == 2
    assert report.seen == 1
    assert len(words_in(indexed)) == 3


@pytest.mark.usefixtures("levels")
def test_files_that_are_away_get_their_words_when_they_are_back(
    indexed: Library, media: Path
) -> None:
    media.rename(media.with_name("unplugged"))
    away = index(indexed, words={SEEN: True})
    media.with_name("unplugged").rename(media)
    back = index(indexed)

    assert (away.seen, away.away) == (0, (media,))
    assert back.seen == 3
    assert index(indexed).seen == 0


def test_a_medium_that_breaks_the_engine_is_named_and_the_rest_goes_on(
    indexed: Library, levels: dict[Origin, Levels]
) -> None:
    levels[SEEN].failing = ModelError("The text of a picture could not be read.")

    report = index(indexed, words={SEEN: True, HEARD: True})

    assert [skip.path.name for skip in report.skipped] == ["red.png", "blue.png", "green.png"]
    assert report.heard == 2
    assert index(indexed).skipped == ()


@pytest.mark.usefixtures("levels")
def test_a_move_to_another_profile_keeps_the_words(
    indexed: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(indexed, words={SEEN: True, HEARD: True})
    before = words_in(indexed)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    own = tmp_path / "config" / "seehear" / "profiles.toml"
    own.parent.mkdir(parents=True)
    own.write_text(OTHER)

    with Library.open(indexed.path, any_encoders=True) as library:
        assert move(library, "other").switched
        assert library.verify().findings == ()

    assert len(before) == 7
    assert sorted(words_in(indexed)) == sorted(before)


@pytest.mark.usefixtures("levels")
def test_words_go_with_their_content(indexed: Library, media: Path) -> None:
    index(indexed, words={SEEN: True})
    (media / "red.png").unlink()
    index(indexed)

    assert names_of(indexed) == ["blue.png", "green.png"]


def test_a_copy_has_the_words_without_being_read(
    indexed: Library, media: Path, levels: dict[Origin, Levels]
) -> None:
    index(indexed, words={SEEN: True})
    levels[SEEN].media = 0
    shutil.copy(media / "red.png", media / "copy.png")
    index(indexed)

    assert "copy.png" in names_of(indexed)
    assert levels[SEEN].media == 0


@pytest.mark.usefixtures("levels")
def test_sound_that_is_cut_off_gives_its_words_up_to_there(
    library: Library, tmp_path: Path
) -> None:
    folder = tmp_path / "cut"
    folder.mkdir()
    whole = tone(folder / "cut.wav", hertz=440, seconds=4).read_bytes()
    (folder / "cut.wav").write_bytes(whole[: len(whole) // 2])

    index(library, [folder], words={HEARD: True})

    assert [start for _, _, start, _ in words_in(library)] == [0, 500, 1000, 1499]


@pytest.mark.usefixtures("levels")
def test_words_before_damage_are_kept(indexed: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaking(_: Workers, path: Path, file_format: str, rule: Rule) -> Iterator[Piece]:
        yield next(pieces(path, file_format, rule))
        raise MediaError("truncated")

    monkeypatch.setattr(Workers, "pieces", breaking)
    report = index(indexed, words={HEARD: True})

    assert (report.heard, report.skipped) == (2, ())
    assert [start for _, _, start, _ in words_in(indexed)] == [0, 0]


@pytest.mark.usefixtures("levels")
def test_each_step_has_its_progress(indexed: Library) -> None:
    seen: list[Progress] = []
    index(indexed, words={SEEN: True, HEARD: True}, watch=seen.append)

    assert [(str(one.step), one.done, one.total) for one in seen] == [
        ("reading text", 3, 3),
        ("listening", 2, 2),
    ]


def test_words_take_the_place_of_those_of_the_same_origin_only(
    catalogue: CatalogueWriter,
) -> None:
    catalogue.write(
        [file("a", "a"), file("b", "b")], [content("a", some_rows(2)), content("b", some_rows(1))]
    )
    (a, b) = (one.id for one in catalogue.contents_after(0, Modality))
    catalogue.set_words(SEEN, {a: [SegmentRecord(None, "old")], b: [SegmentRecord(None, "b")]}, {})
    catalogue.set_words(HEARD, {a: [SegmentRecord(Span(1, 2), "said")]}, {})
    catalogue.set_words(SEEN, {a: [SegmentRecord(None, "new")], 99: [SegmentRecord(None, "?")]}, {})

    def words(connection: sqlite3.Connection) -> list[Any]:
        query = "SELECT content_id, kind, words FROM segment WHERE kind <> '' ORDER BY 1, 2"
        return connection.execute(query).fetchall()

    with sqlite3.connect(catalogue.path) as connection:
        assert words(connection) == [(a, "heard", "said"), (a, "seen", "new"), (b, "seen", "b")]
    connection.close()
    assert catalogue.inconsistencies() == []
    assert len(catalogue.living_vectors()) == 3
