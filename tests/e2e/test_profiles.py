"""Profiles of real CLIP and CLAP architectures (random weights) at the command line."""

import os
import pty
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest
from terminal import Ended, Terminal

from checkpoints.every import every_model, shared_folder
from checkpoints.hub import COMMIT, serving
from engine.models.registry import SHIPPED
from making import picture, tone

CACHE = os.environ.get("XDG_CACHE_HOME", str(Path("~/.cache").expanduser()))
"""Where the starter's weights are; read before any fixture names another place."""

OFFLINE = ("unshare", "--map-root-user", "--net", "--")


def without_network() -> tuple[str, ...]:
    """What to put before a command so that no socket leads anywhere."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here: sockets cannot be taken from a process")
    if subprocess.run([*OFFLINE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not take the network from a process")
    return OFFLINE


def film(path: Path) -> Path:
    """Two scenes of a second each, with a tone."""
    with av.open(str(path), "w") as out:
        seen, heard = out.add_stream("mpeg4", rate=10), out.add_stream("aac", rate=48_000)
        seen.width, seen.height, seen.pix_fmt = 96, 64, "yuv420p"
        for number in range(20):
            shade = np.full((64, 96, 3), 40 if number < 10 else 200, np.uint8)
            shade[8:40, 8:60] = np.random.default_rng(number // 10).integers(0, 255, (32, 52, 3))
            out.mux(seen.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
        wave = (0.4 * np.sin(np.arange(96_000) * 0.06)).astype(np.float32)
        for start in range(0, len(wave), 1024):
            part = np.ascontiguousarray(wave[None, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, start
            out.mux(heard.encode(frame))
        out.mux(seen.encode(None))
        out.mux(heard.encode(None))
    return path


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which the random profile is registered."""
    names = ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "SEEHEAR_DEVICE", "SEEHEAR_PRECISION")
    with every_model(shared_folder(tmp_path_factory)):
        yield {name: os.environ[name] for name in names}


@pytest.fixture
def terminal(seehear: Terminal, own: dict[str, str]) -> Terminal:
    seehear.environ |= own
    return seehear


@pytest.fixture
def media_with_film(media: Path) -> Path:
    film(media / "film.mp4")
    return media


def indexed(terminal: Terminal, media: Path) -> Ended:
    return terminal.alone("index", media, "--profile", "random", before=without_network())


def test_an_own_profile_indexes_and_answers_without_network(
    terminal: Terminal, media_with_film: Path
) -> None:
    done = indexed(terminal, media_with_film)
    assert done.code == 0, done
    assert "8 new" in done.out

    asked = ("search", "a fox", "--all", "--json", "-k", "20")
    words = terminal.alone(*asked, before=without_network())
    assert words.code == 0, words
    kinds = {hit["modality"] for hit in words.json["hits"]}
    assert kinds == {"image", "audio", "video", "text"}
    assert terminal("verify").code == 0


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ("red.png", "image"),
        ("red.png", "audio"),
        ("red.png", "text"),
        ("red.png", "video"),
        ("low.wav", "audio"),
        ("low.wav", "image"),
        ("low.wav", "text"),
        ("low.wav", "video"),
        ("film.mp4", "image"),
        ("film.mp4", "audio"),
        ("film.mp4", "text"),
        ("sub/notes.txt", "image"),
        ("sub/notes.txt", "video"),
    ],
)
def test_every_kind_asks_for_every_kind(
    terminal: Terminal, media_with_film: Path, asked: str, wanted: str
) -> None:
    indexed(terminal, media_with_film)

    ended = terminal("similar", media_with_film / asked, "--in", wanted, "--json")

    assert ended.code == 0, ended
    assert {hit["modality"] for hit in ended.json["hits"]} == {wanted}


def test_a_video_is_found_by_its_frame_and_by_its_sound(
    terminal: Terminal, media_with_film: Path
) -> None:
    indexed(terminal, media_with_film)
    with av.open(str(media_with_film / "film.mp4")) as container:
        frames = [frame.to_image() for frame in container.decode(video=0)]
    frames[15].save(media_with_film.parent / "frame.png")

    hit = terminal.hits("--image", media_with_film.parent / "frame.png", "--in", "video")[0]

    assert Path(hit["path"]).name == "film.mp4"
    assert hit["span"][0] >= 900
    heard = terminal.hits(
        "--audio", tone(media_with_film.parent / "x.wav", hertz=458), "--in", "video"
    )
    assert [Path(one["path"]).name for one in heard] == ["film.mp4"]


