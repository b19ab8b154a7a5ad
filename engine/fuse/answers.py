"""Judged answers to queries: what each modality says of each, and which of them are right."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.errors import UsageError
from engine.fuse.normalise import Floats
from engine.fuse.views import Views, checked, rows_of

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Answers to queries, judged.

    Attributes:
        views: for each modality its score of each answer, (n, 1), or features, (n, d).
        relevant: whether the answer is right, bool (n,).
        queries: which query it answers, int64 (n,).
        groups: what the query belongs to, int64 (n,); queries of one group (captions of one
            picture) are never on both sides of a split. None when each stands for itself.
    """

    views: Views
    relevant: npt.NDArray[np.bool_]
    queries: Numbers
    groups: Numbers | None = None

    def __post_init__(self) -> None:
        count = checked(self.views)
        if not len(self.relevant) == len(self.queries) == len(self.of) == count:
            raise UsageError(f"{count} answers need as many judgements, queries and groups.")
        if not self.relevant.any() or self.relevant.all():
            raise UsageError(
                "Either no answer is right or all are: there is nothing to learn.",
                hint="Give right and wrong answers to each query.",
            )

    @property
    def of(self) -> Numbers:
        """The group of each answer, (n,)."""
        return self.queries if self.groups is None else self.groups

    def only(self, at: npt.NDArray[np.int64]) -> "Answers":
        """The answers at these places."""
        groups = None if self.groups is None else self.groups[at]
        views = rows_of(self.views, at)
        return Answers(views, self.relevant[at], self.queries[at], groups)


def reciprocal_ranks(scores: Floats, answers: Answers) -> tuple[Floats, Numbers]:
    """1 / rank of the first right answer of each query that has one, and the query's group.

    Args:
        scores: (n,), higher is better. Equal scores keep the order of the answers.
        answers: n of them.

    Returns:
        values (q,) and groups (q,), queries in the order of their numbers.
    """
    order = np.lexsort((-scores, answers.queries))
    ordered, right = answers.queries[order], answers.relevant[order]
    starts = np.flatnonzero(np.r_[True, np.diff(ordered) != 0])
    place = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)])) + 1
    _, first = np.unique(ordered[right], return_index=True)
    return 1.0 / place[right][first].astype(np.float64), answers.of[order][right][first]
