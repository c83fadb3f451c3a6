"""Operators from examples: filters come back, figures are of what was held out, what is no filter is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from msgspec.structs import replace

from lincae_studio.codecs import registry
from lincae_studio.codecs.lincae import pretrained
from lincae_studio.engine.analysis.learning import LEAST_R2, Learned, example, learn
from lincae_studio.engine.analysis.learning_words import band_texts, channels_text, figure, notes, verdict
from lincae_studio.engine.analysis.regression import Sums
from lincae_studio.engine.planning.inserts import digest_of
from lincae_studio.engine.planning.plan import Chunk
from lincae_studio.engine.rendering.renderer import Rendered
from lincae_studio.errors import Cancelled, EditError
from lincae_studio.jobs import CancelToken
from lincae_studio.session import arrange, edits, operators
from lincae_studio.session.model import Session
from tests.codecs.lincae.models import NARROW, small_model
from tests.engine.analysis.test_matching import music
from tests.helpers import MemoryAudio, made_up_media, new_renderer, noise, render_all, session_of

R = 44_100
SECONDS = 16

Signal = npt.NDArray[np.float32]


def dry(seed: int = 1, seconds: float = SECONDS) -> Signal:
    """Notes over a little noise, so that all bands have something to learn from."""
    length = round(seconds * R)
    return music(seed, length) + noise(seed, length, level=0.01)[:, 0]


def filtered(audio: Signal, response: npt.ArrayLike) -> Signal:
    size = 1 << (len(audio) + np.size(response)).bit_length()
    spectrum = np.fft.rfft(audio, size) * np.fft.rfft(np.asarray(response, np.float64), size)
    return np.fft.irfft(spectrum, size)[: len(audio)].astype(np.float32)


#: A comb: its notches are 735 Hz apart.
EQ = np.array([1.0, *[0.0] * 59, -0.8])


def room(seconds: float, direct: float = 1.0) -> Signal:
    count = round(seconds * R)
    decay = np.random.default_rng(5).normal(size=count) * 10.0 ** (-3.0 * np.arange(count) / count)
    decay *= 0.7 / np.sqrt((decay**2).sum())
    decay[0] = direct
    return decay.astype(np.float32)


def late(audio: Signal, by: int) -> Signal:
    return np.concatenate([np.zeros(by, np.float32), audio[: len(audio) - by]])


class Taught:
    """A process that was shown to a codec."""

    def __init__(
        self,
        before: Signal,
        after: Signal,
        codec: str = "mdct-2x",
        past: int = 2,
        future: int = 2,
        ridge: float | None = None,
    ) -> None:
        media = [
            made_up_media(number, len(audio), 1 if audio.ndim == 1 else audio.shape[1])
            for number, audio in enumerate((before, after))
        ]
        self.codec = codec
        self.reader = MemoryAudio(
            {
                item.digest: audio if audio.ndim == 2 else audio[:, None]
                for item, audio in zip(media, (before, after), strict=True)
            }
        )
        self.session = session_of(*media, codec=codec)
        self.ids = [[clip.id for clip in track.clips] for track in self.session.tracks]
        self.info = registry.for_session(codec)
        self.renderer = new_renderer(self.reader)
        self.past, self.future, self.ridge = past, future, ridge
        self.found = self.learn(self.session)

    def learn(self, session: Session, cancel: CancelToken | None = None) -> Learned:
        return learn(
            example(session, *self.ids),
            self.info,
            self.reader,
            self.renderer.render_many,
            self.past,
            self.future,
            self.ridge,
            cancel=cancel,
        )

    @property
    def r2(self) -> float:
        return self.found.operator.r2

    def applied(self, audio: Signal) -> Signal:
        """Another clip through the operator."""
        media = made_up_media(9, len(audio))
        session = operators.add(session_of(media, codec=self.codec), self.found.operator)
        session = operators.set_insert(session, [session.tracks[0].id], session.operators[0].id)
        heard = render_all(session, MemoryAudio({media.digest: audio[:, None]}), self.codec)
        return np.asarray(heard[0], np.float32)


def snr_db(heard: Signal, expected: Signal) -> float:
    return float(10.0 * np.log10((expected**2).sum() / ((heard - expected) ** 2).sum()))


@pytest.mark.parametrize("codec", ["mdct-1x", "mdct-2x", "mdct-4x"])
def test_an_equaliser_is_learned_and_does_the_same_to_another_clip(codec: str) -> None:
    taught = Taught(dry(1), filtered(dry(1), EQ), codec)
    assert taught.r2 > 0.99
    assert taught.found.operator.plain_r2 < 0.9
    other = dry(2, 4.0)
    itself = render_all(session_of(made_up_media(9, len(other)), codec=codec), _of(other), codec)[0]
    expected = filtered(np.asarray(itself, np.float32), EQ)  # as far as the codec itself can tell
    assert snr_db(taught.applied(other), expected) > 20.0
    assert taught.renderer.counters.decodes == 0


def _of(audio: Signal) -> MemoryAudio:
    return MemoryAudio({made_up_media(9, len(audio)).digest: audio[:, None]})


@pytest.mark.slow
def test_a_room_needs_as_many_frames_as_it_lasts() -> None:
    before = dry()
    after = filtered(before, room(0.3, direct=0.0))
    short, long = (Taught(before, after, "mdct-4x", past, 1) for past in (1, 52))
    assert short.r2 < LEAST_R2 < 0.9 < long.r2
    assert not short.found.accepted
    assert long.found.accepted
    other = dry(2, 4.0)
    assert snr_db(long.applied(other), filtered(other, room(0.3, direct=0.0))) > 8.0


@pytest.mark.parametrize(
    "process",
    [
        lambda audio: dry(7),  # another recording
        lambda audio: audio * np.cos(np.arange(len(audio)) * 0.3).astype(np.float32),  # a ring modulator
        lambda audio: late(audio[::-1], 0),
    ],
)
def test_what_is_no_filter_is_refused_with_the_figure(process: Callable[[Signal], Signal]) -> None:
    taught = Taught(dry(), process(dry()), "mdct-4x")
    assert taught.r2 < 0.2
    assert not taught.found.accepted
    assert verdict(taught.found).startswith(f"Refused: held-out R² is {figure(taught.r2)}, less than 0.50")
    assert "may not be linear" in notes(taught.found, taught.info)[0]


def test_the_figure_is_of_what_was_not_fitted() -> None:
    """Noise can be fitted by as many weights, and not foretold."""
    before, after = (noise(seed, 6 * R)[:, 0] for seed in (1, 2))
    taught = Taught(before, after, "mdct-4x", 8, 8, ridge=1e-9)
    assert taught.r2 < 0.0


def test_a_plain_gain_is_said_to_be_one() -> None:
    taught = Taught(dry(), 0.5 * dry(), "mdct-4x")
    assert taught.r2 > 0.9999
    assert taught.found.operator.reach == 0
    (note,) = notes(taught.found, taught.info)
    assert note.startswith("A plain gain explains almost as much")
    assert not notes(Taught(dry(), filtered(dry(), EQ)).found, taught.info)


@pytest.mark.parametrize("lag", [777, -300])
def test_latency_is_found_and_left_out(lag: int) -> None:
    before, after = dry(), filtered(dry(), EQ)
    taught = Taught(before, late(after, lag)) if lag > 0 else Taught(late(before, -lag), after)
    assert taught.found.lag == lag
    assert taught.r2 > 0.99
    assert any(f"{abs(lag)} samples {'later' if lag > 0 else 'earlier'}" in n for n in notes(taught.found, taught.info))
    straight = Taught(before, after)
    other = dry(2, 4.0)
    assert snr_db(taught.applied(other), straight.applied(other)) > 20.0


def test_clips_may_be_anywhere_and_the_mixer_does_not_matter() -> None:
    taught = Taught(dry(), filtered(dry(), EQ))
    before, after = (ids[0] for ids in taught.ids)
    moved = edits.move_clips(edits.move_clips(taught.session, [after], 20 * R), [before], 5 * R)
    mixed = edits.set_track_gain(edits.set_clip_gain(taught.session, {before}, 0.2), 1, 0.3)
    faded = edits.set_track_mute(edits.set_clip_fades(mixed, {after}, R, R), 3, True)
    for session in (moved, faded):
        found = taught.learn(session)
        assert found.lag == 0
        assert found.operator.r2 == pytest.approx(taught.r2, abs=1e-3)
        assert digest_of(found.operator) == digest_of(taught.found.operator) or session is moved


def test_stereo_and_mono_clips() -> None:
    """Left and right are two examples of one operator; a mono clip before a stereo one is in both."""
    left, right = dry(1), dry(2)
    stereo = np.stack([left, right], axis=1)
    after = np.stack([filtered(left, EQ), filtered(right, EQ)], axis=1)
    assert Taught(stereo, after).r2 > 0.99
    assert Taught(left, np.stack([filtered(left, EQ)] * 2, axis=1)).r2 > 0.99


def test_memory_does_not_grow_with_the_example() -> None:
    """Chunks are asked for one after the other, and their latents are not kept."""
    taught = Taught(dry(), filtered(dry(), EQ), "mdct-4x")
    asked: list[int] = []
    provide = taught.renderer.render_many

    def counted(chunks: Sequence[Chunk]) -> list[Rendered]:
        asked.append(len(chunks))
        return provide(chunks)

    learn(example(taught.session, *taught.ids), taught.info, taught.reader, counted, 2, 2)
    assert max(asked) <= 2
    assert len(asked) >= SECONDS // 2


@pytest.mark.slow
def test_latents_of_a_nonlinear_encoder_are_judged_about_their_mean(tmp_path: Path) -> None:
    """Latents of a random Lin-CAE are mostly the same for any two sounds: that explains nothing."""
    options = {**NARROW, "base_channels": 4, "bottleneck_base_channels": 16, "layers_list": (1,) * 5}
    pretrained.save_own(small_model(options), tmp_path / "random", title="Random", linear=False)
    unrelated = Taught(dry(), dry(7), str(tmp_path / "random"))
    assert unrelated.r2 < 0.1


def test_examples_that_cannot_be_used() -> None:
    taught = Taught(dry(), filtered(dry(), EQ), "mdct-4x")
    session, (before, after) = taught.session, taught.ids
    for ids, problem in [
        ((before, before), "the same clip"),
        ((before, []), "needs a clip"),
        (([99], after), "no clip"),
    ]:
        with pytest.raises(EditError, match=problem):
            example(session, *ids)
    with pytest.raises(EditError, match="too few"):
        Taught(dry(1, 0.2), dry(1, 0.2))
    with pytest.raises(EditError, match="too few for 129 weights"):
        Taught(dry(1, 0.8), dry(1, 0.8), past=64, future=64)
    silence = np.zeros(4 * R, np.float32)
    for pair in [(silence, dry(1, 4.0)), (dry(1, 4.0), silence)]:
        with pytest.raises(EditError, match="silent"):
            Taught(*pair)
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        taught.learn(session, cancel)


def test_an_example_of_several_clips() -> None:
    """A clip that was split, with its process on another track."""
    taught = Taught(dry(), filtered(dry(), EQ))
    split = edits.split_clips(taught.session, taught.ids[0], 8 * R)
    taught.ids[0] = [clip.id for clip in split.tracks[0].clips]
    assert len(taught.ids[0]) == 2
    assert taught.learn(split).operator.r2 > 0.99
    joined = arrange.join_clips(split, set(taught.ids[0]))
    taught.ids[0] = [clip.id for clip in joined.tracks[0].clips]
    assert taught.learn(joined).operator.r2 > 0.99


def test_words() -> None:
    assert [figure(value) for value in (0.5, 0.9994, 0.99961, 0.99999, 1.0, -0.01)] == [
        "0.500",
        "0.999",
        "0.99961",
        "0.999990",
        "1.000000",
        "−0.010",
    ]
    found = Taught(dry(), filtered(dry(), EQ), "mdct-4x").found
    assert len(band_texts(found.operator)) == 8
    assert band_texts(found.operator)[0][0] == "0–7"
    assert channels_text(replace(found.operator, reach=2)) == "its own channel and 2 on each side"
    assert channels_text(replace(found.operator, reach=63)) == "all channels"
    assert channels_text(replace(found.operator, reach=0)) == "its own channel"


def test_what_is_measured_shares_no_samples_with_what_was_fitted() -> None:
    """Frames overlap: the first one of each part reaches into the part before, and counts nowhere."""
    past, future, frames = 2, 1, 600
    codec = registry.info("mdct-2x")
    sums = Sums.of(codec, frames, past, future)
    before = noise(1, codec.dim * (past + frames + future)).reshape(1, codec.dim, -1)
    after = before[:, :, past : past + frames].copy()
    after[:, :, :: sums.block] = np.nan
    for first in range(0, frames, 70):  # as they come, in pieces that do not end where parts do
        last = min(first + 70, frames)
        sums.add(first, before[:, :, first : last + past + future], after[:, :, first:last])
    parts = -(-frames // sums.block)
    assert sums.block > 1
    assert int(sums.counts.sum()) == frames - parts
    assert np.isfinite(sums.energies).all()
    assert all(np.isfinite(products.targets).all() for products in sums.products)
