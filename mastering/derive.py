"""Golden columns that are computed from others: small pure functions of one text. Not here: where they are used
(`mastering.survivorship`)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

_FORMS = """
    INC INCORPORATED CORP CORPORATION CO COMPANY LLC LLP LP PLC LTD LIMITED PBC PC PLLC
    GMBH AG KG KGAA OHG UG SE SA SAS SARL SL SLU SPA SRL BV NV AB AS ASA APS OY OYJ KK PTY PTE
"""
#: Legal forms as they are written without punctuation. A name of nothing but legal forms keeps them.
LEGAL_FORMS = frozenset(_FORMS.split())
_DOTTED = re.compile(r"\b(?:[A-Z]\.){2,}(?=\W|$)|\b(?:[A-Z]\.)+[A-Z]\b")
_NOT_WORD = re.compile(r"[^0-9A-Z]+")
#: `& Co.` and the like between a name and its legal form.
_JOINERS = frozenset({"AND", "UND", "ET", "E", "Y"})


def norm_name(text: str) -> str | None:
    """A company name for comparing: capitals, no accents, no punctuation, no legal form at the end.

    "Acme Medical, Inc." and "ACME MEDICAL" both become "ACME MEDICAL"; "A.B.C. GmbH & Co. KG" becomes
    "ABC". None where nothing is left.
    """
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode("ascii").upper()
    joined = _DOTTED.sub(lambda found: found[0].replace(".", ""), plain)
    words = _NOT_WORD.sub(" ", joined.replace("&", " AND ").replace("'", "")).split()
    kept = _without_legal_form(words)
    return " ".join(kept or words) or None


def _without_legal_form(words: list[str]) -> list[str]:
    kept = list(words)
    dropped = False
    while kept and (kept[-1] in LEGAL_FORMS or (dropped and kept[-1] in _JOINERS)):
        dropped = True
        kept.pop()
    return kept


#: Function names of `derived:` in the domain files.
DERIVATIONS: dict[str, Callable[[str], str | None]] = {"norm_name": norm_name}
