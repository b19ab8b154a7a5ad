"""The tables of the catalogue; nothing outside engine.store knows them."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from engine.store.layout import UNITS, Unit

metadata = MetaData()


def _cascade(target: str) -> ForeignKey:
    return ForeignKey(target, ondelete="CASCADE")


# Settings of the library: the profile's name and the sequence number of the last commit.
setting = Table(
    "setting",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

root = Table(
    "root",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", LargeBinary, nullable=False, unique=True),
)

content = Table(
    "content",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("modality", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("info", Text, nullable=False),  # JSON: Facts.as_info, partial
    sqlite_autoincrement=True,
)

# Paths are bytes, relative to the root: a name need not be valid in any encoding.
file = Table(
    "file",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("root_id", _cascade("root.id"), nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("stem", LargeBinary, nullable=False),  # the path without its suffix: finds captions
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("content_id", ForeignKey("content.id"), nullable=True),
    Column("state", Text, nullable=False),  # indexed, failed, skipped
    Column("reason", Text, nullable=False),
    UniqueConstraint("root_id", "path"),
    Index("file_stem", "root_id", "stem"),
    Index("file_content", "content_id"),
    Index("file_lacking", "root_id", "path", sqlite_where=text("state != 'indexed'")),
    sqlite_autoincrement=True,
)

# What a folder looked like when all its files had come to their end; gone as soon as one changes.
listing = Table(
    "listing",
    metadata,
    Column("root_id", _cascade("root.id"), primary_key=True),
    Column("path", LargeBinary, primary_key=True),  # relative to the root; empty is the root itself
    Column("digest", LargeBinary, nullable=False),
    Column("files", Integer, nullable=False),
    Column("indexed", Integer, nullable=False),
    sqlite_with_rowid=False,
)

space = Table(
    "space",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("dim", Integer, nullable=False),
    Column("fingerprint", Text, nullable=False),
)

segment = Table(
    "segment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("content_id", _cascade("content.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("start", BigInteger, nullable=True),
    Column("end", BigInteger, nullable=True),
    Column("unit", Text, nullable=True),
    Column("words", Text, nullable=False),
    Column("kind", Text, nullable=True),  # how words without a vector were found: seen, heard
    Index("segment_content", "content_id"),
    sqlite_autoincrement=True,
)

# Ids are never used again (AUTOINCREMENT): an old snapshot must not give a new segment an old
# vector. float16 keeps a row on few pages; crc32 tells a damaged row from a good one.
vector = Table(
    "vector",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("segment_id", _cascade("segment.id"), nullable=False),
    Column("space_id", ForeignKey("space.id"), nullable=False),
    Column("modality", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("half", LargeBinary, nullable=False),
    Column("crc32", BigInteger, nullable=False),
    Index("vector_segment", "segment_id"),
    Index("vector_gallery", "space_id", "modality", "seq"),
    Index("vector_place", "space_id", "modality", "segment_id"),
    sqlite_autoincrement=True,
)

# Vectors that are gone but may still stand in a snapshot made before `seq`.
tombstone = Table(
    "tombstone",
    metadata,
    Column("vector_id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Index("tombstone_seq", "seq"),
)

# What classifiers said of contents: each label with its probability, the most probable in place 0.
label = Table(
    "label",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("classifier", Text, nullable=False),
    Column("content_id", _cascade("content.id"), nullable=False),
    Column("segment_id", _cascade("segment.id"), nullable=True),  # NULL: of the whole content
    Column("label", Text, nullable=False),
    Column("folded", Text, nullable=False),
    Column("place", Integer, nullable=False),
    Column("probability", Float, nullable=False),
    Column("weights", Text, nullable=False),  # JSON: how much each modality counted
    Index("label_content", "content_id", "classifier"),
    Index("label_segment", "segment_id"),
    Index("label_folded", "folded", "content_id"),
)

# The peaks of what is heard in a content (engine.rank.landmarks), empty where nothing is; made from
# its file, so it comes back with the next `index`.
landmark = Table(
    "landmark",
    metadata,
    Column("content_id", _cascade("content.id"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("peaks", LargeBinary, nullable=False),
    Column("crc32", BigInteger, nullable=False),
    Index("landmark_seq", "seq"),
)

# A receipt for a derived file, written after the file is safely on disk.
snapshot = Table(
    "snapshot",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("gallery", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("name", Text, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    sqlite_autoincrement=True,
)

# --- derived: engine.store.derived makes it from the tables above, in the same transaction -----

folder = Table(
    "folder",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("root_id", _cascade("root.id"), nullable=False),
    Column("path", LargeBinary, nullable=False),  # relative to the root; empty is the root itself
    UniqueConstraint("root_id", "path"),
    sqlite_autoincrement=True,
)

# One row for each indexed file that is no sidecar; its own facts with those of its sidecars.
# Text is folded: engine.store.texts.fold.
fact = Table(
    "fact",
    metadata,
    Column("file_id", _cascade("file.id"), primary_key=True),
    Column("folder_id", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("suffix", Text, nullable=False),
    Column("modality", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),  # seconds of the clock on the wall
    Column("taken", BigInteger, nullable=True),
    Column("width", BigInteger, nullable=True),
    Column("height", BigInteger, nullable=True),
    Column("duration_ms", BigInteger, nullable=True),
    Column("camera", Text, nullable=True),
    Column("latitude", Float, nullable=True),
    Column("longitude", Float, nullable=True),
    Column("rating", BigInteger, nullable=True),
    Index("fact_folder", "folder_id"),
)

tag = Table(
    "tag",
    metadata,
    Column("file_id", _cascade("file.id"), primary_key=True),
    Column("folded", Text, primary_key=True),
    Index("tag_folded", "folded", "file_id"),
    sqlite_with_rowid=False,
)

# Which caption, subtitle or sidecar describes which media.
beside = Table(
    "beside",
    metadata,
    Column("text_id", _cascade("file.id"), primary_key=True),
    Column("media_id", _cascade("file.id"), primary_key=True),
    Index("beside_media", "media_id", "text_id"),
    sqlite_with_rowid=False,
)

DERIVED = (beside, tag, fact, folder)
"""In an order in which they may be emptied."""

# Units whose owner is gone, until the end of the transaction. A trigger may not touch FTS5 tables
# itself: with trusted_schema=OFF SQLite before 3.44 calls that unsafe.
gone = Table("gone", metadata, Column("unit", Integer, primary_key=True))


def _note(table: str, *units: Unit) -> str:
    rows = ", ".join(f"(old.id * {UNITS} + {unit.value})" for unit in units)
    insert = "INSERT OR IGNORE INTO gone (unit) VALUES"
    return f"CREATE TRIGGER {table}_gone AFTER DELETE ON {table} BEGIN {insert} {rows}; END"


WORD_TABLES = (
    "CREATE VIRTUAL TABLE fts_words USING fts5(text, tokenize='unicode61 remove_diacritics 2')",
    "CREATE VIRTUAL TABLE fts_letters USING fts5(text, tokenize='trigram')",
    _note("file", Unit.NAME),
    _note("folder", Unit.FOLDER),
    _note("content", Unit.TAG, Unit.TITLE, Unit.ABOUT),
    _note("segment", Unit.SEGMENT),
)
"""`fts_words` finds whole words, `fts_letters` parts of names and of words read in pictures.

A row that goes with its owner, by a cascade or not, takes its words along.
"""

DROP_WORD_TABLES = (
    *(f"DROP TRIGGER IF EXISTS {table}_gone" for table in ("file", "folder", "content", "segment")),
    "DROP TABLE IF EXISTS fts_words",
    "DROP TABLE IF EXISTS fts_letters",
)
