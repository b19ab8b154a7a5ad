"""A model hub of one's own: the few addresses of the Hugging Face hub that a download touches."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LFS_FROM = 1_000
"""Files of this size and more are kept in LFS, and so have a sha256 at the hub."""


@dataclass
class Fault:
    """What goes wrong with one file.

    Attributes:
        status: answered instead of the file.
        data: served instead of its bytes.
        cut: bytes after which the connection is closed though more was promised.
        times: how often it happens before all is well; None for ever.
        stall_s: pause in the middle of the file, in seconds.
        pace_s: pause between chunks of 64 KiB, in seconds.
        range_ignored: the whole file whatever part is asked for.
    """

    status: int = 0
    data: bytes | None = None
    cut: int | None = None
    times: int | None = None
    stall_s: float = 0.0
    pace_s: float = 0.0
    range_ignored: bool = False


@dataclass
class Hub:
    """What the server holds, and what it was asked.

    Attributes:
        status: what it answers where nothing is asked for.
        files: bytes by ``OWNER/NAME`` and path.
        token: asked for when set; 401 without it.
        faults: by path.
        asked: (method, path, Range header or "") of every request for a file or list.
        agents: the User-Agent headers it saw.
        elsewhere: serve LFS files by a redirect to another host name, as the real hub does.
        tokens_elsewhere: Authorization headers that reached the other host.
        blobs_wrong: list git ids that are not those of the files.
        sent: bytes of files that were taken off it.
        licence: what its API says of every repository.
    """

    port: int = 0
    status: int = 200
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    token: str = ""
    licence: str = "mit"
    faults: dict[str, Fault] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    elsewhere: bool = False
    tokens_elsewhere: list[str] = field(default_factory=list)
    blobs_wrong: bool = False
    sent: int = 0

    @property
    def endpoint(self) -> str:
        """For HF_ENDPOINT."""
        return f"http://127.0.0.1:{self.port}"

    def gets(self, path: str) -> list[str]:
        """The Range headers of every GET of a file, in order."""
        return [wanted for method, name, wanted in self.asked if (method, name) == ("GET", path)]

    def row(self, repository: str, path: str) -> dict[str, Any]:
        """A file as the API lists it."""
        data = self.files[repository][path]
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        if self.blobs_wrong:
            blob = "0" * 40
        row: dict[str, Any] = {"rfilename": path, "path": path, "type": "file", "size": len(data)}
        row |= {"oid": blob, "blobId": blob}
        if len(data) >= LFS_FROM:
            sha256 = hashlib.sha256(data).hexdigest()
            row["lfs"] = {"oid": sha256, "sha256": sha256, "size": len(data), "pointerSize": 130}
        return row


@contextmanager
def serving(**files: dict[str, bytes]) -> Iterator[Hub]:
    """Run a hub on a free port; keywords are repositories with ``__`` for the slash."""
    hub = Hub(files={name.replace("__", "/"): held for name, held in files.items()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    server.block_on_close = False
    hub.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:  # noqa: C901  (one method per address)
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: object) -> None:
            """Stay silent."""

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            hub.agents.append(self.headers.get("User-Agent", ""))
            parts = [unquote(part) for part in urlsplit(self.path).path.split("/") if part]
            if parts[:1] == ["cdn"]:
                hub.tokens_elsewhere += self.headers.get_all("Authorization") or []
                self._file("/".join(parts[1:3]), "/".join(parts[3:]))
            elif parts and hub.token and self.headers.get("Authorization") != self._bearer:
                self._plain(401, {"X-Error-Code": "RepoNotFound"})
            elif parts[:2] == ["api", "models"]:
                self._list("/".join(parts[2:4]), parts[4:])
            elif parts[2:3] == ["resolve"]:
                self._resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
            else:
                self._plain(hub.status, {}, b"a hub")

        @property
        def _bearer(self) -> str:
            return f"Bearer {hub.token}"

        def _list(self, repository: str, rest: list[str]) -> None:
            hub.asked.append((self.command, "/".join(["api", *rest[:1]]), ""))
            if repository not in hub.files:
                self._plain(404, {"X-Error-Code": "RepoNotFound"})
            elif rest[1:2] != [COMMIT]:
                self._plain(404, {"X-Error-Code": "RevisionNotFound"})
            else:
                rows = [hub.row(repository, path) for path in hub.files[repository]]
                info = {"id": repository, "sha": COMMIT, "siblings": rows, "tags": []}
                info["cardData"] = {"license": hub.licence}
                body = rows if rest[:1] == ["tree"] else info
                self._plain(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

        def _resolve(self, repository: str, commit: str, path: str) -> None:
            if repository not in hub.files:
                self._plain(404, {"X-Error-Code": "RepoNotFound"})
            elif commit != COMMIT or path not in hub.files[repository]:
                self._plain(404, {"X-Error-Code": "EntryNotFound"})
            elif hub.elsewhere and "lfs" in hub.row(repository, path):
                place = f"http://localhost:{hub.port}/cdn/{repository}/{path}"
                self._plain(302, {"Location": place, **self._about(repository, path)})
            else:
                self._file(repository, path)

        def _about(self, repository: str, path: str) -> dict[str, str]:
            row = hub.row(repository, path)
            tag = row["lfs"]["sha256"] if "lfs" in row else row["oid"]
            about = {"X-Repo-Commit": COMMIT, "ETag": f'"{tag}"'}
            if "lfs" in row:
                about |= {"X-Linked-Etag": f'"{tag}"', "X-Linked-Size": str(row["size"])}
            return about

        def _file(self, repository: str, path: str) -> None:
            wanted = self.headers.get("Range", "")
            hub.asked.append((self.command, path, wanted))
            fault = self._fault(path)
            if fault.status:
                self._plain(fault.status, {})
                return
            data = hub.files[repository][path] if fault.data is None else fault.data
            start = 0
            if wanted and not fault.range_ignored:
                start = int(wanted.removeprefix("bytes=").partition("-")[0])
                if start >= len(data):
                    self._plain(416, {"Content-Range": f"bytes */{len(data)}"})
                    return
            self.send_response(206 if start else 200)
            for name, value in self._about(repository, path).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            if self.command == "GET":
                self._send(data[start:], fault)

        def _fault(self, path: str) -> Fault:
            fault = hub.faults.get(path, Fault())
            if fault.times is not None:
                if fault.times == 0:
                    return Fault()
                fault.times -= 1
            return fault

        def _send(self, data: bytes, fault: Fault) -> None:
            try:
                for at in range(0, len(data), 1 << 16):
                    if fault.cut is not None and at >= fault.cut:
                        self.close_connection = True
                        return
                    if fault.stall_s and at >= len(data) // 2:
                        time.sleep(fault.stall_s)
                    if fault.pace_s:
                        time.sleep(fault.pace_s)
                    hub.sent += self.wfile.write(data[at : at + (1 << 16)])
            except OSError:  # whoever asked has gone
                self.close_connection = True

        def _plain(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    return Handler
