"""Stems beside their master: what was changed is named with its time and amount, and nothing else is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from msgspec.structs import replace

from lincae_studio.codecs import registry
from lincae_studio.codecs.lincae import pretrained
from lincae_studio.engine.analysis.check_words import figures, sentence, summary, table
from lincae_studio.engine.analysis.checking import check_stems
from lincae_studio.engine.analysis.findings import CheckResult, Finding
from lincae_studio.errors import Cancelled, EditError
from lincae_studio.jobs import CancelToken
from lincae_studio.session import edits
from lincae_studio.session.model import Session
from tests.codecs.lincae.models import NARROW, small_model
from tests.engine.analysis.test_matching import music
from tests.helpers import MemoryAudio, made_up_media, new_renderer, noise

R = 44_100

Array = npt.NDArray[np.floating]


def check(
    master: Array, stems: Mapping[str, Array], codec: str = "mdct-2x", session: Session | None = None
) -> tuple[CheckResult, Session]:
    """Compare a master `(N,)` or `(N, C)` with its stems, all from 0 on."""
    audio, session = {}, edits.set_codec(session or Session(), codec)
    for number, (name, samples) in enumerate([("master", master), *stems.items()]):
        samples = np.asarray(samples, np.float32)
        samples = samples if samples.ndim == 2 else samples[:, None]
        media = replace(made_up_media(number, len(samples), samples.shape[1]), path=f"/music/{name}.wav")
        audio[media.digest] = samples
        session = edits.add_stems(session, [media], 0)
    reader = MemoryAudio(audio)
    master_id, *ids = [track.id for track in session.tracks]
    info = registry.for_session(codec)
    return check_stems(session, master_id, ids, info, reader, new_renderer(reader).render_many), session


def said(result: CheckResult, session: Session) -> list[str]:
    return [sentence(one, session, lambda track_id: session.track(track_id).name) for one in result.findings]


def late(audio: Array, by: int) -> Array:
    if by < 0:
        return np.concatenate([audio[-by:], np.zeros((-by, *audio.shape[1:]), np.float32)])
    return np.concatenate([np.zeros((by, *audio.shape[1:]), np.float32), audio[: len(audio) - by]])


def scaled(audio: Array, start_s: float, end_s: float, level_db: float) -> Array:
    out = audio.copy()
    out[round(start_s * R) : round(end_s * R)] *= 10.0 ** (level_db / 20.0)
    return out


def song(seconds: int = 20) -> dict[str, Array]:
    """Three stems of notes, one of noise: they resemble each other as stems of music do."""
    notes = {f"notes {seed}": music(seed, seconds * R) for seed in (1, 2, 3)}
    return {**notes, "hats": noise(9, seconds * R, level=0.02)[:, 0]}


@pytest.mark.slow
@pytest.mark.parametrize("left_out_of", ["master", "stems"])
def test_one_is_louder_for_ten_seconds_one_is_late_and_one_is_left_out(left_out_of: str) -> None:
    stems = {name: noise(seed, 100 * R, level=0.1)[:, 0] for seed, name in enumerate(("bass", "drums", "keys", "vox"))}
    master = sum(stems.values(), np.zeros(100 * R, np.float32))
    given = {**stems, "vox": scaled(stems["vox"], 60, 70, -1.0), "drums": late(stems["drums"], 12)}
    if left_out_of == "master":
        master -= stems["keys"]
    else:
        del given["keys"]
    result, session = check(master, given)
    found = {one.kind: one for one in result.findings}
    assert len(result.findings) == 3, said(result, session)
    assert set(found) == {"gain", "delay", "missing"}
    names = {kind: [session.track(one).name for one in finding.tracks] for kind, finding in found.items()}
    assert names == {"gain": ["vox"], "delay": ["drums"], "missing": ["keys"] if "keys" in given else []}
    assert found["delay"].amount == 12
    assert found["gain"].amount == pytest.approx(-1.0, abs=0.1)
    assert found["gain"].start == pytest.approx(60 * R, abs=0.3 * R)
    assert found["gain"].end == pytest.approx(70 * R, abs=0.3 * R)
    assert found["missing"].start < 0.2 * R
    assert found["missing"].end > 99.0 * R
    words = said(result, session)
    assert any(text.startswith("vox 1.") and text.endswith("dB too low from 1:00 to 1:10") for text in words) or (
        left_out_of == "stems"
    ), words
    assert "drums late by 12 samples" in words


@pytest.fixture(scope="module")
def random_lincae(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a small Lin-CAE with random weights, whose latents do not add up at all."""
    folder = tmp_path_factory.mktemp("codecs") / "random"
    options = {**NARROW, "base_channels": 4, "bottleneck_base_channels": 16, "layers_list": (1,) * 5}
    pretrained.save_own(small_model(options), folder, title="Random", linear=False)
    return str(folder)


