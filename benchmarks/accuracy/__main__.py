"""All sets, all folds, all methods: train, convert, judge what was held out, and write results.json and table.md.

    python -m benchmarks.accuracy DATA --work FOLDER [--methods house …] [--sets magnetic_tile …]

DATA holds the sets `magnetic_tile` (manifest.csv with folds) and `cookies` (train/ and test/). What FOLDER has already
is not repeated, so the run may be interrupted; a training goes on where it stood. Every figure is of the int8 bundle,
judged by the board's own code, on images that neither trained nor chose anything; masks only measure.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.accuracy.sets import SETS, prepare
from benchmarks.accuracy.summary import render_table, summarise
from benchmarks.accuracy.trials import METHODS, Trial

HERE = Path(__file__).parent


def main() -> int:
    """Runs what is missing, then sums up what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--folds", nargs="+", type=int, help="only these folds")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of results.json and table.md")
    arguments = parser.parse_args()
    for method in arguments.methods:
        for name in arguments.sets:
            data, folds = prepare(name, arguments.data, arguments.work)
            for fold in folds:
                if arguments.folds is None or fold in arguments.folds:
                    METHODS[method].run(Trial(name, fold, method, data, arguments.work))
    results = summarise(arguments.work)
    (arguments.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (arguments.out / "table.md").write_text(render_table(results))
    print(render_table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
