"""Messages between this process and its decoders: lengths, a header in JSON, raw bytes.

Nothing that comes back is run or unpickled: a decoder may have been taken over by its file.
"""

import json
import os
import socket
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import MediaError
from engine.facts import Facts
from engine.media.audio import Listener, Samples
from engine.media.pieces import Piece
from engine.media.probe import Probe
from engine.ports import AudioRule, ImageRule, Rule, TextRule
from engine.types import Modality, Span

MAX_HEADER_BYTES = 1 << 24
MAX_BODY_BYTES = 1 << 28
"""Larger messages are taken for garbage."""

_LENGTHS = struct.Struct("<II")

Passages = list[tuple[Span, str]]
Answer = Piece | Probe | Facts | Passages
"""What decoders give for a file."""


_RULES = {one.__name__: one for one in (ImageRule, AudioRule, TextRule)}


class Job(StrEnum):
    """What is asked about a file."""

    PROBE = "probe"
    FACTS = "facts"
    SUBTITLES = "subtitles"
    PIECES = "pieces"


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted of a file; modality, format and rule as far as the job needs them.

    Attributes:
        listening: samples per second that a listener wants to hear besides; 0 for none.
    """

    job: Job
    path: Path
    modality: Modality | None = None
    format: str = ""
    rule: Rule | None = None
    listening: int = 0

    def as_header(self) -> dict[str, Any]:
        """Plain values; the bytes of a path stay what they are, whatever the locale."""
        rule = None if self.rule is None else [type(self.rule).__name__, asdict(self.rule)]
        path = os.fsencode(self.path).decode("latin-1")
        return {**asdict(self), "path": path, "rule": rule}

    @classmethod
    def from_header(cls, told: Mapping[str, Any]) -> "Request":
        """The request that `as_header` was made of."""
        return cls(
            job=Job(told["job"]),
            path=Path(os.fsdecode(told["path"].encode("latin-1"))),
            modality=told["modality"] and Modality(told["modality"]),
            format=told["format"],
            rule=told["rule"] and _RULES[told["rule"][0]](**told["rule"][1]),
            listening=told["listening"],
        )


class Ear:
    """Listens where a file is decoded, and keeps what it heard until it is told.

    Attributes:
        heard: samples in all, with those that it let pass.
    """

    def __init__(self, rate: int, deaf: int = 0) -> None:
        """Let the first `deaf` samples pass: they were told before."""
        self.rate = rate
        self.heard = 0
        self._deaf = deaf
        self._start_ms = 0
        self._parts: list[Samples] = []

    def take(self, samples: Samples, start_ms: int) -> None:
        """Hear more, as `engine.media.audio.Listener` does."""
        passed = max(0, self._deaf - self.heard)
        self.heard += len(samples)
        self._start_ms = start_ms
        self._parts.append(samples[passed:])

    def told(self) -> tuple[dict[str, Any], memoryview]:
        """Entries for a header, and the end of a body: what was heard since the last time."""
        samples = np.concatenate([np.zeros(0, np.float32), *self._parts])
        self._parts = []
        return {"heard": [len(samples), self._start_ms]}, _raw(samples)


def hear(header: Mapping[str, Any], body: bytearray, listener: Listener | None) -> bytearray:
    """Let a listener hear what came with an answer; what is left of the body is the answer's."""
    if "heard" not in header:
        return body
    try:
        count, start_ms = map(int, header["heard"])
        at = len(body) - count * np.dtype(np.float32).itemsize
        samples = np.frombuffer(body[at:], np.float32, count)
    except (TypeError, ValueError) as error:
        raise GarbledError(f"what was heard makes no sense: {error}") from error
    if listener is not None and count:
        listener.take(samples, start_ms)
    del body[at:]
    return body


class GarbledError(Exception):
    """What came is no message of ours."""


def send(channel: socket.socket, header: Mapping[str, Any], *body: bytes | memoryview) -> None:
    """Write one message, its body perhaps in parts; OSError when nobody listens."""
    text = json.dumps(header).encode()
    channel.sendall(_LENGTHS.pack(len(text), sum(map(len, body))) + text)
    for part in body:
        channel.sendall(part)


