"""How fast and in how much memory `concord sample` makes a network.

Each size runs in a process of its own, so that its peak memory is its own. Figures: fact rows of the truth per second
(every one of them is at least one line of an extract), bytes written, peak resident memory of the process.

    python bench/sample.py                      3 x 30, 10 x 30 and 100 x 30
    python bench/sample.py 10x90 100x90         hospitals x days
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SIZES = ("3x30", "10x30", "100x30")


def measure(facilities: int, days: int, out: Path) -> dict[str, float]:
    """Makes one network in this process."""
    from sample_network.build import build
    from sample_network.model.plan import Plan

    start = time.perf_counter()
    built = build(out, Plan(facilities=facilities, days=days))
    seconds = time.perf_counter() - start
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"facts": built.facts, "files": built.files, "seconds": seconds, "mb": size / 1e6, "peak_mb": peak}


def in_a_process(size: str) -> dict[str, float]:
    """The same in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--one", size, str(Path(folder) / "net")]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
        shutil.rmtree(Path(folder) / "net", ignore_errors=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Prints a line per size."""
    if sys.argv[1:2] == ["--one"]:
        facilities, days = (int(n) for n in sys.argv[2].split("x"))
        print(json.dumps(measure(facilities, days, Path(sys.argv[3]))))
        return
    print(f"{'size':>8} {'fact rows':>12} {'files':>8} {'seconds':>8} {'rows/s':>10} {'MB':>8} {'peak MB':>8}")
    for size in sys.argv[1:] or SIZES:
        m = in_a_process(size)
        print(
            f"{size:>8} {m['facts']:>12,.0f} {m['files']:>8,.0f} {m['seconds']:>8.1f} "
            f"{m['facts'] / m['seconds']:>10,.0f} {m['mb']:>8,.0f} {m['peak_mb']:>8,.0f}"
        )


if __name__ == "__main__":
    main()
