"""The texts that bridges are fitted on: short, each once, of all that is seen and heard."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

DATA = Path(__file__).parents[2] / "data"
TEXT = (DATA / "pairs" / "anchors.txt").read_text("utf-8")
LINES = TEXT.splitlines()
WORDS = Counter(word for line in LINES for word in set(re.findall(r"[\w'-]+", line.lower())))

COVERED = """
dog cat horse cow rooster owl frog bee lion whale bird car truck train airplane helicopter boat
motorcycle siren thunder rain wind waves stream fire volcano crowd applause baby laugh cough snoring
footsteps gravel kitchen fry chop hammer saw drill engine vacuum telephone clock bell door glass
violin piano drum guitar trumpet choir orchestra jazz techno opera tennis boxer football fireworks
explode sword robot dragon spaceship keyboard forest beach restaurant station church market night
snow red blue watercolour whisper speech applause lullaby
""".split()  # noqa: SIM905  (a list of ninety words reads best so)

UNWANTED = re.compile(
    r"\b(?:sex|nude|naked|kill|corpse|slave|nazi|drug|whore|penis|vagina|rape)", re.IGNORECASE
)


def test_there_are_thousands_of_lines_and_each_is_there_once() -> None:
    assert 6_000 <= len(LINES) <= 8_000
    assert len({line.casefold() for line in LINES}) == len(LINES)
    assert TEXT.endswith("\n")


def test_lines_are_short_and_plain() -> None:
    assert [line for line in LINES if not 1 <= len(line.split()) <= 20] == []
    assert [line for line in LINES if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ,'-]*", line)] == []
    assert [line for line in LINES if line != " ".join(line.split())] == []


def test_nothing_offensive_is_among_them() -> None:
    assert [line for line in LINES if UNWANTED.search(line)] == []


def test_no_word_but_the_smallest_dominates() -> None:
    common = {word for word, count in WORDS.items() if count > 0.011 * len(LINES)}

    assert {word for word in common if len(word) > 4} <= {"through", "usually", "their", "having"}


def test_the_words_are_many() -> None:
    assert len(WORDS) > 5_000


def test_what_is_seen_and_heard_is_covered() -> None:
    missing = [stem for stem in COVERED if not any(word.startswith(stem) for word in WORDS)]

    assert missing == []


def test_the_first_thousand_are_a_sample_of_all() -> None:
    def labels(lines: list[str]) -> float:
        return sum(len(line.split()) <= 2 for line in lines) / len(lines)

    assert labels(LINES[:1_000]) == pytest.approx(labels(LINES), abs=0.04)


def test_the_script_makes_the_same_file_again(tmp_path: Path) -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seehear-bench"
    if not all((cache / name).is_dir() for name in ("wordnet-base", "unicode-cldr-core")):
        pytest.skip("the packages of data/fetch.py are not on this machine")
    script = [sys.executable, str(DATA / "make_anchor_texts.py"), str(tmp_path / "again.txt")]

    subprocess.run(script, check=True, capture_output=True)

    assert (tmp_path / "again.txt").read_text("utf-8") == TEXT
