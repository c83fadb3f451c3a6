"""The session whose mix is what a check leaves of the master: the master, less its aligned stems. A pure function."""

from __future__ import annotations

from collections.abc import Sequence

from lincae_studio.engine.analysis.findings import CheckResult
from lincae_studio.engine.analysis.grams import plain
from lincae_studio.engine.analysis.matching import pan_of
from lincae_studio.session import edits
from lincae_studio.session.model import MAX_GAIN, Session


def residual_session(session: Session, master: int, stems: Sequence[int], result: CheckResult) -> Session:
    """The master with the stems subtracted, where and as loud as they are in it. Stems it does not have are left out.

    By linearity, its latents are the residual: *Make Residual Track* decodes them.
    """
    missing = {
        track_id
        for finding in result.findings
        if finding.kind == "missing" and finding.end - finding.start >= _MOST * session.length
        for track_id in finding.tracks
    }
    left = plain(session, master, stems, result.lags)
    for track_id in stems:
        gains = result.gains[track_id]
        gain, pan = sum(gains) / len(gains), 0.0
        if len(gains) == 2 and gains[0] != gains[1] and min(gains) >= 0.0:
            stereo = any(session.media_of(clip.media).channels == 2 for clip in session.track(track_id).clips)
            gain, pan = pan_of((gains[0], gains[1]), stereo)
        left = edits.set_track_gain(left, track_id, min(abs(gain), MAX_GAIN))
        left = edits.set_track_pan(left, track_id, min(max(pan, -1.0), 1.0))
        left = edits.set_track_subtract(left, track_id, gain >= 0.0)
        left = edits.set_track_mute(left, track_id, track_id in missing)
    return left


#: A stem that is missing for this share of the session is not in the master at all.
_MOST = 0.9
