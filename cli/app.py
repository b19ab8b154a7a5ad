"""The typer app, and the one place where an error becomes words and an exit code."""

import errno
import gc
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from threading import Thread, Timer
from types import FrameType
from typing import Any

import typer

from cli.commands.options import WithWords
from engine.errors import DiskFullError, EngineError, GrammarError

_COMMANDS = (
    ("index", ("add", "update", "scan")),
    ("search", ("find", "query")),
    ("similar", ("like",)),
    ("evaluate", ("benchmark",)),
    ("dupes", ("duplicates",)),
    ("clusters", ()),
    ("tag", ()),
    ("status", ("stats",)),
    ("verify", ()),
    ("rebuild", ()),
    ("backup", ()),
    ("restore", ()),
    ("forget", ("remove",)),
    ("profiles", ()),
    ("doctor", ()),
)

_GROUPS = ("align", "classify", "profile", "models")

_TAKE_WORDS = ("search", "similar")

EPILOG = (
    "Exit codes: 0 ok, 1 nothing found above the line, 2 wrong usage, 3 finished but some files "
    "were skipped, "
    "4 error, 10 no library, 11 library in use, 12 library damaged, 13 disk full, "
    "129, 130 or 143 interrupted."
)

app = typer.Typer(
    name="seehear",
    help="Find any picture, sound, video or text on your disk with a sentence or any of these.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _register() -> None:
    for name, aliases in _COMMANDS:
        command = import_module(f"cli.commands.{name}").command
        kind = WithWords if name in _TAKE_WORDS else None
        app.command(name, cls=kind)(command)
        for alias in aliases:
            app.command(alias, cls=kind, hidden=True)(command)
    for name in _GROUPS:
        app.add_typer(import_module(f"cli.commands.{name}").app, name=name)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  (typer calls it with the flag)
    if wanted:
        from importlib.metadata import version

        sys.stdout.write(f"seehear {version('seehear')}\n")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: bool = typer.Option(
        False,  # noqa: FBT003
        "--version",
        help="Print the version and leave.",
        is_eager=True,
        callback=_print_version,
    ),
    debug: bool = typer.Option(
        False,  # noqa: FBT003
        "--debug",
        help="Show all that is done, and where in the program an error arose.",
    ),
) -> None:
    """Find any picture, sound, video or text on your disk with a sentence or any of these."""
    del version  # printed before
    if debug:
        from engine.log import show_all

        show_all()


_register()


class _StoppedError(BaseException):
    """Ctrl-C, SIGTERM, or a closed terminal; not a KeyboardInterrupt, which typer ends silently."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.exit_code = 128 + number


_STOPS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
_AGAIN_S = 0.01

_LAST_S = 3.0
"""How long a stop may take. An encoder at work hears of it late; folding in a large log and
sealing a large catalogue take long, and may be left to the next run."""

_STOPPED = "Stopped. Everything acknowledged is kept; the same command goes on from there."


def _on_stop(number: int, _frame: FrameType | None) -> None:
    for one in _STOPS:
        signal.signal(one, _on_second_stop)
    raise _StoppedError(number)


def _on_unraisable(found: "sys.UnraisableHookArgs") -> None:
    """A stop that came while Python cleared up was dropped there, so it is asked for again."""
    stop = found.exc_value
    if not isinstance(stop, _StoppedError):
        sys.__unraisablehook__(found)
        return
    for one in _STOPS:
        signal.signal(one, _on_stop)
    Timer(_AGAIN_S, os.kill, (os.getpid(), stop.number)).start()


def _on_second_stop(number: int, _frame: FrameType | None) -> None:
    """Whoever asks twice does not want to wait; a commit is there or not, whenever it ends."""
    os._exit(128 + number)


def _end_in_time(told: int) -> None:
    """Once a signal has come, end the process after a while, whatever it is at.

    It is told by the C part of Python, which does not wait for a call to return as handlers do.
    """
    number = os.read(told, 1)[0]
    time.sleep(_LAST_S)
    _complain(_STOPPED)
    os._exit(128 + number)


def _listen_for_stops() -> None:
    told, tells = os.pipe()
    os.set_blocking(tells, False)
    signal.set_wakeup_fd(tells, warn_on_full_buffer=False)
    Thread(target=_end_in_time, args=(told,), daemon=True).start()
    for number in _STOPS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup, or behind `&`
            signal.signal(number, _on_stop)


def main() -> None:
    """Run the command line and leave with its exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us, as by `>&-`
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    code = run()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:  # the reader has enough (`| head`)
            pass
        except OSError:  # the disk that output is redirected to may be full
            code = code or DiskFullError.exit_code
    # All that must be closed is closed; to take itself apart, Python would need 100 ms more.
    os._exit(code)


