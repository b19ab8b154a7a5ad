"""Where a sound is used: asked on the command line, answered with file and moment."""

import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from terminal import Terminal

from making import melody, sound

RATE = 44_100
JINGLE = melody(1, 3.0)


def with_jingle(seed: int, seconds: float, *starts: float) -> npt.NDArray[Any]:
    samples = melody(seed, seconds)
    for start in starts:
        samples[round(start * RATE) :][: len(JINGLE)] += JINGLE
    return np.asarray(0.5 * samples, dtype=np.float32)


def film(path: Path, samples: npt.NDArray[Any]) -> Path:
    """A grey film with this sound."""
    with av.open(str(path), "w") as out:
        pictures: Any = out.add_stream("mpeg4", rate=5)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        heard: Any = out.add_stream("aac", rate=RATE, layout="mono")
        for _ in range(5 * len(samples) // RATE):
            grey = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8))
            out.mux(pictures.encode(grey))
        out.mux(pictures.encode(None))
        whole = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        whole.sample_rate = RATE
        shaper = av.AudioResampler(heard.format.name, "mono", RATE, 1024)
        for frame in [*shaper.resample(whole), *shaper.resample(None)]:
            out.mux(heard.encode(frame))
        out.mux(heard.encode(None))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


@pytest.fixture(scope="module")
def seehear(folder: Path, warm: socket.socket) -> Terminal:
    """The library of four recordings and a film; the jingle itself is not in it."""
    media = folder / "media"
    media.mkdir()
    sound(media / "show.mp3", with_jingle(10, 90, 72.4))
    sound(media / "twice.wav", with_jingle(11, 60, 5.4, 40.4))
    sound(media / "none.wav", with_jingle(12, 60))
    sound(media / "silent.wav", np.zeros(RATE, np.float32))
    film(media / "film.mp4", with_jingle(13, 20, 8.4))
    sound(folder / "jingle.ogg", JINGLE)
    terminal = Terminal(folder, warm)
    assert terminal.index(media)["recognised"] == 0
    return terminal


def used_in(ended_json: Any) -> dict[str, list[int]]:
    """The files said to hold the same recording, and the second at which each place begins."""
    found: dict[str, list[int]] = {}
    for hit in ended_json["hits"]:
        if any("in recording" in one["source"] for one in hit["because"]):
            found.setdefault(Path(hit["path"]).name, []).append(round(hit["span"][0] / 1000))
    return {name: sorted(starts) for name, starts in found.items()}


def test_similar_tells_files_and_moments_in_plain_words(seehear: Terminal) -> None:
    lines = seehear("similar", "jingle.ogg").out.splitlines()

    assert {Path(line.split()[3]).name for line in lines[0:4:2]} == {"show.mp3", "twice.wav"}
    at = next(n for n, line in enumerate(lines) if "show.mp3" in line)
    assert lines[at].endswith("1:12-1:15")
    assert "the same recording as jingle.ogg, 1:12-1:15" in lines[at + 1]
    assert all("same recording" not in line for line in lines[4:])


def test_search_finds_them_in_films_too(seehear: Terminal) -> None:
    ended = seehear("search", "--json", "jingle.ogg")

    found = used_in(ended.json)
    assert set(found) == {"show.mp3", "twice.wav", "film.mp4"}
    assert found["film.mp4"] == [8]
    assert [hit["relevance"] for hit in ended.json["hits"][:3]] == [1.0] * 3


def test_moments_lists_each_place(seehear: Terminal) -> None:
    found = used_in(seehear("search", "--json", "--moments", "jingle.ogg", "--in", "audio").json)

    assert found == {"show.mp3": [72], "twice.wav": [5, 40]}
    told = seehear("search", "--moments", "jingle.ogg", "--in", "audio").out
    assert "the same recording as jingle.ogg, 0:40-0:43" in told
    assert "the same recording as jingle.ogg, 0:05-0:08" in told


def test_a_part_of_a_recording_or_of_a_film_may_be_asked_with(seehear: Terminal) -> None:
    part = seehear("similar", "--json", "media/show.mp3@1:12-1:15").json
    assert used_in(part).keys() == {"twice.wav"}

    filmed = seehear("similar", "--json", "--in", "audio", "media/film.mp4@0:08-0:11").json
    assert used_in(filmed) == used_in(part) | {"show.mp3": [72]}

    elsewhere = seehear("similar", "--json", "media/show.mp3@0:10-0:13").json
    assert used_in(elsewhere) == {}


def test_conditions_leave_places_out(seehear: Terminal) -> None:
    ended = seehear("search", "--json", "jingle.ogg", "name:twice")

    assert set(used_in(ended.json)) == {"twice.wav"}


def test_silence_occurs_nowhere(seehear: Terminal) -> None:
    assert used_in(seehear("similar", "--json", "media/silent.wav").json) == {}


def test_an_older_library_is_told_of_and_learns(seehear: Terminal) -> None:
    (seehear.library / "catalogue.db-seal").unlink()  # an older seehear had none
    with closing(sqlite3.connect(seehear.library / "catalogue.db")) as connection:
        connection.execute("DROP TABLE landmark")
        connection.execute("DELETE FROM snapshot WHERE gallery = 'landmarks'")
        connection.execute("PRAGMA user_version = 2")
        connection.commit()

    before = seehear("similar", "--json", "jingle.ogg")
    assert used_in(before.json) == {}
    assert "5 sounds or videos of before" in before.err
    assert "seehear index" in before.err

    assert "5 of before can be recognised" in seehear("index").out
    after = seehear("similar", "--json", "jingle.ogg")
    assert used_in(after.json) == {"show.mp3": [72], "twice.wav": [5]}
    assert "recognised" not in after.err
    assert seehear("verify").code == 0
