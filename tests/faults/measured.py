"""`seehear` with arguments, whose workers are waited for, so that their memory can be told.

python -m tests.faults.measured FIGURES index ...
"""

import json
import resource
import sys
from pathlib import Path

from cli.app import run
from engine.media import workers


def main() -> None:
    """Run the command line; then write down its peak and that of its largest child, in MiB."""
    figures = Path(sys.argv.pop(1))
    code = run()
    workers.dismiss()
    sys.stdout.flush()
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    workers_mib = children / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    figures.write_text(json.dumps({"own": _own_mib(), "workers": workers_mib}))
    sys.exit(code)


def _own_mib() -> float:
    """Unlike getrusage(2), this leaves out what the process was before exec(2)."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0.0
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) / 1024


if __name__ == "__main__":
    main()
