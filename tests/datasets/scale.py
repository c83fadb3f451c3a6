"""What a million tracks cost to encode, and a simulation of 1,000 workers that fail: the tables of the manual.

    python -m tests.datasets.scale

writes the tables into the page "Scale" of the manual; a test compares them. Everything is drawn from a seed.

`READ_X_REALTIME` and `WRITE_BYTES_PER_S` were measured with `lincae-studio bench dataset`, on one core of the machine
that the page names. The operations of the encoder were counted. Times of GPUs are computed from these and published
peak rates, of which `SHARE` is assumed to be reached: none was measured.
"""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass

import numpy as np

from tests.helpers import REPOSITORY

TRACKS = 1_000_000
TRACK_S = 240.0
CHANNELS = 2

#: Measured: reading, hashing and conforming stereo FLAC at 44.1 kHz, as a multiple of real time on one core.
READ_X_REALTIME = 600.0
#: Measured: what one process receives, puts into shards and syncs.
WRITE_BYTES_PER_S = 268e6

#: Counted with `torch.utils.flop_counter`: operations of the Lin-CAE encoder for a second of one channel in a chunk.
ENCODER_GFLOP = {"base 16": 3.04, "base 32": 11.56, "base 64 (public)": 45.43}
#: Chunks of 22 frames, of which 21 are new.
CHUNK_FRAMES, STEP_FRAMES = 22, 21
LATENT_BYTES_PER_S = 64 * 4 * 44_100 / 4096 * CHUNK_FRAMES / STEP_FRAMES
FLAC_BYTES = 25e6

#: Dense 16-bit peaks of data sheets in TFLOP/s, and example prices in dollars an hour, which change from week to week.
GPUS = {"L4": (121.0, 0.8), "A100": (312.0, 2.0), "H200": (989.0, 4.0)}
#: The part of the peak that is assumed to be reached.
SHARE = 0.10
#: Example prices in dollars: an hour of a core, and a month of a GB in object storage.
CORE_PRICE, GB_PRICE = 0.04, 0.02

REQUEST = 32
PAGE = REPOSITORY / "resources" / "manual" / "manual.md"


def gpu_hours(gflop: float, peak_tflops: float) -> float:
    """GPU hours for all tracks."""
    seconds = TRACKS * TRACK_S * CHANNELS * CHUNK_FRAMES / STEP_FRAMES
    return seconds * gflop / (1000 * peak_tflops * SHARE) / 3600


def core_hours() -> float:
    """Hours of one core for reading all tracks."""
    return TRACKS * TRACK_S / READ_X_REALTIME / 3600


def latent_bytes() -> float:
    """All latents, as float32."""
    return TRACKS * TRACK_S * CHANNELS * LATENT_BYTES_PER_S


