"""Values shared by several packages. Imports nothing of this one."""

from __future__ import annotations

from typing import Final

#: The codec of a new session, unless the preferences name another.
DEFAULT_CODEC: Final = "mdct-2x"
