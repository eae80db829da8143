"""The typed errors of reading a source. Here: what went wrong, where, and whether a retry helps.

Not here: rejected rows (`connectors.interface.Reject`): a bad row is data, not an exception.
"""

from __future__ import annotations


class ConcordError(Exception):
    """Base of every error Concord raises on purpose.

    Carries structured fields, so that logs, `ops` tables and alerts need not parse the text:
    `feed` (source.feed), `delivery` (delivery id or source name), `location` (file, line, segment
    or table), `key` (offending key), `retryable`, and `hint` (what the reader should do next).
    """

    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        feed: str | None = None,
        delivery: str | None = None,
        location: str | None = None,
        key: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.feed = feed
        self.delivery = delivery
        self.location = location
        self.key = key
        self.hint = hint

    def fields(self) -> dict[str, str | bool | None]:
        """The structured fields, for an `ops` row or an alert."""
        return {
            "error": type(self).__name__,
            "message": self.message,
            "feed": self.feed,
            "delivery": self.delivery,
            "location": self.location,
            "key": self.key,
            "retryable": self.retryable,
            "hint": self.hint,
        }

    def __str__(self) -> str:
        where = ", ".join(
            f"{name} {value}"
            for name, value in (
                ("feed", self.feed),
                ("delivery", self.delivery),
                ("at", self.location),
                ("key", self.key),
            )
            if value
        )
        text = f"{self.message} ({where})" if where else self.message
        return f"{text}. {self.hint}" if self.hint else text


class TransientSourceError(ConcordError):
    """The source could not be read now (network, lock, time-out): a retry may help."""

    retryable = True


class PermanentSourceError(ConcordError):
    """The source cannot be read as configured (missing table, bad credentials): a retry cannot help."""


class ContractViolation(ConcordError):
    """What arrived breaks its contract as a whole: the delivery is quarantined, the others go on."""


class ConfigurationError(ConcordError):
    """A YAML file of ours (feed, network, domain, table) is wrong; `location` is file:line:column."""
