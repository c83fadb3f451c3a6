"""Values that several parts of the program must agree on. Nothing of ours is imported."""

from __future__ import annotations

from typing import Final

#: The codec of a new session, unless the preferences name another.
DEFAULT_CODEC: Final = "mdct-2x"
