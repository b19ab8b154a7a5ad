"""Why a file could not be turned into a payload: the words that reports and catalogues keep."""

from enum import StrEnum


class Reason(StrEnum):
    """The stable words in ``MediaError.reason``; each is also a plain string."""

    EMPTY = "empty"
    UNSUPPORTED = "unsupported"
    NOT_REGULAR = "not-regular"
    PERMISSION = "permission"
    VANISHED = "vanished"
    IO = "io"
    TRUNCATED = "truncated"
    UNDECODABLE = "undecodable"
    TOO_MANY_PIXELS = "too-many-pixels"
    DIMENSIONS = "dimensions"
    TOO_BIG = "too-big"
    AUDIO_PARAMS = "audio-params"
    NO_AUDIO = "no-audio"
    CONTAINER = "container-not-allowed"
    BINARY = "binary"
    BLANK = "blank"
    MEMORY = "memory"
    TIMEOUT = "timeout"
    CRASHED = "crashed-decoder"