def test_a_library_moves_to_another_profile_and_goes_on_after_a_kill(
    terminal: Terminal, media: Path
) -> None:
    for number in range(60):
        picture(media / f"{number}.png", seed=100 + number)
    terminal.index(media)
    with terminal.start("profile", "use", "random") as process:
        deadline = time.monotonic() + 60
        while not _moving(terminal) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
    assert terminal("profile").out.startswith("hashed:")
    assert len(terminal.hits("fox", "-k", "90")) == 67

    ended = terminal("profile", "use", "random")

    assert ended.code == 0, ended
    assert "uses profile random" in ended.out
    assert terminal("profile").out.startswith("random:")
    assert len(terminal.hits("fox", "-k", "90")) == 67
    assert terminal("verify").code == 0


def _moving(terminal: Terminal) -> bool:
    import sqlite3

    with sqlite3.connect(
        f"file:{terminal.library / 'catalogue.db'}?mode=ro", uri=True
    ) as catalogue:
        return bool(catalogue.execute("SELECT 1 FROM setting WHERE key = 'moving'").fetchall())


COUNT_TORCH = """
import sys
sys.argv = ["seehear", *sys.argv[1:]]
from cli.app import run
code = run()
heavy = {"torch", "torchaudio", "transformers", "open_clip", "timm", "openvino", "laion_clap"}
sys.stderr.write(f"heavy: {sorted(heavy & set(sys.modules))}\\n")
sys.exit(code)
"""


