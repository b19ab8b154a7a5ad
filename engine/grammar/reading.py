"""From a line to a query."""

from dataclasses import dataclass, field
from datetime import datetime

from engine.errors import GrammarError
from engine.grammar.conditions import NAMES, condition
from engine.grammar.dates import wall_clock
from engine.grammar.tokens import Kind, Token, tokens
from engine.query import Filter, Query, Term
from engine.types import Modality


def parse(line: str, *, now: datetime | None = None) -> Query:
    """Read a line as a person types it; docs/query.md describes what it may say.

    Args:
        line: for example `after:2023 duration:<10s "red car" beach - people`.
        now: what `today` and `7d` count from, on the clock of the wall; None for this moment.

    Raises:
        GrammarError: it points at the part that cannot be read.
    """
    reader = _Reader(now or wall_clock())
    for token in tokens(line, NAMES):
        reader.take(token)
    return reader.query(line)


@dataclass
class _Group:
    """Words that become one term."""

    weight: float
    exact: bool = False
    words: list[str] = field(default_factory=list)

    @property
    def term(self) -> Term:
        return Term(Modality.TEXT, " ".join(self.words), self.weight, self.exact)


class _Reader:
    """What was read so far: the sign and the group that further words belong to."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._groups: list[_Group] = []
        self._filters: list[Filter] = []
        self._sign = 1
        self._open: _Group | None = None
        self._pending: Token | None = None

    def take(self, token: Token) -> None:
        if self._pending and token.sign:
            raise token.piece.mistake(
                "Two signs stand side by side.", "Write one, then what it adds or pushes away."
            )
        if token.kind is Kind.SIGN:
            self._pending = token
            return
        sign = token.sign or (self._pending.sign if self._pending else 0)
        if token.kind is Kind.CONDITION:
            self._filters.append(condition(token, self._now, negated=sign < 0))
        else:
            self._take_words(token)
        self._pending = None

    def _take_words(self, token: Token) -> None:
        if self._pending:
            self._sign, self._open = self._pending.sign, None
        weight = (token.sign or self._sign) * (token.weight or 1.0)
        if token.kind is Kind.QUOTE:
            self._groups.append(_Group(weight, exact=True, words=[token.piece.text]))
        elif token.sign:
            self._groups.append(_Group(weight, words=[token.piece.text]))
        else:
            if self._open is None or token.weight:
                self._open = _Group(weight)
                self._groups.append(self._open)
            self._open.words.append(token.piece.text)

    def query(self, line: str) -> Query:
        if self._pending:
            raise self._pending.piece.mistake(
                f"Nothing follows this '{self._pending.piece.text}'.",
                "Write what it adds or pushes away: beach - people",
            )
        if not self._groups and not self._filters:
            raise GrammarError(
                "The query is empty.",
                line=line,
                column=0,
                length=0,
                hint="Give some words, a picture, a sound or a video.",
            )
        return Query(more=tuple(one.term for one in self._groups), filters=tuple(self._filters))
