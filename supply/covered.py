"""Whether requirements.lock was tried on this machine; if not, says what is installed instead.

Needs nothing but Python: it is asked before anything is installed.
"""

import platform
import sys

TRIED = {("Linux", "x86_64", (3, 11))}
"""Where tests ran on what the lock installs."""


def main() -> None:
    """Leave with 0 where the lock was tried, and with 1 after one line elsewhere."""
    here = platform.system(), platform.machine(), sys.version_info[:2]
    if here not in TRIED:
        where = f"{here[0]} {here[1]}, Python {platform.python_version()}"
        sys.exit(
            f"supply/requirements.lock was not tried on {where}: "
            "installing the newest versions that pyproject.toml allows, without checking hashes."
        )


if __name__ == "__main__":
    main()
