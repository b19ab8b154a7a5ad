"""Whatever happens to media and sidecars, what is derived is what a rebuild would make."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from engine.facts import Facts
from engine.store import derived
from engine.store.records import (
    ContentRecord,
    FileRecord,
    SegmentRecord,
    Stamp,
    State,
    View,
    WordKind,
)
from engine.store.writer import CatalogueWriter
from engine.types import Modality, Span
from making import SPACE, some_rows

ROOTS = tuple(Path(one) for one in ("/m/a", "/m/a/b", "/m/c"))
ABOVE = Path("/m/a")
FOLDERS = st.sampled_from(["", "d/"])
STEMS = st.sampled_from(["x", "x.en"])
FORMATS = {
    ".jpg": (Modality.IMAGE, "jpeg"),
    ".mp4": (Modality.VIDEO, "mp4"),
    ".txt": (Modality.TEXT, "txt"),
    ".srt": (Modality.TEXT, "srt"),
    ".xmp": (Modality.TEXT, "xmp"),
    ".jpg.xmp": (Modality.TEXT, "xmp"),
    ".mp4.txt": (Modality.TEXT, "txt"),
}
PATHS = st.builds(
    lambda folder, stem, suffix: f"{folder}{stem}{suffix}",
    FOLDERS,
    STEMS,
    st.sampled_from(sorted(FORMATS)),
)
FACTS = st.builds(
    Facts,
    width=st.none() | st.integers(1, 3),
    taken=st.none() | st.integers(0, 3),
    rating=st.none() | st.integers(0, 5),
    latitude=st.none() | st.floats(-90, 90),
    longitude=st.none() | st.floats(-180, 180),
    tags=st.lists(st.sampled_from(["a", "A", "b", "c"]), max_size=2, unique=True).map(tuple),
    about=st.sampled_from([(), (("title", "Dawn"),), (("artist", "Ada"), ("title", "Dusk"))]),
)
QUERIES = {
    "facts": "SELECT file_id, name, suffix, modality, format, size, modified, taken, width,"
    " duration_ms, camera, latitude, longitude, rating, folder.root_id,"
    " folder.path FROM fact LEFT JOIN folder ON folder.id = folder_id ORDER BY file_id",
    "folders": "SELECT root_id, path FROM folder ORDER BY root_id, path",
    "tags": "SELECT * FROM tag ORDER BY file_id, folded",
    "beside": "SELECT * FROM beside ORDER BY text_id, media_id",
    "gone": "SELECT * FROM gone",
    # A folder may get another id.
    "words": "SELECT iif(rowid % 8 = 1, (SELECT root_id || hex(path) FROM folder"
    " WHERE id = fts_words.rowid / 8), rowid) AS unit, text FROM fts_words ORDER BY 1, 2",
    "letters": "SELECT rowid, text FROM fts_letters ORDER BY rowid",
}


class Changes(RuleBasedStateMachine):
    """Files come, change, fail, move and go, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.catalogue = CatalogueWriter.open(Path(self.folder.name) / "catalogue.db")
        self.catalogue.adopt_space(SPACE)
        for root in ROOTS[1:]:
            self.catalogue.adopt_root(root)
        self.made = 0

    def teardown(self) -> None:
        self.catalogue.close()
        self.folder.cleanup()

    def _root(self, which: int) -> Path:
        roots = self.catalogue.roots()
        return roots[which % len(roots)]

    def _files(self) -> list[FileRecord]:
        return [one for root in self.catalogue.roots() for one in self.catalogue.files(root)]

    def _new(self, path: str, facts: Facts) -> ContentRecord:
        self.made += 1
        suffix = next(s for s in sorted(FORMATS, key=len, reverse=True) if path.endswith(s))
        modality, form = FORMATS[suffix]
        words = SegmentRecord(Span(0, 5) if form == "srt" else None, f"words {self.made}")
        view = View((words,), ((SPACE, some_rows(1, seed=self.made)),))
        views = () if form == "xmp" else (view,)
        return ContentRecord(str(self.made).encode(), modality, form, facts.as_info(), views)

    @rule(
        paths=st.dictionaries(PATHS, FACTS, min_size=1, max_size=5),
        which=st.sampled_from([0, 0, 0, 1]),
    )
    def write(self, paths: Mapping[str, Facts], which: int) -> None:
        new = {path: self._new(path, facts) for path, facts in paths.items()}
        files = [self._record(which, path, one.digest) for path, one in new.items()]
        self.catalogue.write(files, list(new.values()))

    def _record(self, which: int, path: str, digest: bytes | None) -> FileRecord:
        state = State.FAILED if digest is None else State.INDEXED
        stamp = Stamp(self.made, 10**15, 1)
        return FileRecord(self._root(which), os.fsencode(path), stamp, state, digest=digest)

    @rule(path=PATHS, which=st.sampled_from([0, 0, 0, 1]))
    def fail(self, path: str, which: int) -> None:
        self.catalogue.write([self._record(which, path, None)])

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if files := self._files():
            gone = data.draw(st.lists(st.sampled_from(range(len(files))), max_size=3, unique=True))
            self.catalogue.write([], [], [files[one] for one in gone])

    @rule(data=st.data(), path=PATHS, which=st.sampled_from([0, 0, 0, 1]), copy=st.booleans())
    def move(self, data: st.DataObject, path: str, which: int, *, copy: bool) -> None:
        files = [one for one in self._files() if one.digest is not None]
        if files:
            one = files[data.draw(st.sampled_from(range(len(files))))]
            moved = replace(one, root=self._root(which), path=os.fsencode(path))
            same = (moved.root, moved.path) == (one.root, one.path)
            self.catalogue.write([moved], [], [] if copy or same else [one])

    @rule()
    def adopt_above(self) -> None:
        self.catalogue.adopt_root(ABOVE)

    @rule(content_id=st.integers(1, 6), facts=FACTS)
    def learn(self, content_id: int, facts: Facts) -> None:
        self.catalogue.set_info({content_id: facts.as_info()}, {})

    @rule(content_id=st.integers(1, 6), word=st.sampled_from(["exit", "stop"]))
    def read_words(self, content_id: int, word: str) -> None:
        view = View((SegmentRecord(None, word, WordKind.SEEN),), ())
        self.catalogue.add_views({content_id: [view]}, {})

    @invariant()
    def is_what_a_rebuild_makes(self) -> None:
        kept = self._tables()
        with self.catalogue._engine.connect() as connection:
            derived.rebuild(connection)
            made = self._tables(connection)
            connection.rollback()
        assert kept == made
        assert self.catalogue.inconsistencies() == []

    @invariant()
    def captions_lead_where_vectors_do(self) -> None:
        every = self.catalogue.living_vectors().tolist()
        media = {one.file_id for one in self.catalogue.resolve(every) if one.caption}
        with self.catalogue._engine.connect() as connection:
            query = "SELECT DISTINCT media_id FROM beside JOIN fact ON file_id = text_id"
            assert media == set(connection.exec_driver_sql(query).scalars())

    def _tables(self, connection: Any = None) -> dict[str, list[tuple[Any, ...]]]:
        if connection is None:
            with self.catalogue._engine.connect() as own:
                return self._tables(own)
        return {
            name: [tuple(row) for row in connection.exec_driver_sql(query)]
            for name, query in QUERIES.items()
        }


def test_a_text_named_as_a_subtitle_takes_nothing_from_it() -> None:
    state = Changes()
    try:
        state.write({"d/x.jpg": Facts(), "d/x.en.srt": Facts()}, 0)
        state.is_what_a_rebuild_makes()
        state.write({"d/x.en.txt": Facts()}, 0)
        state.is_what_a_rebuild_makes()
        state.captions_lead_where_vectors_do()
    finally:
        state.teardown()


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=20, stateful_step_count=12)
