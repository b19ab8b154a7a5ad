"""Collections that the benchmarks measure on, fetched by data/fetch.py."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def fetched(package: str) -> Path:
    """The folder of a package of data/packages.toml."""
    command = [sys.executable, str(ROOT / "data" / "fetch.py"), package]
    return Path(
        subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    )


def stamps() -> list[tuple[Path, str]]:
    """The 538 captioned Tux Paint stamps outside `symbols`, each with its English caption."""
    root = fetched("tuxpaint-stamps-default") / "usr/share/tuxpaint/stamps"
    pictures = (p for p in sorted(root.rglob("*.png")) if p.with_suffix(".txt").exists())
    return [
        (picture, _caption(picture))
        for picture in pictures
        if "symbols" not in picture.relative_to(root).parts
    ]


def stamp_sounds() -> list[tuple[Path, str]]:
    """The stamps' sound effects (not the spoken descriptions), each with its English caption."""
    found = []
    for picture, caption in stamps():
        sounds = (picture.with_suffix(suffix) for suffix in (".ogg", ".wav"))
        found += [(sound, caption) for sound in sounds if sound.exists()]
    return found


def other_sounds() -> list[Path]:
    """Sounds of data/sample and of Scratch, which nothing was fitted on."""
    media = fetched("scratch") / "usr/share/scratch/Media/Sounds"
    sample = ROOT / "data" / "sample" / "sounds"
    return [
        file
        for folder in (sample, media)
        for file in sorted(folder.rglob("*"))
        if file.suffix in (".flac", ".mp3", ".ogg", ".wav")
    ]


def sonic_pi_sounds() -> list[Path]:
    """Sonic Pi's samples; a part of them are anchors of the sound bridges."""
    return sorted(fetched("sonic-pi-samples").rglob("*.flac"))


def _caption(picture: Path) -> str:
    return picture.with_suffix(".txt").read_text("utf-8").splitlines()[0].strip()
