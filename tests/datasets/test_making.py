"""What is made of items: the latents of `lincae-studio encode`, decoded audio, mixtures, figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lincae_studio.cli import run as command
from lincae_studio.codecs import registry
from lincae_studio.datasets.mixtures import decoded_items, mixtures
from lincae_studio.datasets.reader import Reader
from lincae_studio.datasets.records import Drawing, Job
from lincae_studio.datasets.run import run
from lincae_studio.datasets.sources import items_of
from lincae_studio.engine.bundles.latent_files import frames_of, load_latents
from lincae_studio.errors import UsageError
from tests.datasets.cases import CODEC, content, encode, rows, write_files
from tests.helpers import noise, read_audio, write_audio


def test_latents_are_those_of_the_command_encode(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 2)
    encode(tmp_path / "in", tmp_path / "out")
    reader = Reader(tmp_path / "out")
    for record in reader.records:
        file = tmp_path / "one.safetensors"
        assert command(["encode", str(tmp_path / "in" / record.name), "-o", str(file), "--codec", CODEC]) == 0
        expected, found = load_latents(file), reader.latents(record)
        assert found.header == expected.header
        assert found.latents.tobytes() == expected.latents.tobytes()
        assert found.audible.tobytes() == expected.audible.tobytes()
    reader.close()


def test_spans_of_a_file_decode_to_the_whole(tmp_path: Path) -> None:
    write_audio(tmp_path / "in" / "a.wav", noise(1, 10 * 44_100, 2))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    encode(tmp_path / "in", whole)
    encode(tmp_path / "in", parts, span_s=3.0)
    audio = []
    for folder in (whole, parts):
        reader = Reader(folder)
        job = Job(kind="decode", codec=CODEC)
        run(job, decoded_items(reader), folder.with_name(f"{folder.name} audio"))
        reader.close()
        decoded = Reader(folder.with_name(f"{folder.name} audio"))
        ordered = sorted(decoded.records, key=lambda record: record.start)
        assert [record.start for record in ordered][1:] == list(np.cumsum([record.length for record in ordered][:-1]))
        audio.append(np.concatenate([decoded.audio(record) for record in ordered], axis=1))
        decoded.close()
    assert len(rows(parts)) > 2
    assert audio[0].shape == (2, 10 * 44_100)
    np.testing.assert_array_equal(audio[0], audio[1])
    file = tmp_path / "decoded.wav"
    assert command(["encode", str(tmp_path / "in" / "a.wav"), "-o", str(tmp_path / "z.npz"), "--codec", CODEC]) == 0
    assert command(["decode", str(tmp_path / "z.npz"), "-o", str(file), "--bits", "32f"]) == 0
    np.testing.assert_array_equal(audio[0], read_audio(file))


def test_float16_is_half_the_size_and_read_as_float32(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 2)
    full, half = encode(tmp_path / "in", tmp_path / "full"), encode(tmp_path / "in", tmp_path / "half", half=True)
    assert half.nbytes < 0.55 * full.nbytes
    with_all, with_less = Reader(tmp_path / "full"), Reader(tmp_path / "half")
    for one, other in zip(with_all.records, with_less.records, strict=True):
        assert one.key != other.key
        a, b = with_all.latents(one).latents, with_less.latents(other).latents
        assert b.dtype == np.float32
        np.testing.assert_array_equal(a.astype(np.float16).astype(np.float32), b)
    with_all.close()
    with_less.close()


def test_containers_hold_the_same(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 4)
    encode(tmp_path / "in", tmp_path / "a")
    encode(tmp_path / "in", tmp_path / "b", container="webdataset")
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_mixtures_are_sums_of_latents_and_depend_on_their_number_alone(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 6, 5 * 44_100)
    encode(tmp_path / "in", tmp_path / "z", span_s=3.0)
    reader = Reader(tmp_path / "z")
    drawing = Drawing(stems=(2, 3), seconds=2.0)
    job = Job(kind="mix", codec=CODEC, drawing=drawing, seed=7)
    run(job, mixtures(reader, drawing, 5, 7), tmp_path / "five")
    run(job, mixtures(reader, drawing, 12, 7), tmp_path / "twelve")
    five, twelve = content(tmp_path / "five"), content(tmp_path / "twelve")
    assert len(five) == 5
    assert len(twelve) == 12
    assert five.items() <= twelve.items()
    stems = {record.key: record for record in reader.records}
    mixed = Reader(tmp_path / "twelve")
    silence = registry.load(CODEC).silence(346)
    for record in mixed.records:
        assert 2 <= len(record.recipe) <= 3
        assert len({stem.name for stem in record.recipe}) == len(record.recipe), "each from another file"
        found = mixed.latents(record)
        expected = np.zeros(found.latents.shape, np.float64)
        for stem in record.recipe:
            part = reader.latents(stems[stem.key]).latents[stem.first : stem.first + len(found.latents)]
            expected += stem.gain * (part - silence)
            assert 10 ** (-12 / 20) <= stem.gain <= 1.0
        np.testing.assert_allclose(found.latents, expected + silence, atol=1e-6)
        assert frames_of(found).shape[2] == record.frames
    other = Job(kind="mix", codec=CODEC, drawing=drawing, seed=8)
    run(other, mixtures(reader, drawing, 5, 8), tmp_path / "other")
    assert not content(tmp_path / "other").keys() & five.keys()
    mixed.close()
    reader.close()


def test_mixtures_of_a_folder_are_of_one_song_at_one_time(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 6, 6 * 44_100)
    encode(tmp_path / "in", tmp_path / "z")
    reader = Reader(tmp_path / "z")
    drawing = Drawing(stems=(2, 3), seconds=2.0, same_folder=True)
    for item in mixtures(reader, drawing, 20, 0):
        assert len({stem.name.partition("/")[0] for stem in item.recipe}) == 1
        assert len({stem.first for stem in item.recipe}) == 1
    with pytest.raises(UsageError, match="there are not 4 files"):
        list(mixtures(reader, Drawing(stems=(4, 4), seconds=2.0, same_folder=True), 1, 0))
    with pytest.raises(UsageError, match="there are not 2 files of 60 s"):
        list(mixtures(reader, Drawing(seconds=60.0), 1, 0))
    reader.close()


@pytest.mark.slow
def test_figures_are_those_of_evaluate(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import json

    file = write_audio(tmp_path / "in" / "a.wav", noise(0, 6 * 44_100))
    (tmp_path / "in" / "silent.wav").write_bytes(b"")
    report = run(Job(kind="evaluate", codec=CODEC, limit=2), items_of(str(tmp_path / "in")), tmp_path / "out")
    assert [failure.name for failure in report.failures] == ["silent.wav"]
    [record] = Reader(tmp_path / "out").records
    capfd.readouterr()
    assert command(["evaluate", CODEC, str(file), "--limit", "2", "--json"]) == 0
    expected = json.loads(capfd.readouterr().out)
    assert record.figures == {name: expected[name] for name in record.figures}
    assert record.figures["si_sdr_db"] is not None