def run() -> int:
    """Run the command line; returns its exit code."""
    gc.disable()  # importing makes no garbage; commands that run for long switch it on again
    sys.unraisablehook = _on_unraisable
    _listen_for_stops()
    arguments = sys.argv[1:]
    if arguments and not arguments[0].startswith("-") and " " in arguments[0]:
        arguments = ["search", *arguments]
    try:
        code = app(arguments, standalone_mode=False)
    except BaseException as error:  # noqa: BLE001  (the one place that judges them all)
        if "--debug" in arguments:
            traceback.print_exception(error)
        code = _exit_code(_stop_behind(error) or _told(error))
    return code if isinstance(code, int) else 0


def _stop_behind(error: BaseException | None) -> BaseException | None:
    """The stop that an error came of: progress cannot be drawn on a terminal that was closed."""
    while error is not None and not isinstance(error, _StoppedError):
        error = error.__context__
    return error


_TOO_MANY = EngineError("Too many files are open at once.", hint="Allow more: ulimit -n 4096")


def _told(error: BaseException) -> BaseException:
    """What the system refused in a sentence, where it is known wherever it comes up."""
    if isinstance(error, ImportError):  # it has no number
        return _TOO_MANY if os.strerror(errno.EMFILE) in str(error) else error
    if not isinstance(error, OSError):
        return error
    if (error.errno, error.filename) == (errno.ENOSPC, None):
        return DiskFullError(Path("the output"))
    return _TOO_MANY if error.errno in {errno.EMFILE, errno.ENFILE} else error


def _exit_code(error: BaseException) -> int:
    """Say what happened on stderr, and what a process that ends so returns."""
    match error:
        case EngineError():
            _tell(error)
            return error.exit_code
        case typer.Exit() | typer.Abort():
            return int(getattr(error, "exit_code", 130))
        case _StoppedError():
            _complain(_STOPPED)
            return error.exit_code
        case BrokenPipeError() | SystemExit():  # typer makes the one of the other
            # The reader has enough (`| head`); what Python still holds must go nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        case _ if hasattr(error, "format_message"):
            return _usage(error)
        case _:
            _complain(
                f"seehear failed in a way it should not: {type(error).__name__}: {error}.",
                "Please report it, with what `seehear --debug ...` prints.",
            )
            return 4


def _usage(error: Any) -> int:  # noqa: ANN401  (typer carries its own copy of click's errors)
    error.show()
    if str(error.message).startswith("No such command"):
        sys.stderr.write("To search for words: seehear search WORDS\n")
    return int(error.exit_code)


def _tell(error: EngineError) -> None:
    if isinstance(error, GrammarError) and error.line.strip():
        from cli.render import pointed

        _complain("\n".join((error.sentence, pointed(error), error.hint)))
    else:
        _complain(error.sentence, error.hint)


def _complain(sentence: str, hint: str = "") -> None:
    text = f"{sentence} {hint}".rstrip()
    with suppress(OSError):  # the terminal may be closed
        sys.stderr.write(
            "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text) + "\n"
        )
