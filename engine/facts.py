"""What a file says about itself: size, time, place, camera, keywords, title."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts of one content, or of a sidecar about its medium; what is unknown is None or empty.

    Attributes:
        width: pixels, as shown: after the orientation that the camera wrote.
        height: pixels, as shown.
        duration_ms: of a recording.
        taken: seconds since 1970 of the clock on the wall where it was made, without zone.
        camera: maker and model.
        latitude: degrees, north is positive.
        longitude: degrees, east is positive.
        rating: stars, 0 to 5.
        tags: keywords as written, each once.
        about: texts by what they are (title, description, artist, album, ...), in a fixed order.
    """

    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    taken: int | None = None
    camera: str = ""
    latitude: float | None = None
    longitude: float | None = None
    rating: int | None = None
    tags: tuple[str, ...] = ()
    about: tuple[tuple[str, str], ...] = ()

    def as_info(self) -> dict[str, Any]:
        """What is known, as JSON values: goes into the info of a content."""
        known = {one.name: getattr(self, one.name) for one in fields(self)}
        known |= {"tags": list(self.tags), "about": dict(self.about)}
        return {name: value for name, value in known.items() if value not in (None, "", [], {})}

    @classmethod
    def from_info(cls, info: Mapping[str, Any]) -> Self:
        """The facts among the info of a content; other entries are no matter."""
        known = {one.name: info[one.name] for one in fields(cls) if one.name in info}
        known["tags"] = tuple(info.get("tags", ()))
        known["about"] = tuple(info.get("about", {}).items())
        return cls(**known)
