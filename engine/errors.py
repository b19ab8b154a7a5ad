"""Every error a person may meet: it carries data, writes its own sentence and the next step."""

from pathlib import Path


class EngineError(Exception):
    """What went wrong, and what to do next.

    Attributes:
        sentence: what happened, to which file; no full stop is added.
        hint: what to do next, or an empty string.
        exit_code: what a process that ends because of this error returns.
    """

    exit_code = 4

    def __init__(self, sentence: str, *, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.sentence} {self.hint}".rstrip()


class UsageError(EngineError):
    """The call itself is off: a wrong value, a missing or contradictory argument."""

    exit_code = 2


class GrammarError(UsageError):
    """A line cannot be read; it says where.

    Attributes:
        line: as it was typed.
        column: where the mistake begins, from 0.
        length: characters of the mistake; 0 where something is missing.
    """

    def __init__(
        self, sentence: str, *, line: str, column: int, length: int, hint: str = ""
    ) -> None:
        super().__init__(sentence, hint=hint)
        self.line = line
        self.column = column
        self.length = length


class LibraryMissingError(EngineError):
    """There is no library at the given place."""

    exit_code = 10

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"There is no library at {path}.",
            hint="Make one with: seehear index FOLDER",
        )
        self.path = path


class LibraryLockedError(EngineError):
    """Another process is writing to the library."""

    exit_code = 11

    def __init__(self, path: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"The library at {path} is being written by {who}.",
            hint="Searching works meanwhile; try again when it has finished.",
        )
        self.path = path
        self.pid = pid


class LibraryDamagedError(EngineError):
    """The catalogue, the single source of truth, does not read back as it was written."""

    exit_code = 12

    def __init__(self, path: Path, finding: str, *, hint: str = "") -> None:
        super().__init__(
            f"The catalogue {path} is damaged: {finding}.",
            hint=hint
            or (
                "Nothing was deleted. Move the library folder away, then put a backup in its place "
                "(seehear restore BACKUP) or index your folders again."
            ),
        )
        self.path = path
        self.finding = finding


class SnapshotDamagedError(LibraryDamagedError):
    """A derived file does not read back as it was written; everything in it can be made again."""

    def __init__(self, path: Path, finding: str) -> None:
        EngineError.__init__(
            self,
            f"The snapshot {path} is damaged: {finding}.",
            hint="Nothing is lost; to make it again: seehear rebuild",
        )
        self.path = path
        self.finding = finding


class LibraryVersionError(EngineError):
    """The library was written by a newer seehear."""

    exit_code = 12

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            f"The library at {path} has format {found}; this seehear reads up to {known}.",
            hint="Install a newer seehear: pip install --upgrade seehear",
        )


class DiskFullError(EngineError):
    """The disk that holds the library has no room left."""

    exit_code = 13

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The disk that holds {path} is full.",
            hint="What was indexed is kept and can be searched; free some space and run it again.",
        )
        self.path = path


class DiskError(EngineError):
    """The disk that holds the library could not be written or synced, or not read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The disk that holds {path} failed: {reason}.",
            hint=(
                "Everything stopped there and nothing was tried again; what was acknowledged "
                "before is kept. Look after the disk, then see: seehear verify"
            ),
        )
        self.path = path


class SpaceMismatchError(EngineError):
    """Vectors of two encoders that cannot be compared would have been mixed."""

    def __init__(self, name: str, stored: str, offered: str, profile: str) -> None:
        super().__init__(
            f"The library's vectors of '{name}' were made by encoder {stored[:12]}, "
            f"but here it is {offered[:12]}: weights or preparation have changed, "
            "and the two cannot be compared.",
            hint=f"Encode the library anew with: seehear profile use {profile}",
        )


class MediaError(EngineError):
    """A file could not be turned into a payload; its neighbours are not affected.

    Attributes:
        reason: a short stable word such as ``truncated`` or ``unsupported``.
        detail: a few words on what was found.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class ModelError(EngineError):
    """Weights could not be fetched, verified or read."""


class MissingPackageError(EngineError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, purpose: str, line: str) -> None:
        super().__init__(f"The package {package} is needed to {purpose}.", hint=f"Run: {line}")
        self.package = package


class NoRouteError(EngineError):
    """No encoder and no bridge leads from the query to the wanted modality."""

    def __init__(self, source: str, target: str, profile: str) -> None:
        super().__init__(
            f"The profile '{profile}' knows no way from {source} to {target}.",
            hint="See which profiles can with: seehear doctor",
        )
