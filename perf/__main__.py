"""`python -m perf`: all measurements, one part after another, into results.json and the tables of README.md.

    make perf
    .venv/bin/python -m perf --quick --parts epochs scheduler

Every part runs in a process of its own. --quick only checks that they run: it prints its tables and stores none.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.files import write_atomically
from perf.machine import describe, in_own_process
from perf.parts import PARTS, measure
from perf.tables import Sizes

HERE = Path(__file__).resolve().parent
PAGES = {"coverage": "../docs/statistics.md", "exports": "../docs/deploy.md"}
"""Pages other than README.md, by the part whose tables they hold."""
BEGIN, END = "<!-- measurements -->", "<!-- end of the measurements -->"


def run(part: str, sizes: Sizes) -> dict[str, Any]:
    """Runs one part and returns its entry in results.json: machine, time, load, duration and tables."""
    load, start = os.getloadavg()[0], time.perf_counter()
    tables = in_own_process(measure, part, sizes)
    for table in tables:
        print(table.markdown(), flush=True)
    return {
        "machine": describe(),
        "measured": datetime.now(UTC).isoformat(timespec="minutes"),
        "load_before": round(load, 2),
        "seconds": round(time.perf_counter() - start),
        "tables": [table.json() for table in tables],
        "markdown": [table.markdown() for table in tables],
    }


def write(results: dict[str, Any], folder: Path) -> None:
    """Writes results.json, and the tables of all parts between the markers of their pages."""
    write_atomically(folder / "results.json", json.dumps(results, indent=1) + "\n")
    for page in ("README.md", *PAGES.values()):
        own = {part: result for part, result in results.items() if PAGES.get(part.split()[0], "README.md") == page}
        if own:
            _insert(_sections(own), folder / page)


def _insert(sections: str, page: Path) -> None:
    before, rest = page.read_text().split(BEGIN)
    write_atomically(page, f"{before}{BEGIN}\n\n{sections}\n{END}{rest.split(END)[1]}")


def _sections(results: dict[str, Any]) -> str:
    sections = []
    for part, result in sorted(results.items(), key=lambda named: PARTS.index(named[0].split()[0])):
        machine = ", ".join(f"{name} {value}" for name, value in result["machine"].items())
        introduction = (
            f"Measured {result['measured']}, in {result['seconds']} s, at a load of {result['load_before']} before it, on: "
            f"{machine}."
        )
        sections += [f"## {part}\n", f"{introduction}\n", *result["markdown"]]
    return "\n".join(sections)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m perf", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--quick", action="store_true", help="small sizes; nothing is written")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the epochs train")
    options = parser.parse_args()
    results_path = HERE / "results.json"
    results = json.loads(results_path.read_text()) if results_path.is_file() else {}
    for part in options.parts:
        name = part if options.device == "cpu" else f"{part} on {options.device}"
        results[name] = run(part, Sizes(quick=options.quick, device=options.device))
        if not options.quick:
            write(results, HERE)


if __name__ == "__main__":
    main()
