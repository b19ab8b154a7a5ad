"""Every package and model has a licence that it may have; THIRD_PARTY.md and the SBOM say so."""

import json
import re
from importlib.metadata import distribution, distributions
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.models import check_consent, lock, pull, registry
from engine.models.registry import RESEARCH
from supply import licences, sbom
from supply.licences import UNKNOWN, is_allowed, licence_of, page, pins, stated
from supply.locked import ROOT, installed

# What a licence that forbids trade calls itself.
_NOT_FOR_TRADE = re.compile(
    r"(?i)research|non-?commercial|\bNC\b|-NC-|amlr|academic|evaluation only"
)
_COPYLEFT = re.compile(
    r"(lib(x26[45]|heif|de265|av[cdfu]|sw[rs]|gnutls|nettle|hogweed|gmp-|unistring|mp3lame|asound"
    r"|gfortran|gomp|quadmath))"
)


def test_every_locked_package_has_a_licence_that_it_may_have() -> None:
    if missing := [pin.name for pin in pins() if _is_missing(pin.name)]:
        pytest.skip(f"not run: locked, but not installed here: {', '.join(missing)}")

    found = {pin.name: licence_of(pin.name) for pin in pins()}
    assert {n: said for n, said in found.items() if not is_allowed(n, said)} == {}


def _is_missing(package: str) -> bool:
    return installed(package) is None and package not in stated()["elsewhere"]


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 OR BSD-3-Clause", True),
        ("(MIT AND Zlib) OR MPL-2.0", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-2.0-or-later WITH Classpath-exception-2.0", False),
        ("LicenseRef-NVIDIA-Proprietary", False),
        (UNKNOWN, False),
        ("", False),
    ],
)
def test_what_is_not_on_the_list_is_not_allowed(licence: str, *, allowed: bool) -> None:
    assert is_allowed("numpy", licence) is allowed


def test_what_the_metadata_do_not_say_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "_said", lambda _package: iter(["", "our own words"]))

    assert licence_of("numpy") == UNKNOWN
    assert licence_of("no-such-package") == UNKNOWN


def test_copyleft_in_wheels_is_told() -> None:
    """By name of the library; what is linked into another without a file cannot be seen so."""
    told = [
        (package, library)
        for row in stated()["bundled"]
        for package in row["package"].split(", ")
        for library in row["libraries"]
    ]
    carried = {
        (one.name.lower().replace("_", "-"), match[1])
        for one in distributions()
        for file in one.files or ()
        if (match := _COPYLEFT.match(file.name)) and ".so" in file.name
    }
    assert ("av", "libx264") in carried
    unsaid = [
        (package, library)
        for package, library in sorted(carried)
        if not any(package == p and library.startswith(said) for p, said in told)
    ]
    assert unsaid == []


def test_ffmpeg_says_of_itself_what_is_said_of_it() -> None:
    from av._core import library_meta

    assert {one["license"] for one in library_meta.values()} == {"LGPL version 3 or later"}
    built = library_meta["libavcodec"]["configuration"]
    assert "--enable-libx264" in built
    files = [str(file) for file in distribution("pillow-heif").files or ()]
    (bundled,) = (
        Path(str(distribution("pillow-heif").locate_file(f))) for f in files if "bund" in f
    )
    assert "GPLv2" in bundled.read_text("utf-8")


def test_the_page_is_what_the_lock_says() -> None:
    if any(_is_missing(pin.name) for pin in pins()):
        pytest.skip("not run: not everything that is locked is installed here")

    assert (ROOT / "THIRD_PARTY.md").read_text("utf-8") == page(), "make licences"
    assert UNKNOWN not in page()


def test_every_model_has_a_licence_and_somebody_to_name() -> None:
    for model in lock.shipped().values():
        assert model.licence.strip(), model.id
        assert UNKNOWN not in model.licence.lower(), model.id
        assert model.attribution.strip(), model.id
        assert model.homepage.startswith("https://"), model.id
        assert f"{model.id}]({model.homepage}) | {model.licence}" in page()


def test_every_model_of_the_registry_is_in_the_lock() -> None:
    known = lock.shipped()

    assert [
        row.id for row in registry().models.values() if row.source and row.id not in known
    ] == []


def not_for_trade() -> list[str]:
    """Models whose licence does not allow everything."""
    return [one.id for one in lock.shipped().values() if _NOT_FOR_TRADE.search(one.licence)]


@pytest.mark.parametrize("model_id", not_for_trade())
def test_research_only_is_not_pulled_without_a_word(
    model_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert registry().models[model_id].licence == RESEARCH
    for get in (pull, check_consent):
        with pytest.raises(UsageError, match="for research only") as caught:
            get(model_id)
        assert "--accept-licence" in caught.value.hint
    assert list(tmp_path.rglob("*.safetensors")) == []


def test_some_model_is_for_research_only_and_no_default_is() -> None:
    research = {row.id for row in registry().models.values() if row.licence == RESEARCH}

    assert research == set(not_for_trade()) != set()
    for name in ("starter", "clip", "clip-english", "clip-large"):
        assert not research & set(registry().profiles[name].models)


def test_the_bill_of_materials_is_cyclonedx_and_whole(tmp_path: Path) -> None:
    sbom.main(str(tmp_path / "dist" / "sbom.json"))
    told = json.loads((tmp_path / "dist" / "sbom.json").read_text("utf-8"))

    rows = {row["bom-ref"]: row for row in told["components"]}
    assert len(rows) == len(pins()) + len(lock.shipped())
    for pin in pins():
        row = rows[f"pkg:pypi/{pin.name}@{pin.version}"]
        (files,) = row["externalReferences"]
        assert {f"sha256:{one['content']}" for one in files["hashes"]} == set(pin.hashes)
        assert row["licenses"]
    for model in lock.shipped().values():
        row = rows[f"model:{model.id}"]
        assert row["licenses"]
        hashed = {one["hashes"][0]["content"] for one in row.get("components", ())}
        assert {file.sha256 for file in model.files} <= hashed


def test_what_is_no_cyclonedx_is_not_written() -> None:
    made = sbom.bill()
    first = next(iter(made.components))
    first.hashes = [sbom._sha256("not a digest")]

    with pytest.raises(ValueError, match="no CycloneDX"):
        sbom.text(made)
