"""The report on a bridge as a table and as a picture: small, complete, and the same each time."""

import io
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from cli.bridges import print_report
from cli.drawing import draw
from engine.align.report import chosen_in_words, named


def interval(value: float, spread: float = 0.05) -> dict[str, float]:
    return {"value": value, "low": value - spread, "high": value + spread}


def figures(*, existing: bool) -> list[dict[str, Any]]:
    recalls = {"R@1": 0.4, "R@2": 0.5, "R@5": 0.7, "R@10": 0.85, "MRR": 0.5, "median rank": 2.0}
    return [
        {
            "name": name,
            "before": interval(value * 0.6) if existing else None,
            "after": interval(value),
            "chance": value / 10,
            "shuffled": value / 9,
        }
        for name, value in recalls.items()
    ]


def report(verdict: str = "helps", *, existing: bool = True, **more: Any) -> dict[str, Any]:
    gain = {"mean": 0.2, "low": 0.1, "high": 0.3, "p": 0.001}
    candidate = {"settings": {}, "weight": None, "blend": 1.0, "complexity": 1, "error": 0.02}
    candidate |= {"behind": 0.0, "behind_error": 0.0}
    told = {
        "verdict": verdict,
        "sentence": "A sentence that says it.",
        "compared_with": "existing" if existing else "chance",
        "kept": False,
        "pairs": 60,
        "groups": 50,
        "anchors": 7000,
        "protocol": "nested",
        "judged": 60,
        "gallery": [11, 13],
        "folds": 5,
        "tried_on": 60,
        "directions": [
            {"name": name, "figures": figures(existing=existing), "difference": gain}
            for name in ("left to right", "right to left")
        ],
        "difference": gain,
        "glanced": {"ridge": 0.4},
        "candidates": [
            {**candidate, "method": "ridge", "mrr": 0.5},
            {**candidate, "method": "ridge", "mrr": 0.45},
            {**candidate, "method": None, "mrr": 0.3},
        ],
        "chosen": {"method": "ridge", "settings": {"penalty": 0.1}, "weight": 1.0, "blend": 0.75},
        "correlations": [0.9, 0.5, 0.1],
        "examples": [
            {
                "pair": at,
                "rank_before": 7.0 if existing else None,
                "rank_after": 1.0,
                "before": [3, 4, 5] if existing else [],
                "after": [at, 4, 5],
            }
            for at in range(3)
        ],
        "seed": 0,
        "seconds": 2.5,
    }
    return {**told, **more}


def printed(capsys: pytest.CaptureFixture[str], told: dict[str, Any]) -> str:
    print_report(told, name="mine")
    return capsys.readouterr().out


# The table


def test_the_verdict_comes_first_and_what_to_do_last(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, report()).splitlines()

    assert lines[0] == "A sentence that says it."
    assert lines[-1] == "Next: seehear align use mine"
    assert len(lines) < 30


def test_both_directions_show_before_after_and_chance(capsys: pytest.CaptureFixture[str]) -> None:
    sides = named(report(), ("pictures", "sounds"), lambda pair: (f"{pair}.png", f"{pair}.wav"))
    text = printed(capsys, sides)

    assert "pictures to sounds" in text
    assert "sounds to pictures" in text
    assert text.count("0.240 [0.190, 0.290]") == text.count("0.400 [0.350, 0.450]") == 2
    assert "0.040" in text
    assert "R@2" not in text
    assert "ridge 0.500 ± 0.020, the way there was 0.300 ± 0.020 (MRR, 3 candidates)" in text
    assert "among 11 to 13" in text


def test_where_there_was_nothing_nothing_is_before(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, report(existing=False))

    assert "before" not in text
    assert "fitted" in text


@pytest.mark.parametrize(
    ("verdict", "told"),
    [("no difference shown", "half as wide with 240"), ("harms", "whether the pairs are right")],
)
def test_what_to_do_next_goes_with_the_verdict(
    verdict: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in printed(capsys, report(verdict)).splitlines()[-1]


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"weight": 1.0, "blend": 0.75}, "each counting 1.0 of 7,000 anchors; 75 % of the score"),
        ({"weight": None, "blend": 1.0}, "ridge (penalty 0.1), fitted on 60 pairs"),
        ({"weight": 0.0, "blend": 1.0}, "fitted on 7,000 anchors, seen from where the 60 pairs"),
        ({"weight": 1.0, "blend": 0.0}, "none; best of the fitted was ridge (penalty 0.1)"),
    ],
)
def test_the_choice_is_told_in_words(chosen: dict[str, Any], words: str) -> None:
    told = report()

    assert words in chosen_in_words({**told, "chosen": told["chosen"] | chosen})


def test_only_pairs_that_are_shown_are_named() -> None:
    told = named(report(), ("pictures", "sounds"), lambda pair: (f"{pair}.png", f"{pair}.wav"))

    assert set(told["names"]) == {"0", "1", "2", "3", "4", "5"}
    assert told["names"]["3"] == ["3.png", "3.wav"]


# The picture


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("correlations", [[], [0.9, 0.2]])
def test_the_picture_is_a_png_of_a_readable_size(
    *, existing: bool, correlations: list[float]
) -> None:
    drawn = draw(report(existing=existing, correlations=correlations))

    with Image.open(io.BytesIO(drawn)) as picture:
        assert picture.format == "PNG"
        assert picture.width == 1650
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24)}
    assert (0, 114, 178) in colours
    assert ((230, 159, 0) in colours) == existing


def test_the_same_report_is_drawn_alike_each_time() -> None:
    for kind in ("png", "svg"):
        assert draw(report(), kind) == draw(report(), kind)


def test_the_picture_as_svg_is_xml_without_a_date() -> None:
    drawn = draw(report(), "svg")

    assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314  (our own)
    assert b"<dc:date>" not in drawn


def test_names_of_any_script_and_length_are_drawn() -> None:
    """A dollar would begin a formula, and no font has every letter."""
    name = "$\\frac{猫 and a very long name, and\tmore of it$" * 3

    assert draw(named(report(), ("pictures", "sounds"), lambda _: (name, name)))


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    draw(report())

    assert dict(mpl.rcParams) == before
