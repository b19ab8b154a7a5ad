"""An audit says what is known, what is accepted until when, and whether it could ask at all."""

import sys
from datetime import date
from pathlib import Path

import pytest

from supply import audit
from supply.audit import accepted, ask, judged
from supply.locked import ROOT

BAD = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.1"]}
ANSWER = {
    "dependencies": [
        {"name": "good", "version": "1", "vulns": []},
        {"name": "bad", "version": "2", "vulns": [BAD]},
    ]
}
KNOWN = """
[[accepted]]
id = "CVE-1"
package = "bad"
until = 2026-12-31
why = "not called"
"""


def test_an_advisory_is_a_line_and_a_failure() -> None:
    verdict = judged(ANSWER, {})

    assert verdict.found
    assert verdict.lines[0] == "bad 2: PYSEC-1, fixed in 2.1"
    assert verdict.lines[-1] == "audit: 2 of 2 packages looked up, 1 advisories"


@pytest.mark.parametrize(
    ("day", "found"), [(date(2026, 12, 31), False), (date(2027, 1, 1), True)], ids=str
)
def test_an_accepted_advisory_comes_back_after_its_day(day: date, *, found: bool) -> None:
    assert judged(ANSWER, accepted(KNOWN, day)).found is found
    assert judged(ANSWER, accepted(KNOWN.replace('"bad"', '"other"'), day)).found


def test_what_could_not_be_looked_up_is_not_run() -> None:
    skipped = {"name": "lost", "skip_reason": "not found"}

    verdict = judged({"dependencies": [skipped, skipped]}, {})
    assert (verdict.lines, verdict.found) == (
        ("not run: none of 2 packages could be looked up",),
        False,
    )
    some = judged({"dependencies": [*ANSWER["dependencies"], skipped]}, {})
    assert some.lines[0] == "not run: lost: not found"
    assert some.found


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('{}')", {}),
        ("import sys; sys.exit('no way to the service')", "no way to the service"),
        ("", "it ended with 0"),
    ],
)
def test_no_answer_is_no_verdict(code: str, said: object) -> None:
    assert ask(sys.executable, ["-c", code]) == said


def test_without_the_program_it_is_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    audit.main("/no/such/pip-audit")

    assert capsys.readouterr().out.startswith("not run: ")


def test_the_list_that_is_shipped_can_be_read() -> None:
    text = Path(ROOT / "supply/advisories.toml").read_text("utf-8")

    assert accepted(text, date(2026, 1, 1)) == {}
