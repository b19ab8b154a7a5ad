"""What newsrooms write into pictures: IPTC-IIM records as facts (IIM 4.2, chapters 3 and 6)."""

from collections.abc import Iterator

from engine.facts import Facts
from engine.media import stated

_TITLE, _TAG, _DAY, _TIME, _ARTIST, _CITY, _STATE, _COUNTRY, _HEADLINE, _CAPTION = (
    5, 25, 55, 60, 80, 90, 95, 101, 105, 120,
)  # fmt: skip
_MARK, _APPLICATION = 0x1C, 2
_EXTENDED = 0x8000

RESOURCE = 0x0404
"""The number under which Photoshop keeps IPTC records among its resources."""

_MAX_RESOURCES = 1_000


def iptc_facts(data: bytes) -> Facts:
    """Read the datasets of record 2, up to where they are broken."""
    found: dict[int, list[bytes]] = {}
    for number, value in _datasets(data):
        found.setdefault(number, []).append(value)
    first = {number: values[0] for number, values in found.items()}
    day, time = (stated.decoded(first.get(one, b"")[:11]) for one in (_DAY, _TIME))
    return Facts(
        taken=stated.moment(f"{day[:8]} {time[:6]}") or stated.moment(day),
        tags=stated.keywords(found.get(_TAG, ())),
        about=stated.about(
            title=first.get(_TITLE),
            headline=first.get(_HEADLINE),
            description=first.get(_CAPTION),
            artist=first.get(_ARTIST),
            city=first.get(_CITY),
            state=first.get(_STATE),
            country=first.get(_COUNTRY),
        ),
    )


def resource_of(data: bytes) -> bytes:
    """Find the IPTC records among the resources that Photoshop writes; empty if there are none."""
    at = 0
    for _ in range(_MAX_RESOURCES):
        if data[at : at + 4] != b"8BIM":
            break
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        name = data[at + 6] + 1 if at + 6 < len(data) else 0
        at += 6 + name + name % 2
        size = int.from_bytes(data[at : at + 4], "big")
        if number == RESOURCE:
            return data[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
    return b""


def _datasets(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while len(data) >= at + 5 and data[at] == _MARK:
        record, number = data[at + 1], data[at + 2]
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        if size & _EXTENDED:  # longer than any text that is kept
            return
        at += 5
        if record == _APPLICATION:
            yield number, data[at : at + size]
        at += size
