"""Every benchmark, one after the other: `make bench`."""

from tests.bench import (
    absent,
    align,
    bridge,
    cold,
    imbalance,
    mixed,
    moments,
    ranking,
    recordings,
    retrieval,
    sounds,
    speed,
    taught,
    towers,
    video,
)

if __name__ == "__main__":
    for one in (
        retrieval,
        absent,
        mixed,
        imbalance,
        ranking,
        moments,
        speed,
        cold,
        towers,
        sounds,
        video,
        bridge,
        align,
        taught,
        recordings,
    ):
        one.main()
