"""Artifacts are damaged or forged: refused in a sentence, or told of and passed over; never run.

    python -m tests.faults.artifacts --trials 100 --seed 0

Everything that is loaded though somebody else may have written it: a model's folder, a checkpoint,
weights in the cache, rows in the cache, taught bridges, classifiers, snapshots. A forgery is a
pickle that leaves a mark when it is read, a container that lies, code, or settings that name code;
damage is flipped bits, zeroed pages, a cut end.
"""

import json
import os
import pickle
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random

import numpy as np

from engine import models
from engine.bridges import kept as bridges
from engine.classify import Classifier, fit
from engine.errors import EngineError
from engine.library import Library
from engine.models import convert, lock
from engine.teach import kept as classifiers
from engine.types import Space
from indexer import index
from tests.faults.damage import damaged
from tests.faults.tally import Tally, main
from tests.faults.weights import keep as keep_bridge
from tests.forged import BROKEN, GOOD, Evil
from tests.making import caption, picture

RUNS = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".npy", ".npz", ".joblib", ".zip", ".safetensors")


@dataclass
class Bench:
    """Where one trial works.

    Attributes:
        place: a folder of its own.
        dice: of the tally.
        fresh: a library with snapshots, to be copied.
    """

    place: Path
    dice: Random
    fresh: Path

    @property
    def marker(self) -> Path:
        """Made by a forged pickle when it is read."""
        return self.place / "marker"

    def evil(self, path: Path) -> None:
        """Write a pickle that leaves the mark: bare, as numpy's, or in an archive."""
        bare = pickle.dumps(Evil(self.marker), protocol=2)  # what torch writes
        match path.suffix:
            case ".npy":
                np.save(path, np.array([Evil(self.marker)], dtype=object), allow_pickle=True)
            case ".npz" | ".zip" | ".pt":
                with zipfile.ZipFile(path, "w") as made:
                    made.writestr("archive/data.pkl", bare)
                    made.writestr("archive/version", "3\n")
            case _:
                path.write_bytes(bare)

    def spoil(self, path: Path) -> None:
        """Damage a file, or put a pickle in its place."""
        if self.dice.random() < 0.3:
            self.evil(path)
        else:
            damaged(path, self.dice)


def run(tally: Tally, trials: int) -> None:
    """Count so many artifacts, of each kind in turn."""
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="artifacts-") as name, _cache(Path(name)):
        fresh = _library(Path(name) / "fresh")
        for number in range(trials):
            kind = KINDS[number % len(KINDS)]
            bench = Bench(Path(name) / str(number), tally.dice, fresh)
            bench.place.mkdir()
            with tally.trial(f"trial {number}: {kind.__name__}"), _lock_of_ours():
                outcome = _refused(kind, bench)
                assert not bench.marker.exists(), f"{kind.__name__}: it was run"
                outcomes[f"{kind.__name__} {outcome}"] += 1
            shutil.rmtree(bench.place)
    tally.notes.append("artifacts: " + ", ".join(f"{n} {k}" for k, n in sorted(outcomes.items())))


def _refused(kind: Callable[[Bench], str], bench: Bench) -> str:
    """What came of it; a refusal says what and what next, and has its exit code."""
    try:
        return kind(bench)
    except EngineError as error:
        return _told_well(error)


def _told_well(error: EngineError) -> str:
    assert error.exit_code in {4, 12}, error.exit_code
    assert error.sentence.endswith("."), error.sentence
    assert error.hint, error.sentence
    return "refused"


@contextmanager
def _cache(place: Path) -> Iterator[None]:
    """A cache and settings of this run's own."""
    before = dict(os.environ)
    os.environ.update(XDG_CACHE_HOME=str(place / "cache"), XDG_CONFIG_HOME=str(place / "config"))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _lock_of_ours() -> Iterator[None]:
    """The shipped models.lock is in use again afterwards."""
    before = lock.LOCK
    try:
        yield
    finally:
        lock.LOCK = before


