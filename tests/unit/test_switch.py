"""Moving a library to another profile: beside the old one, then switched, and resumable."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import SpaceMismatchError
from engine.library import Library
from engine.store.records import State
from engine.types import Modality
from indexer import index, move
from indexer.report import Progress
from making import caption, picture, tone

OTHER = """
[model.other]
adapter = "hashed"
window_ms = {window}

[profile.other]
summary = "the same features in spaces of their own"
models = ["other"]

[profile.pictures-only]
summary = "the same features, of which a library of sounds has no use"
models = ["other"]
"""


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of the user's own with a profile that needs no weights."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    file = tmp_path / "config" / "seehear" / "profiles.toml"
    file.parent.mkdir(parents=True)
    file.write_text(OTHER.format(window=1_000))
    return file


@pytest.fixture
def reopened(indexed: Library) -> Iterator[Library]:
    """The indexed library, opened as a move needs it."""
    with Library.open(indexed.path, any_encoders=True) as opened:
        yield opened


def found(library: Library, words: str = "quick brown fox") -> list[str]:
    return [hit.path.name for hit in library.search(words, modalities={"text"}).hits]


def test_a_moved_library_answers_with_the_new_profile(reopened: Library) -> None:
    before = found(reopened)
    report = move(reopened, "other", workers=1)

    with Library.open(reopened.path) as after:
        assert (report.switched, report.encoded) == (True, 7)
        assert after.profile.name == "other"
        assert found(after) == before
        assert after.verify().findings == ()
        assert after.remarks == []


def test_only_the_new_vectors_are_left(reopened: Library) -> None:
    sounds = reopened.status().segments[Modality.AUDIO]
    move(reopened, "other", workers=1)

    with Library.open(reopened.path) as after:
        counts = after.status().segments
        # Half the window: a second of sound is one window of two seconds, or one of one.
        assert counts == {Modality.IMAGE: 3, Modality.AUDIO: sounds, Modality.TEXT: 2}
        assert after.verify().vectors == sum(counts.values())


def test_moving_to_the_profile_that_is_used_does_nothing(reopened: Library) -> None:
    assert move(reopened, "hashed", workers=1).encoded == 0


class _StoppedError(Exception):
    pass


def _stop(_progress: Progress) -> None:
    raise _StoppedError


def test_an_interrupted_move_leaves_the_old_profile_and_goes_on(
    reopened: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.switch.GROUP", 2)
    before = found(reopened)
    with pytest.raises(_StoppedError):
        move(reopened, "other", watch=_stop, workers=1)

    with Library.open(reopened.path, any_encoders=True) as between:
        assert between.profile.name == "hashed"
        assert found(between) == before
        assert "interrupted" in between.remarks[0]
        report = move(between, "other", workers=1)

    with Library.open(reopened.path) as after:
        assert (report.switched, report.encoded) == (True, 5)
        assert after.verify().findings == ()
        assert after.status().segments[Modality.IMAGE] == 3


def test_what_was_indexed_in_between_is_moved_too(
    reopened: Library, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.switch.GROUP", 2)
    with pytest.raises(_StoppedError):
        move(reopened, "other", watch=_stop, workers=1)
    picture(media / "late.png", seed=9)
    with Library.open(reopened.path) as between:
        index(between, workers=1)

    with Library.open(reopened.path, any_encoders=True) as between:
        move(between, "other", workers=1)

    with Library.open(reopened.path) as after:
        assert after.similar(media / "late.png").hits
        assert after.status().segments[Modality.IMAGE] == 4
        assert after.verify().findings == ()


def test_a_move_to_elsewhere_drops_what_another_had_begun(
    reopened: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.switch.GROUP", 2)
    with pytest.raises(_StoppedError):
        move(reopened, "other", watch=_stop, workers=1)

    with Library.open(reopened.path, any_encoders=True) as between:
        move(between, "pictures-only", workers=1)

    with Library.open(reopened.path) as after:
        assert after.status().segments[Modality.IMAGE] == 3
        assert after.verify().findings == ()


def test_files_that_are_away_hold_the_switch_up(reopened: Library, media: Path) -> None:
    away = media.rename(media.with_name("away"))
    report = move(reopened, "other", workers=1)

    assert not report.switched
    assert len(report.missing) == 7
    with Library.open(reopened.path, any_encoders=True) as between:
        assert between.profile.name == "hashed"
        away.rename(media)
        assert move(between, "other", workers=1).switched
    with Library.open(reopened.path) as after:
        assert found(after)[0] == "notes.txt"


def test_files_that_are_away_may_be_left_until_they_come_back(
    reopened: Library, media: Path
) -> None:
    away = (media / "red.png").rename(media / "away")
    report = move(reopened, "other", workers=1, leave_missing=True)
    assert report.switched
    assert [skip.path.name for skip in report.skipped] == ["red.png"]

    away.rename(media / "red.png")
    with Library.open(reopened.path) as after:
        assert index(after, workers=1).added + index(after, workers=1).kept >= 1
        assert all(row.state is State.INDEXED for row in after._catalogue.files(media))


def test_a_file_that_broke_since_is_named_and_the_rest_is_moved(
    reopened: Library, media: Path
) -> None:
    red = media / "red.png"
    stat = red.stat()
    red.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(stat.st_size - 8))
    import os

    os.utime(red, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    report = move(reopened, "other", workers=1)

    assert report.switched
    assert [skip.path.name for skip in report.skipped] == ["red.png"]


def test_changed_encoders_are_refused_and_the_library_can_be_encoded_anew(
    reopened: Library, own_models: Path
) -> None:
    move(reopened, "other", workers=1)
    own_models.write_text(OTHER.format(window=500))

    with pytest.raises(SpaceMismatchError, match="seehear profile use other"):
        Library.open(reopened.path)
    with Library.open(reopened.path, any_encoders=True) as stale:
        assert move(stale, "other", workers=1).encoded == 7
    with Library.open(reopened.path) as after:
        assert found(after)[0] == "notes.txt"
        assert after.verify().findings == ()
        assert after.status().segments[Modality.IMAGE] == 3


def test_encoding_anew_goes_on_after_an_interruption(
    reopened: Library, own_models: Path, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move(reopened, "other", workers=1)
    own_models.write_text(OTHER.format(window=500))
    monkeypatch.setattr("indexer.switch.GROUP", 2)
    with (
        Library.open(reopened.path, any_encoders=True) as stale,
        pytest.raises(_StoppedError),
    ):
        move(stale, "other", watch=_stop, workers=1)
    caption(media / "late.txt", "written in between")
    tone(media / "late.wav", hertz=500)
    with Library.open(reopened.path, any_encoders=True) as stale:
        index(stale, workers=1)
        report = move(stale, "other", workers=1)

    assert report.encoded == 5
    with Library.open(reopened.path) as after:
        assert after.verify().findings == ()
        assert after.status().segments[Modality.TEXT] == 3
