"""Text as it is compared and searched: folded, split into words, cut around what was found."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from engine.facts import Facts
from engine.store.layout import Unit

SNIPPET = 160
"""Characters of a snippet, about."""

MAX_WORDS = 64
"""So many different words of a query are looked up; the rest is no matter."""

STOP_WORDS = frozenset(
    (  # noqa: SIM905  (a list of words is read as words)
        "a about am an and are as at be been being but by did do does for from had has have he her"
        " his i in into is it its me my no nor not of on or our she so than that the their them"
        " then there these they this those to was we were what when where which while who with"
        " you your"
    ).split()
)
"""Words that say too little to find anything by themselves."""

_NO_TEXT = re.compile("[\0\ud800-\udfff]")  # SQLite stops at the one and refuses the others

_LOWER, _UPPER = "a-zß-öø-ÿа-яё", "A-ZÀ-ÖØ-ÞА-ЯЁ"
_SEAM = re.compile(
    f"(?<=[{_LOWER}])(?=[{_UPPER}])|(?<=[{_UPPER}])(?=[{_UPPER}][{_LOWER}])"
    r"|(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)"
)
_COMPOUND = re.compile(r"[^\W_]+")

# Scripts that are written without spaces; each sign counts as a word, and a word as a phrase.
_UNSPACED = re.compile("([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff])")

_LONG_SUFFIX = 6

_GIVEN = frozenset(
    (  # noqa: SIM905
        "audio burst capture clip copy cover dcim dji dsc dscf dscn edited export file final frame"
        " gopr hdr image img kopie mov movie mvi new pano photo pic picture pxl record recording"
        " scan screen screenshot shot sound track untitled vid video voice whatsapp"
    ).split()
)
"""Words that cameras, scanners and programs give to files; alone they say nothing of one."""

_TELLING = 3
"""Letters of a word that may say something."""


def clean(text: str) -> str:
    """Text that SQLite takes whole: composed, without NUL and lone surrogates."""
    if text.isascii():
        return text.replace("\0", " ")
    return unicodedata.normalize("NFC", _NO_TEXT.sub("\N{REPLACEMENT CHARACTER}", text))


def fold(text: str) -> str:
    """Text for comparisons that are blind to case."""
    return clean(clean(text).casefold())


def decoded(path: bytes) -> str:
    """A path as text; what is no UTF-8 becomes a replacement sign."""
    return path.decode("utf-8", "replace")


def fits(name: str, pattern: str) -> bool:
    """Whether a name is what a pattern says; `*` stands for any signs, or none."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == first
    *middle, last = rest
    end = len(name) - len(last)
    at = len(first)
    if at > end or not (name.startswith(first) and name.endswith(last)):
        return False
    for part in middle:  # the earliest place of each leaves the most room for the next
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def searchable(text: str) -> str:
    """Text as the table of words takes it: signs of unspaced scripts stand apart."""
    cleaned = clean(text)
    return cleaned if cleaned.isascii() else _UNSPACED.sub(r" \1 ", cleaned)


def letters(text: str) -> str:
    """Text as the table of letters takes it: blind to case and accents."""
    marked = clean(text)
    if marked.isascii():
        return marked.casefold()
    apart = unicodedata.normalize("NFKD", marked)
    return clean("".join(c for c in apart if not unicodedata.combining(c)).casefold())


def without_suffix(name: str) -> str:
    """A file's name without what looks like a suffix."""
    stem, _, suffix = name.rpartition(".")
    looks_so = len(suffix) <= _LONG_SUFFIX and " " not in suffix
    return stem if stem and looks_so else name


def name_words(name: str) -> str:
    """The words of a name: `IMG_rainForest02` has img, rain, forest, 02 and rainForest02."""
    compounds = [one for one in _COMPOUND.findall(name) if _SEAM.search(one)]
    return searchable(" ".join([_SEAM.sub(" ", name), *compounds]))


def named(name: str) -> str:
    """What a file's name says in words; empty for numbers and what cameras and scanners give.

    >>> named("african_elephant-02.jpg"), named("IMG_1234.JPG"), named("DSC00012 (2).png")
    ('african elephant', '', '')
    """
    parts = _tokens(_SEAM.sub(" ", without_suffix(clean(name))))
    words = [one.lower() for one in parts if one.isalpha()]
    own = (one for one in words if one not in _GIVEN)
    telling = any(len(one) >= _TELLING or _UNSPACED.search(one) for one in own)
    return " ".join(words) if telling else ""


def query_words(text: str) -> list[str]:
    """The different words of a query in lower case, in order, those of `STOP_WORDS` left out."""
    found = (word for word in _tokens(fold(text)) if word not in STOP_WORDS)
    return list(dict.fromkeys(found))[:MAX_WORDS]


def named_by(name: str, query: str) -> float:
    """The share of the words in a file's name, numbers aside, that a query has too, 0 to 1."""
    own = [one for one in query_words(_SEAM.sub(" ", without_suffix(name))) if one.isalpha()]
    asked = {form for word in query_words(query) for form in forms(word)}
    named = sum(any(form in asked for form in forms(one)) for one in own)
    return named / len(own) if own else 0.0


def _tokens(text: str) -> Iterator[str]:
    spaced = "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in text)
    return iter(spaced.split())


def forms(word: str) -> list[str]:
    """A word, its parts where letters meet digits, and its English singular or plural."""
    found = [word]
    if word.isascii() and word.isalpha() and len(word) > 2:  # noqa: PLR2004  (as, is)
        found += _numbers(word)
    apart = _SEAM.sub(" ", word)
    return found if apart == word else [*found, apart]


_SIBILANT = ("s", "x", "z", "ch", "sh")


def _numbers(word: str) -> Iterable[str]:
    if word.endswith("ies"):
        yield word[:-3] + "y"
    if word.endswith("s"):
        if word.endswith("es") and word[:-2].endswith(_SIBILANT):
            yield word[:-2]
        if not word.endswith(("ss", "us", "is")):
            yield word[:-1]
        return
    if word.endswith("y") and word[-2] not in "aeiou":
        yield word[:-1] + "ies"
    yield word + ("es" if word.endswith(_SIBILANT) else "s")


def expression(alternatives: Iterable[str]) -> str:
    """An FTS5 expression that finds any of these texts as phrases, whatever signs they hold."""
    quoted = (searchable(one).replace('"', '""') for one in alternatives)
    return " OR ".join(f'"{one}"' for one in quoted)


def snippet(text: str, words: Iterable[str]) -> str:
    """The text around the first of these words, on one line."""
    line = " ".join(text.split())
    wanted = "|".join(re.escape(one) for one in words)
    found = re.search(rf"\b(?:{wanted})", line, re.IGNORECASE) if wanted else None
    if len(line) <= SNIPPET:
        return line
    middle = found.start() if found else 0
    start = max(0, min(middle - SNIPPET // 3, len(line) - SNIPPET))
    part = line[start : start + SNIPPET]
    if start:
        part = "…" + part.partition(" ")[2]
    return part if start + SNIPPET >= len(line) else part.rpartition(" ")[0] + "…"


def unit_texts(facts: Facts) -> dict[Unit, str]:
    """The words of facts, by what they are."""
    about = [text for name, text in facts.about if name != "title"]
    return {
        Unit.TAG: " · ".join(facts.tags),
        Unit.TITLE: dict(facts.about).get("title", ""),
        Unit.ABOUT: " · ".join(about),
    }
