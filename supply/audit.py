"""Published advisories against the locked packages; says so where the service cannot be asked.

python -m supply.audit PIP-AUDIT

Leaves with 0 when nothing is known, with 1 when something is, and with 0 after "not run:" where no
answer came: an audit that could not ask has found nothing.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from supply.locked import LAION, LOCK, ROOT, TOOLS

SECONDS = 600


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to say, and whether something is known of a package."""

    lines: tuple[str, ...]
    found: bool = False


def accepted(text: str, today: date) -> dict[str, str]:
    """Packages by the id of an advisory that is accepted today."""
    rows = tomllib.loads(text).get("accepted", [])
    return {row["id"]: row["package"] for row in rows if row["why"] and today <= row["until"]}


def judged(answer: Mapping[str, Any], known: Mapping[str, str]) -> Verdict:
    """The verdict on pip-audit's answer.

    A package that could not be looked up is told by pip-audit as skipped, with exit code 0: when
    that is all of them, nothing was asked.
    """
    rows = answer["dependencies"]
    asked = [row for row in rows if "skip_reason" not in row]
    if not asked:
        return Verdict((f"not run: none of {len(rows)} packages could be looked up",))
    bad = [
        _line(row, one) for row in asked for one in row["vulns"] if not _is_known(row, one, known)
    ]
    missed = [f"not run: {row['name']}: {row['skip_reason']}" for row in rows if row not in asked]
    count = f"audit: {len(asked)} of {len(rows)} packages looked up, {len(bad)} advisories"
    return Verdict((*missed, *bad, count), bool(bad))


def _is_known(row: Mapping[str, Any], one: Mapping[str, Any], known: Mapping[str, str]) -> bool:
    return any(known.get(name) == row["name"] for name in (one["id"], *one.get("aliases", ())))


def _line(row: Mapping[str, Any], one: Mapping[str, Any]) -> str:
    fixed = ", ".join(one.get("fix_versions", ())) or "no version yet"
    return f"{row['name']} {row['version']}: {one['id']}, fixed in {fixed}"


def ask(program: str, arguments: Iterable[str]) -> Mapping[str, Any] | str:
    """pip-audit's answer, or why there is none."""
    line = [program, *arguments, "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            line, capture_output=True, text=True, check=False, timeout=SECONDS, cwd=ROOT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    try:
        answer: Mapping[str, Any] = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
        return said[-1]
    return answer


def main(program: str) -> None:
    """Ask, say what came of it, and leave with the code above."""
    locks = [f"--requirement={lock}" for lock in (LOCK, LAION, TOOLS)]
    answer = ask(program, ["--disable-pip", "--require-hashes", *locks])
    if isinstance(answer, str):
        print(f"not run: {answer}")
        return
    known = accepted((ROOT / "supply/advisories.toml").read_text("utf-8"), datetime.now(UTC).date())
    verdict = judged(answer, known)
    print(*verdict.lines, sep="\n")
    sys.exit(verdict.found)


if __name__ == "__main__":
    main(*sys.argv[1:])
