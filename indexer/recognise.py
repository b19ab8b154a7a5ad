"""Sounds that were indexed before recordings were recognised: listened to now."""

import os
from functools import partial

from engine.errors import MediaError
from engine.media.workers import Workers
from engine.ports import AudioRule
from engine.rank.landmarks import RATE, Codes, PeakFinder
from engine.store.records import Content
from engine.store.stamps import stamp_of
from engine.store.writer import CatalogueWriter
from engine.types import Modality
from indexer.ahead import reading
from indexer.read import sources
from indexer.report import Progress, Step, Watch

GROUP = 16
"""Contents in one commit."""

_RULE = AudioRule(RATE, 10_000, 10_000)


def recognise(writer: CatalogueWriter, watch: Watch, decoders: Workers) -> int:
    """Make the landmarks that contents lack, and commit them; what is away waits for its return.

    Returns:
        how many contents were listened to.
    """
    lacking = frozenset(writer.unheard())
    if not lacking:
        return 0
    sounding = writer.contents_after(0, (Modality.AUDIO, Modality.VIDEO))
    todo = [one for one in sounding if one.id in lacking]
    done = heard = 0
    peaks_of = partial(_peaks, decoders)
    with reading(decoders) as pool:
        for start in range(0, len(todo), GROUP):
            part = todo[start : start + GROUP]
            found = dict(zip((one.id for one in part), pool.map(peaks_of, part), strict=True))
            known = {one: codes for one, codes in found.items() if codes is not None}
            writer.set_peaks(known)
            done, heard = done + len(part), heard + len(known)
            last = part[-1].files[0]
            path = last.root / os.fsdecode(last.path)
            watch(Progress(done, len(todo), path, Step.RECOGNISE))
    return heard


def _peaks(decoders: Workers, content: Content) -> Codes | None:
    """The peaks of a content, none where it cannot be heard; None when its files are away."""
    for path in sources(content):
        finder, stamp = PeakFinder(), stamp_of(path)
        try:
            for _ in decoders.pieces(path, content.format, _RULE, finder):
                pass
        except MediaError:  # what came before the damage is kept, as its vectors were
            pass
        if stamp_of(path) == stamp:
            return finder.finish()
    return None