def costs() -> str:
    """GPU hours and money, by model size."""
    heads = " | ".join(f"{name}: hours, dollars" for name in GPUS)
    lines = [f"| encoder | GFLOP for a second of a channel | {heads} |", f"| --- {'| --- ' * (1 + len(GPUS))}|"]
    for size, gflop in ENCODER_GFLOP.items():
        cells = []
        for peak, price in GPUS.values():
            hours = gpu_hours(gflop, peak)
            cells.append(f"{hours:,.0f} h, {hours * price + core_hours() * CORE_PRICE:,.0f} $")
        lines.append(f"| {size} | {gflop * CHUNK_FRAMES / STEP_FRAMES:.1f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def sizes() -> str:
    """What is read, stored and sent."""
    full = latent_bytes()
    rows = (
        ("read: FLAC, 25 MB a track", TRACKS * FLAC_BYTES),
        ("written: latents as float32", full),
        ("written: latents with `--half`", full / 2),
    )
    lines = ["| what | TB | dollars a month in object storage |", "| --- | --- | --- |"]
    lines += [f"| {name} | {size / 1e12:.2f} | {size / 1e9 * GB_PRICE:,.0f} |" for name, size in rows]
    return "\n".join([*lines, f"| reading on one core | {core_hours():,.0f} core hours | |"])


@dataclass(frozen=True)
class Case:
    """A cluster.

    Attributes:
        gpu: of each worker, with one core that reads.
        hours_between_failures: of one worker, in the mean; `replaced_min`: minutes until it is replaced.
        writers: runs that each have a part of the tracks and a target of their own.
        cores: of each worker, that read at the same time.
        spread: standard deviation of the logarithm of the time of a request.
    """

    name: str
    gpu: str
    workers: int = 1000
    hours_between_failures: float = 1e12
    replaced_min: float = 5.0
    writers: int = 1
    half: bool = False
    spread: float = 0.25


@dataclass(frozen=True)
class Outcome:
    """What a run took, in hours.

    Attributes:
        computing, repeated: the shares of the workers' time for results that were kept, and for those that were lost.
        writer: the share of the time that the process that writes was busy.
    """

    hours: float
    failures: int
    computing: float
    repeated: float
    writer: float


def simulate(case: Case, tracks: int = TRACKS, seed: int = 0) -> Outcome:
    """Run the simulation: requests of 32 tracks, workers that die and come back, and a process that writes in turn."""
    random = np.random.default_rng(seed)
    requests = -(-tracks // REQUEST)
    channel_s = TRACK_S * CHANNELS * CHUNK_FRAMES / STEP_FRAMES
    encode_s = channel_s * ENCODER_GFLOP["base 64 (public)"] / (1000 * GPUS[case.gpu][0] * SHARE)
    mean_s = REQUEST * (TRACK_S / READ_X_REALTIME + encode_s)
    work_s = mean_s * random.lognormal(-(case.spread**2) / 2, case.spread, requests)
    size = REQUEST * TRACK_S * CHANNELS * LATENT_BYTES_PER_S / (2 if case.half else 1)
    write_s = size / WRITE_BYTES_PER_S / case.writers
    left, idle = list(range(requests)), list(range(case.workers))
    #: Time, number, worker, request (-1: the worker is ready again), and how long it computed in vain.
    events: list[tuple[float, int, int, int, float]] = []
    now = kept_s = lost_s = writer_free = 0.0
    count = failures = 0

    def push(at: float, worker: int, request: int, lost: float = 0.0) -> None:
        nonlocal count
        heapq.heappush(events, (at, count, worker, request, lost))
        count += 1

    while left or events:
        while left and idle:
            worker, request = idle.pop(), left.pop()
            dies_after = float(random.exponential(case.hours_between_failures * 3600))
            whole = float(work_s[request])
            push(now + min(dies_after, whole), worker, request, dies_after if dies_after < whole else 0.0)
        now, _, worker, request, lost = heapq.heappop(events)
        if request < 0:
            idle.append(worker)
        elif lost:
            failures, lost_s = failures + 1, lost_s + lost
            left.append(request)
            push(now + 60 * case.replaced_min, worker, -1)
        else:
            kept_s += float(work_s[request])
            writer_free = max(now, writer_free) + write_s
            # Results of one minute wait in the cluster's memory; then workers wait for the process that writes.
            push(max(now, writer_free - 60.0), worker, -1)
    total_s = max(now, writer_free)
    capacity = total_s * case.workers
    busy = requests * write_s / total_s
    return Outcome(total_s / 3600, failures, kept_s / capacity, lost_s / capacity, busy)


CASES = (
    Case("1,000 × L4", "L4"),
    Case("1,000 × L4, each dies every 100 hours", "L4", hours_between_failures=100.0),
    Case("1,000 × L4, each dies every 2 hours", "L4", hours_between_failures=2.0),
    Case("100 × H200", "H200", workers=100),
    Case("1,000 × H200", "H200"),
    Case("1,000 × H200, `--half`", "H200", half=True),
    Case("1,000 × H200, eight runs with a part of the list each", "H200", writers=8),
    Case("1,000 × H200, eight runs, each worker dies every 2 hours", "H200", hours_between_failures=2.0, writers=8),
)


def simulation() -> str:
    """The outcomes of all cases."""
    lines = [
        "| workers | hours | deaths | computing | computing in vain | load of the writing process |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for case in CASES:
        found = simulate(case)
        shares = " | ".join(f"{100 * one:.1f} %" for one in (found.computing, found.repeated, found.writer))
        lines.append(f"| {case.name} | {found.hours:.2f} | {found.failures:,} | {shares} |")
    return "\n".join(lines)


#: The tables of the page in their order.
TABLES = (costs, sizes, simulation)


def page_with_tables(text: str) -> str:
    """The manual with its tables of the page "Scale" made again."""
    before, title, rest = text.partition("\n## Scale\n")
    page, heading, after = rest.partition("\n## ")
    tables = iter(TABLES)
    page = re.sub(r"(?:^\|.*\n)+", lambda _: next(tables)() + "\n", page, flags=re.MULTILINE)
    return before + title + page + heading + after


if __name__ == "__main__":
    PAGE.write_text(page_with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
