"""Converting and building: pickles are read in a child that builds numbers and nothing else."""

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import DiskFullError, ModelError
from engine.models import BUILDERS, BuilderRow, Progress, Step, fetch, ready, verify
from engine.models import child as child_module
from engine.models import lock as lock_module

torch = pytest.importorskip("torch")

BUILDER = """
import json
from pathlib import Path
from safetensors.numpy import load_file

def build(sources: Path, into: Path) -> None:
    tensors = load_file(sources / "net.safetensors")
    (into / "model.json").write_text(json.dumps(sorted(tensors)))
"""


class Evil:
    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return (self.call[0], self.call[1:])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock whose model `fake` is one checkpoint in a local folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(lock_module, "LOCK", tmp_path / "models.lock")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def shelve(home: Path, checkpoint: object) -> None:
    torch.save(checkpoint, home / "net.pth")
    shelve_bytes(home, (home / "net.pth").read_bytes())


def shelve_bytes(home: Path, data: bytes) -> None:
    (home / "net.pth").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    (home / "models.lock").write_text(
        '[fake]\nlicence = "MIT"\nattribution = "us"\nhomepage = "x"\ndownload = 1\n'
        f'[[fake.files]]\nname = "net.pth"\nsource = "folder:{home}!net.pth"\n'
        f'size = {len(data)}\nsha256 = "{sha256}"\n'
    )


def converted(home: Path, checkpoint: object) -> dict[str, Any]:
    from safetensors.numpy import load_file

    shelve(home, checkpoint)
    return load_file(ready("fake") / "net.safetensors")


def builder(home: Path, monkeypatch: pytest.MonkeyPatch, code: str, version: str = "1") -> None:
    (home / f"builder_{version}.py").write_text(code)
    lock = (home / "models.lock").read_text()
    if 'builder = "fake"' not in lock:
        lock = lock.replace("download = 1", 'download = 1\nbuilder = "fake"')
        (home / "models.lock").write_text(lock)
    monkeypatch.setitem(BUILDERS, "fake", BuilderRow(f"builder_{version}", version))


def no_process(*args: object, **_named: object) -> None:
    pytest.fail(f"a process was started: {args}")


def test_a_state_dict_keeps_its_names_and_values(home: Path) -> None:
    weight = torch.arange(6.0).reshape(2, 3)
    state = OrderedDict({"conv.weight": weight, "bn.count": torch.tensor(3)})

    tensors = converted(home, state)

    assert sorted(tensors) == ["bn.count", "conv.weight"]
    np.testing.assert_array_equal(tensors["conv.weight"], weight.numpy())


def test_shared_and_transposed_tensors_are_written_out(home: Path) -> None:
    base = torch.arange(6.0).reshape(2, 3)

    tensors = converted(home, {"a": base, "same": base, "turned": base.T})

    np.testing.assert_array_equal(tensors["same"], base.numpy())
    np.testing.assert_array_equal(tensors["turned"], base.numpy().T)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"model_state_dict": state, "epoch": 3, "optimizer": {"m": torch.ones(9)}},
        lambda state: {"state_dict": {"model": state}},
        lambda state: (state, {"fold": (np.int64(0), 78)}),
        lambda state: {"state_dict": state, "best": np.float64(0.5), "seen": np.int64(4)},
    ],
    ids=["beside an optimizer", "nested", "in a tuple", "beside numbers"],
)
def test_weights_are_found_where_training_scripts_put_them(home: Path, wrap: Any) -> None:
    assert sorted(converted(home, wrap({"fc": {"weight": torch.ones(2)}}))) == ["fc.weight"]


def test_a_checkpoint_of_two_minds_is_refused(home: Path) -> None:
    shelve(home, ({"a": torch.ones(1)}, {"b": torch.ones(1)}))

    with pytest.raises(ModelError, match="2 of 2 parts hold tensors"):
        ready("fake")


def test_a_checkpoint_without_tensors_is_refused(home: Path) -> None:
    shelve(home, {"epoch": 3})

    with pytest.raises(ModelError, match="holds no tensors"):
        ready("fake")


@pytest.mark.parametrize("save", ["torch", "pickle", "unknown to torch"])
def test_a_pickle_that_would_run_code_is_refused_and_does_not(home: Path, save: str) -> None:
    marker = home / "marker"
    call = (os.system, f"touch {marker}")
    if save == "unknown to torch":
        call = (shutil.copy, __file__, str(marker))
    evil = {"weight": torch.ones(1), "evil": Evil(*call)}
    if save == "pickle":
        shelve_bytes(home, pickle.dumps(evil))
    else:
        shelve(home, evil)

    with pytest.raises(ModelError, match=r"net\.pth was refused") as caught:
        ready("fake")
    assert not marker.exists()
    assert "add_safe_globals" not in str(caught.value)
    assert not list(home.rglob("net.safetensors*"))


class Objects:
    def __reduce__(self) -> tuple[Any, ...]:
        return (np.dtype, ("O",))


def test_of_numpy_only_numbers_are_allowed(home: Path) -> None:
    shelve(home, {"weight": torch.ones(1), "dtype": Objects()})

    with pytest.raises(ModelError, match="'O' is not a number"):
        ready("fake")


