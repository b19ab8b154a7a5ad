"""The Hugging Face hub: one file at one commit, kept, resumed, and never asked for unasked.

The library huggingface_hub knows the addresses, the token, the cache of other tools and the API.
The bytes we stream ourselves: since version 2 it starts every interrupted file from its beginning.
"""

import contextlib
import os
import queue
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import EngineError, ModelError
from engine.models.lock import LockedFile

if TYPE_CHECKING:
    import httpx2

CONNECT_S = 5.0
STALL_S = 20.0
"""How long a connection may take to open, and how long it may then say nothing."""

WORTH_ANOTHER = 1_000_000
"""An attempt that broke off is followed by another one when it brought this many bytes."""

_TRUE = {"1", "ON", "YES", "TRUE"}
_PLACE = re.compile(r"(?P<repository>[\w][\w.-]*/[\w][\w.-]*)@(?P<commit>[0-9a-f]{40})")


@dataclass(frozen=True, slots=True)
class Place:
    """A repository of the hub at one commit."""

    repository: str
    commit: str

    @classmethod
    def of(cls, locator: str) -> "Place":
        """From ``OWNER/NAME@COMMIT``; ModelError unless the commit is written out in full."""
        found = _PLACE.fullmatch(locator)
        if not found:
            raise ModelError(
                f"{locator!r} is not OWNER/NAME@COMMIT with a commit of 40 hexadecimal digits.",
                hint="The hub shows the commit under 'Files', 'History'.",
            )
        return cls(**found.groupdict())

    @property
    def homepage(self) -> str:
        """Where people read about it."""
        return f"https://huggingface.co/{self.repository}"


@dataclass(frozen=True, slots=True)
class HubFile:
    """What the hub says of one file at a commit.

    Attributes:
        path: inside the repository.
        size: in bytes.
        blob: its git id, or an empty string.
        sha256: hexadecimal, or an empty string for what git itself stores.
    """

    path: str
    size: int
    blob: str
    sha256: str


def is_offline() -> bool:
    """Whether the user forbade the hub: HF_HUB_OFFLINE, or TRANSFORMERS_OFFLINE."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return any(os.environ.get(name, "").upper() in _TRUE for name in names)


def endpoint() -> str:
    """The hub's address; HF_ENDPOINT names a mirror."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def hub_answers(timeout: float = 3.0) -> bool:
    """Whether the hub gives any answer within so many seconds; False when it is forbidden."""
    return not is_offline() and _silence(timeout) is None


def check_open() -> None:
    """ModelError, within seconds, if the hub is forbidden or out of reach."""
    if is_offline():
        raise ModelError(
            "HF_HUB_OFFLINE is set, so nothing is fetched from the model hub.",
            hint="Unset it, and TRANSFORMERS_OFFLINE, for the one command that is to fetch.",
        )
    if why := _silence(CONNECT_S):
        raise _unreachable(why)


def in_cache(file: LockedFile) -> Path | None:
    """The file at this commit in the cache that other tools share (HF_HOME), without network."""
    place = Place.of(file.locator)
    folder = _shared_cache() / f"models--{place.repository.replace('/', '--')}"
    path = folder / "snapshots" / place.commit / file.inner
    return path if path.is_file() else None


def root_of(path: Path, file: LockedFile) -> Path:
    """The folder under which a file of a repository has its inner path."""
    return path.parents[len(Path(file.inner).parts) - 1]


def download(file: LockedFile, into: Path, saw: Callable[[int], None]) -> Path:
    """Fetch one file, going on where an earlier attempt ended.

    Args:
        file: its locator, path and size are used; the hash is for the caller to check.
        into: an existing folder; its owner deletes it later.
        saw: told the bytes so far; whatever it raises ends the download, which is kept.

    Returns:
        the folder that holds the file under its inner path.

    Raises:
        ModelError: if it cannot be had; what came is kept.
    """
    place = Place.of(file.locator)
    root = into / f"{place.repository.replace('/', '--')}-{place.commit[:12]}"
    target = root / file.inner
    if target.exists():
        return root
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.touch()
    with _client() as client:
        _fill(client, place, file, part, saw)
    part.replace(target)
    return root


def listing(place: Place) -> tuple[list[HubFile], str]:
    """Every file of a repository at the commit, and its licence, as the hub's API has them."""
    _quiet()
    from huggingface_hub import HfApi

    with _spoken(place, "list of files"):
        info = HfApi(endpoint=endpoint(), library_name="seehear").model_info(
            place.repository, revision=place.commit, files_metadata=True, timeout=STALL_S
        )
    files = [
        HubFile(one.rfilename, one.size or 0, one.blob_id or "", one.lfs.sha256 if one.lfs else "")
        for one in info.siblings or ()
    ]
    return files, str(getattr(info.card_data, "license", None) or "")


