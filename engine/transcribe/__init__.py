"""Transcribers by the origin of the words that they find; each is loaded when it is asked for."""

from typing import cast

from engine.ports import Transcriber
from engine.registry import adapter
from engine.types import Origin

_ADAPTERS = {
    Origin.SEEN.value: "engine.transcribe.rapidocr:RapidOcr",
    Origin.HEARD.value: "engine.transcribe.pocketsphinx:PocketSphinx",
}


def transcriber(origin: Origin) -> Transcriber:
    """The one that finds words of that origin.

    Raises:
        MissingPackageError: its package is not installed.
        ModelError: its package lacks its models.
    """
    return cast("Transcriber", adapter(_ADAPTERS, origin.value, "transcriber")())
