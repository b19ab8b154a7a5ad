"""Artifacts that nobody honest makes: pickles that run something, containers that lie."""

import json
import os
from pathlib import Path
from typing import Any


def container(header: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    return (len(header) if length is None else length).to_bytes(8, "little") + header + body


def tensors(**spans: tuple[int, int]) -> bytes:
    rows = {
        name: {"dtype": "U8", "shape": [end - start], "data_offsets": [start, end]}
        for name, (start, end) in spans.items()
    }
    return json.dumps(rows).encode()


GOOD = container(tensors(a=(0, 4)), b"abcd")


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


BROKEN = {
    "a header of 2**63 - 1": (
        container(b"{}", length=2**63 - 1),
        "a header of 9223372036854775807",
    ),
    "a header over the cap": (container(b"{}", length=100_000_001), "a header of 100000001"),
    "a header past the end": (container(b"{}", length=5_000), "cut short"),
    "empty": (b"", "cut short"),
    "seven bytes": (b"1234567", "a header of"),
    "cut short": (GOOD[:-1], "tensors of 4 bytes in 3"),
    "a byte too many": (GOOD + b"x", "tensors of 4 bytes in 5"),
    "overlapping": (container(tensors(a=(0, 4), b=(2, 6)), b"abcdef"), "overlap"),
    "a gap": (container(tensors(a=(0, 2), b=(4, 6)), b"abcdef"), "gaps"),
    "out of range": (container(tensors(a=(0, 4), b=(4, 99)), b"abcdef"), "tensors of 99 bytes"),
    "negative": (container(tensors(a=(-4, 0))), "overlap"),
    "a shape that does not fit": (
        container(b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,4]}}', b"abcd"),
        "do not fit a shape",
    ),
    "a negative side": (
        container(b'{"a":{"dtype":"U8","shape":[-2,-2],"data_offsets":[0,4]}}', b"abcd"),
        "side -2",
    ),
    "an unknown kind": (
        container(b'{"a":{"dtype":"OBJECT","shape":[4],"data_offsets":[0,4]}}', b"abcd"),
        "'OBJECT'",
    ),
    "a name twice": (
        container(
            b'{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]},'
            b'"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}',
            b"abcd",
        ),
        "there twice",
    ),
    "no JSON": (container(b"{", b"abcd"), "header is wrong"),
    "no object": (container(b"[1, 2]", b"abcd"), "header is wrong"),
    "deep": (container(b"[" * 100_000), "header is wrong"),
}
