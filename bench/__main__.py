"""The command line of the bench.

    python -m pip install ".[bench]"
    python -m bench [SUITE ...] [--quick] [--check]

Run it on a machine that does nothing else.
"""

import argparse
import importlib
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import arrays, cache_line, check, machine, pictures, report, targets
from bench.settings import Settings
from bench.suites import SUITES

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Measure, print, and write or compare; return the exit status."""
    arguments = parsed()
    about = machine.about()
    name = machine.key(about, arguments.quick)
    path = arguments.output / f"{name}.json"
    results: dict[str, Any] = {"about": about, "suites": {}}
    report.say(report.heading(about))
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        rounds = arguments.rounds or (1 if arguments.quick else 7)
        settings = Settings(
            Path(scratch), about["device"]["platform"], rounds, arguments.quick
        )
        arrays.write_digits(settings.scratch)
        arrays.write_fashion(settings.scratch, arguments.data)
        for suite in SUITES:
            if suite not in (arguments.suites or SUITES):
                continue
            results["suites"][suite] = measured(suite, settings)
            if not arguments.check:
                # Now, so that what comes later cannot lose it.
                arguments.output.mkdir(parents=True, exist_ok=True)
                report.write(path, report.merged(path, results), {})
    if arguments.check:
        kept = arguments.output / f"{machine.key(about)}.json"
        return check.main(kept, results)
    results = report.merged(path, results)
    report.write(path, results, pictures.draw(results, path))
    report.say_tables([targets.table(results)])
    report.say(f"Written: {path}, {path.with_suffix('.md').name} and the pictures.")
    return 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure jaxnet_mini and its peers on the same work.",
    )
    parser.add_argument(
        "suites",
        nargs="*",
        metavar="SUITE",
        help=f"which to run, all by default: {', '.join(SUITES)}",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="less of everything, in three minutes",
    )
    parser.add_argument(
        "--rounds", type=int, help="turns of each: 7, or 1 with --quick"
    )
    parser.add_argument("--data", metavar="DIR", help="where Fashion-MNIST lies")
    parser.add_argument(
        "--output", metavar="DIR", type=Path, default=RESULTS, help="where results go"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="compare with the results kept there, write nothing, and exit with 1 "
        f"where a ratio is worse by over {100 * check.TOLERANCE:.0f} %% or missing",
    )
    arguments = parser.parse_args()
    for name in arguments.suites:
        if name not in SUITES:
            parser.error(f"there is no suite {name!r}: choose from {', '.join(SUITES)}")
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error(f"--rounds must be at least 1, not {arguments.rounds}")
    return arguments


def measured(name: str, settings: Settings) -> dict[str, Any]:
    """Run a suite, print its tables and return its results."""
    report.say(f"Suite {name} ...")
    since, line = time.perf_counter(), cache_line.nanoseconds()
    suite = importlib.import_module(f"bench.suites.{name}")
    result: dict[str, Any] = suite.run(settings)
    seconds = round(time.perf_counter() - since)
    result["taken"] = {
        "when": time.strftime("%Y-%m-%d %H:%M"),
        "seconds": seconds,
        "rounds": settings.rounds,
        "quick": settings.quick,
        "cache_line": [line, cache_line.nanoseconds()],
    }
    report.say(f"Suite {name} took {seconds} s.")
    report.say_tables(result["tables"])
    return result


if __name__ == "__main__":
    raise SystemExit(main())
