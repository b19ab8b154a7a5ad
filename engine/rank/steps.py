"""The steps of ranking, each of which can be switched off to see what it gives."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Steps:
    """Which steps are taken; the defaults are those that gained where they were measured.

    Attributes:
        calibration: scores are compared across galleries as deviations, not as raw cosines.
        hubness: what is near to everything is held back.
        length: long recordings do not win by having more windows.
        words: names, tags, captions and texts are searched by their words too.
    """

    calibration: bool = True
    hubness: bool = True
    length: bool = True
    words: bool = True


ALL_STEPS = Steps()
