"""Every benchmark, one after the other: `make bench`."""

from tests.bench import (
    absent,
    bridge,
    cold,
    mixed,
    moments,
    ranking,
    recordings,
    retrieval,
    sounds,
    speed,
    towers,
    video,
)

if __name__ == "__main__":
    for one in (
        retrieval,
        absent,
        mixed,
        ranking,
        moments,
        speed,
        cold,
        towers,
        sounds,
        video,
        bridge,
        recordings,
    ):
        one.main()