def _library(path: Path) -> Path:
    media = path.with_name("media")
    media.mkdir()
    for number in range(12):
        caption(media / f"{number}.txt", f"stone number {number}")
        picture(media / f"{number}.png", seed=number, size=(8, 8))
    with Library.open(path, create=True, profile="hashed") as library:
        index(library, [media], workers=1)
    return path


# --- what is damaged or forged, and what should come of it ---


def folder(bench: Bench) -> str:
    """A user's folder with one forged file in it."""
    mine = bench.place / "mine"
    mine.mkdir()
    (mine / "open_clip_config.json").write_text('{"model_cfg": {"embed_dim": 8}}')
    (mine / "open_clip_model.safetensors").write_bytes(GOOD)
    (mine / "tokenizer.json").write_text("{}")
    match bench.dice.choice(("pickle", "pickle", "container", "code", "settings", "modules")):
        case "pickle":
            ending = bench.dice.choice(RUNS)
            at = "open_clip_model" if ending == ".safetensors" else "extra"
            bench.evil(mine / f"{at}{ending}")
        case "container":
            data, _ = bench.dice.choice(list(BROKEN.values()))
            (mine / "open_clip_model.safetensors").write_bytes(data)
        case "code":
            (mine / bench.dice.choice(("modeling_x.py", "x.so", "x.pyc"))).write_bytes(b"x")
        case "settings":
            (mine / "config.json").write_text('{"a": [{"auto_map": {"AutoModel": "x.Y"}}]}')
        case _:
            (mine / "modules.json").write_text('[{"type": "x.Evil"}]')
    _row(bench, f'[model.mine]\nadapter = "openclip"\nsource = "folder:{mine}"\n')
    models.fetch("mine")
    raise AssertionError(f"taken: {sorted(one.name for one in mine.iterdir())}")


def checkpoint(bench: Bench) -> str:
    """A checkpoint that the converter reads."""
    path = bench.place / bench.dice.choice(("x.pt", "x.pth", "x.bin"))
    bench.evil(path)
    said = ""
    try:
        convert.main(str(path), str(bench.place / "x.safetensors"))
    except SystemExit as ended:  # of the child that it is
        said = str(ended)
    assert said.startswith("error: "), f"{path.name} was taken: {said}"
    assert not (bench.place / "x.safetensors").exists()
    return "refused"


def weights(bench: Bench) -> str:
    """Weights in the cache, or where they are fetched from, against the lock."""
    source, data = bench.place / "source", bench.dice.randbytes(9_000)
    source.mkdir()
    (source / "x.safetensors").write_bytes(_container(data))
    said = sha256((source / "x.safetensors").read_bytes()).hexdigest()
    size = (source / "x.safetensors").stat().st_size
    lock.LOCK = bench.place / "models.lock"
    lock.LOCK.write_text(
        '[fake]\nlicence = "MIT"\nattribution = "us"\nhomepage = "x"\ndownload = 1\n'
        f'[[fake.files]]\nname = "x.safetensors"\nsource = "file:{source}!x.safetensors"\n'
        f'size = {size}\nsha256 = "{said}"\n'
    )
    if bench.dice.random() < 0.5:
        bench.spoil(source / "x.safetensors")
        models.fetch("fake")
        raise AssertionError("wrong weights were taken")
    file = models.fetch("fake") / "x.safetensors"
    times = file.stat()
    own = file.with_suffix(".new")  # the cache links to the source, which stays as it is
    shutil.copyfile(file, own)
    own.replace(file)
    bench.spoil(file)
    if bench.dice.random() < 0.5 and file.stat().st_size == size:
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        models.verify("fake")
        raise AssertionError("changed weights were verified")
    again = models.fetch("fake") / "x.safetensors"
    assert sha256(again.read_bytes()).hexdigest() == said
    return "made anew"


def rows(bench: Bench) -> str:
    """Rows that are costly to make, in the cache."""
    made = bench.dice.randrange(1 << 30)
    right = np.random.default_rng(made).normal(size=(50, 8)).astype(np.float32)
    assert np.array_equal(models.remembered("x", f"{made}", 50, lambda: right), right)
    (file,) = (Path(os.environ["XDG_CACHE_HOME"]) / "seehear" / "x").glob(f"{made}*")
    bench.spoil(file)
    other = -right
    found = models.remembered("x", f"{made}", 50, lambda: other)
    assert np.array_equal(found, other), "rows that are not as they were written"
    return "made anew"


