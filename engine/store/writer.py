"""Writing the catalogue: one transaction per batch, the only commit point there is."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, true, update
from sqlalchemy.dialects.sqlite import insert as upsert

from engine.errors import SpaceMismatchError
from engine.points import reached
from engine.rank.landmarks import Codes
from engine.store import derived, labels, layout, listings, schema
from engine.store.catalogue import CatalogueReader
from engine.store.connect import mapped_errors, open_writer, require_word_search
from engine.store.files import change_files, move_root
from engine.store.folders import drop_empty_folders
from engine.store.landmarks import insert_peaks
from engine.store.migrate import migrate
from engine.store.records import (
    ContentRecord,
    FileRecord,
    Guess,
    Listing,
    SegmentRecord,
    SnapshotRecord,
    View,
    WordKind,
)
from engine.store.segments import (
    OwnedView,
    drop_segments,
    foreign_segments,
    insert_contents,
    insert_views,
    modalities,
    next_ordinal,
    numbered,
    segments_like,
    words_of_kind,
)
from engine.types import Modality, Origin, Space


def _words_view(found: Sequence[SegmentRecord], kind: WordKind) -> View:
    return View(tuple(replace(one, kind=kind) for one in found), ())


class CatalogueWriter(CatalogueReader):
    """A catalogue that may be changed; the caller holds the library's lock."""

    _engine: Engine

    acknowledge: Callable[[int], None] = staticmethod(lambda _seq: None)
    """Told the number of each commit once it is on disk."""

    @classmethod
    def open(cls, path: Path) -> "CatalogueWriter":
        """Open for writing; makes the tables when the file is new, and an older format today's.

        EngineError when this Python's SQLite cannot keep the tables of words.
        """
        require_word_search()
        with mapped_errors(path):
            writer = cls(path, open_writer(path))
            try:
                writer._make_current()
            except BaseException:
                writer.close()
                raise
        return writer

    def _make_current(self) -> None:
        with self._engine.begin() as connection:
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            if version == 0:
                _create(connection)
        self.check_format()
        if 0 < version < layout.FORMAT_VERSION:
            migrate(self.path, self._engine, version)

    @contextmanager
    def _writing(self) -> Iterator[tuple[Connection, int]]:
        """One transaction with its sequence number; all of it is committed, or nothing."""
        with mapped_errors(self.path), self._engine.begin() as connection:
            seq = _next_seq(connection)
            yield connection, seq
            derived.drop_words_of_the_gone(connection)
            reached("before-commit")
        reached("after-commit")
        self.acknowledge(seq)
        reached("acknowledged")

    def set_setting(self, key: str, value: str) -> None:
        """Remember a setting."""
        with self._writing() as (connection, _):
            _set(connection, key, value)

    def set_settings(self, settings: Mapping[str, str]) -> None:
        """Remember several settings in one commit."""
        with self._writing() as (connection, _):
            for key, value in settings.items():
                _set(connection, key, value)

    def adopt_space(self, space: Space) -> None:
        """Make a space known; SpaceMismatchError when its name has another fingerprint."""
        stored = self.spaces().get(space.name)
        if stored is None:
            with self._writing() as (connection, _):
                row = {"name": space.name, "dim": space.dim, "fingerprint": space.fingerprint}
                connection.execute(insert(schema.space), row)
        elif stored != space:
            profile = self.setting("profile") or "NAME"
            made = stored.fingerprint
            raise SpaceMismatchError(space.name, made, space.fingerprint, profile)

    def set_aside(self, space: Space) -> None:
        """Give the stored space of this name another name, so that the given one can be adopted.

        Its vectors stay until they are dropped; nothing finds them meanwhile.
        """
        stored = self.spaces().get(space.name)
        if stored is None or stored == space:
            return
        with self._writing() as (connection, _):
            table = schema.space
            same = table.c.name == stored.name
            row = connection.execute(select(table.c.id).where(same)).scalar_one()
            connection.execute(update(table).where(same).values(name=f"{stored.name}@{row}"))

    def add_views(self, views: Mapping[int, Sequence[View]], settings: Mapping[str, str]) -> int:
        """Commit more views of contents that are there already, and settings with them.

        A view takes the place of one that the content has in the same spaces.

        Returns:
            the sequence number of the commit.
        """
        with self._writing() as (connection, seq):
            kinds = modalities(connection, list(views))
            for content_id, more in views.items():
                drop_segments(connection, segments_like(connection, content_id, more), seq)
            owned = [
                OwnedView(content_id, kinds[content_id], view, first)
                for content_id, more in views.items()
                if content_id in kinds
                for view, first in numbered(more, next_ordinal(connection, content_id))
            ]
            insert_views(connection, owned, seq)
            for key, value in settings.items():
                _set(connection, key, value)
        return seq

    def set_words(
        self,
        origin: Origin,
        words: Mapping[int, Sequence[SegmentRecord]],
        settings: Mapping[str, str],
    ) -> int:
        """Commit the words seen or heard in contents, and settings with them.

        They take the place of all words of that origin that those contents had. Contents that are
        gone are left out.

        Returns:
            the sequence number of the commit.
        """
        with self._writing() as (connection, seq):
            known = modalities(connection, list(words))
            kind = WordKind(origin.value)
            for content_id in words:
                drop_segments(connection, words_of_kind(connection, content_id, [kind]), seq)
            owned = [
                OwnedView(content_id, known[content_id], _words_view(found, kind), first)
                for content_id, found in words.items()
                if content_id in known and found
                for first in [next_ordinal(connection, content_id)]
            ]
            insert_views(connection, owned, seq)
            for key, value in settings.items():
                _set(connection, key, value)
        return seq

    def keep_only(
        self, spaces: Mapping[Modality, Sequence[frozenset[str]]], settings: Mapping[str, str]
    ) -> int:
        """Drop every segment that is not in exactly one of its modality's sets of spaces.

        Args:
            spaces: names of spaces whose vectors a segment must have, all of a set and no other.
            settings: written in the same transaction; an empty value removes the setting.

        Returns:
            how many segments were dropped.
        """
        with self._writing() as (connection, seq):
            gone = foreign_segments(connection, spaces)
            drop_segments(connection, gone, seq)
            used = select(schema.vector.c.space_id)
            connection.execute(
                delete(schema.space).where(
                    schema.space.c.id.not_in(used), schema.space.c.name.contains("@")
                )
            )
            for key, value in settings.items():
                _set(connection, key, value)
            connection.execute(delete(schema.setting).where(schema.setting.c.value == ""))
        return len(gone)

    def infos(self, contents: Sequence[int]) -> dict[int, dict[str, Any]]:
        """What is known about contents, by their ids; those that are not there are left out."""
        query = "SELECT id, info FROM content WHERE id IN (SELECT value FROM json_each(?))"
        with self._reading() as connection:
            rows = connection.exec_driver_sql(query, (json.dumps(list(contents)),))
            return {row.id: json.loads(row.info) for row in rows}

    def set_info(self, infos: Mapping[int, Mapping[str, Any]], settings: Mapping[str, str]) -> None:
        """Commit what is known about contents in place of what was, and settings with it."""
        with self._writing() as (connection, _):
            derived.replace_infos(connection, infos)
            for key, value in settings.items():
                _set(connection, key, value)

    def set_peaks(self, peaks: Mapping[int, Codes]) -> None:
        """Commit the peaks of what is heard in contents; those that are gone are left out."""
        with self._writing() as (connection, seq):
            there = modalities(connection, list(peaks))
            insert_peaks(connection, {one: peaks[one] for one in there}, seq)

    def adopt_root(self, root: Path) -> None:
        """Make a folder a root; roots inside it become part of it, and keep their files."""
        inside = [old for old in self.roots() if old != root and old.is_relative_to(root)]
        with self._writing() as (connection, _):
            row = {"path": os.fsencode(root)}
            connection.execute(upsert(schema.root).values(row).on_conflict_do_nothing())
            for old in inside:
                move_root(connection, old, root)
            drop_empty_folders(connection)

    def write(
        self,
        files: Sequence[FileRecord],
        contents: Sequence[ContentRecord] = (),
        removed: Sequence[FileRecord] = (),
    ) -> int:
        """Commit one batch: new contents with their vectors, files, and files that are gone.

        A content that no file holds any longer goes with its vectors, in the same transaction.

        Returns:
            the sequence number of the commit; when this returns, the batch is on disk.
        """
        with self._writing() as (connection, seq):
            insert_contents(connection, contents, seq)
            change_files(connection, files, removed, seq)
        return seq

    def set_listings(self, seen: Mapping[Path, Mapping[bytes, Listing]]) -> None:
        """Remember what folders look like, by root and relative path."""
        with self._writing() as (connection, _):
            for root, folders in seen.items():
                listings.write(connection, root, folders)

    def set_labels(self, classifier: str, given: Mapping[int, Sequence[Guess]]) -> None:
        """Commit what a classifier says of contents, in place of what it said of them before.

        A content without guesses loses its labels; contents that are gone are left out.
        """
        with self._writing() as (connection, _):
            labels.replace(connection, classifier, given)

    def drop_labels(self, classifier: str) -> int:
        """Forget all that a classifier said; returns of how many contents."""
        with self._writing() as (connection, _):
            return labels.drop(connection, classifier)

    def rebuild_derived(self) -> None:
        """Make all that filters and word search read anew, from what was indexed."""
        with self._writing() as (connection, _):
            derived.rebuild(connection)

    def forget_root(self, root: Path) -> None:
        """Forget a root; its files must have been removed before."""
        with self._writing() as (connection, _):
            connection.execute(delete(schema.root).where(schema.root.c.path == os.fsencode(root)))

    def add_snapshot(self, record: SnapshotRecord, *, keep: int) -> tuple[str, ...]:
        """Write the receipt of a derived file and drop older ones of its gallery beyond `keep`.

        Returns:
            names of the files whose receipts were dropped.
        """
        table = schema.snapshot
        with self._writing() as (connection, _):
            connection.execute(
                insert(table),
                asdict(record),
            )
            newest = select(table.c.name).where(table.c.gallery == record.gallery)
            names = connection.execute(newest.order_by(table.c.id.desc())).scalars().all()
            dropped = tuple(names[keep:])
            connection.execute(delete(table).where(table.c.name.in_(dropped)))
            _drop_old_tombstones(connection)
        return dropped

    def drop_snapshots(self, galleries: Iterable[str] | None = None) -> tuple[str, ...]:
        """Forget the derived files of some galleries, or every one; returns their names."""
        table = schema.snapshot
        which = true() if galleries is None else table.c.gallery.in_(list(galleries))
        with self._writing() as (connection, _):
            names = connection.execute(select(table.c.name).where(which)).scalars().all()
            connection.execute(delete(table).where(which))
        return tuple(names)

    def checkpoint(self, *, patient: bool = True) -> None:
        """Fold the write-ahead log into the catalogue, as far as readers let it.

        Args:
            patient: wait for readers that are in the midst of something.
        """
        # The raw connection, because a checkpoint must stand outside any transaction.
        with mapped_errors(self.path), closing(self._engine.raw_connection()) as connection:
            cursor = connection.cursor()
            if not patient:
                cursor.execute("PRAGMA busy_timeout=0")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        reached("log-folded-in")


def _create(connection: Connection) -> None:
    schema.metadata.create_all(connection)
    derived.create_words(connection)
    connection.exec_driver_sql(f"PRAGMA application_id={layout.APPLICATION_ID}")
    connection.exec_driver_sql(f"PRAGMA user_version={layout.FORMAT_VERSION}")


def _set(connection: Connection, key: str, value: str) -> None:
    statement = upsert(schema.setting).values(key=key, value=value)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["key"], set_={"value": value})
    )


def _next_seq(connection: Connection) -> int:
    query = select(schema.setting.c.value).where(schema.setting.c.key == "seq")
    seq = int(connection.execute(query).scalar_one_or_none() or 0) + 1
    _set(connection, "seq", str(seq))
    return seq


def _drop_old_tombstones(connection: Connection) -> None:
    """A tombstone older than every snapshot has nothing left to hide."""
    oldest = select(func.min(schema.snapshot.c.seq)).scalar_subquery()
    connection.execute(delete(schema.tombstone).where(schema.tombstone.c.seq <= oldest))
