"""Dates as people write them: 2023, 2023-07, 2023-07-14T10:30, yesterday, 2w."""

import re
from datetime import UTC, datetime, timedelta

from engine.grammar.ranges import Extent, range_of
from engine.grammar.tokens import Piece
from engine.query import Range

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  (wall clock, without zone)
_FIRST = datetime(1, 1, 1)  # noqa: DTZ001
_LAST = datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)

_DATE = re.compile(
    r"([0-9]{4})(?:[-/]([0-9]{1,2})(?:[-/]([0-9]{1,2})"
    r"(?:[Tt ]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?)?)?"
)
_AGE = re.compile(r"([0-9]{1,5})\s*([a-z]+)(?:\s+ago)?", re.IGNORECASE)
_AGE_UNITS = {
    **dict.fromkeys(("h", "hour", "hours"), "hour"),
    **dict.fromkeys(("d", "day", "days"), "day"),
    **dict.fromkeys(("w", "week", "weeks"), "week"),
    **dict.fromkeys(("mo", "month", "months"), "month"),
    **dict.fromkeys(("y", "year", "years"), "year"),
}
_HINT = "Write 2023, 2023-07, 2023-07-14, 2023-07-14T10:30, today, yesterday, 7d, 2w, 3mo or 1y"


def wall_clock() -> datetime:
    """Now, as the clock on the wall shows it."""
    return datetime.now(UTC).astimezone().replace(tzinfo=None)


def dates(piece: Piece, now: datetime) -> Range:
    """The range of a value of `date:`; an age without a comparison means since then."""
    age = _AGE.fullmatch(piece.text.strip())
    if age and age[2].lower() in _AGE_UNITS:
        return Range(moment(age[0], piece, now).least, None)
    return range_of(piece, lambda text, here: moment(text, here, now))


def moment(text: str, piece: Piece, now: datetime) -> Extent:
    """The seconds that a written date covers: all of the year, month, day or minute."""
    try:
        found = _named(text, now) or _dated(text) or _aged(text, now)
    except (ValueError, OverflowError) as error:
        raise piece.mistake(f"There is no date {text}.", _HINT) from error
    if found is None:
        raise piece.mistake(f"{text!r} is no date." if text else "A date is missing.", _HINT)
    start, end = found
    return Extent(_seconds(start), _seconds(end), _seconds(end))


def _seconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _SECOND


Period = tuple[datetime, datetime]


def _named(text: str, now: datetime) -> Period | None:
    ago = {"today": 0, "yesterday": 1}.get(text.lower())
    return None if ago is None else _day(now - ago * _DAY)


def _day(moment: datetime) -> Period:
    start = datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001
    return start, _later(start, _DAY)


def _later(start: datetime, step: timedelta) -> datetime:
    return start + step if start <= _LAST - step else _LAST


def _dated(text: str) -> Period | None:
    found = _DATE.fullmatch(text)
    if not found:
        return None
    numbers = [int(one) for one in found.groups() if one]
    start = datetime(*(numbers + [1, 1])[: max(3, len(numbers))])  # type: ignore[arg-type]  # noqa: DTZ001, RUF005
    match len(numbers):
        case 1 | 2 as parts:
            return start, _months_later(start, 12 if parts == 1 else 1)
        case parts:
            return start, _later(start, {3: _DAY, 5: timedelta(minutes=1), 6: _SECOND}[parts])


def _months_later(start: datetime, months: int) -> datetime:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return _LAST if year > _LAST.year else start.replace(year=year, month=month + 1)


def _aged(text: str, now: datetime) -> Period | None:
    """The day that lies so far back; of hours, the second."""
    found = _AGE.fullmatch(text)
    unit = _AGE_UNITS.get(found[2].lower()) if found else None
    if not found or unit is None:
        return None
    count = int(found[1])
    match unit:
        case "hour":
            start = now.replace(microsecond=0) - timedelta(hours=count)
            return start, _later(start, _SECOND)
        case "day" | "week":
            return _day(now - count * (7 if unit == "week" else 1) * _DAY)
        case _:
            return _day(_months_earlier(now, count * (12 if unit == "year" else 1)))


def _months_earlier(now: datetime, months: int) -> datetime:
    """The same day of an earlier month, or its last day where it is shorter."""
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    first = datetime(year, month + 1, 1)  # noqa: DTZ001
    last = _months_later(first, 1) - _DAY
    return first.replace(day=min(now.day, last.day))


def dates_written(found: Range) -> str:
    """A range as one would type it; reads back as the same range."""
    first = None if found.least is None else _full(found.least)
    below = None if found.below is None else _full(found.below)
    ends = [one for one in (first, below) if one]
    cut = next(c for c in _CUTS if all(one[c:] == _ZERO[c:] for one in ends))
    if below is None:
        return f">={(first or _ZERO)[:cut]}"
    if first is None:
        return f"<{below[:cut]}"
    first, last = first[:cut], _full((found.below or 0) - 1)[:cut]
    return first if first == last else f"{first}..{last}"


_ZERO = "0001-01-01T00:00:00"
_CUTS = (4, 7, 10, 16, 19)
"""Lengths of a date up to its year, month, day, minute and second."""


def _full(second: int) -> str:
    within = max(_seconds(_FIRST), min(second, _seconds(_LAST)))
    return (_EPOCH + within * _SECOND).isoformat()
