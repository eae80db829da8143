"""How fast and in how much memory `concord sample` makes a network.

Each size runs in a process of its own, so that its peak memory is its own. Figures: fact rows of the truth per second
(every one of them is at least one line of an extract), processor seconds of all threads (what other work on the machine
disturbs least), bytes written, peak resident memory of the process.

    python bench/sample.py                      3 x 30, 10 x 90 and 100 x 30
    python bench/sample.py 10x30 100x90         hospitals x days
"""

from __future__ import annotations

import argparse
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
SIZES = ("3x30", "10x90", "100x30")


def measure(facilities: int, days: int, out: Path) -> dict[str, float]:
    """Makes one network in this process."""
    from sample_network.build import build
    from sample_network.model.plan import Plan

    start, worked = time.perf_counter(), time.process_time()
    built = build(out, Plan(facilities=facilities, days=days))
    seconds, processor = time.perf_counter() - start, time.process_time() - worked
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return {
        "facts": built.facts,
        "files": built.files,
        "seconds": seconds,
        "processor_seconds": processor,
        "mb": size / 1e6,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", metavar="HOSPITALSxDAYS", help=f"default: {' '.join(SIZES)}")
    sizes = parser.parse_args().sizes or SIZES
    heads = ("size", "fact rows", "files", "seconds", "cpu s", "rows/s", "rows/cpu s", "MB", "peak MB")
    print(" ".join(f"{head:>10}" for head in heads))
    for size in sizes:
        m = in_a_process(size)
        rates = (m["facts"] / m["seconds"], m["facts"] / m["processor_seconds"])
        counts = " ".join(f"{n:>10,.0f}" for n in (m["facts"], m["files"]))
        times = " ".join(f"{n:>10,.1f}" for n in (m["seconds"], m["processor_seconds"]))
        rest = " ".join(f"{n:>10,.0f}" for n in (*rates, m["mb"], m["peak_mb"]))
        print(f"{size:>10} {counts} {times} {rest}", flush=True)


if __name__ == "__main__":
    main()
