"""The tables of the catalogue; nothing outside engine.store knows them."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

APPLICATION_ID = 0x5EE_4EA
"""Marks the file as a seehear catalogue (`PRAGMA application_id`)."""

FORMAT_VERSION = 1
"""Rises with every change of the tables (`PRAGMA user_version`)."""

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
    Column("info", Text, nullable=False),  # JSON: width, height, duration_ms, partial
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
    sqlite_autoincrement=True,
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