def receive(channel: socket.socket, patience: int = 1) -> tuple[dict[str, Any], bytearray]:
    """Read one message.

    Args:
        channel: where it comes from.
        patience: so many timeouts of the channel, with nothing between them, are one of ours.
            While a process is stopped (Ctrl-Z, a laptop that sleeps) its time goes on, and one
            of them passes at most.

    Raises:
        EOFError: the other side has ended, perhaps in the middle of it.
        TimeoutError: nothing came for so long.
        GarbledError: it is no message.
    """
    header_size, body_size = _LENGTHS.unpack(_exactly(channel, _LENGTHS.size, patience))
    if header_size > MAX_HEADER_BYTES or body_size > MAX_BODY_BYTES:
        raise GarbledError("its lengths are absurd")
    try:
        header = json.loads(_exactly(channel, header_size, patience))
    except ValueError as error:
        raise GarbledError("its header is no JSON") from error
    if not isinstance(header, dict):
        raise GarbledError("its header is no object")
    return header, _exactly(channel, body_size, patience)


def _exactly(channel: socket.socket, count: int, patience: int) -> bytearray:
    """Read so many bytes straight to where they stay."""
    data = bytearray(count)
    rest = memoryview(data)
    left = patience
    while rest:
        try:
            got = channel.recv_into(rest)
        except TimeoutError:
            left -= 1
            if not left:
                raise
            continue
        if not got:
            raise EOFError
        rest, left = rest[got:], patience
    return data


def packed(answer: Answer) -> tuple[dict[str, Any], bytes | memoryview]:
    """Make header and body of what a decoder gave."""
    match answer:
        case Piece():
            return _packed_piece(answer)
        case Probe():
            return {"probe": {name: getattr(answer, name) for name in Probe.__slots__}}, b""
        case Facts():
            return {"facts": answer.as_info()}, b""
        case passages:
            return {"passages": [[span.start, span.end, words] for span, words in passages]}, b""


def unpacked(header: Mapping[str, Any], body: bytearray) -> Answer:
    """Make again what `packed` was given; GarbledError for anything else."""
    try:
        if "piece" in header:
            return _unpacked_piece(header["piece"], body)
        if "probe" in header:
            known = header["probe"]
            return Probe(**{**known, "modality": Modality(known["modality"])})
        if "facts" in header:
            return Facts.from_info(header["facts"])
        return [(Span(start, end), str(words)) for start, end, words in header["passages"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GarbledError(f"its answer makes no sense: {error}") from error


def _packed_piece(piece: Piece) -> tuple[dict[str, Any], bytes | memoryview]:
    span = None if piece.span is None else [piece.span.start, piece.span.end]
    told: dict[str, Any] = {"span": span, "words": piece.words, "facts": piece.facts}
    if isinstance(piece.payload, str):
        return {"piece": told | {"kind": "words"}}, b""
    payload = piece.payload
    told |= {"kind": payload.dtype.name, "shape": payload.shape}
    return {"piece": told}, _raw(payload)


def _raw(values: npt.NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data


def _unpacked_piece(told: Mapping[str, Any], body: bytearray) -> Piece:
    span = None if told["span"] is None else Span(*told["span"])
    facts = tuple((str(name), value) for name, value in told["facts"])
    if not all(isinstance(value, int) for _, value in facts):
        raise ValueError("a fact is no number")
    words = str(told["words"])
    match told["kind"], told.get("shape"):
        case "words", _:
            return Piece(words, span, words, facts)
        case "uint8", [int(), int(), 3] as shape:
            return Piece(np.frombuffer(body, np.uint8).reshape(shape), span, words, facts)
        case "float32", [int()] as shape:
            return Piece(np.frombuffer(body, np.float32).reshape(shape), span, words, facts)
        case _:
            raise ValueError("no payload of ours")


def told_error(error: MediaError) -> dict[str, Any]:
    """Make a header of why a file cannot be decoded."""
    return {"error": [str(error.reason), error.detail]}
