"""The figures of the page "Scale": its tables are those that the script makes, and the simulation is sound."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.datasets.scale import (
    CASES,
    ENCODER_GFLOP,
    LATENT_BYTES_PER_S,
    PAGE,
    Case,
    core_hours,
    gpu_hours,
    page_with_tables,
    simulate,
)

SMALL = Case("", "L4", workers=50)


def test_the_tables_of_the_manual_are_those_of_the_script() -> None:
    text = PAGE.read_text(encoding="utf-8")
    page = text.partition("\n## Scale\n")[2].partition("\n## ")[0]
    assert "1,000 × L4" in page
    assert page_with_tables(text) == text, "run python -m tests.datasets.scale"


def test_every_request_is_done_however_many_workers_die() -> None:
    ideal = simulate(SMALL, 20_000)
    assert ideal.failures == 0
    assert ideal.repeated == 0.0
    for hours in (1.0, 0.2):
        found = simulate(replace(SMALL, hours_between_failures=hours), 20_000)
        assert found.failures > 0
        assert found.repeated > 0.0
        assert found.hours > ideal.hours
        # What is kept is the same work.
        assert found.computing * found.hours == pytest.approx(ideal.computing * ideal.hours)


def test_it_depends_on_the_seed_alone() -> None:
    case = replace(SMALL, hours_between_failures=1.0)
    assert simulate(case, 10_000, 1) == simulate(case, 10_000, 1)
    assert simulate(case, 10_000, 1) != simulate(case, 10_000, 2)


def test_twice_the_workers_are_twice_as_fast_until_one_process_cannot_write_faster() -> None:
    one, two = (simulate(replace(SMALL, workers=workers), 50_000) for workers in (10, 20))
    assert one.hours / two.hours == pytest.approx(2.0, rel=0.05)
    many = simulate(replace(SMALL, workers=20_000), 50_000)
    assert many.writer > 0.8
    assert simulate(replace(SMALL, workers=20_000, writers=4), 50_000).hours < many.hours


def test_costs_follow_from_the_counts() -> None:
    # Four minutes of stereo are 480 s of one channel, of which windows take 22 / 21.
    assert gpu_hours(45.43, 989.0) == pytest.approx(1e6 * 480 * 22 / 21 * 45.43e9 / 98.9e12 / 3600)
    assert pytest.approx(2888, rel=0.001) == LATENT_BYTES_PER_S
    assert list(ENCODER_GFLOP.values()) == sorted(ENCODER_GFLOP.values())
    assert core_hours() > 0
    assert len(CASES) >= 6


@pytest.mark.slow
def test_the_counted_operations_are_those_of_the_encoder() -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from tests.codecs.lincae.models import small_model

    model = small_model({"hop": 512, "base_channels": 16})
    samples = 22 * 4096 + 1536
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.encode(torch.zeros(1, samples))
    assert counter.get_total_flops() / (samples / 44_100) / 1e9 == pytest.approx(ENCODER_GFLOP["base 16"], rel=0.01)