def bridge(bench: Bench) -> str:
    """A bridge that was exported: numbers and JSON."""
    keep_bridge(bench.place)
    known = bridges.read(bench.place / bridges.FOLDER, "things")
    files = sorted((bench.place / bridges.FOLDER).iterdir())
    bench.spoil(bench.dice.choice(files))
    found = bridges.read_file(bench.place / bridges.FOLDER / "things.json")
    assert found.digest == known.digest
    assert (found.ends, found.share) == (known.ends, known.share)
    return "only its report or name"


def classifier(bench: Bench) -> str:
    """A classifier of a library: card, facts and numbers."""
    dice = np.random.default_rng(bench.dice.randrange(1 << 30))
    views = {"image": dice.normal(size=(24, 4)).astype(np.float32)}
    labels = ["day", "night"] * 12
    fitted = fit(views, labels, list(range(24)), "single")
    card = classifiers.Card("mood", fitted.labels, {"image": Space("toy", 4, "toy-1")}, {"n": 1})
    made = classifiers.keep(bench.place, card, fitted.save)
    right = Classifier.load(classifiers.model_of(bench.place, made)).predict(views).labels
    home = bench.place / classifiers.FOLDER / "mood"
    numbers = sorted((home / made.model).iterdir())
    bench.spoil(bench.dice.choice([*[home / classifiers.CARD] * 2, *numbers]))
    found = classifiers.card_of(bench.place, "mood")
    assert (found.labels, found.reads) == (made.labels, made.reads), "a silent wrong card"
    now = Classifier.load(classifiers.model_of(bench.place, found)).predict(views).labels
    assert now == right, "silent wrong labels"
    return "only its report"


def snapshot(bench: Bench) -> str:
    """A snapshot that another program wrote: under a name of its own, or in place of ours."""
    mine = bench.place / "library"
    shutil.copytree(bench.fresh, mine)
    answers = _asked(mine)[0]
    ours = sorted((mine / "snapshots").glob("*text*.snapshot"))
    if bench.dice.random() < 0.3:
        foreign = mine / "snapshots" / f"foreign{bench.dice.choice(('.snapshot', '.faiss'))}"
        _index(foreign, bench)
        assert _asked(mine) == (answers, [])
        with Library.open(mine) as library:
            library.rebuild()
        assert not foreign.exists() or foreign.suffix == ".faiss"
        return "never read"
    one = bench.dice.choice(ours)
    if bench.dice.random() < 0.5:
        _index(one, bench)
    else:
        bench.spoil(one)
    found, told = _asked(mine)
    assert found == answers, "a silent wrong answer"
    assert told, "passed over without a word"
    return "told"


KINDS = (folder, checkpoint, weights, rows, bridge, classifier, snapshot)


def _row(bench: Bench, text: str) -> None:
    config = Path(os.environ["XDG_CONFIG_HOME"]) / "seehear"
    config.mkdir(parents=True, exist_ok=True)
    # Written anew for each trial; what was read is known by time and size.
    (config / "profiles.toml").write_text(f"# {bench.place.name}\n{text}")


def _container(data: bytes) -> bytes:
    told = {"a": {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}}
    header = json.dumps(told).encode()
    return len(header).to_bytes(8, "little") + header + data


def _index(path: Path, bench: Bench) -> None:
    """An index of FAISS with rows that nobody of ours made."""
    import faiss

    made = faiss.IndexFlatIP(64)
    made.add(np.random.default_rng(bench.dice.randrange(99)).normal(size=(9, 64)).astype("f4"))
    path.unlink(missing_ok=True)
    path.write_bytes(faiss.serialize_index(made).tobytes())


def _asked(library: Path) -> tuple[list[tuple[str, float]], list[str]]:
    with Library.open(library) as opened:
        found = opened.search("stone number 7", k=5, least=0.0)
        return [(hit.path.name, round(hit.score, 3)) for hit in found.hits], opened.remarks


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "error")
    main("artifacts", run, 100, "trials")
