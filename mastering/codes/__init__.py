"""Code sets with dates, as data beside this file. Here: reading them. Not here: what is done with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import yaml


@dataclass(frozen=True, slots=True)
class NdcForm:
    """Digits of labeler, product and package; in force on `first` <= day < `end` (None: without end)."""

    layout: tuple[int, int, int]
    bare: bool
    first: date | None
    end: date | None

    def in_force(self, on: date) -> bool:
        """Whether the form is in force on that day."""
        return (self.first is None or self.first <= on) and (self.end is None or on < self.end)


@cache
def ndc_forms() -> tuple[NdcForm, ...]:
    """The forms of `ndc_forms.yml`, in its order."""
    path = Path(__file__).parent / "ndc_forms.yml"
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["forms"]
    return tuple(
        NdcForm(
            (one["layout"][0], one["layout"][1], one["layout"][2]),
            bool(one.get("bare", False)),
            one.get("from"),
            one.get("to"),
        )
        for one in entries
    )
