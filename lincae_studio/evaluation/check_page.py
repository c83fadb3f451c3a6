"""The report of a check of stems against their master, as one HTML page that needs nothing else. Any thread.

Names come from others: everything that is not written here is escaped, and the page's own policy allows no connections
and no script.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from lincae_studio.engine.analysis.check_words import KINDS, NameOf, amount_text, sentence, stem_of, summary
from lincae_studio.engine.analysis.findings import CheckResult
from lincae_studio.evaluation import pictures
from lincae_studio.evaluation.frame import document, text as _text
from lincae_studio.session.levels import format_db
from lincae_studio.session.model import Session
from lincae_studio.session.times import format_time

#: Range of the heatmap, in dB relative to the master.
_RANGE_DB = (-80.0, 0.0)


def check_page(result: CheckResult, session: Session, master: str, name_of: NameOf) -> str:
    """The page. `master`: the name of the master."""
    title = f"Stems of {master}"
    body = "\n".join(_parts(result, session, title, name_of))
    return document(title, body, "default-src 'none'; img-src data:; style-src 'unsafe-inline'")


def _parts(result: CheckResult, session: Session, title: str, name_of: NameOf) -> Iterator[str]:
    yield f"<h1>{_text(title)}</h1>"
    yield f"<p>{_text(summary(result, session))} Compared in the latents of {_text(result.codec)}.</p>"
    for note in result.notes:
        yield f"<p>Note: {_text(note)}.</p>"
    heads: tuple[str, ...]
    if result.findings:
        yield "<h2>Differences</h2>"
        heads = ("what", "stem", "kind", "from", "to", "amount")
        yield f'<div class="wide"><table><thead><tr>{_cells("th", heads)}</tr></thead><tbody>'
        for finding in result.findings:
            times = [format_time(at / session.rate, 1) for at in (finding.start, finding.end)]
            words, stem = sentence(finding, session, name_of), stem_of(finding, name_of) or "none"
            kind = KINDS[finding.kind]
            yield f"<tr>{_cells('td', (words, stem, kind, *times, amount_text(finding)))}</tr>"
        yield "</tbody></table></div>"
    levels = [pictures.BOTTOM_DB if level is None else level for level in result.residual_db]
    yield "<h2>Residual</h2>"
    yield "<p>The master less the sum of the aligned stems, in dB relative to the master.</p>"
    yield pictures.chart([levels], session.length / session.rate)
    yield "<p>By latent channels, low ones at the bottom; dark is −80 dB or less, bright 0 dB.</p>"
    picture = pictures.level_map(np.asarray(result.bands_db).T, *_RANGE_DB)
    yield f'<figure><img class="latents" src="{picture}" alt="Residual by latent channel and time"></figure>'
    yield "<h2>Stems</h2>"
    heads = ("stem", "level in the master", "moved by")
    yield f'<div class="wide"><table><thead><tr>{_cells("th", heads)}</tr></thead><tbody>'
    for track_id, gains in result.gains.items():
        level = format_db(float(np.sqrt(np.mean(np.square(gains)))))
        lag = f"{result.lags.get(track_id, 0):+d} samples".replace("-", "−") if result.lags.get(track_id) else ""
        yield f"<tr>{_cells('td', (name_of(track_id), level, lag))}</tr>"
    yield "</tbody></table></div>"


def _cells(tag: str, texts: tuple[str, ...]) -> str:
    return "".join(f"<{tag}>{_text(text)}</{tag}>" for text in texts)
