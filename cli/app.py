"""The typer app, and the one place where an error becomes words and an exit code."""

import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Any

import typer

from engine.errors import EngineError

_COMMANDS = (
    ("index", ("add", "update", "scan")),
    ("search", ("find", "query")),
    ("similar", ("like",)),
    ("status", ("stats",)),
    ("verify", ()),
    ("rebuild", ()),
    ("forget", ("remove",)),
    ("doctor", ()),
)

EPILOG = (
    "Exit codes: 0 ok, 1 nothing found, 2 wrong usage, 3 finished but some files were skipped, "
    "4 error, 10 no library, 11 library in use, 12 library damaged, 13 disk full, 130 interrupted."
)

app = typer.Typer(
    name="seehear",
    help="Find any picture, sound or text on your disk with a sentence, a picture or a sound.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _register() -> None:
    for name, aliases in _COMMANDS:
        command = import_module(f"cli.commands.{name}").command
        app.command(name)(command)
        for alias in aliases:
            app.command(alias, hidden=True)(command)


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
        help="Show where in the program an error arose.",
    ),
) -> None:
    """Find any picture, sound or text on your disk with a sentence, a picture or a sound."""


_register()


class _TerminatedError(BaseException):
    """SIGTERM arrived: stop as for Ctrl-C, with the exit code of a terminated process."""


def _on_terminate(_number: int, _frame: FrameType | None) -> None:
    raise _TerminatedError


def main() -> None:
    """Run the command line and leave with its exit code."""
    signal.signal(signal.SIGTERM, _on_terminate)
    arguments = sys.argv[1:]
    if arguments and not arguments[0].startswith("-") and " " in arguments[0]:
        arguments = ["search", *arguments]
    try:
        code = app(arguments, standalone_mode=False)
    except BaseException as error:
        if "--debug" in arguments and not isinstance(error, SystemExit):
            raise
        code = _exit_code(error)
    sys.exit(code if isinstance(code, int) else 0)


def _exit_code(error: BaseException) -> int:
    """Say what happened on stderr, and what a process that ends so returns."""
    match error:
        case EngineError():
            _complain(error.sentence, error.hint)
            return error.exit_code
        case typer.Exit() | typer.Abort() | SystemExit():
            return int(getattr(error, "exit_code", 130) or 0)
        case KeyboardInterrupt() | _TerminatedError():
            _complain(
                "Stopped. Everything acknowledged is kept; the same command goes on from there."
            )
            return 130 if isinstance(error, KeyboardInterrupt) else 143
        case BrokenPipeError():
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
    return int(error.exit_code)


def _complain(sentence: str, hint: str = "") -> None:
    text = f"{sentence} {hint}".rstrip()
    sys.stderr.write(
        "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text) + "\n"
    )
