"""What plain methods reach on the noisy rows of the US device register: how hard the rows are, whoever matches them.

    python bench/reference.py

Each method adds to the one before: exact company and part number (capitals and punctuation aside) as one key; companies
as they really are (where a row names one); keys left out whose part number is on more than 64 rows; rows without a
key put to the key of the company whose best text is at least half alike (trigrams, TF-IDF) and leads by a tenth. Here:
these methods alone. No rule file and no part of the matcher is read, so that noise can be set by their figures.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.noise import CALIBRATED, HARD, PARTS, POOR, Noise, noisy
from mastering.report import agreement

#: A part number on more rows is a general word; how alike the best text must be; by how much it must lead.
_GENERAL, _ALIKE, _LEAD = 64, 0.5, 0.1
Keys = list[tuple[str, str] | None]


def methods(rows: pa.Table) -> dict[str, Keys]:
    """What each method takes to be the key of each row; rows with one key are one thing."""
    named, number = ([_bare(text) for text in rows[name].to_pylist()] for name in ("mfr_name", "mfr_part_no"))
    truly = [who if name else "" for who, name in zip(rows["company"].to_pylist(), named, strict=True)]
    holders = Counter(number)
    known = [one if holders[one] <= _GENERAL else "" for one in number]
    guarded = _keys(truly, known)
    return {
        "exact": _keys(named, number),
        "companies_known": _keys(truly, number),
        "guarded": guarded,
        "texts": _attached(guarded, truly, rows["description"].to_pylist()),
    }


def counts(rows: pa.Table) -> dict[str, float]:
    """Things, companies and spellings (capitals and punctuation aside) of a company."""
    who = rows["company"].to_pylist()
    named = {(a, b) for a, b in zip(who, map(_bare, rows["mfr_name"].to_pylist()), strict=True) if b}
    things, companies = len(set(rows["entity"].to_pylist())), len(set(who))
    return {"things": things, "companies": companies, "spellings": len(named) / companies}


def _bare(text: str | None) -> str:
    return re.sub("[^0-9A-Z]", "", text.upper()) if text else ""


def _keys(companies: Sequence[str], numbers: Sequence[str]) -> Keys:
    return [(a, b) if a and b else None for a, b in zip(companies, numbers, strict=True)]


def _attached(keys: Keys, companies: Sequence[str], texts: Sequence[str | None]) -> Keys:
    weights = _tfidf([text or "" for text in texts])
    held: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for row, (key, company) in enumerate(zip(keys, companies, strict=True)):
        if company:
            held[company][key is None].append(row)
    found = list(keys)
    for keyed, loose in held.values():
        if keyed:
            for at in range(0, len(loose), 500):
                _attach(found, weights, keyed, loose[at : at + 500])
    return found


def _attach(found: Keys, weights: Any, keyed: Sequence[int], loose: Sequence[int]) -> None:  # noqa: ANN401
    """Put loose rows of a company to the key whose best row is clearly the most alike."""
    numbers: dict[tuple[str, str] | None, int] = {}
    of_row = np.array([numbers.setdefault(found[row], len(numbers)) for row in keyed])
    names = list(numbers)
    best = np.zeros((len(numbers), len(loose)))
    np.maximum.at(best, of_row, (weights[keyed] @ weights[loose].T).toarray())
    ordered = np.sort(best, axis=0)
    lead = ordered[-1] - (ordered[-2] if len(numbers) > 1 else 0)
    for at in np.flatnonzero((ordered[-1] >= _ALIKE) & (lead >= _LEAD)):
        found[loose[int(at)]] = names[int(best[:, at].argmax())]


def _tfidf(texts: Sequence[str]) -> Any:  # noqa: ANN401 - scipy is untyped
    """Unit vectors of the texts' trigrams."""
    from scipy.sparse import csr_array

    places: dict[str, int] = {}
    row, column = [], []
    for number, text in enumerate(texts):
        padded = f" {' '.join(re.findall('[0-9A-Z]+', text.upper()))} "
        for at in range(len(padded) - 2):
            row.append(number)
            column.append(places.setdefault(padded[at : at + 3], len(places)))
    made = csr_array((np.ones(len(row)), (row, column)), shape=(len(texts), len(places)))
    made.sum_duplicates()
    made.data *= np.log(len(texts) / np.bincount(made.indices, minlength=len(places)))[made.indices]
    length = np.sqrt(np.asarray(made.multiply(made).sum(axis=1)).ravel())
    made.data /= np.repeat(np.where(length == 0, 1, length), np.diff(made.indptr))
    return made


def numbered(keys: Keys) -> list[int]:
    """A cluster of each row; a row without a key is alone."""
    places: dict[object, int] = {}
    return [places.setdefault(row if key is None else key, len(places)) for row, key in enumerate(keys)]


def main() -> None:
    """Print the counts and, of each method, pair precision and recall and B-cubed F1."""
    settings: dict[str, Noise] = {"calibrated": CALIBRATED, "hard": HARD, "poor": POOR}
    for size in (50_000, 200_000):
        for name, noise in settings.items():
            for part in PARTS:
                # The tuning part has devices for some 150,000 rows.
                rows = noisy(min(size, 150_000) if part == "tuning" else size, part, noise)
                print(f"{name} {rows.num_rows:,} {part}: {_told(counts(rows))}", flush=True)
                for method, keys in methods(rows).items():
                    one = agreement(numbered(keys), rows["entity"].to_pylist())
                    told = {"precision": one.precision, "recall": one.recall, "bcubed_f1": one.bcubed_f1}
                    print(f"  {method}: {_told(told)}", flush=True)


def _told(figures: dict[str, float]) -> str:
    return "  ".join(f"{key} {value:,.4g}" for key, value in figures.items())


if __name__ == "__main__":
    main()