def _fill(
    client: "httpx2.Client", place: Place, file: LockedFile, part: Path, saw: Callable[[int], None]
) -> None:
    while (before := part.stat().st_size) < file.size:
        try:
            with _spoken(place, file.inner):
                _stream(client, place, file, part, saw)
        except _BrokenOffError:
            if not part.exists() or part.stat().st_size - before < WORTH_ANOTHER:
                raise
        else:
            if part.stat().st_size < file.size:
                raise _BrokenOffError(file.inner)


def _stream(
    client: "httpx2.Client", place: Place, file: LockedFile, part: Path, saw: Callable[[int], None]
) -> None:
    have = part.stat().st_size
    headers = {**_headers(), "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with client.stream("GET", _url(place, file.inner), headers=headers) as response:
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink()  # the hub has nothing beyond what is here, so what is here is wrong
            raise _BrokenOffError(file.inner)
        if response.status_code >= HTTPStatus.BAD_REQUEST:
            raise _declined(response.status_code, place, file.inner)
        goes_on = response.status_code == HTTPStatus.PARTIAL_CONTENT  # a mirror may ignore Range
        with part.open("ab" if goes_on else "wb") as target:
            for chunk in response.iter_raw():  # as it comes: a break loses nothing
                target.write(chunk)
                saw(min(target.tell(), file.size))
                if target.tell() > file.size:
                    return


def _url(place: Place, path: str) -> str:
    from huggingface_hub import hf_hub_url

    return hf_hub_url(place.repository, path, revision=place.commit, endpoint=endpoint())


def _headers() -> dict[str, str]:
    _quiet()
    from huggingface_hub import utils

    # Its telemetry is off, so this names the library, and Python's version, and nothing else.
    headers: dict[str, str] = utils.build_hf_headers(library_name="seehear")  # type: ignore[attr-defined]
    return headers


def _client() -> "httpx2.Client":
    import httpx2

    # A token goes to the hub only: on the way to another host the client drops it.
    limits = httpx2.Timeout(STALL_S, connect=CONNECT_S)
    return httpx2.Client(follow_redirects=True, timeout=limits)


def _quiet() -> None:
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True


def _shared_cache() -> Path:
    home = os.environ.get("HF_HOME") or Path(
        os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface"
    )
    cache = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(os.path.expandvars(cache or Path(home, "hub"))).expanduser()


def _silence(timeout: float) -> str | None:
    """Why the hub did not answer in time; None if it did."""
    answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    # Looking a name up knows no time limit of its own, so it is left behind in a thread.
    threading.Thread(target=_ask, args=(timeout, answers.put), daemon=True).start()
    try:
        return answers.get(timeout=timeout)
    except queue.Empty:
        return f"nothing within {timeout:.0f} s"


def _ask(timeout: float, answer: Callable[[str | None], None]) -> None:
    import httpx2

    try:
        said = httpx2.head(endpoint(), timeout=timeout, follow_redirects=False).status_code
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        answer(str(error) or type(error).__name__)
    else:  # a proxy without a way out answers in the hub's place
        answer(f"status {said}" if said >= HTTPStatus.INTERNAL_SERVER_ERROR else None)


@contextlib.contextmanager
def _spoken(place: Place, what: str) -> Iterator[None]:
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        yield
    except HfHubHTTPError as error:
        raise _declined(error.response.status_code, place, what) from error
    except (httpx2.ConnectError, httpx2.ConnectTimeout, OfflineModeIsEnabled) as error:
        raise _unreachable(str(error)) from error
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise _BrokenOffError(what) from error


class _BrokenOffError(ModelError):
    """The connection ended before the file did."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"The download of {what} broke off.",
            hint="What came is kept: run it again, and it goes on from there.",
        )


def _unreachable(why: str) -> EngineError:
    return ModelError(
        f"The model hub at {endpoint()} does not answer: {why.rstrip('.')}.",
        hint=(
            "What is on this computer already works without it. HF_ENDPOINT names a mirror, "
            "HTTPS_PROXY a proxy."
        ),
    )


def _declined(status: int, place: Place, what: str) -> EngineError:
    where = f"{place.repository} at {place.commit[:12]}"
    said = {
        401: (
            f"The model hub does not give {what} of {place.repository} without a token.",
            "It is private, gated, or not there. A token of yours goes into HF_TOKEN.",
        ),
        403: (
            f"The model hub does not let you have {what} of {place.repository}.",
            f"Ask for access at {place.homepage}, and set HF_TOKEN to a token of yours.",
        ),
        404: (f"The model hub has no {what} in {where}.", "Is the repository or the commit gone?"),
        429: ("The model hub was asked too often.", "Wait some minutes, then run it again."),
    }
    usual = (f"The model hub answered {status} for {what} of {where}.", "Try again later.")
    sentence, hint = said.get(status, usual)
    return ModelError(sentence, hint=hint)
