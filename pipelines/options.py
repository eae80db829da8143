"""What the groups of `concord` share: consoles, options, the form of examples. Not here: commands."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

#: Columns of a line where the output is no terminal (a log, a pipe).
PIPE_WIDTH = 120

# Keys and reasons are shown as they are: of `warehouse:100: moved` rich would else make a picture.
out = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH, emoji=False)
err = Console(stderr=True, emoji=False)


def examples(*commands: str) -> str:
    """The end of a help text: commands that work as they stand."""
    return "\n\n".join(["Examples:", *(f"  {command}" for command in commands)])


NetworkOption = Annotated[
    str | None, typer.Option("--network", "-n", help="Network name or file. Default: CONCORD_NETWORK, else sample.")
]
HomeOption = Annotated[
    Path | None, typer.Option("--home", help="Folder of all state. Default: CONCORD_HOME, else ./var.")
]
