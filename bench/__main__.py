"""``python -m bench [--quick]``: measure, print the table, write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import sys

from bench.measure import QUICK, Plan, measure
from bench.page import with_sections_of
from bench.processes import DEMO_PYTHON, ROOT
from bench.report import markdown, text


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the Retell line.")
    parser.add_argument("--quick", action="store_true", help="about a minute; writes no file")
    quick: bool = parser.parse_args().quick
    if not DEMO_PYTHON.exists():
        print("bench: the demo's environment is missing: run `make bench` once.", file=sys.stderr)
        return 1
    plan = QUICK if quick else Plan()
    results = measure(plan, lambda what: print(f"bench: {what} ...", file=sys.stderr))
    print(text(results))
    if not quick:
        target = ROOT / "docs" / "benchmarks.md"
        page = markdown(results, plan, "make bench")
        if target.exists():
            page = with_sections_of(page, target.read_text(encoding="utf-8"))
        target.write_text(page, encoding="utf-8")
        print(f"written to {target.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
