"""The frame of the HTML pages: head, style, and the policy of what a browser may load: nothing from elsewhere."""

from __future__ import annotations

import html

from lincae_studio import __version__
from lincae_studio.evaluation.style import STYLE


def document(title: str, body: str, policy: str, script: str = "") -> str:
    """A whole page.

    Args:
        title: as plain text; `body`: as HTML.
        policy: the Content-Security-Policy.
        script: inline JavaScript, which the policy has to allow.
    """
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="LinCAE Studio {text(__version__)}">
<title>{text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{body}
</main>
{f"<script>{script}</script>" if script else ""}
</body>
</html>
"""


def text(plain: str) -> str:
    """Text as HTML, also in attributes. Characters that do not print, such as marks of direction, are escaped."""
    return html.escape("".join(c if c.isprintable() else ascii(c)[1:-1] for c in plain))
