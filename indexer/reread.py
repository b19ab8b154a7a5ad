"""Facts of files that were indexed when less of them was read: read again, without decoding."""

import json
import os
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from engine.errors import MediaError
from engine.facts import Facts
from engine.media.facts import VERSION
from engine.media.workers import Workers
from engine.store.records import Content
from engine.store.stamps import stamp_of
from engine.store.writer import CatalogueWriter
from engine.types import Modality
from indexer.ahead import reading

SETTING = "facts"
"""The version of `engine.media.facts` by which the facts of all contents were read."""

AWAY = "facts-away"
"""The setting with the ids of contents whose files were away then, as a JSON list."""

GROUP = 256
"""Contents in one commit."""

_MEASURED = frozenset({"width", "height", "duration_ms"})
_FACTS = frozenset(one.name for one in fields(Facts))


def due(writer: CatalogueWriter) -> frozenset[int]:
    """Ids of contents whose facts are to be read again, before a run brings new ones."""
    if writer.setting(SETTING) == str(VERSION):
        return frozenset(json.loads(writer.setting(AWAY) or "[]"))
    known = frozenset(one.id for one in writer.contents_after(0, Modality))
    if not known:  # new ones come with their facts
        writer.set_setting(SETTING, str(VERSION))
    return known


def reread(writer: CatalogueWriter, contents: frozenset[int], decoders: Workers) -> None:
    """Read facts again and commit them; what is interrupted begins anew, what is away waits."""
    if not contents:
        return
    todo = [one for one in writer.contents_after(0, Modality) if one.id in contents]
    away: list[int] = []
    facts_of = partial(_facts, decoders)
    with reading(decoders) as pool:
        for start in range(0, len(todo), GROUP):
            part = todo[start : start + GROUP]
            found = dict(zip((one.id for one in part), pool.map(facts_of, part), strict=True))
            away += [one for one, facts in found.items() if facts is None]
            writer.set_info(_renewed(writer, found), {})
    settings = {SETTING: str(VERSION), AWAY: json.dumps(away)}
    if any(writer.setting(key) != value for key, value in settings.items()):
        writer.set_settings(settings)


def _facts(decoders: Workers, content: Content) -> Facts | None:
    """Read the facts of a content from a file that is as it was indexed; None if there is none."""
    for file in content.files:
        path = file.root / os.fsdecode(file.path)
        if stamp_of(path) == file.stamp:
            return _told(decoders, path, content)
    return None


def _told(decoders: Workers, path: Path, content: Content) -> Facts:
    try:
        return decoders.facts(path, content.modality, content.format)
    except MediaError:  # readers of facts died of it: nothing is known
        return Facts()


def _renewed(writer: CatalogueWriter, found: dict[int, Facts | None]) -> dict[int, dict[str, Any]]:
    """What is to be known of contents: new facts, and what was met and measured in decoding."""
    read = [one for one, facts in found.items() if facts is not None]
    kept = {
        one: {name: info[name] for name in info if name in _MEASURED or name not in _FACTS}
        for one, info in writer.infos(read).items()
    }
    return {one: facts.as_info() | kept.get(one, {}) for one, facts in found.items() if facts}
