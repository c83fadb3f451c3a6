"""What a bundle of the demo song weighs, and how near its render is."""

from __future__ import annotations

import json

from lincae_studio.bench.bundle import measure_bundles


def test_a_bundle_of_the_demo_song_is_small_and_renders_alike() -> None:
    rows = measure_bundles(("mdct-4x",))
    assert json.loads(json.dumps(rows)) == rows
    [row] = rows
    assert row["encodes"] == 0
    assert 5.5 < float(str(row["ratio"])) < 6.0, "two bytes for four samples of three; but for overlaps and edges"
    assert float(str(row["snr_db"])) > 70.0
    assert row["pcm24_bytes"] == 40 * 44_100 * 10 * 3, "ten channels"


def test_a_part_of_the_song() -> None:
    [row] = measure_bundles(("mdct-4x",), seconds=4.0)
    assert row["pcm24_bytes"] == 4 * 44_100 * 10 * 3
    assert row["encodes"] == 0
