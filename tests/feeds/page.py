"""Reads a documentation page that a test follows: its files, its commands, its expected results.

A fenced block says in its first line what it is: ```yaml file=PATH (a file to write), ```console (commands after `$`),
```csv result (what the command before it prints). Other blocks are for the reader only.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^```(?P<language>\w+)(?:[ ]+(?P<info>[^\n]*))?\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True, slots=True)
class Step:
    """One block of the page, in the page's order. `kind`: file, command or result.

    `name`: path of a file, else empty. `text`: content of a file or result. `words`: a command split as a shell does.
    """

    kind: str
    name: str = ""
    text: str = ""
    words: tuple[str, ...] = ()


def steps(page: Path) -> list[Step]:
    """What to do, in order. Raises ValueError for a console line that is no command: the page would promise output."""
    found: list[Step] = []
    for block in _FENCE.finditer(page.read_text(encoding="utf-8")):
        info = block["info"] or ""
        if info.startswith("file="):
            found.append(Step("file", name=info.removeprefix("file="), text=block["text"]))
        elif info == "result":
            found.append(Step("result", text=block["text"]))
        elif block["language"] == "console":
            found += [_command(line) for line in block["text"].splitlines()]
    return found


def _command(line: str) -> Step:
    if not line.startswith("$ "):
        raise ValueError(f"not a command: {line!r}")
    return Step("command", words=tuple(shlex.split(line[2:])))
