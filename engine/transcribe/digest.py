"""What a transcriber is: a digest of its models' bytes and of its rules."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def fingerprint(models: Iterable[Path], rules: str) -> str:
    """SHA-256 of rules and files, in the order given, as hexadecimal digits."""
    total = hashlib.sha256(rules.encode())
    for path in models:
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()
