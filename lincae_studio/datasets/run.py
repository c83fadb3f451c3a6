"""A run: lists the items, makes those that are missing, here or on a cluster, and writes them. The command's thread."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from lincae_studio.datasets import making
from lincae_studio.datasets.records import Failure, Item, Job, Made
from lincae_studio.datasets.target import KEEP_S, SHARD_BYTES, Target
from lincae_studio.jobs import Progress, ReportProgress, no_progress


@dataclass
class Report:
    """The result of a run.

    Attributes:
        items: in the source.
        made: items that were made by this run; `present`: names of those that were there.
        failures: items that could not be made, and why.
        records, shards, nbytes: what was written.
        seconds: that it took.
    """

    items: int = 0
    made: int = 0
    present: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    records: int = 0
    shards: int = 0
    nbytes: int = 0
    seconds: float = 0.0


def run(
    job: Job,
    source: Iterable[Item | Failure],
    folder: Path,
    *,
    cluster: str | None = None,
    progress: ReportProgress = no_progress,
    shard_bytes: int = SHARD_BYTES,
    keep_s: float = KEEP_S,
) -> Report:
    """Make a data set, or complete one.

    Args:
        source: the items, and failures to list them.
        cluster: "auto", or the address of a Ray cluster; None computes in this process.

    Raises:
        UsageError: when the folder is used by another run, or was made by another job, or the cluster is not there.
        CodecError: when the codec cannot be loaded.
        ExportError: when the folder cannot be written; the index stays valid.
    """
    started = time.perf_counter()
    making.info_of(job)  # a codec or cluster that does not exist is an error before anything is listed or written
    if cluster is not None:
        from lincae_studio.datasets.cluster import check

        check(cluster)
    report = Report()
    with Target(folder, job, shard_bytes=shard_bytes, keep_s=keep_s) as target:
        left = list(_missing(source, target, report))
        failed: set[str] = set()
        done: set[str] = set()
        try:
            for made in _made(job, left, target, cluster) if left else ():
                if made.record is not None:
                    target.add(made)
                elif made.item not in failed:
                    failed.add(made.item)
                    report.failures.append(Failure(made.item, made.problem))
                done.add(made.item)
                progress(Progress(len(done), len(left), made.item))
        finally:
            target.flush()
            report.records, report.shards, report.nbytes = target.written, target.shards, target.nbytes
        report.made = len(done - failed)
        target.report(report.failures, report.present)
    report.seconds = time.perf_counter() - started
    return report


def _missing(source: Iterable[Item | Failure], target: Target, report: Report) -> Iterator[Item]:
    """The items that are not complete, each with the keys of its spans that are there."""
    seen: set[str] = set()
    for item in source:
        report.items += 1
        if isinstance(item, Failure):
            report.failures.append(item)
        elif item.name not in seen:
            seen.add(item.name)
            have = target.have(item)
            if have is None:
                report.present.append(item.name)
            else:
                yield msgspec.structs.replace(item, have=have)
        else:
            report.failures.append(Failure(item.name, "it is listed more than once"))


def _made(job: Job, items: list[Item], target: Target, cluster: str | None) -> Iterator[Made]:
    if cluster is not None:
        from lincae_studio.datasets.cluster import made

        yield from made(job, items, cluster)
        return
    maker = making.Maker(job, making.load(job), known=target.known)
    for item in items:
        yield from maker.make(item)
