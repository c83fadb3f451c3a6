"""The findings of a check in words, as figures for JSON, and as a table. No state; any thread."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from lincae_studio.engine.analysis.findings import CheckResult, Finding
from lincae_studio.session.model import Session
from lincae_studio.session.times import count_of, format_time

#: Findings that cover the session but for this part, in seconds, are throughout.
_SLACK_S = 1.0

KINDS = {"gain": "Level", "delay": "Timing", "missing": "Missing", "other": "Different"}

#: Returns the name of a track by its id.
NameOf = Callable[[int], str]


def stem_of(finding: Finding, name_of: NameOf) -> str | None:
    """The name of the stem of a finding, or of those that cannot be told apart; None if it is of no stem."""
    return " and ".join(map(name_of, finding.tracks)) or None


def amount_text(finding: Finding) -> str:
    """The amount of a finding with its unit, such as `1.0 dB too low`."""
    amount = abs(finding.amount)
    match finding.kind:
        case "gain":
            return f"{amount:.1f} dB too {'high' if finding.amount > 0.0 else 'low'}"
        case "delay":
            return f"{_samples(amount)} {'late' if finding.amount > 0.0 else 'early'}"
    return f"{finding.amount:.1f} dB".replace("-", "−")


def span_text(finding: Finding, session: Session) -> str:
    """When a finding is: `from 1:00 to 1:10`, `from 2:03` if it goes on to the end, `throughout`."""
    start_s, end_s = finding.start / session.rate, finding.end / session.rate
    to_end = end_s >= session.length / session.rate - _SLACK_S
    if to_end and start_s <= _SLACK_S:
        return "throughout"
    return f"from {_time(start_s)}" + ("" if to_end else f" to {_time(end_s)}")


def sentence(finding: Finding, session: Session, name_of: NameOf) -> str:
    """A finding in words: `vocals 1.0 dB too low from 1:00 to 1:10`."""
    stem, span = stem_of(finding, name_of), span_text(finding, session)
    if finding.kind == "delay":
        direction = "late" if finding.amount > 0.0 else "early"
        return f"{stem} {direction} by {_samples(abs(finding.amount))}"
    if finding.kind == "gain":
        return f"{stem} {amount_text(finding)} {span}"
    if stem is None:
        return f"{finding.words} {span} ({amount_text(finding)})"
    if finding.kind == "missing":
        verb = "are" if len(finding.tracks) > 1 else "is"
        return f"{stem} {verb} missing {span}: {finding.words or 'the master does not have it'}"
    return f"{stem}: {finding.words} {span}"


def figures(result: CheckResult, session: Session, name_of: NameOf) -> dict[str, object]:
    """The findings and the residual of each chunk, as the command line prints them."""
    found = [
        {
            "stem": stem_of(finding, name_of),
            "kind": finding.kind,
            "start_s": round(finding.start / session.rate, 3),
            "end_s": round(finding.end / session.rate, 3),
            "amount": round(finding.amount, 3),
        }
        for finding in result.findings
    ]
    levels = [None if level is None else round(level, 3) for level in result.residual_db]
    return {"findings": found, "residual_db": levels}


def summary(result: CheckResult, session: Session) -> str:
    """The result in one sentence."""
    if not result.findings:
        return f"The stems add up to the master{_at_gain(result)}."
    count = count_of(len(result.findings), "difference")
    return f"{count} between the master and its {count_of(len(result.gains), 'stem')}{_at_gain(result)}."


def table(result: CheckResult, session: Session, name_of: NameOf) -> str:
    """The findings, and below them the residual of each chunk, as CSV."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["stem", "kind", "start_s", "end_s", "amount", "unit", "words"])
    units = {"gain": "dB", "delay": "samples", "missing": "dB to master", "other": "dB to master"}
    for finding in result.findings:
        times = (f"{at / session.rate:.3f}" for at in (finding.start, finding.end))
        words = sentence(finding, session, name_of)
        stem = stem_of(finding, name_of) or ""
        rows.writerow([stem, finding.kind, *times, f"{finding.amount:.3f}", units[finding.kind], words])
    rows.writerow([])
    rows.writerow(["chunk", "start_s", "residual_db"])
    for number, level in enumerate(result.residual_db):
        start = f"{number * result.chunk_samples / session.rate:.3f}"
        rows.writerow([number, start, "" if level is None else f"{level:.3f}"])
    return out.getvalue()


def _at_gain(result: CheckResult) -> str:
    level = result.master_gain_db
    return f", which is {abs(level):.1f} dB {'louder' if level > 0.0 else 'quieter'}" if abs(level) >= 0.1 else ""


def _samples(amount: float) -> str:
    """A number of samples, to a tenth if it is no whole one."""
    return count_of(round(amount), "sample") if round(amount, 1) == round(amount) else f"{amount:.1f} samples"


def _time(seconds: float) -> str:
    return format_time(seconds, 1).removesuffix(".0")