@pytest.mark.parametrize("ending", [".pt", ".bin"])
def test_other_endings_are_converted_alike(home: Path, ending: str) -> None:
    shelve(home, {"a": torch.ones(2)})
    (home / "net.pth").rename(home / f"net{ending}")
    lock = (home / "models.lock").read_text().replace("net.pth", f"net{ending}")
    (home / "models.lock").write_text(lock)

    assert (ready("fake") / "net.safetensors").exists()


def test_a_truncated_checkpoint_is_refused(home: Path) -> None:
    torch.save({"a": torch.ones(1000)}, home / "net.pth")
    shelve_bytes(home, (home / "net.pth").read_bytes()[:900])

    with pytest.raises(ModelError, match=r"net\.pth was refused"):
        ready("fake")


def test_a_conversion_is_done_once_and_again_when_it_was_changed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(home, {"a": torch.ones(4)})
    target = ready("fake") / "net.safetensors"
    good = target.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", no_process)
        ready("fake")

    target.write_bytes(good[:-1] + b"x")
    ready("fake")
    assert target.read_bytes() == good


def test_the_main_process_stays_free_of_torch(home: Path) -> None:
    shelve(home, {"a": torch.ones(4)})
    root = Path(__file__).resolve().parents[2]
    code = (
        f"import sys; from pathlib import Path; sys.path.insert(0, {str(root)!r})\n"
        f"import engine.models as m, engine.models.lock as k; k.LOCK = Path({str(home)!r}) / "
        "'models.lock'; m.ready('fake'); sys.exit('torch' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=home).returncode == 0


def test_a_builder_runs_once_and_its_folder_is_ready_at_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(home, {"a": torch.ones(4)})
    builder(home, monkeypatch, BUILDER)
    seen: list[Progress] = []

    built = ready("fake", progress=seen.append)

    assert built.name == "built-1"
    assert json.loads((built / "model.json").read_text()) == ["a"]
    assert {now.step for now in seen} == {Step.UNPACK, Step.CONVERT, Step.BUILD}
    monkeypatch.setattr(subprocess, "Popen", no_process)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        assert ready("fake", progress=lambda now: pytest.fail(str(now))) == built
        times.append(time.perf_counter() - start)
    assert min(times) < 1e-3


def test_a_new_builder_version_builds_beside_the_old(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(home, {"a": torch.ones(4)})
    builder(home, monkeypatch, BUILDER, "1")
    first = ready("fake")
    builder(home, monkeypatch, BUILDER, "2")

    assert ready("fake").name == "built-2"
    assert first.exists()


def test_a_damaged_build_is_built_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelve(home, {"a": torch.ones(4)})
    builder(home, monkeypatch, BUILDER)
    target = ready("fake") / "model.json"
    target.write_text("[]")

    assert json.loads((ready("fake") / "model.json").read_text()) == ["a"]


def test_verify_finds_changes_in_what_was_made_too(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(home, {"a": torch.ones(4)})
    builder(home, monkeypatch, BUILDER)
    built = ready("fake")
    for target in (built / "model.json", built.parent / "net.safetensors"):
        before, times = target.read_bytes(), target.stat()
        target.write_bytes(bytes(len(before)))
        os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))

        with pytest.raises(ModelError, match=f"{target.name} has changed"):
            verify("fake")
        ready("fake")
        if target.parent == built:
            assert target.read_bytes() == before


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def build(sources, into):\n    raise ValueError('no such layer')\n", "no such layer"),
        (
            "def build(sources, into):\n    (into / 'model.pkl').write_bytes(b'')\n",
            "never read: model.pkl",
        ),
        ("def build(sources, into):\n    import os; os._exit(3)\n", "ended with code 3"),
        (
            (
                "from engine.errors import ModelError\n"
                "def build(sources, into):\n    raise ModelError('no tower', hint='None.')\n"
            ),
            "could not be built: no tower None",
        ),
    ],
)
def test_a_builder_that_fails_leaves_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    shelve(home, {"a": torch.ones(4)})
    builder(home, monkeypatch, code)

    with pytest.raises(ModelError, match=said):
        ready("fake")
    assert not list(fetch("fake").glob("built-*"))


def test_a_builder_on_a_full_disk_is_a_full_disk(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelve(home, {"a": torch.ones(4)})
    builder(
        home, monkeypatch, "def build(sources, into):\n    raise OSError(28, 'No space left')\n"
    )

    with pytest.raises(DiskFullError):
        ready("fake")


def test_a_builder_has_no_network(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not child_module._without_network():
        pytest.skip("this system cannot take the network away")
    shelve(home, {"a": torch.ones(4)})
    builder(
        home,
        monkeypatch,
        "import socket\n"
        "def build(sources, into):\n"
        "    with socket.socket() as s: s.connect(('127.0.0.1', 9))\n",
    )

    with pytest.raises(ModelError, match="unreachable"):
        ready("fake")


def test_the_child_ignores_the_current_folder_and_the_environment(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = home / "trap"
    trap.mkdir()
    (trap / "json.py").write_text(f"open({str(home / 'marker')!r}, 'w')\n")
    monkeypatch.chdir(trap)
    monkeypatch.setenv("PYTHONPATH", str(trap))
    shelve(home, {"a": torch.ones(4)})

    ready("fake")
    assert not (home / "marker").exists()


@pytest.mark.weights
@pytest.mark.slow
def test_the_real_starter_weights_are_what_the_lock_says() -> None:
    for model_id in ("minilm", "efficientnet-lite2", "soundfx", "imagenet-names"):
        assert ready(model_id).is_dir()
