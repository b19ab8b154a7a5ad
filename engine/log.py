"""The logger of all parts: what happened, for whoever looks later or asks for `--debug`."""

import logging
import sys

log = logging.getLogger("seehear")
log.addHandler(logging.NullHandler())  # without it, Python would print warnings by itself
log.propagate = False  # packages that set up logging for themselves would print it too


def show_all() -> None:
    """Print every line on stderr, those for programmers too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)


class Lines(logging.Formatter):
    """A line for each record, a traceback indented below it; names of files are escaped.

    So no name can look like a line of its own, or command the terminal that shows it.
    """

    def __init__(self) -> None:
        form = "{asctime} [{process}] {levelname:<7} {message}"
        super().__init__(form, datefmt="%Y-%m-%dT%H:%M:%S%z", style="{")

    def format(self, record: logging.LogRecord) -> str:
        """One line, and those of a traceback; another formatter's of the record is not taken."""
        record.message = record.getMessage()
        record.asctime = self.formatTime(record, self.datefmt)
        lines = [self.formatMessage(record)]
        if record.exc_info:
            trace = self.formatException(record.exc_info)
            lines += [f"    {line}" for line in trace.split("\n")]
        return "\n".join(map(_escaped, lines))


def _escaped(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
