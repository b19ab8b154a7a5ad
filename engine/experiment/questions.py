"""Questions with known answers, sorted into directions: words to pictures, pictures to sounds."""

import hashlib
import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from engine.errors import EngineError, UsageError
from engine.experiment.judgements import Row
from engine.query import Query, Term
from engine.search.example import modality_of
from engine.store.records import Content, FileRecord
from engine.types import Modality

WORDS = "words"
_CAPTION_SUFFIX = ".txt"
_SHOWN = 5

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Question:
    """A query and what answers it.

    Attributes:
        label: the words, or the path of the file that is asked with.
        relevant: grade of each content that answers it, by its id.
        own: the content of the query itself, which is never an answer.
        group: queries of one group are not independent of each other.
    """

    label: str
    query: Query
    relevant: Mapping[int, float]
    own: int | None = None
    group: str = ""


@dataclass(frozen=True, slots=True)
class Direction:
    """Questions of one kind, and among what their answers are looked for.

    Attributes:
        asked: `words`, or the modality of the files asked with.
        wanted: modalities of the files that may be found.
        captions: whether captions may help to find media.
        turned: whether the words are looked for in turn, by the same scores read the other way.
    """

    asked: str
    wanted: tuple[Modality, ...]
    questions: tuple[Question, ...]
    captions: bool = True
    turned: bool = False

    @property
    def name(self) -> str:
        """For example ``words -> image``."""
        return f"{self.asked} -> {' + '.join(self.wanted)}"

    def lines(self, shelf: "Shelf") -> Iterator[str]:
        """What each question and its answers are, whatever their paths."""
        for one in self.questions:
            asked = one.label if one.own is None else shelf.contents[one.own].digest.hex()
            answers = sorted((shelf.contents[c].digest.hex(), g) for c, g in one.relevant.items())
            yield f"{self.name}\t{asked}\t{answers}"


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """All directions of an evaluation, and what a person should know of how they came about."""

    directions: tuple[Direction, ...]
    notes: tuple[str, ...] = ()

    def digest(self, shelf: "Shelf") -> str:
        """Names the set of questions: the same for the same files anywhere; SHA-256 in hex."""
        lines = [line for one in self.directions for line in one.lines(shelf)]
        return hashlib.sha256("\n".join(sorted(lines)).encode(errors="replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Shelf:
    """The contents of a library by id and by path; `within` are those that may be found."""

    contents: Mapping[int, Content]
    within: frozenset[int]
    by_path: Mapping[Path, int] = field(default_factory=dict)

    @classmethod
    def of(cls, everything: Iterable[Content], within: Iterable[Content]) -> "Shelf":
        """From what the library holds, and what of it is below the folders asked for."""
        contents = {one.id: one for one in everything}
        paths = {path_of(f): one.id for one in contents.values() for f in one.files}
        return cls(contents, frozenset(one.id for one in within), paths)

    def modality(self, content: int) -> Modality:
        """What a content is."""
        return self.contents[content].modality

    def path(self, content: int) -> Path:
        """A file that holds a content."""
        return path_of(self.contents[content].files[0])

    def finds(self, content: int, kinds: Iterable[Modality]) -> bool:
        """Whether a content is of one of these kinds and below the folders asked for."""
        return content in self.within and self.contents[content].modality in kinds

    def count(self, wanted: Iterable[Modality]) -> int:
        """How many contents of these modalities may be found."""
        kinds = frozenset(wanted)
        return sum(self.contents[one].modality in kinds for one in self.within)


def path_of(record: FileRecord) -> Path:
    """The absolute path of a file of the catalogue."""
    return record.root / os.fsdecode(record.path)


@dataclass(frozen=True, slots=True)
class Pair:
    """Words or a file, and one content that answers."""

    asked: str | Path
    answer: int
    grade: float = 1.0
    group: str = ""


def from_judgements(
    rows: Sequence[Row],
    shelf: Shelf,
    bases: Sequence[Path],
    kinds: Sequence[Modality],
    *,
    skip_missing: bool = False,
) -> Asked:
    """Questions from rows of query and path, in every direction that makes sense.

    Words are asked for each kind of file that answers them, and for all kinds at once; which
    words fit a file is then read from the same scores. Files are asked with both ways.

    Args:
        rows: as they were written.
        shelf: what the library holds.
        bases: folders that relative paths may start from, tried in order.
        kinds: modalities that may be found.
        skip_missing: leave out rows whose file is not in the library.

    Raises:
        UsageError: a path is not in the library, or nothing is left to ask.
    """
    answers = {row.path: _content(row.path, bases, shelf) for row in rows}
    missing = [path for path, content in answers.items() if content is None]
    if missing and not skip_missing:
        raise UsageError(
            _not_there(missing),
            hint="Index them first, or leave these lines out with --skip-missing",
        )
    asked = {row.query: _asked(row.query, bases) for row in rows}
    pairs = [
        Pair(asked[row.query], answer, row.grade, row.group)
        for row in rows
        if (answer := answers[row.path]) is not None
    ]
    inside = [one for one in pairs if shelf.finds(one.answer, kinds)]
    notes = [_not_there(missing)] if missing else []
    if len(inside) < len(pairs):
        left = len(pairs) - len(inside)
        notes.append(f"{left:,} answers lie outside --in or --under and are left out.")
    back = [one for one in _turned(inside, shelf) if shelf.finds(one.answer, kinds)]
    directions = (*_directions(inside, shelf, back=True), *_directions(back, shelf))
    if not directions:
        raise UsageError(
            "None of the relevant files can be found, so there is nothing to measure.",
            hint="See what is indexed with: seehear status",
        )
    return Asked(directions, tuple(notes))


def from_captions(shelf: Shelf, kinds: Sequence[Modality]) -> Asked:
    """Questions from captions: a `.txt` beside media of the same name describes it.

    Words to media with captions left out of the search, and media to the text of its caption.

    Raises:
        UsageError: no media among `kinds` has a caption that can be read.
    """
    beside = [pair for pair in captioned(shelf) if shelf.finds(pair[1], kinds)]
    words = {caption: words_of(shelf.contents[caption]) for caption, _ in beside}
    read = [(caption, media) for caption, media in beside if words[caption]]
    if not read:
        raise UsageError(
            "No captions were found: no .txt with words lies beside an indexed file of its name.",
            hint="Give a file of queries and relevant paths: seehear evaluate FILE",
        )
    unread = sum(not one for one in words.values())
    notes = [f"{unread:,} captions are empty or cannot be read, and are left out."]
    forward = [Pair(words[caption], media) for caption, media in read]
    back = [Pair(shelf.path(media), caption) for caption, media in read if caption in shelf.within]
    directions = (*_directions(forward, shelf, captions=False), *_directions(back, shelf))
    return Asked(directions, tuple(notes if unread else ()))


def sampled(asked: Asked, limit: int, seed: int) -> Asked:
    """At most so many questions of each direction, drawn at random."""
    rng = np.random.default_rng(seed)
    return replace(asked, directions=tuple(_fewer(one, limit, rng) for one in asked.directions))


def _fewer(direction: Direction, limit: int, rng: np.random.Generator) -> Direction:
    if len(direction.questions) <= limit:
        return direction
    drawn = sorted(rng.permutation(len(direction.questions))[:limit].tolist())
    return replace(direction, questions=tuple(direction.questions[one] for one in drawn))


def _directions(
    pairs: Sequence[Pair], shelf: Shelf, *, captions: bool = True, back: bool = False
) -> Iterator[Direction]:
    """One for each kind of asking and of answer, and one for all kinds of answer together."""
    for kind, some in _grouped(pairs, lambda one: _kind(one.asked, shelf)).items():
        by_answer = _grouped(some, lambda one: shelf.modality(one.answer))
        wanted = [(one,) for one in sorted(by_answer)]
        for these in [*wanted, tuple(sorted(by_answer))] if len(wanted) > 1 else wanted:
            fitting = [one for one in some if shelf.modality(one.answer) in these]
            if questions := tuple(_questions(fitting, shelf)):
                turned = back and kind == WORDS and len(these) == 1
                yield Direction(kind, these, questions, captions, turned)


def _questions(pairs: Sequence[Pair], shelf: Shelf) -> Iterator[Question]:
    for asked, some in _grouped(pairs, lambda one: one.asked).items():
        own = shelf.by_path.get(asked) if isinstance(asked, Path) else None
        relevant: dict[int, float] = {}
        for one in some:
            if one.answer != own:
                relevant[one.answer] = max(one.grade, relevant.get(one.answer, 0.0))
        if relevant:
            yield Question(str(asked), _query(asked, shelf), relevant, own, some[0].group)


def _query(asked: str | Path, shelf: Shelf) -> Query:
    if isinstance(asked, str):
        return Query(asked)
    return Query(more=(Term(Modality(_kind(asked, shelf)), asked),))


def _kind(asked: str | Path, shelf: Shelf) -> str:
    if isinstance(asked, str):
        return WORDS
    known = shelf.by_path.get(asked)
    return (modality_of(asked) if known is None else shelf.modality(known)).value


def _grouped(pairs: Iterable[Pair], key: Callable[[Pair], K]) -> dict[K, list[Pair]]:
    groups: dict[K, list[Pair]] = {}
    for one in pairs:
        groups.setdefault(key(one), []).append(one)
    return groups


def _turned(pairs: Iterable[Pair], shelf: Shelf) -> Iterator[Pair]:
    """The other way round, where an indexed file was asked with, and answers are of other kinds."""
    for one in pairs:
        own = shelf.by_path.get(one.asked) if isinstance(one.asked, Path) else None
        if own is not None and shelf.modality(own) is not shelf.modality(one.answer):
            yield Pair(shelf.path(one.answer), own, one.grade, one.group)


def _content(path: str, bases: Sequence[Path], shelf: Shelf) -> int | None:
    for place in _places(path, bases):
        if place in shelf.by_path:
            return shelf.by_path[place]
    return None


def _asked(query: str, bases: Sequence[Path]) -> str | Path:
    """Words, or the path of a file that is there; `text:` before it makes it words."""
    if query.startswith("text:"):
        return query.removeprefix("text:")
    for place in _places(query, bases):
        if os.path.isfile(place):  # noqa: PTH113  (pathlib fails on a sentence too long for a name)
            return place
    if query.startswith(("./", "/", "~/")):
        raise UsageError(f"There is no file {query} to ask with.", hint="Check the spelling.")
    return query


def _places(path: str, bases: Sequence[Path]) -> Iterator[Path]:
    expanded = os.path.expanduser(path)  # noqa: PTH111  (pathlib fails on ~ and any word)
    return (Path(os.path.abspath(base / expanded)) for base in bases)  # noqa: PTH100


def captioned(shelf: Shelf) -> Iterator[tuple[int, int]]:
    """Pairs of caption and media: `x.txt` or `x.jpg.txt` beside `x.jpg`."""
    media: dict[Path, list[int]] = {}
    for path, content in shelf.by_path.items():
        if shelf.modality(content) is not Modality.TEXT:
            for key in {path, path.with_suffix("")}:
                media.setdefault(key, []).append(content)
    for path, caption in shelf.by_path.items():
        if shelf.modality(caption) is Modality.TEXT and path.suffix == _CAPTION_SUFFIX:
            yield from ((caption, one) for one in media.get(path.with_suffix(""), ()))


def words_of(content: Content) -> str:
    """The words of a caption; none when no file of it can be read."""
    from engine.media.text import read_text

    for file in content.files:
        try:
            return " ".join(read_text(path_of(file)).split())
        except EngineError:  # another file with the same bytes may be there
            continue
    return ""


def _not_there(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:_SHOWN])
    more = f" and {len(paths) - _SHOWN:,} more" if len(paths) > _SHOWN else ""
    are = "relevant file is" if len(paths) == 1 else "relevant files are"
    return f"{len(paths):,} {are} not in the library: {shown}{more}."
