"""Identifiers that a made-up network needs, with valid check digits. Here: making them.

Not here: checking or normalising them (that is mastering's work).
"""

from __future__ import annotations


def with_gs1_check_digit(digits: str) -> str:
    """The GS1 key (GTIN, GLN, SSCC) of those digits: weights 3, 1 from the right (GS1 General Specifications 7.9)."""
    total = sum(int(d) * (3 if n % 2 == 0 else 1) for n, d in enumerate(reversed(digits)))
    return f"{digits}{-total % 10}"


def gtin14(indicator: int, company: int, reference: int) -> str:
    """GTIN-14 of a trade item: packaging level, 7-digit company prefix, 5-digit item reference."""
    return with_gs1_check_digit(f"{indicator}{company:07d}{reference:05d}")


def gln(company: int, reference: int) -> str:
    """GLN of a party or place."""
    return with_gs1_check_digit(f"{company:07d}{reference:05d}")


def sscc(company: int, serial: int) -> str:
    """SSCC of a logistic unit."""
    return with_gs1_check_digit(f"0{company:07d}{serial:09d}")


def duns(number: int) -> str:
    """A D-U-N-S number: nine digits, no check digit."""
    return f"{number:09d}"
