"""What a worker runs: one request about one file, answered as it is decoded."""

from collections.abc import Iterator

from engine.media import exif, frames, tags  # noqa: F401  (so that no file waits for Pillow and av)
from engine.media.facts import read_facts
from engine.media.pieces import pieces
from engine.media.probe import probe
from engine.media.subtitles import subtitles
from engine.media.wire import Answer, Ear, Job, Request


def answers(request: Request, ear: Ear | None = None) -> Iterator[Answer]:
    """Answer a request: pieces one by one, everything else in one go. An ear hears what is heard.

    Raises:
        MediaError: perhaps after some answers, when the file cannot be decoded.
        ValueError: what was asked for lacks a modality or a rule.
    """
    match request:
        case Request(job=Job.PROBE):
            yield probe(request.path)
        case Request(job=Job.FACTS, modality=modality) if modality is not None:
            yield read_facts(request.path, modality, request.format)
        case Request(job=Job.SUBTITLES):
            yield subtitles(request.path, request.format)
        case Request(job=Job.PIECES, rule=rule) if rule is not None:
            yield from pieces(request.path, request.format, rule, ear)
        case _:
            raise ValueError(f"not a whole request: {request}")
