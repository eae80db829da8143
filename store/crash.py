"""Named crash points: where a test may kill the process to prove that a rerun converges.

Here: the registry and the hook. Not here: any recovery; nothing in the project catches what happens here.
"""

from __future__ import annotations

import os
import signal

#: Every registered point, in order of registration; a test enumerates them.
CRASH_POINTS: list[str] = []

_VARIABLE = "CONCORD_CRASH_AT"


def register(*names: str) -> None:
    """Make crash points known; a module calls this once, at import, for the points it will pass."""
    CRASH_POINTS.extend(name for name in names if name not in CRASH_POINTS)


def crash_point(name: str) -> None:
    """Kill this process (SIGKILL: no clean-up runs) when CONCORD_CRASH_AT names this point.

    Raises KeyError for a name that was never registered, so that no point escapes the test's list.
    """
    if name not in CRASH_POINTS:
        raise KeyError(f"crash point {name} is not registered")
    if os.environ.get(_VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)
