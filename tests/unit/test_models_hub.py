"""The model hub: asked only when told to, resumed, verified by our own hashes, pinned once."""

import errno
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from checkpoints.hub import COMMIT, Fault, Hub, serving
from engine.errors import DiskFullError, ModelError, UsageError
from engine.models import (
    BUILDERS,
    BuilderRow,
    Progress,
    Step,
    all_locked,
    fetch,
    hub_answers,
    is_fetched,
    is_ready,
    locked,
    path_of,
    pull,
    ready,
    remove,
    size_of,
    verify,
)
from engine.models import cache as cache_module
from engine.models import hub as hub_module
from engine.models import lock as lock_module
from engine.models.cache import alone_on

ROOT = Path(__file__).resolve().parents[2]


def weights(size: int = 3_000_000, fill: bytes = b"w") -> bytes:
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return len(header).to_bytes(8, "little") + header + fill * size


CLIP = {
    "open_clip_config.json": b'{"model_cfg": {}}',
    "open_clip_model.safetensors": weights(),
    "tokenizer.json": b'{"model": {"vocab": {"auto_map": 3}}}' + b" " * 2_000,
    "open_clip_pytorch_model.bin": b"a pickle",
    "README.md": b"words",
    "modeling_evil.py": b"raise SystemExit('code of the repository was run')",
}
WORDS = {
    "config.json": b'{"hidden_size": 8}',
    "model.safetensors": weights(5_000),
    "tokenizer.json": b"{}",
    "modules.json": b'[{"type": "sentence_transformers.models.Transformer"}]',
    "1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}',
}
READ = ["open_clip_config.json", "open_clip_model.safetensors", "tokenizer.json"]


class Desk:
    """A user's home with rows of its own, beside a hub that runs here."""

    def __init__(self, home: Path, hub: Hub) -> None:
        self.home, self.hub = home, hub
        self.cache, self.config = home / "cache", home / "config/seehear/profiles.toml"
        self.config.parent.mkdir(parents=True)
        self.lock = home / "models.lock"
        self.rows()

    def rows(self, licence: str = "open", commit: str = COMMIT, more: str = "") -> None:
        self.config.write_text(
            f'[model.mine]\nadapter = "openclip"\nlicence = "{licence}"\n'
            f'source = "hub:us/clip@{commit}"\nkinds = ["image", "text"]\n'
            f'[model.words]\nadapter = "sentence"\nsource = "hub:us/words@{COMMIT}"\n{more}'
        )

    def write_lock(self, **wrong: str) -> None:
        """A shipped lock whose model `sure` has the same files with their hashes."""
        rows = ['[sure]\nlicence = "MIT"\nattribution = "us"\nhomepage = "x"\ndownload = 3002000\n']
        for name in READ:
            sha256 = wrong.get(name.partition(".")[0], hashlib.sha256(CLIP[name]).hexdigest())
            rows.append(
                f'[[sure.files]]\nname = "{name}"\nsource = "hub:us/clip@{COMMIT}!{name}"\n'
                f'size = {len(CLIP[name])}\nsha256 = "{sha256}"\n'
            )
        self.lock.write_text("".join(rows))

    def shared(self, repository: str, files: dict[str, bytes]) -> Path:
        """Put files where the hub's own client keeps them: blobs, and links to them."""
        folder = self.home / "hf/hub" / f"models--{repository.replace('/', '--')}"
        for name, data in files.items():
            blob = folder / "blobs" / hashlib.sha256(data).hexdigest()
            blob.parent.mkdir(parents=True, exist_ok=True)
            blob.write_bytes(data)
            link = folder / "snapshots" / COMMIT / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(blob, link.parent))
        return folder


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving(us__clip=dict(CLIP), us__words=dict(WORDS)) as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name in [name for name in os.environ if name.startswith(("HF_", "HUGGING", "TRANSFORM"))]:
        monkeypatch.delenv(name)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    # The client read these when something imported it first.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(lock_module, "LOCK", tmp_path / "models.lock")
    made = Desk(tmp_path, hub)
    made.write_lock()
    return made


