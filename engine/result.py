"""What an answer is: hits with their reasons, best first, and where relevance ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from engine.query import Query
from engine.types import Modality, Source, Span


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for a hit.

    Attributes:
        source: the ranking that it was found in, or the words.
        rank: among the files of that ranking, from 1; 0 where files are not ranked.
        score: what it adds, in deviations.
        whole: of words: all of them are there.
        span: of the same recording: where it is heard.
    """

    source: Source
    rank: int
    score: float
    whole: bool = True
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One file in a result, with its best segment and the reasons why it is there.

    Attributes:
        path: absolute path of the file.
        modality: of the file.
        score: what the list is ordered by; of one query's hits alone can it be compared.
        relevance: estimated chance, 0 to 1, that this is what was asked for.
        span: the best moment (recordings) or passage (texts); None for the whole file.
        because: at least one reason, strongest first.
        snippet: the words of the passage or caption that matched, or an empty string.
        same: paths of other files with the same bytes.
        id: the first digits of the content's digest; `#` and this name it in a query.
    """

    path: Path
    modality: Modality
    score: float
    span: Span | None
    because: tuple[Evidence, ...]
    snippet: str = ""
    same: tuple[Path, ...] = ()
    relevance: float = 1.0
    id: str = ""

    def __post_init__(self) -> None:
        if not self.because:
            raise ValueError("a hit must say why it is there")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The hits of a query, best first, and how long each step took in milliseconds.

    Attributes:
        hits: above the line of relevance.
        nearest: the best few below it, when fewer were found than wanted; they match badly.
    """

    query: Query
    hits: tuple[Hit, ...]
    nearest: tuple[Hit, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
