"""What numbers in a catalogue mean: its mark, its format, and what words belong to."""

from enum import IntEnum

APPLICATION_ID = 0x5EE_4EA
"""Marks the file as a seehear catalogue (`PRAGMA application_id`)."""

FORMAT_VERSION = 4
"""Rises with every change of the tables (`PRAGMA user_version`).

1: what was indexed. 2: with what is derived from it for filters and words, and `segment.kind`.
3: with what classifiers said, and with the landmarks of sounds. 4: with what folders looked like.
"""

DERIVED_SINCE = 2
"""Catalogues of this format and later have the derived tables."""

LABELS_SINCE = 3
"""Catalogues of this format and later have the table of labels."""

LANDMARKS_SINCE = 3
"""Catalogues of this format and later have landmarks."""

UNITS = 8
"""A row of the word tables has the id of what it comes from times this, plus its `Unit`."""


class Unit(IntEnum):
    """What a row of the word tables comes from."""

    NAME = 0
    """A file."""
    FOLDER = 1
    """A folder."""
    TAG = 2
    """A content, as the next two."""
    TITLE = 3
    ABOUT = 4
    SEGMENT = 5
