"""SQL that is made of contracts, promises and rules is the same text in every process.

What a table was built from is remembered as a hash of such text: were it to differ from process to process (as the
order of a Python set does), every sync would compute everything anew.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAKE = """
from pathlib import Path
from assets.session import SyncSession
from assets.settings import load_settings
from expectations.gate import checks_of
from expectations.promise import changed_keys_sql
from mastering.schema import names_of
from store.outline import build_order, dictionary_statements

session = SyncSession(load_settings("sample", Path("nowhere")), pulls=False)
for shape in sorted(session.intake.shapes):
    print(session.intake.intake_sql(shape))
for domain in session.domains.values():
    print(domain.model_dump_json(by_alias=True), names_of(domain))
for promise in session.promises.values():
    print(checks_of(promise))
    if promise.build.mode == "incremental":
        print(changed_keys_sql(promise))
print(build_order(session.promises), dictionary_statements(session.promises))
"""


def made(seed: str) -> str:
    env = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run([sys.executable, "-c", MAKE], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_process_makes_the_same_sql() -> None:
    first, second = made("1"), made("2")
    assert 'FROM "staged".' in first or "FROM staged." in first
    assert first == second
