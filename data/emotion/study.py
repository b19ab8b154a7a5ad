"""Case study: emotion from speech and text, one modality, fused, and with each missing.

    python data/emotion/study.py [--ravdess DIR | --crema-d DIR | --meld DIR] [--quick]

Without a corpus it makes a small one of made-up voices, and says SYNTHETIC in every line. Folds
never part a speaker. See docs/emotion.md.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import corpora
import features
import synthetic
from corpora import Clip

from engine.classify import ClassReport, evaluate
from engine.errors import EngineError
from engine.fuse import Views

LOADERS: dict[str, Callable[[Path], list[Clip]]] = {
    "ravdess": corpora.ravdess,
    "crema_d": corpora.crema_d,
    "meld": corpora.meld,
}
READ_ALOUD = {"ravdess", "crema_d"}
FUSED = ("late", "concat", "gated", "attention")
SIZES = {True: (6, 3), False: (16, 8)}
"""Speakers and takes of the made-up corpus, quick and not."""


def main() -> int:
    """Run the study; the exit code."""
    options = _options()
    try:
        _study(options)
    except EngineError as error:
        print(f"study: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Emotion from speech and text.")
    which = parser.add_mutually_exclusive_group()
    for name in LOADERS:
        which.add_argument(f"--{name.replace('_', '-')}", type=Path, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="a smaller made-up corpus, no null")
    parser.add_argument("--text", choices=("auto", "hashed", "minilm"), default="auto")
    return parser.parse_args()


def _study(options: argparse.Namespace) -> None:
    for name, loader in LOADERS.items():
        folder = getattr(options, name)
        if folder is not None:
            return _report(name, loader(folder), options, "")
    with tempfile.TemporaryDirectory() as place:
        synthetic.write(Path(place), *SIZES[options.quick])
        return _report("made up", corpora.synthetic(Path(place)), options, "SYNTHETIC  ")


def _report(name: str, clips: Sequence[Clip], options: argparse.Namespace, mark: str) -> None:
    def say(line: str) -> None:
        print(mark + line, flush=True)

    speakers = [one.speaker for one in clips]
    labels = [one.emotion for one in clips]
    words, way = features.text([one.words for one in clips], options.text)
    views = {"speech": features.speech([one.sound for one in clips]), "text": words}
    counts = ", ".join(f"{label} {count}" for label, count in sorted(Counter(labels).items()))
    say(f"{name}: {len(clips)} clips of {len(set(speakers))} speakers; {counts}")
    say(f"speech: log-mel statistics; text: {way}; folds by speaker; 95 % intervals over speakers")
    if name in READ_ALOUD:
        say("everybody reads the same sentences: text can carry no emotion here")
    shuffles = 0 if options.quick else 3
    _figures(say, views, labels, speakers, shuffles)


def _figures(
    say: Callable[[str], None],
    views: Views,
    labels: Sequence[str],
    speakers: Sequence[str],
    shuffles: int,
) -> None:
    say(f"{'':12} {'UAR':22} {'macro-F1':22} UAR without speech, without text")
    for name, rows in views.items():
        say(_row(f"{name} alone", evaluate({name: rows}, labels, speakers, "single", shuffles=0)))
    reports = {}
    for kind in FUSED:
        own = shuffles if kind == "late" else 0
        reports[kind] = evaluate(views, labels, speakers, kind, shuffles=own)
        say(_row(kind, reports[kind]))
    late = reports["late"]
    say(f"chance UAR {late.chance['UAR']:.3f}; always the most common {late.majority['UAR']:.3f}")
    if late.shuffled:
        say(f"late, labels shuffled, mean of {shuffles}: UAR {late.shuffled['UAR']:.3f}")
    for kind in ("gated", "attention"):
        gain = reports[kind].gain_over(late)
        figures = f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}], p {gain.p:.3f}"
        say(f"{kind} over late, paired by speaker: UAR {figures}: {gain.verdict}")
    say("late takes for (rows are true): " + ", ".join(late.labels))
    for label, row in zip(late.labels, late.confusion.tolist(), strict=True):
        say(f"  {label:12} " + " ".join(f"{count:4}" for count in row))
    for note in late.notes:
        say(note)


def _row(name: str, report: ClassReport) -> str:
    def figure(which: str) -> str:
        one = report.figures[which]
        return f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"

    left = "  ".join(f"{report.without[one]['UAR'].value:.3f}" for one in sorted(report.without))
    return f"{name:12} {figure('UAR'):22} {figure('macro-F1'):22} {left}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
