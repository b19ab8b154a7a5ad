"""Progress on stderr: a live bar in a terminal, an occasional line elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from cli.render import console, shown
from engine.models import Progress as WeightsProgress
from engine.models import Step
from indexer.report import Progress as FilesProgress
from indexer.report import Step as FilesStep

_LINE_EVERY_S = 10.0


class Bar:
    """Watches weights being fetched and files being indexed."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._live = not silent and sys.stderr.isatty()
        self._console = console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._live,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}
        self._said: dict[str, tuple[float, str]] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No bar is drawn while somebody is asked; progress is still told."""
        self._bars.stop()
        yield
        self._bars.start()

    def weights(self, now: WeightsProgress) -> None:
        """Show one step of making a model ready."""
        note = _amount(now)
        name = f"{now.step} {now.model}"
        self._show(
            name, now.done, now.total, note, f"Model {now.model}: {now.step} {note}".rstrip()
        )

    def files(self, now: FilesProgress) -> None:
        """Show how many files are done, at what rate, and the last one."""
        started = self._started.setdefault(now.step, time.monotonic())
        seconds = time.monotonic() - started
        rate = f"{now.done / seconds:.0f}/s" if seconds > 1 else ""
        note = f"{now.done}/{now.total} files {rate} {shown(now.path)[-40:]}"
        said = "Indexed" if now.step is FilesStep.INDEX else f"{now.step.capitalize()}:"
        self._show(now.step, now.done, now.total, note, f"{said} {now.done} of {now.total} files")

    def searches(self, done: int, total: int) -> None:
        """Show how many searches of an evaluation are done."""
        note = f"{done:,}/{total:,} searches"
        self._show("evaluating", done, total, note, f"Made {done:,} of about {total:,} searches")

    def count(self, what: str, done: int, total: int) -> None:
        """Show how many of a number of things are done."""
        if total:
            self._show(what, done, total, f"{done:,}/{total:,}", f"{done:,} of {total:,} {what}")

    def _show(self, name: str, done: int, total: int, note: str, line: str) -> None:
        if self._silent:
            return
        if not self._live:
            self._line(name, line)
            return
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, note=note)
        self._bars.update(self._tasks[name], completed=done, total=total or None, note=note)

    def _line(self, name: str, line: str) -> None:
        now = time.monotonic()
        before, text = self._said.get(name, (-_LINE_EVERY_S, ""))
        if now - before >= _LINE_EVERY_S and line != text:
            self._said[name] = (now, line)
            self._console.print(line, markup=False)


def _amount(now: WeightsProgress) -> str:
    """How much of how much: bytes, or captions where a bridge is fitted; empty when unknown."""
    if not now.total:
        return ""
    if now.step is Step.FIT:
        return f"{now.done:,} of {now.total:,} captions"
    whole = f"{now.total / 1e6:.0f} MB"
    return f"{now.done / 1e6:.0f} of {whole}" if now.done else whole