@pytest.fixture
def blocked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and from then on every socket is a failure."""

    def refuse(*args: object, **_named: object) -> None:
        raise AssertionError(f"a socket was asked for: {args}")

    def block() -> None:
        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket, "getaddrinfo", refuse)

    return block


def holds(folder: Path, names: list[str]) -> bool:
    return all((folder / name).read_bytes() == CLIP[name] for name in names)


# --- pulling ---


@pytest.mark.usefixtures("desk")
def test_a_pull_brings_the_locked_files_and_nothing_else(hub: Hub) -> None:
    seen: list[Progress] = []

    folder = pull("sure", progress=seen.append)

    assert holds(folder, READ)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*READ, "receipt.json"])
    done = [now.done for now in seen if now.step is Step.DOWNLOAD]
    assert done == sorted(done)
    assert done[-1] == sum(len(CLIP[name]) for name in READ)
    assert {name for method, name, _ in hub.asked if method == "GET"} == set(READ)
    assert is_fetched("sure")
    assert is_ready("sure")


@pytest.mark.usefixtures("desk")
def test_what_was_pulled_is_used_without_a_socket(blocked: Callable[[], None]) -> None:
    folder = pull("sure")
    blocked()

    assert ready("sure") == fetch("sure") == pull("sure") == folder
    assert verify("sure") == folder


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("ask", [ready, fetch])
@pytest.mark.parametrize("model_id", ["sure", "mine"])
def test_what_was_not_pulled_is_one_sentence_at_once(
    blocked: Callable[[], None], ask: Any, model_id: str
) -> None:
    blocked()
    start = time.perf_counter()

    with pytest.raises(ModelError, match="are not on this computer") as caught:
        ask(model_id)

    assert time.perf_counter() - start < 3
    assert f"Run: seehear models pull {model_id}" in caught.value.hint
    assert ("3 MB" in caught.value.sentence) == (model_id == "sure")
    assert not is_ready(model_id)
    assert not is_fetched(model_id)


def test_the_sentence_comes_within_a_process_that_starts_cold(desk: Desk) -> None:
    start = time.perf_counter()
    done = elsewhere(desk, "m.ready('sure')", stderr=subprocess.PIPE)

    said = done.communicate()[1].decode()
    assert "seehear models pull sure" in said
    assert time.perf_counter() - start < 3
    assert desk.hub.asked == []


@pytest.mark.parametrize("model_id", ["sure", "mine"])
def test_a_token_is_sent_to_the_hub_and_to_nobody_else(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, model_id: str
) -> None:
    desk.hub.token, desk.hub.elsewhere = "hf_secret", True
    with pytest.raises(ModelError, match="without a token") as caught:
        pull(model_id)
    assert "HF_TOKEN" in caught.value.hint

    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert holds(pull(model_id), READ)
    assert desk.hub.tokens_elsewhere == []


@pytest.mark.usefixtures("desk")
def test_nothing_is_told_about_this_computer(hub: Hub) -> None:
    pull("mine")

    assert hub.agents
    assert not any("torch" in agent or "numpy" in agent for agent in hub.agents)


# --- what goes wrong ---


def test_without_an_answer_a_pull_fails_within_seconds(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free.getsockname()[1]}")
    start = time.perf_counter()

    assert not hub_answers()
    for model_id in ("sure", "mine"):
        with pytest.raises(ModelError, match="does not answer") as caught:
            pull(model_id)
        assert "HF_ENDPOINT" in caught.value.hint
    assert time.perf_counter() - start < 3
    assert not list(desk.cache.rglob("*.part"))


@pytest.mark.usefixtures("desk")
def test_a_hub_that_takes_calls_and_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "CONNECT_S", 0.5)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{mute.getsockname()[1]}")
        start = time.perf_counter()
        assert not hub_answers(0.5)
        with pytest.raises(ModelError, match="does not answer"):
            pull("sure")
        assert time.perf_counter() - start < 2


@pytest.mark.usefixtures("desk")
def test_a_name_that_takes_long_to_look_up_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slow(*_args: object, **_named: object) -> None:
        time.sleep(2)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    start = time.perf_counter()

    assert not hub_answers(0.3)
    assert time.perf_counter() - start < 1


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(("status", "answers"), [(200, True), (404, True), (502, False)])
def test_a_hub_that_is_there_answers_and_a_lone_proxy_does_not(
    hub: Hub, status: int, *, answers: bool
) -> None:
    hub.status = status
    assert hub_answers() == answers


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_a_user_who_is_offline_by_choice_is_obeyed(
    monkeypatch: pytest.MonkeyPatch, blocked: Callable[[], None], name: str
) -> None:
    monkeypatch.setenv(name, "1")
    blocked()

    assert not hub_answers()
    for model_id in ("sure", "mine"):
        with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
            pull(model_id)


@pytest.mark.parametrize(
    ("status", "said"), [(401, "token"), (403, "let you have"), (404, "has no"), (503, "503")]
)
def test_each_refusal_has_its_sentence(desk: Desk, status: int, said: str) -> None:
    desk.hub.faults["open_clip_model.safetensors"] = Fault(status=status, times=1)

    with pytest.raises(ModelError, match=said) as caught:
        pull("sure")
    assert "us/clip" in caught.value.sentence
    assert caught.value.hint
    assert holds(pull("sure"), READ)


def test_wrong_bytes_are_named_and_not_kept(desk: Desk) -> None:
    name = "open_clip_model.safetensors"
    desk.hub.faults[name] = Fault(data=weights(fill=b"x"), times=1)

    with pytest.raises(ModelError, match=r"open_clip_model\.safetensors .*expected sha256"):
        pull("sure")
    assert not list(desk.cache.rglob("open_clip_model*"))
    assert holds(pull("sure"), READ)
    assert desk.hub.gets("open_clip_config.json") == [""]


def test_more_bytes_than_listed_are_cut_off(desk: Desk) -> None:
    name = "open_clip_model.safetensors"
    desk.hub.faults[name] = Fault(data=CLIP[name] + bytes(100_000_000), times=1)

    with pytest.raises(ModelError, match="found more"):
        pull("sure")
    assert desk.hub.sent < 50_000_000
    assert not list(desk.cache.rglob("open_clip_model*"))


def test_a_file_that_is_too_short_is_started_anew(desk: Desk) -> None:
    name = "open_clip_model.safetensors"
    desk.hub.faults[name] = Fault(data=weights(fill=b"x")[:1_000], times=2)
    for _ in range(2):
        with pytest.raises(ModelError, match="broke off"):
            pull("sure")

    assert holds(pull("sure"), READ)


def test_a_connection_that_breaks_is_taken_up_where_it_broke(desk: Desk) -> None:
    name = "open_clip_model.safetensors"
    desk.hub.faults[name] = Fault(cut=1_500_000, times=1)

    assert holds(pull("sure"), READ)
    first, second = desk.hub.gets(name)
    assert first == ""
    assert int(second.removeprefix("bytes=").rstrip("-")) >= 1_000_000


def test_a_connection_that_keeps_breaking_ends_and_is_resumed_next_time(desk: Desk) -> None:
    name = "open_clip_model.safetensors"
    desk.hub.faults[name] = Fault(cut=500_000, times=1)
    with pytest.raises(ModelError, match="broke off") as caught:
        pull("sure")
    assert "goes on from there" in caught.value.hint

    assert holds(pull("sure"), READ)
    assert desk.hub.gets(name)[1].startswith("bytes=")
    assert desk.hub.gets("open_clip_config.json") == [""]


def test_a_mirror_that_knows_no_ranges_starts_again(desk: Desk) -> None:
    name = "open_clip_model.safetensors"
    desk.hub.faults[name] = Fault(cut=500_000, times=1)
    with pytest.raises(ModelError, match="broke off"):
        pull("sure")
    desk.hub.faults[name] = Fault(range_ignored=True)

    assert holds(pull("sure"), READ)


def test_a_stalled_download_is_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "STALL_S", 0.3)
    monkeypatch.setattr(hub_module, "WORTH_ANOTHER", 10_000_000)
    desk.hub.faults["open_clip_model.safetensors"] = Fault(stall_s=2, times=1)
    start = time.perf_counter()

    with pytest.raises(ModelError, match="broke off"):
        pull("sure")
    assert time.perf_counter() - start < 2


def test_a_full_disk_is_said_before_the_first_byte(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            cache_module.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1_000})
        )
        with pytest.raises(DiskFullError):
            pull("sure")
    assert desk.hub.gets("open_clip_model.safetensors") == []


def test_a_disk_that_fills_up_on_the_way_is_a_full_disk(desk: Desk) -> None:
    def full(now: Progress) -> None:
        if now.step is Step.DOWNLOAD and now.done > 1_000_000:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFullError):
        pull("sure", progress=full)
    assert holds(pull("sure"), READ)
    assert desk.hub.gets("open_clip_model.safetensors")[1].startswith("bytes=")


def test_ctrl_c_keeps_what_came(desk: Desk) -> None:
    def interrupt(now: Progress) -> None:
        if now.step is Step.DOWNLOAD and now.done > 1_500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull("sure", progress=interrupt)
    assert holds(pull("sure"), READ)
    assert desk.hub.gets("open_clip_model.safetensors")[1].startswith("bytes=")


# --- processes ---


def elsewhere(desk: Desk, *lines: str, **streams: Any) -> subprocess.Popen[bytes]:
    """Another process that uses the same lock, cache and hub."""
    head = f"""
        import os, signal, sys, time
        from pathlib import Path
        sys.path.insert(0, {str(ROOT)!r})
        import engine.models as m, engine.models.lock as lock
        lock.LOCK = Path({str(desk.lock)!r})
    """
    code = textwrap.dedent(head) + "\n".join(lines)
    return subprocess.Popen([sys.executable, "-c", code], **streams)


def test_a_pull_that_was_killed_goes_on_from_its_last_byte(desk: Desk) -> None:
    name = "open_clip_model.safetensors"
    killed = elsewhere(
        desk,
        "def die(now):",
        "    if now.step == 'download' and now.done > 2_000_000: os.kill(os.getpid(), 9)",
        "m.pull('sure', progress=die)",
    )
    assert killed.wait() == -signal.SIGKILL

    assert holds(pull("sure"), READ)
    assert desk.hub.gets("open_clip_config.json") == [""]
    first, second = desk.hub.gets(name)
    assert first == ""
    assert int(second.removeprefix("bytes=").rstrip("-")) > 1_500_000


@pytest.mark.parametrize("model_id", ["sure", "mine"])
def test_two_processes_at_once_download_once(desk: Desk, model_id: str) -> None:
    desk.hub.faults["open_clip_model.safetensors"] = Fault(pace_s=0.02)

    both = [elsewhere(desk, f"m.pull({model_id!r})") for _ in range(2)]

    assert [process.wait() for process in both] == [0, 0]
    assert desk.hub.gets("open_clip_model.safetensors") == [""]
    assert holds(path_of(model_id), READ)


def test_two_processes_at_once_pin_once(desk: Desk) -> None:
    with alone_on("mine"):
        both = [elsewhere(desk, "m.pull('mine')") for _ in range(2)]
        while len(desk.hub.agents) < 2:
            time.sleep(0.02)

    assert [process.wait() for process in both] == [0, 0]
    assert [path for _, path, _ in desk.hub.asked].count("api/revision") == 1


def test_a_search_does_not_wait_for_a_pull_that_is_running(desk: Desk) -> None:
    desk.hub.faults["open_clip_model.safetensors"] = Fault(pace_s=0.2)
    pulling = elsewhere(desk, "m.pull('sure')")
    try:
        while not list(desk.cache.rglob("*.part")):
            time.sleep(0.02)
        start = time.perf_counter()
        with pytest.raises(ModelError, match="not on this computer"):
            ready("sure")
        assert time.perf_counter() - start < 1
    finally:
        pulling.kill()
        pulling.wait()


# --- the cache that other tools share ---


def test_what_other_tools_downloaded_is_taken_and_not_doubled(
    desk: Desk, blocked: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = desk.shared("us/clip", {name: CLIP[name] for name in READ})
    blocked()

    taken = ready("sure")

    assert holds(taken, READ)
    blob = folder / "blobs" / locked("sure").files[1].sha256
    assert (taken / READ[1]).stat().st_ino == blob.stat().st_ino
    assert remove("sure") < 3_000_000
    assert blob.read_bytes() == CLIP[READ[1]]


def test_on_another_disk_it_is_copied(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def other_disk(*_args: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    desk.shared("us/clip", {name: CLIP[name] for name in READ})
    monkeypatch.setattr(Path, "hardlink_to", other_disk)

    assert holds(ready("sure"), READ)


def test_what_other_tools_got_wrong_is_fetched_again(desk: Desk) -> None:
    wrong = {name: CLIP[name] for name in READ} | {READ[1]: weights(fill=b"y")}
    folder = desk.shared("us/clip", wrong)
    with pytest.raises(ModelError, match="seehear models pull sure"):
        ready("sure")

    assert holds(pull("sure"), READ)
    assert desk.hub.gets(READ[0]) == []
    link = folder / "snapshots" / COMMIT / READ[1]
    assert link.read_bytes() == wrong[READ[1]]  # the other tool's, so it is left alone


# --- pins ---


def test_a_repository_is_pinned_at_the_first_pull_and_its_readings_flattened(desk: Desk) -> None:
    folder = pull("words")

    names = {file.inner: file.name for file in locked("words").files}
    assert names["1_Pooling/config.json"] == "pooling.json"
    assert (folder / "pooling.json").read_bytes() == WORDS["1_Pooling/config.json"]
    assert (desk.cache / "seehear/models/words/pins.toml").exists()
    assert locked("words").licence == "mit"
    assert locked("words").builder == "sentence"
    assert size_of("words") == sum(map(len, WORDS.values()))


@pytest.mark.usefixtures("desk")
def test_of_a_repository_only_what_the_adapter_reads_is_fetched(hub: Hub) -> None:
    folder = pull("mine")

    assert sorted(path.name for path in folder.iterdir()) == sorted([*READ, "receipt.json"])
    assert not hub.gets("modeling_evil.py")
    assert not hub.gets("open_clip_pytorch_model.bin")
    assert all(len(hub.gets(name)) == 1 for name in READ)


def test_pins_are_enforced_like_the_lock(desk: Desk) -> None:
    pull("mine")
    before = locked("mine").digest
    remove("mine")
    desk.hub.files["us/clip"][READ[0]] = b'{"model_cfg": 1}}'

    assert locked("mine").digest == before
    with pytest.raises(ModelError, match=READ[0]):
        pull("mine")


def test_another_commit_is_another_model(desk: Desk) -> None:
    pull("mine")
    desk.rows(commit="f" * 40)

    with pytest.raises(ModelError, match="seehear models pull mine"):
        locked("mine")
    with pytest.raises(ModelError, match="has no list of files in us/clip at ffff"):
        pull("mine")


@pytest.mark.parametrize("damage", ["", "[mine", "[mine]\nx = 1", "\0"])
def test_damaged_pins_are_made_again(desk: Desk, damage: str) -> None:
    pull("mine")
    before = locked("mine")
    (desk.cache / "seehear/models/mine/pins.toml").write_text(damage)

    assert not is_ready("mine")
    pull("mine")
    assert locked("mine") == before


def test_a_file_that_its_commit_does_not_name_is_refused(desk: Desk) -> None:
    desk.hub.blobs_wrong = True

    with pytest.raises(ModelError, match="is not the file that its commit names"):
        pull("mine")
    assert not list(desk.cache.rglob("pins.toml"))


def test_an_id_that_would_lead_out_of_the_cache_is_refused(desk: Desk) -> None:
    desk.rows(more=f'[model."../../out"]\nadapter = "clap"\nsource = "hub:us/clip@{COMMIT}"\n')

    for ask in (all_locked, lambda: pull("../../out")):
        with pytest.raises(UsageError, match="letters, digits"):
            ask()


def test_a_branch_is_no_commit(desk: Desk) -> None:
    desk.rows(commit="main")

    with pytest.raises(ModelError, match="40 hexadecimal digits"):
        pull("mine")


def test_a_repository_without_preprocessing_is_refused(desk: Desk) -> None:
    del desk.hub.files["us/clip"]["open_clip_config.json"]

    with pytest.raises(ModelError, match="its preprocessing is unknown"):
        pull("mine")


@pytest.mark.parametrize(
    ("file", "data", "said"),
    [
        ("config.json", b'{"text_config": {"auto_map": {"AutoModel": "x.Y"}}}', "names code"),
        ("modules.json", b'[{"type": "custom_st.Transformer"}]', "custom_st"),
        ("model.safetensors", b"PK\x03\x04" + bytes(2_000), "not safetensors"),
    ],
)
def test_a_repository_that_brings_code_is_refused(
    desk: Desk, file: str, data: bytes, said: str
) -> None:
    desk.hub.files["us/words"][file] = data

    with pytest.raises(ModelError, match=said) as caught:
        ready_after_pull("words")
    assert file in caught.value.sentence
    assert not is_fetched("words")


def ready_after_pull(model_id: str) -> Path:
    pull(model_id)
    return ready(model_id)


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def pickled(desk: Desk, monkeypatch: pytest.MonkeyPatch, checkpoint: object) -> None:
    """Serve a clap repository that has no safetensors, and build it by copying its names."""
    torch = pytest.importorskip("torch")
    torch.save(checkpoint, desk.home / "net.bin")
    held = {"config.json": b"{}", "pytorch_model.bin": (desk.home / "net.bin").read_bytes()}
    desk.hub.files["us/clap"] = held
    desk.rows(more=f'[model.clap]\nadapter = "clap"\nsource = "hub:us/clap@{COMMIT}"\n')
    (desk.home / "clap_builder.py").write_text(
        "def build(sources, into):\n"
        "    names = sorted(path.name for path in sources.glob('model.*'))\n"
        "    (into / 'names.txt').write_text(' '.join(names))\n"
    )
    monkeypatch.syspath_prepend(desk.home)
    monkeypatch.setitem(BUILDERS, "clap", BuilderRow("clap_builder", "1"))


def test_a_repository_without_safetensors_is_converted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    pickled(desk, monkeypatch, {"a": torch.ones(400)})

    pull("clap")
    assert (ready("clap") / "names.txt").read_text() == "model.bin model.safetensors"

    desk.hub.files["us/clap"]["model.safetensors"] = weights(2_000)
    (desk.cache / "seehear/models/clap/pins.toml").unlink()
    pull("clap")
    assert "model.bin" not in {file.name for file in locked("clap").files}


def test_a_pickle_of_a_repository_runs_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = desk.home / "marker"
    pickled(desk, monkeypatch, {"a": Evil(marker), "b": "x" * 2_000})

    pull("clap")
    with pytest.raises(ModelError, match=r"model\.bin was refused"):
        ready("clap")
    assert not marker.exists()


# --- the rest of the shelf ---


@pytest.mark.usefixtures("desk")
def test_research_weights_want_a_yes_once(desk: Desk) -> None:
    desk.rows(licence="research")
    with pytest.raises(UsageError, match="research only") as caught:
        pull("mine")
    assert "--accept-licence" in caught.value.hint
    assert desk.hub.asked == []

    pull("mine", accept_licence=True)
    remove("mine")
    assert holds(pull("mine"), READ)


def test_research_weights_of_another_tool_want_it_too(desk: Desk) -> None:
    pull("mine")
    remove("mine")
    desk.shared("us/clip", {name: CLIP[name] for name in READ})
    desk.rows(licence="research")

    with pytest.raises(UsageError, match="--accept-licence"):
        fetch("mine")


@pytest.mark.usefixtures("desk")
def test_removing_says_what_it_freed_and_keeps_the_pins() -> None:
    assert remove("mine") == 0
    pull("mine")
    digest = locked("mine").digest

    assert remove("mine") > 3_000_000
    assert remove("mine") == 0
    assert not is_fetched("mine")
    assert locked("mine").digest == digest


@pytest.mark.usefixtures("desk")
def test_verify_finds_a_changed_file_and_a_pull_mends_it() -> None:
    target = pull("sure") / READ[1]
    before = target.stat()
    target.write_bytes(weights(fill=b"z"))
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))

    with pytest.raises(ModelError, match=READ[1]):
        verify("sure")
    with pytest.raises(ModelError, match="models pull sure"):
        verify("sure")
    assert holds(pull("sure"), READ)
    assert verify("sure")


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    "ask", [ready, pull, verify, remove, path_of, size_of, is_ready, is_fetched]
)
def test_an_unknown_model_is_named_with_those_that_are_known(ask: Any) -> None:
    with pytest.raises(ModelError, match=r"no model '\.\./\.\.'.*Known: sure, mine, words"):
        ask("../..")


def test_all_models_are_listed_pinned_or_not(desk: Desk) -> None:
    assert [(one.id, bool(one.files)) for one in all_locked()] == [
        ("sure", True),
        ("mine", False),
        ("words", False),
    ]
    pull("mine")
    assert all_locked()[1].files
    assert size_of("words") == 0
    assert path_of("words") == desk.cache / "seehear/models/words"


@pytest.mark.usefixtures("desk")
def test_a_shipped_row_may_be_pinned_at_its_first_pull(desk: Desk) -> None:
    desk.lock.write_text(
        f'[later]\nlicence = "MIT"\nattribution = "us"\nhomepage = "x"\ndownload = 3002000\n'
        f'builder = "openclip"\nhub = "us/clip@{COMMIT}"\n'
    )
    with pytest.raises(ModelError, match="3 MB"):
        ready("later")
    assert size_of("later") == 3_002_000

    assert holds(pull("later"), READ)
    assert (locked("later").licence, locked("later").builder) == ("MIT", "openclip")


def test_importing_the_package_does_not_import_the_hub_client() -> None:
    code = "import sys, engine.models; sys.exit('huggingface_hub' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
