"""`Plan`: what is to be generated, and the moments it is made of. Not here: generating (`model.world`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

#: A Monday; a month from here sees February end and the clocks go forward on 8 March.
FIRST_DAY = date(2026, 2, 23)
MAX_FACILITIES, MAX_DAYS = 998, 999


@dataclass(frozen=True, slots=True)
class Plan:
    """A network of `facilities` hospitals over `days` days from `first_day`, which is a Monday.

    `until`: only what the systems had written by then (UTC; the end of the last drop when None). `without`: kinds of
    defects to leave out. `hourly`: files of receipts and movements each hour, not each night.
    """

    seed: int = 7
    facilities: int = 3
    days: int = 30
    until: datetime | None = None
    without: frozenset[str] = frozenset()
    hourly: bool = False
    first_day: date = FIRST_DAY

    def __post_init__(self) -> None:
        """Raises ValueError for sizes that keys cannot number, and for a first day that is no Monday."""
        if self.first_day.weekday():
            raise ValueError(f"the first day must be a Monday, {self.first_day} is none")
        if not 1 <= self.facilities <= MAX_FACILITIES or not 1 <= self.days <= MAX_DAYS:
            raise ValueError(f"1 to {MAX_FACILITIES} facilities and 1 to {MAX_DAYS} days, please")

    @property
    def end(self) -> datetime:
        """The moment up to which everything is written, UTC. Late files come two days after the last day."""
        last = datetime.combine(self.first_day, datetime.min.time(), UTC) + timedelta(days=self.days + 4)
        return min(self.until, last) if self.until else last

    @property
    def horizon(self) -> int:
        """Days that have begun anywhere in the network by `end`, and are part of the plan."""
        begun = (self.end.date() - self.first_day).days + 1
        return max(0, min(self.days, begun))
