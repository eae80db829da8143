"""Company names for comparing."""

from __future__ import annotations

import pytest

from mastering.derive import norm_name


@pytest.mark.parametrize(
    ("text", "norm"),
    [
        ("Acme Medical, Inc.", "ACME MEDICAL"),
        ("ACME MEDICAL", "ACME MEDICAL"),
        ("A.B.C. GmbH & Co. KG", "ABC"),
        ("Müller & Söhne AG", "MULLER AND SOHNE"),
        ("B. Braun Melsungen AG", "B BRAUN MELSUNGEN"),
        ("Johnson & Johnson", "JOHNSON AND JOHNSON"),
        ("Société Générale S.A.", "SOCIETE GENERALE"),
        ("O'Neil Supply Co., Ltd.", "ONEIL SUPPLY"),
        ("Limited Company", "LIMITED COMPANY"),
        ("Companion Care", "COMPANION CARE"),
        ("株式会社", None),
        ("...", None),
    ],
)
def test_norm_name(text: str, norm: str | None) -> None:
    assert norm_name(text) == norm
