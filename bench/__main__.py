"""The command line of the bench.

    python -m pip install ".[bench]"
    python -m bench [SUITE ...] [--quick] [--check]

Run it on a machine that does nothing else.
"""

import argparse
import dataclasses
import importlib
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import arrays, check, machine, pictures, report, targets
from bench.settings import Settings
from bench.suites import SUITES

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Measure, print, and write or compare; return the exit status."""
    arguments = parsed()
    about = machine.about()
    device = about["device"]["platform"]
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        settings = Settings(Path(scratch), device, quick=arguments.quick)
        if arguments.rounds or arguments.quick:
            rounds = arguments.rounds or 3
            settings = dataclasses.replace(settings, rounds=rounds)
        report.say(report.heading(about))
        suites = measured(arguments.suites, settings, arguments.data)
    results = {"about": about, "suites": suites}
    name = machine.key(about)
    if arguments.check:
        return check.main(arguments.output / f"{name}.json", results)
    path = arguments.output / f"{machine.key(about, arguments.quick)}.json"
    results = report.merged(path, results)
    report.say_tables([targets.table(results)])
    arguments.output.mkdir(parents=True, exist_ok=True)
    drawn = pictures.draw(results, path)
    report.write(path, results, drawn)
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
        "--quick", action="store_true", help="less of everything, within two minutes"
    )
    parser.add_argument(
        "--rounds", type=int, help="turns of each; 7, or 3 with --quick"
    )
    parser.add_argument("--data", metavar="DIR", help="where Fashion-MNIST lies")
    parser.add_argument(
        "--output", metavar="DIR", type=Path, default=RESULTS, help="where results go"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="compare with the results kept there, write nothing, and exit with 1 "
        f"where a ratio is worse by over {check.TOLERANCE:.0%} or missing",
    )
    arguments = parser.parse_args()
    for name in arguments.suites:
        if name not in SUITES:
            parser.error(f"there is no suite {name!r}: choose from {', '.join(SUITES)}")
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error(f"--rounds must be at least 1, not {arguments.rounds}")
    return arguments


def measured(
    names: list[str], settings: Settings, data: str | None
) -> dict[str, dict[str, Any]]:
    """Run suites one after another; print each as it ends."""
    wanted = [name for name in SUITES if name in (names or SUITES)]
    arrays.write_digits(settings.scratch)
    arrays.write_fashion(settings.scratch, data)
    results = {}
    for name in wanted:
        report.say(f"Suite {name} ...")
        since = time.perf_counter()
        result = importlib.import_module(f"bench.suites.{name}").run(settings)
        result["taken"] = {
            "when": time.strftime("%Y-%m-%d %H:%M"),
            "seconds": round(time.perf_counter() - since),
            "rounds": settings.rounds,
            "quick": settings.quick,
        }
        report.say(f"Suite {name} took {result['taken']['seconds']} s.")
        report.say_tables(result["tables"])
        results[name] = result
    return results


if __name__ == "__main__":
    raise SystemExit(main())