def heavy_after(terminal: Terminal, *arguments: str) -> str:
    """What a process that ran this command had imported."""
    environ = {**terminal.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    ended = subprocess.run(
        [sys.executable, "-c", COUNT_TORCH, *arguments],
        env=environ, cwd=terminal.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended
    return ended.stderr.splitlines()[-1]


def test_a_search_by_words_imports_no_torch(terminal: Terminal, media: Path) -> None:
    indexed(terminal, media)

    assert heavy_after(terminal, "search", "a fox") == "heavy: []"


@pytest.mark.weights
def test_the_starter_searches_without_torch_too(seehear: Terminal, media: Path) -> None:
    seehear.environ["XDG_CACHE_HOME"] = CACHE
    assert seehear.alone("index", media, "--profile", "starter").code == 0

    assert heavy_after(seehear, "search", "a fox") == "heavy: []"


# --- weights that are not here ---------------------------------------------------------------


@pytest.mark.parametrize("command", ["index", "use"])
def test_weights_that_are_not_here_are_one_sentence_within_three_seconds(
    seehear: Terminal, media: Path, command: str
) -> None:
    if command == "use":
        seehear.index(media)
    arguments = {"index": ["index", media, "--profile", "clip"], "use": ["profile", "use", "clip"]}
    start = time.monotonic()
    ended = seehear.alone(*arguments[command], before=without_network())

    assert time.monotonic() - start < 3
    assert (ended.code, ended.out) == (4, "")
    assert ended.err.splitlines() == [
        (
            "The weights of profile 'clip' (2.6 GB) are not on this computer. "
            "Fetch them with: seehear models pull clip"
        )
    ]


def test_an_unreachable_hub_is_one_sentence_and_nothing_is_left_behind(
    seehear: Terminal, media: Path
) -> None:
    seehear.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
    start = time.monotonic()
    ended = seehear.alone("index", media, "--profile", "clip", "--yes", before=without_network())

    assert time.monotonic() - start < 10
    assert ended.code == 4
    assert "hub" in ended.err
    assert not seehear.library.exists()


def test_without_a_named_profile_nothing_is_downloaded_and_it_says_so(
    seehear: Terminal, media: Path
) -> None:
    seehear.environ["XDG_CACHE_HOME"] = CACHE
    ended = seehear("status")
    assert ended.code == 10
    first = seehear.alone("index", media)

    assert first.code == 0
    assert first.err.splitlines()[0] == (
        "Profile starter. For finding what people can say: seehear profile use clip "
        "(2.6 GB to download)"
    )


def test_a_research_model_wants_its_licence_accepted(seehear: Terminal) -> None:
    ended = seehear("models", "pull", "mobileclip2-s2")

    assert ended.code == 2
    assert "research only" in ended.err
    assert "--accept-licence" in ended.err


def test_the_models_of_a_hub_are_pulled_listed_verified_and_removed(
    terminal: Terminal, own: dict[str, str], tmp_path: Path
) -> None:
    folder = Path(own["XDG_CACHE_HOME"]).parents[1] / "random-clip"
    files = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    config = tmp_path / "config" / "seehear"
    config.mkdir(parents=True)
    (config / "profiles.toml").write_text(
        f'[model.mine]\nadapter = "openclip"\nsource = "hub:me/mine@{COMMIT}"\n'
        'kinds = ["image", "text"]\n'
    )
    terminal.environ |= {
        "XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_CACHE_HOME": str(tmp_path / "cache")
    }  # fmt: skip
    with serving(me__mine=files) as hub:
        terminal.environ["HF_ENDPOINT"] = hub.endpoint
        assert "not here" in _line_of(terminal, "mine")
        pulled = terminal.alone("models", "pull", "mine")
        assert pulled.code == 0, pulled
        assert "ready" in _line_of(terminal, "mine")
    place = Path(terminal("models", "path", "mine", "--json").json["path"])
    assert (place / "open_clip_model.safetensors").exists()
    assert "as it should be" in terminal("models", "verify", "mine").out

    weights = place / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    assert terminal("models", "verify", "mine").code == 4
    assert "freed" in terminal("models", "remove", "mine").out
    assert "not here" in _line_of(terminal, "mine")


def _line_of(terminal: Terminal, model: str) -> str:
    return next(
        line for line in terminal("models", "list").out.splitlines() if line.startswith(model)
    )


def test_every_profile_and_model_is_listed_with_its_price(seehear: Terminal) -> None:
    profiles = seehear("profiles", "--json").json["profiles"]
    models = seehear("models", "list", "--json").json["models"]

    assert [one["name"] for one in profiles][:4] == [
        "starter",
        "clip",
        "clip-english",
        "clip-large",
    ]
    assert all(one["bytes"] > 1e8 and one["licence"] for one in profiles)
    assert {one["id"] for one in models} == set(tomllib.loads(SHIPPED.read_text())["model"]) - {
        "hashed"
    }
    assert all(one["bytes"] > 0 for one in models)


def test_an_environment_that_names_one_profile_allows_no_download_of_another(
    seehear: Terminal, media: Path
) -> None:
    seehear.environ["SEEHEAR_PROFILE"] = "starter"
    ended = seehear("index", media, "--profile", "clip")

    assert ended.code == 4
    assert "seehear models pull clip" in ended.err


def test_all_models_that_are_here_are_verified(terminal: Terminal, media: Path) -> None:
    indexed(terminal, media)
    ended = terminal("models", "verify")

    assert ended.code == 0, ended
    assert "random-clip: as it should be" in ended.out


def test_one_bad_row_does_not_hide_the_others(seehear: Terminal) -> None:
    config = seehear.folder / ".config" / "seehear"
    config.mkdir(parents=True)
    (config / "profiles.toml").write_text(
        '[model.lost]\nadapter = "openclip"\nsource = "folder:/not/there"\n'
    )
    seehear.environ["XDG_CONFIG_HOME"] = str(config.parent)
    ended = seehear("models", "list")

    assert ended.code == 0, ended
    assert "lost" in ended.out
    assert "siglip2-b32-256" in ended.out


# --- asked at a terminal -----------------------------------------------------------------------


def asked(terminal: Terminal, media: Path, answer: bytes) -> str:
    """What a person sees who types this answer at `seehear index`."""
    ours, theirs = pty.openpty()
    process = terminal.start("index", media, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, answer)
    seen = b""
    with suppress(OSError):  # the other end is closed when the program has ended
        while part := os.read(ours, 4096):
            seen += part
    os.close(ours)
    assert process.wait(60) == 0, seen
    return seen.decode()


@pytest.mark.weights
def test_clip_is_proposed_with_its_size_when_the_hub_answers(
    seehear: Terminal, media: Path
) -> None:
    seehear.environ["XDG_CACHE_HOME"] = CACHE
    with serving(me__mine={"x": b"y"}) as hub:
        seehear.environ["HF_ENDPOINT"] = hub.endpoint
        seen = asked(seehear, media, b"n\n")

    assert "Use profile clip, which finds what people can say (2.6 GB to download)?" in seen
    assert "Profile starter. For finding what people can say: seehear profile use clip" in seen
    assert "profile starter" in seehear("status").out


@pytest.mark.weights
def test_clip_is_not_proposed_when_the_hub_is_out_of_reach(seehear: Terminal, media: Path) -> None:
    seehear.environ |= {"XDG_CACHE_HOME": CACHE, "HF_ENDPOINT": "http://127.0.0.1:9"}
    seen = asked(seehear, media, b"")

    assert "the weights of clip (2.6 GB) cannot be reached from here" in seen
    assert "Use profile clip" not in seen
