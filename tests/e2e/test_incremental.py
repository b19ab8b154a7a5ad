"""Indexing again does the least work, and never loses what is known of files that are away."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from terminal import Terminal, as_nobody

from making import caption, picture, tone

COUNTS = ("added", "refreshed", "moved", "copies", "kept", "removed", "encoded")
TOTAL = 7


def counts(report: dict[str, Any]) -> dict[str, int]:
    """The counts that are not zero."""
    assert all(report[name] >= 0 for name in COUNTS), report
    return {name: report[name] for name in COUNTS if report[name]}


def retime(path: Path) -> None:
    """Another time, the same bytes."""
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 2_000_000_000))


@pytest.fixture
def root(seehear: Terminal, media: Path) -> Path:
    """The folder `media`, indexed."""
    assert counts(seehear.index(media)) == {"added": TOTAL, "encoded": TOTAL}
    return media


def is_whole(seehear: Terminal) -> bool:
    ended = seehear("verify")
    assert ended.code == 0, ended
    return True


def test_a_second_run_does_nothing(seehear: Terminal, root: Path) -> None:
    assert counts(seehear.index(root)) == {"kept": TOTAL}
    assert counts(seehear.index()) == {"kept": TOTAL}


def test_new_changed_and_removed_files(seehear: Terminal, root: Path) -> None:
    picture(root / "new.png", seed=9)
    picture(root / "red.png", seed=10, size=(50, 30))
    (root / "low.wav").unlink()
    report = seehear.index()
    assert counts(report) == {"added": 1, "refreshed": 1, "removed": 1, "kept": 5, "encoded": 2}
    assert root / "low.wav" not in seehear.found("--audio", root / "sub" / "high.wav", "-k", "50")
    assert is_whole(seehear)


def test_touched_files_count_as_unchanged(seehear: Terminal, root: Path) -> None:
    for name in ("red.png", "low.wav", "red.txt"):
        retime(root / name)
    assert counts(seehear.index()) == {"kept": TOTAL}
    assert counts(seehear.index()) == {"kept": TOTAL}


def test_moved_files_and_renamed_folders(seehear: Terminal, root: Path) -> None:
    (root / "red.png").rename(root / "sub" / "rouge.png")
    (root / "sub").rename(root / "below")
    assert counts(seehear.index()) == {"moved": 5, "kept": 2}
    assert root / "below" / "rouge.png" in seehear.found("--image", root / "below" / "green.png")
    assert is_whole(seehear)


def test_a_file_moved_over_another(seehear: Terminal, root: Path) -> None:
    (root / "sub" / "blue.png").rename(root / "red.png")
    assert counts(seehear.index()) == {"refreshed": 1, "removed": 1, "kept": 5}
    assert is_whole(seehear)


def test_two_copies_of_a_file_that_went(seehear: Terminal, root: Path) -> None:
    shutil.copy(root / "red.png", root / "one.png")
    (root / "red.png").rename(root / "two.png")
    assert counts(seehear.index()) == {"added": 1, "moved": 1, "copies": 1, "kept": 6}


def test_copies_share_a_hit(seehear: Terminal, root: Path) -> None:
    shutil.copy(root / "red.png", root / "again.png")
    assert counts(seehear.index()) == {"added": 1, "copies": 1, "kept": TOTAL}
    hits = seehear.hits("--image", root / "red.png", "--in", "image")
    paths = [{hit["path"], *hit["same"]} for hit in hits]
    assert {str(root / "red.png"), str(root / "again.png")} in paths
    (root / "red.png").unlink()
    assert counts(seehear.index()) == {"removed": 1, "kept": TOTAL}
    assert root / "again.png" in seehear.found("--image", root / "again.png")


def test_an_old_name_for_new_bytes_and_a_new_name_for_old_ones(
    seehear: Terminal, root: Path
) -> None:
    (root / "red.png").rename(root / "zz.png")
    picture(root / "red.png", seed=77)
    report = seehear.index()
    assert counts(report) == {"added": 1, "copies": 1, "refreshed": 1, "kept": 6, "encoded": 1}
    assert is_whole(seehear)


def test_names_that_rotate(seehear: Terminal, root: Path) -> None:
    for number in range(140):
        caption(root / f"log{number:03}.txt", f"day {number}")
    seehear.index()
    for number in reversed(range(140)):
        (root / f"log{number:03}.txt").rename(root / f"log{number + 1:03}.txt")
    caption(root / "log000.txt", "today")
    report = seehear.index()
    assert (report["added"], report["refreshed"]) == (1, 140)
    best = seehear.hits("today", "--in", "text", "-k", "1")[0]
    assert best["snippet"] == "today"
    assert is_whole(seehear)
    assert counts(seehear.index()) == {"kept": TOTAL + 141}


def test_swapped_names(seehear: Terminal, root: Path) -> None:
    (root / "red.png").rename(root / "x")
    (root / "sub" / "blue.png").rename(root / "red.png")
    (root / "x").rename(root / "sub" / "blue.png")
    assert counts(seehear.index()) == {"refreshed": 2, "kept": 5}
    assert is_whole(seehear)


def test_another_kind_under_the_same_name(seehear: Terminal, root: Path) -> None:
    tone(root / "tone.wav", hertz=600)
    (root / "tone.wav").rename(root / "red.png")
    assert counts(seehear.index()) == {"refreshed": 1, "kept": 6, "encoded": 1}
    hits = seehear.hits("--audio", root / "low.wav", "--in", "audio,image", "-k", "50")
    kinds = {hit["path"]: hit["modality"] for hit in hits}
    assert kinds[str(root / "red.png")] == "audio"


def test_a_caption_is_found_at_once(seehear: Terminal, root: Path) -> None:
    caption(root / "sub" / "green.txt", "zebra crossing")
    assert counts(seehear.index()) == {"added": 1, "kept": TOTAL, "encoded": 1}
    best = seehear.hits("zebra crossing", "--in", "image")[0]
    assert (best["path"], best["snippet"]) == (str(root / "sub" / "green.png"), "zebra crossing")
    assert "caption" in best["because"][0]["source"]


def test_few_removals_leave_the_other_kinds_whole(seehear: Terminal, root: Path) -> None:
    for seed in range(100, 120):
        picture(root / f"p{seed}.png", seed=seed)
    seehear.index()
    (root / "sub" / "notes.txt").unlink()
    (root / "red.txt").unlink()
    assert counts(seehear.index()) == {"removed": 2, "kept": 25}
    assert len(seehear.hits("fox", "--in", "image", "-k", "100")) == 23
    assert is_whole(seehear)


def test_a_root_inside_a_root_and_above_it(seehear: Terminal, media: Path) -> None:
    sub = media / "sub"
    assert counts(seehear.index(sub)) == {"added": 4, "encoded": 4}
    assert counts(seehear.index(media)) == {"added": 3, "kept": 4, "encoded": 3}
    assert counts(seehear.index(sub)) == {"kept": 4}
    assert counts(seehear.index(sub, media, sub / "notes.txt")) == {"kept": TOTAL}
    assert seehear("status", "--json").json["roots"] == [{"path": str(media), "there": True}]
    assert is_whole(seehear)


def test_several_roots_and_a_wrong_one(seehear: Terminal, media: Path) -> None:
    other = seehear.folder / "other"
    other.mkdir()
    shutil.copy(media / "red.png", other / "same.png")
    wrong = seehear("index", "--profile", "hashed", other, seehear.folder / "nowhere")
    assert wrong.code == 2
    assert "nowhere" in wrong.err
    assert seehear("status", "--json").json["roots"] == []
    assert counts(seehear.index(other, media)) == {"added": 8, "copies": 1, "encoded": 7}
    (media / "red.png").unlink()
    assert counts(seehear.index()) == {"removed": 1, "kept": 7}
    assert seehear.found("--image", other / "same.png", "--under", media / "sub", "-k", "50")


def test_a_root_that_is_away_keeps_everything(seehear: Terminal, root: Path) -> None:
    away = root.rename(root.with_name("elsewhere"))
    report = seehear.index()
    assert report["away"] == [str(root)]
    assert counts(report) == {}
    assert len(seehear.found("fox", "-k", "50")) >= TOTAL - 1
    assert counts(seehear.index(away)) == {"added": TOTAL, "copies": TOTAL}
    away.rename(root)
    assert counts(seehear.index(root)) == {"kept": TOTAL}


def test_forget_and_come_back(seehear: Terminal, root: Path) -> None:
    ended = seehear("forget", root / "sub")
    assert (ended.code, "4 files" in ended.out) == (0, True)
    assert all(root / "sub" not in path.parents for path in seehear.found("fox", "-k", "50"))
    assert counts(seehear.index()) == {"added": 4, "kept": 3, "encoded": 4}
    seehear("forget", root / "red.png")
    assert seehear("forget", root).code == 0
    assert seehear("forget", root).code == 2
    assert seehear("search", "--all", "fox").code == 1
    assert is_whole(seehear)
    assert (root / "red.png").exists()


def test_rebuild_after_the_snapshots_went(seehear: Terminal, root: Path) -> None:
    before = seehear.hits("poppy")
    shutil.rmtree(seehear.library / "snapshots")
    ended = seehear("search", "--all", "poppy", "--json")
    assert ended.json["hits"] == before
    assert "not used" in ended.err
    assert seehear("rebuild").code == 0
    again = seehear("search", "--all", "poppy", "--json")
    assert (again.json["hits"], again.err) == (before, "")
    assert counts(seehear.index(root)) == {"kept": TOTAL}


@pytest.mark.parametrize("all_of_them", [True, False])
def test_an_index_run_makes_lost_snapshots_again(
    seehear: Terminal, root: Path, *, all_of_them: bool
) -> None:
    before = seehear.hits("poppy")
    folder = seehear.library / "snapshots"
    if all_of_them:
        shutil.rmtree(folder)
    else:
        next(folder.iterdir()).write_bytes(b"cut short")
    assert seehear("verify").code == 12
    seehear.index(root)
    assert seehear("verify").code == 0
    ended = seehear("search", "--all", "poppy", "--json")
    assert (ended.json["hits"], ended.err) == (before, "")


NAMES = (
    b"\xff\xfe latin.png",
    b"new\nline.png",
    b"esc\x1b[31mred\x07.png",
    b"-dash.png",
    "\N{DOG FACE}\N{RIGHT-TO-LEFT OVERRIDE}gnp.png".encode(),
    b"n" * 251 + b".png",
    b" space .png",
    b"100%2f.png",
    b"[bold]markup.png",
    b"?#&.png",
)


def test_any_name(seehear: Terminal) -> None:
    root = seehear.folder / "names"
    root.mkdir()
    paths = [os.fsencode(root / os.fsdecode(name)) for name in NAMES]
    for seed, path in enumerate(paths):
        made = picture(seehear.folder / "one.png", seed=seed)
        made.rename(os.fsdecode(path))
    assert counts(seehear.index(root)) == {"added": len(NAMES), "encoded": len(NAMES)}
    assert counts(seehear.index(root)) == {"kept": len(NAMES)}
    process = seehear.start("search", "-0", "-k", "50", "--image", os.fsdecode(paths[0]))
    out, _ = process.communicate(timeout=60)
    assert sorted(out.split(b"\0")[:-1]) == sorted(paths)
    shown = seehear("search", "-k", "50", "--image", os.fsdecode(paths[3]))
    assert not set("\x1b\x07\N{RIGHT-TO-LEFT OVERRIDE}") & set(shown.out)
    assert "[bold]markup.png" in shown.out
    assert len(shown.out.splitlines()) == 2 * len(NAMES)
    assert seehear.hits("--image", os.fsdecode(paths[0]), "-k", "1")[0]["path_b64"]
    assert seehear("similar", "./-dash.png", cwd=root).code == 0
    assert seehear("search", "--", "-dash.png", cwd=root).code == 0
    (root / "bystander.bin").write_bytes(b"a folder that is not bare is no mount point")
    for path in paths:
        (root / os.fsdecode(path)).unlink()
    assert counts(seehear.index(root)) == {"removed": len(NAMES)}


def test_a_bare_root_is_taken_for_a_drive_that_is_away(seehear: Terminal) -> None:
    root = seehear.folder / "drive"
    root.mkdir()
    photo = picture(root / "one.png", seed=1)
    assert counts(seehear.index(root)) == {"added": 1, "encoded": 1}
    photo.rename(seehear.folder / "one.png")

    report = seehear.index(root)

    assert counts(report) == {}
    assert report["away"] == [str(root)]
    assert len(seehear.hits("--image", str(seehear.folder / "one.png"))) == 1


def test_a_library_inside_an_indexed_folder(seehear: Terminal, media: Path) -> None:
    seehear.library = media / "sub" / "library"
    seehear.environ["SEEHEAR_LIBRARY"] = str(seehear.library)
    assert counts(seehear.index(media)) == {"added": TOTAL, "encoded": TOTAL}
    assert counts(seehear.index(media)) == {"kept": TOTAL}


def test_a_file_that_is_called_like_a_catalogue(seehear: Terminal, root: Path) -> None:
    (root / "sub" / "catalogue.db").write_bytes(b"of some other program")
    assert counts(seehear.index()) == {"kept": TOTAL}


def test_closed_folders_and_files(open_folder: Terminal) -> None:
    """As a user whom permissions stop; as root they would not."""
    seehear = open_folder
    root = seehear.folder / "root"
    (root / "closed").mkdir(parents=True)
    for path in (root / "closed" / "a.txt", root / "b.txt", root / "c.txt"):
        caption(path, f"nobody may start another python here, but a text takes none: {path.name}")
    before = as_nobody()

    def index(*arguments: str | Path) -> dict[str, Any]:
        ended = seehear.alone("index", "--json", *arguments, before=before)
        assert ended.code == (3 if ended.json["skipped"] else 0)
        return dict(ended.json)

    try:
        (root / "c.txt").chmod(0)
        report = index(root, "--profile", "hashed")
        assert counts(report) == {"added": 2, "encoded": 2}
        assert [one["reason"].split(":")[0] for one in report["skipped"]] == ["permission"]
        (root / "c.txt").chmod(0o644)
        (root / "closed").chmod(0)
        report = index()
        assert counts(report) == {"refreshed": 1, "kept": 1, "encoded": 1}, "c.txt can be read now"
        assert [one["path"] for one in report["skipped"]] == [str(root / "closed")]
        root.chmod(0)
        report = index()
        assert counts(report) == {}
        root.chmod(0o755)
        (root / "closed").chmod(0o755)
        assert counts(index()) == {"kept": 3}
        assert seehear.alone("verify", before=before).code == 0
    finally:
        root.chmod(0o755)
        (root / "closed").chmod(0o755)
