"""Which of 410 sounds are told to be the same recording, or to hold one, and by what chance.

    python -m tests.bench.recordings

Every sound of Tux Paint, data/sample, Scratch and Sonic Pi is asked for in all others. What is
told must be listened to: some of these collections share files.
"""

from engine.query import Term
from engine.rank import landmarks
from engine.recordings import Recordings
from engine.search.example import peaks_of
from engine.types import Modality
from tests.bench.stamps import other_sounds, sonic_pi_sounds, stamp_sounds

NEXT = 10
"""So many pairs below the bar are shown too."""


def main() -> None:
    """Ask with every sound, and tell the surest pairs down to some that are not told."""
    bars = landmarks.CHANCE, landmarks.LEAST
    landmarks.CHANCE, landmarks.LEAST = 1.0, 3  # type: ignore[misc]
    files = [*sorted({path for path, _ in stamp_sounds()}), *other_sounds(), *sonic_pi_sounds()]
    peaks = [peaks_of(path, Term(Modality.AUDIO, path)) for path in files]
    table = Recordings.of([(at, codes[0]) for at, codes in enumerate(peaks)])
    found: dict[tuple[int, int], landmarks.Place] = {}
    for at, codes in enumerate(peaks):
        for other, place in table.find(codes):
            if other != at:
                found.setdefault((at, other), place)
    pairs = sorted(found.items(), key=lambda pair: pair[1].chance)
    told = [one for _, one in pairs if one.chance < bars[0] and one.agreeing >= bars[1]]
    print(f"{len(files) * (len(files) - 1):,} pairs, {len(told)} told; the surest:")
    for (at, other), place in pairs[: len(told) + NEXT]:
        names = " in ".join("/".join(files[one].parts[-2:]) for one in (at, other))
        print(f"  {place.chance:.0e}  {place.agreeing:4} peaks  {names}")


if __name__ == "__main__":
    main()
