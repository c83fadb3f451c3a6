"""Style and script of the report's page. Constants only."""

from __future__ import annotations

#: Colours of the codecs, on light and on dark ground; more codecs begin from the first again.
_COLORS = (
    ("#1f6fd1", "#6cb2ff"),
    ("#c2410c", "#ff9d5c"),
    ("#15803d", "#5fd08a"),
    ("#8b2fc9", "#cf9bff"),
    ("#b0125b", "#ff86b8"),
    ("#0f766e", "#4fd1c5"),
    ("#8a6d00", "#e6c84f"),
    ("#555d6b", "#b5bcc8"),
)

#: Most codecs that have a colour.
_MOST = 32

_LIGHT = "".join(f"--c{number}:{light};" for number, (light, _) in enumerate(_COLORS))
_DARK = "".join(f"--c{number}:{dark};" for number, (_, dark) in enumerate(_COLORS))
_SERIES = "".join(f".s{number}{{--c:var(--c{number % len(_COLORS)})}}" for number in range(_MOST))

STYLE = f"""
:root{{color-scheme:light dark;--ground:#fff;--text:#1b1e24;--dim:#5a6270;--line:#d9dde4;--panel:#f4f6f9;{_LIGHT}}}
@media (prefers-color-scheme:dark){{
:root{{--ground:#15171c;--text:#e6e8ec;--dim:#9aa3b2;--line:#343944;--panel:#1e2128;{_DARK}}}}}
{_SERIES}
body{{margin:0;background:var(--ground);color:var(--text);font:15px/1.5 system-ui,sans-serif}}
main{{max-width:1240px;margin:0 auto;padding:24px 24px 48px}}
h1{{font-size:24px;line-height:1.25;margin:0 0 8px;overflow-wrap:anywhere}}
h2{{font-size:19px;margin:36px 0 8px;border-bottom:1px solid var(--line);padding-bottom:4px}}
h3{{font-size:16px;margin:28px 0 4px}}
h4{{font-size:14px;font-weight:600;margin:16px 0 4px}}
p{{margin:4px 0 10px;max-width:900px;overflow-wrap:anywhere}}
.wide{{overflow-x:auto}}
table{{border-collapse:collapse;font-size:13.5px;width:100%}}
th,td{{padding:4px 14px 4px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}}
th{{font-weight:600}}
td{{font-variant-numeric:tabular-nums}}
tbody th{{font-weight:400}}
thead th,th[scope=row]{{overflow-wrap:anywhere;min-width:90px}}
.figures td:not(:last-child),.figures tbody th[scope=row]{{white-space:nowrap}}
.figures td:last-child{{color:var(--dim)}}
.section th{{font-weight:600;padding-top:16px}}
.failed td{{color:#b3261e;color:light-dark(#b3261e,#ff8a80)}}
small{{color:var(--dim)}}
.key{{display:inline-block;width:10px;height:10px;border-radius:2px;background:var(--c);margin-right:6px}}
.legend{{display:flex;flex-wrap:wrap;gap:2px 18px;font-size:13px;overflow-wrap:anywhere}}
svg{{display:block;width:100%;height:auto;margin:6px 0}}
svg text{{fill:var(--dim);font:11px system-ui,sans-serif}}
svg .grid{{stroke:var(--line)}}
svg polyline{{fill:none;stroke:var(--c);stroke-width:1.6}}
svg rect{{fill:var(--c)}}
.cards{{display:grid;grid-template-columns:repeat(auto-fill,minmax(260px,1fr));gap:12px}}
figure{{margin:0;padding:10px;background:var(--panel);border-radius:6px;break-inside:avoid;min-width:0}}
figcaption{{font-size:13px;overflow-wrap:anywhere;min-height:40px}}
figure img{{display:block;width:100%;height:110px;margin:4px 0;border-radius:3px;background:#0b0b14}}
img.latents{{image-rendering:pixelated}}
audio{{display:block;width:100%;height:36px}}
pre{{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--panel);padding:10px;border-radius:6px;font-size:13px}}
li{{overflow-wrap:anywhere}}
@media print{{audio{{display:none}}main{{max-width:none;padding:0}}body{{font-size:11px}}
.wide{{overflow:visible}}table{{font-size:9px}}th,td{{padding-right:7px}}
thead th,th[scope=row]{{min-width:0}}.cards{{grid-template-columns:repeat(3,1fr)}}tr,svg{{break-inside:avoid}}
h2,h3,h4{{break-after:avoid}}*{{print-color-adjust:exact;-webkit-print-color-adjust:exact}}}}
"""

#: A sound that is started takes over the position of the one that was playing.
SCRIPT = """
document.addEventListener("play", event => {
  for (const sound of document.querySelectorAll("audio")) {
    if (sound !== event.target && !sound.paused) {
      event.target.currentTime = sound.currentTime;
      sound.pause();
    }
  }
}, true);
"""
