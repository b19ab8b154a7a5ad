"""Our measures equal those of ir_measures (trec_eval) on any run without ties."""

from typing import Any

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import AP, RR, P, Success, nDCG

from engine.evaluate import METRICS, judge, values

GAINS = {grade: 2**grade - 1 for grade in range(1, 5)}
THEIRS = {
    "R@1": Success @ 1,
    "R@5": Success @ 5,
    "R@10": Success @ 10,
    "P@10": P @ 10,
    "MRR": RR,
    "mAP@10": AP @ 10,
    "nDCG@10": nDCG(gains=GAINS) @ 10,
}

Judgement = tuple[list[str], dict[str, int]]


@st.composite
def judgements(draw: st.DrawFn) -> Judgement:
    """A ranking, and relevant ids of which some may not be ranked."""
    ids = [f"d{number}" for number in range(draw(st.integers(1, 40)))]
    ranked = draw(st.permutations(ids))[: draw(st.integers(1, len(ids)))]
    grades = st.integers(1, 4)
    relevant = draw(st.dictionaries(st.sampled_from(ids), grades, min_size=1, max_size=15))
    return ranked, relevant


def rows_of(runs: list[Judgement]) -> tuple[Any, Any]:
    """Judgements and runs as ir_measures takes them; equal distances between the scores."""
    qrels = {str(n): relevant for n, (_, relevant) in enumerate(runs)}
    scored = {
        str(n): {one: float(-rank) for rank, one in enumerate(ranked)}
        for n, (ranked, _) in enumerate(runs)
    }
    return qrels, scored


@given(st.lists(judgements(), min_size=1, max_size=5))
def test_measures_equal_those_of_ir_measures(runs: list[Judgement]) -> None:
    """trec_eval divides AP@k by R; where R > k ours, which divides by k, is scaled to it."""
    qrels, scored = rows_of(runs)
    theirs = {
        (one.query_id, one.measure): one.value
        for one in ir_measures.iter_calc(list(THEIRS.values()), qrels, scored)
    }
    table = values([judge(ranked, relevant) for ranked, relevant in runs])

    for number, (_, relevant) in enumerate(runs):
        ours = dict(zip((one.name for one in METRICS), table[number], strict=True))
        ours["mAP@10"] *= min(10, len(relevant)) / len(relevant)
        for name, measure in THEIRS.items():
            assert ours[name] == pytest.approx(theirs[str(number), measure], abs=1e-9), name