def disturbed(result: CheckResult) -> int:
    """The number of chunks that a finding covers."""
    step = result.chunk_samples
    covered = [range(one.start // step, -(-one.end // step)) for one in result.findings]
    return len({index for indices in covered for index in indices})


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["mdct-2x", "mdct-4x", "a random Lin-CAE"])
def test_untouched_sets_raise_less_than_one_percent_of_false_alarms(codec: str, random_lincae: str) -> None:
    codec = random_lincae if codec.startswith("a ") else codec
    alarms = chunks = 0
    for seed in range(3):
        stems = {f"{kind} {seed}": audio for kind, audio in song().items()}
        stems["solo"] = music(10 + seed, 20 * R) * np.repeat(np.arange(20) % 4 < 2, R)  # it pauses
        master = sum(stems.values(), np.zeros(20 * R, np.float32))
        written = {name: np.round(audio * 32767) / 32767 for name, audio in stems.items()}  # as 16-bit files
        result, _ = check(np.round(master * 32767) / 32767, written, codec)
        alarms += disturbed(result)
        chunks += len(result.residual_db)
        assert max(level for level in result.residual_db if level is not None) < -50.0
    assert alarms <= 0.01 * chunks


def test_a_random_codec_is_not_blamed_on_stems(random_lincae: str) -> None:
    """Its latents do not add up: those of the lossless codec are used instead."""
    stems = {name: audio[: 6 * R] for name, audio in song().items()}
    master = sum(stems.values(), np.zeros(6 * R, np.float32))
    result, _ = check(master, stems, random_lincae)
    assert result.codec == "mdct-1x"
    assert not result.findings


@pytest.mark.parametrize("level_db", [3.0, -1.0, 0.5])
def test_a_change_of_level_is_found_to_a_tenth_of_a_second(level_db: float) -> None:
    stems = song()
    master = sum(stems.values(), np.zeros(20 * R, np.float32))
    result, session = check(master, {**stems, "notes 2": scaled(stems["notes 2"], 7.3, 12.9, level_db)})
    [finding] = result.findings
    assert [session.track(one).name for one in finding.tracks] == ["notes 2"]
    assert finding.kind == "gain"
    assert finding.amount == pytest.approx(level_db, abs=0.05)
    assert (finding.start / R, finding.end / R) == pytest.approx((7.3, 12.9), abs=0.35), "notes may pause there"


@pytest.mark.parametrize("long", [8, 10, 12])
def test_a_change_for_half_of_the_time_is_named_where_it_is(long: int) -> None:
    stems = song()
    master = sum(
        {**stems, "notes 2": scaled(stems["notes 2"], 4, 4 + long, 1.0)}.values(), np.zeros(20 * R, np.float32)
    )
    result, session = check(master, stems)
    (found,) = result.findings
    assert session.track(found.tracks[0]).name == "notes 2", said(result, session)
    assert found.kind == "gain"
    assert found.amount == pytest.approx(-1.0, abs=0.1)
    assert (found.start / R, found.end / R) == pytest.approx((4.0, 4.0 + long), abs=0.2)


@pytest.mark.parametrize(("name", "by"), [("hats", 12.3), ("hats", -7.5), ("notes 1", 0.3)])
def test_a_delay_between_two_samples_is_named_to_a_tenth_and_blamed_on_nothing_else(name: str, by: float) -> None:
    """Of white noise, half a sample leaves all but two thirds of the stem: its level would be 3.9 dB wrong."""
    stems = song()
    master = sum(stems.values(), np.zeros(20 * R, np.float32))
    turns = np.exp(-1j * np.linspace(0.0, np.pi, 10 * R + 1) * by)
    moved = np.fft.irfft(np.fft.rfft(stems[name]) * turns)
    result, session = check(master, {**stems, name: moved})
    direction = "late" if by > 0.0 else "early"
    assert said(result, session) == [f"{name} {direction} by {abs(by)} samples"]
    assert figures(result, session, str)["findings"][0]["amount"] == by  # type: ignore[index]
    assert any("lies between two samples" in note for note in result.notes)
    assert result.codec == "mdct-1x", "of which nothing is left out"


@pytest.mark.parametrize("lags", [(12, 0, 0), (0, -441, 0), (3000, 12, -7)])
def test_delays_are_found_to_the_sample(lags: tuple[int, int, int]) -> None:
    stems = song(10)
    master = sum(stems.values(), np.zeros(10 * R, np.float32))
    moved = {name: late(stems[name], by) for name, by in zip(stems, lags, strict=False)}
    result, session = check(master, {**stems, **moved})
    found = {session.track(one.tracks[0]).name: one.amount for one in result.findings if one.kind == "delay"}
    assert found == {name: by for name, by in zip(stems, lags, strict=False) if by}
    assert [one.kind for one in result.findings] == ["delay"] * len(found)
    for track_id, lag in result.lags.items():
        assert lag == -found.get(session.track(track_id).name, 0)


def test_a_stem_that_the_master_lacks_from_some_time_on_is_missing() -> None:
    stems = song()
    master = sum(stems.values(), np.zeros(20 * R, np.float32))
    master[12 * R :] -= stems["notes 1"][12 * R :]
    result, session = check(master, stems)
    assert said(result, session) == ["notes 1 is missing from 0:12: the master does not have it"]


def test_a_stem_whose_own_file_falls_silent_is_missing_too() -> None:
    stems = song()
    master = sum(stems.values(), np.zeros(20 * R, np.float32))
    result, session = check(master, {**stems, "hats": scaled(stems["hats"], 12.0, 20.0, -999.0)})
    [text] = said(result, session)
    assert text.startswith("hats is missing from 0:1")
    assert text.endswith("its track is silent, the master is not")


def test_another_take_is_another_version() -> None:
    stems = song()
    master = sum(stems.values(), np.zeros(20 * R, np.float32))
    other = stems["notes 3"].copy()
    other[5 * R : 11 * R] = music(77, 6 * R)
    result, session = check(master, {**stems, "notes 3": other})
    [finding] = result.findings
    assert finding.kind == "other"
    assert said(result, session)[0].startswith("notes 3: another version from 0:0")
    assert (finding.start / R, finding.end / R) == pytest.approx((5.0, 11.0), abs=0.4)


def test_polarity_and_levels_of_whole_stems() -> None:
    stems = song(10)
    master = sum(stems.values(), np.zeros(10 * R, np.float32))
    result, session = check(master, {**stems, "notes 1": -stems["notes 1"], "hats": 0.5 * stems["hats"]})
    words = sorted(said(result, session))
    assert words[0] == "hats 6.0 dB too low throughout"
    assert words[1].startswith("notes 1: polarity inverted")
    assert len(words) == 2


def test_a_master_that_is_quieter_as_a_whole_is_no_difference() -> None:
    stems = song(10)
    master = 0.5 * sum(stems.values(), np.zeros(10 * R, np.float32))
    result, session = check(master, stems)
    assert not result.findings
    assert result.master_gain_db == pytest.approx(-6.02, abs=0.01)
    assert summary(result, session) == "The stems add up to the master, which is 6.0 dB quieter."


@pytest.mark.parametrize("how", ["equalised", "compressed"])
def test_a_processed_master_is_called_that_and_no_stem_is_blamed(how: str) -> None:
    stems = song()
    mix = sum(stems.values(), np.zeros(20 * R, np.float32))
    if how == "equalised":
        spectrum = np.fft.rfft(mix)
        spectrum *= 1.0 + 0.6 / (1.0 + np.exp((1500.0 - np.fft.rfftfreq(len(mix), 1 / R)) / 200.0))
        master = np.fft.irfft(spectrum, len(mix))
    else:
        master = mix * (1.0 + 0.3 * np.sin(2.0 * np.pi * 0.7 * np.arange(len(mix)) / R))
    result, session = check(master, stems)
    processed = [one for one in result.findings if one.words == "the master is processed"]
    assert processed, said(result, session)
    assert not [one for one in result.findings if one.kind in ("missing", "delay")]


def test_stereo_mono_and_panned_stems() -> None:
    stems = song(10)
    left = 1.2 * stems["notes 1"] + 0.5 * stems["notes 2"]
    right = 0.4 * stems["notes 1"] + 1.1 * stems["notes 2"]
    pair = {name: stems[name] for name in ("notes 1", "notes 2")}
    stereo = np.stack([left, right], axis=1)
    result, _ = check(stereo, pair)
    assert not [one for one in result.findings if one.kind != "gain"], "panned, not missing"
    assert max(level for level in result.residual_db if level is not None) < -60.0
    wide = {"wide": stereo, "hats": stems["hats"]}
    result, _ = check(stereo.mean(axis=1) + stems["hats"], wide)
    assert not result.findings, "a mono master is compared with the mean of the channels"


def test_equal_stems_are_compared_as_one() -> None:
    stems = song(10)
    master = sum(stems.values(), np.zeros(10 * R, np.float32)) + stems["notes 1"]
    result, session = check(master, {**stems, "copy": stems["notes 1"]})
    assert result.notes == ("“notes 1” and “copy” cannot be distinguished, and are compared as one",)
    assert not result.findings
    result, session = check(master - stems["notes 1"], {**stems, "copy": stems["notes 1"]})
    assert said(result, session) == ["notes 1 and copy 6.0 dB too high throughout"]


def test_silence_different_lengths_and_a_single_stem() -> None:
    stems = song(10)
    master = sum(stems.values(), np.zeros(10 * R, np.float32))
    result, _ = check(np.pad(master, (0, 5 * R)), {**stems, "empty": np.zeros(3 * R, np.float32)})
    assert not result.findings
    assert result.notes == ("“empty” is silent",)
    assert result.residual_db[-1] is None, "the master is silent there"
    result, _ = check(master[: 6 * R], stems)
    assert not result.findings
    assert result.notes[0].startswith("the master ends at 0:0")
    result, _ = check(stems["hats"], {"hats": stems["hats"]})
    assert not result.findings


def test_faders_pans_envelopes_and_mutes_have_no_effect() -> None:
    stems = song(6)
    master = sum(stems.values(), np.zeros(6 * R, np.float32))
    _, session = check(master, stems)
    plain_result, _ = check(master, stems)
    audio = {media.digest: samples for media, samples in zip(session.media, (master, *stems.values()), strict=True)}
    reader = MemoryAudio({digest: samples[:, None] for digest, samples in audio.items()})
    for track in session.tracks:
        session = edits.set_track_gain(session, track.id, 0.3)
        session = edits.set_track_mute(session, track.id, True)
        session = edits.set_track_pan(session, track.id, -0.5)
    session = edits.set_master_gain(session, 0.0)
    master_id, *ids = [track.id for track in session.tracks]
    render = new_renderer(reader).render_many
    result = check_stems(session, master_id, ids, registry.for_session("mdct-2x"), reader, render)
    assert result.residual_db == plain_result.residual_db


def test_what_cannot_be_compared_is_said() -> None:
    with pytest.raises(EditError, match="there are no stems"):
        check(song(3)["hats"], {})
    with pytest.raises(EditError, match="the master is silent"):
        check(np.zeros(3 * R, np.float32), song(3))


def test_it_can_be_cancelled() -> None:
    stems = song(3)
    media = [made_up_media(number, 3 * R) for number in range(len(stems))]
    session = edits.add_stems(Session(), media, 0)
    reader = MemoryAudio.of(*media)
    master, *ids = [track.id for track in session.tracks]
    cancel = CancelToken()
    cancel.cancel()
    render = new_renderer(reader).render_many
    with pytest.raises(Cancelled):
        check_stems(session, master, ids, registry.for_session("mdct-2x"), reader, render, cancel=cancel)


def test_figures_and_table(tmp_path: Path) -> None:
    stems = song(10)
    master = sum(stems.values(), np.zeros(10 * R, np.float32))
    result, session = check(master, {**stems, "hats": late(stems["hats"], -5)})

    def name_of(track_id: int) -> str:
        return session.track(track_id).name

    found = figures(result, session, name_of)
    assert set(found) == {"findings", "residual_db"}
    expected = {"stem": "hats", "kind": "delay", "start_s": 0.0, "end_s": 10.0, "amount": -5.0}
    assert found["findings"] == [expected]
    lines = table(result, session, name_of).splitlines()
    assert lines[1] == "hats,delay,0.000,10.000,-5.000,samples,hats early by 5 samples"
    assert lines[3] == "chunk,start_s,residual_db"
    assert len(lines) == 4 + len(result.residual_db)


def test_findings_in_words() -> None:
    session = edits.add_stems(Session(), [made_up_media(1, 200 * R)], 0)
    track = session.tracks[0].id

    def text(**changes: object) -> str:
        finding = {"tracks": (track,), "kind": "gain", "start": 60 * R, "end": 70 * R, "amount": -1.0, "words": ""}
        return sentence(Finding(**{**finding, **changes}), session, lambda _: "vocals")  # type: ignore[arg-type]

    assert text() == "vocals 1.0 dB too low from 1:00 to 1:10"
    assert text(kind="missing", start=123 * R, end=200 * R).startswith("vocals is missing from 2:03:")
    assert text(kind="delay", amount=1.0) == "vocals late by 1 sample"
    assert text(kind="other", words="another version", start=0, end=200 * R) == "vocals: another version throughout"
    assert text(tracks=(), kind="other", words="the master is processed", amount=-12.3) == (
        "the master is processed from 1:00 to 1:10 (−12.3 dB)"
    )
