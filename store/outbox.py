"""The alert outbox on its way out: open alerts that nobody was told of are posted to a webhook.

Here: the request, at least once, with an idempotency key. Not here: raising and resolving alerts (`store.control`),
deciding what is one (`assets.alerts`). The URL may hold a token: it is never shown, logged or stored.
"""

from __future__ import annotations

import hashlib
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.errors import ConfigurationError
from store.control import Control

TIMEOUT_SECONDS = 5
_CREDENTIALS = re.compile(r"(\w://)[^/\s@]+@")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would turn the POST into a GET, and count as sent what nobody received."""

    def redirect_request(self, *_: object) -> None:
        """Nowhere."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What one round did. `problem`: why it stopped before the end, None where all went out."""

    sent: int
    waiting: int
    problem: str | None = None


def send_alerts(control: Control, url: str) -> Sent:
    """POST every open alert that was not sent, oldest first, and note which went out.

    At least once: an alert counts as sent after a 2xx answer, so one whose answer was lost goes out again, under the
    same `Idempotency-Key`. The first failure ends the round; the next sync tries again. Never raises for what the
    other side does. Raises ConfigurationError for a URL that is none.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ConfigurationError("CONCORD_ALERT_URL is no http or https URL", hint="Correct it, or unset it")
    waiting = [alert for alert in control.open_alerts() if alert["sent_ts"] is None]
    for number, alert in enumerate(waiting):
        problem = _post(url, alert)
        if problem is not None:
            return Sent(number, len(waiting) - number, problem)
        control.mark_alert_sent(alert["id"])
    return Sent(len(waiting), 0)


def idempotency_key(alert: Mapping[str, Any]) -> str:
    """The same for every attempt to send one alert; another when the same problem comes back after it was solved."""
    return hashlib.sha256(f"{alert['fingerprint']}|{alert['opened_ts'].isoformat()}".encode()).hexdigest()[:32]


def payload(alert: Mapping[str, Any]) -> dict[str, Any]:
    """What the other side gets. Credentials within URLs are masked wherever a message quotes one."""
    return {
        "key": idempotency_key(alert),
        "problem": alert["fingerprint"],
        "severity": alert["severity"],
        "owner": alert["owner"],
        "subject": masked(alert["subject"]),
        "detail": {name: masked(value) for name, value in alert["body"].items()},
        "opened_at": alert["opened_ts"].isoformat(),
        "occurrences": alert["occurrences"],
    }


def masked(value: object) -> object:
    """A text without the credentials of URLs in it; anything else as it is."""
    return _CREDENTIALS.sub(r"\1***@", value) if isinstance(value, str) else value


def _post(url: str, alert: Mapping[str, Any]) -> str | None:
    """Why the alert did not go out, None where it did."""
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        url,
        json.dumps(payload(alert)).encode(),
        {"Content-Type": "application/json", "Idempotency-Key": idempotency_key(alert), "User-Agent": "concord"},
        method="POST",
    )
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        return f"the webhook answered {error.code}"
    except (OSError, ValueError) as error:
        return f"the webhook cannot be reached ({type(getattr(error, 'reason', error)).__name__})"
