"""All that `RELIABILITY.md` promises, as often as it says: some hours on two cores.

    python tests/reliability.py [--fuzz SECONDS]

from the root of the repository, in the environment of the tests. Fuzzing needs atheris
too, see ``tests/fuzz/fuzz_files.py``; where it is absent, that is said.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
LONG = ["kills", "interrupts", "runs", "resuming", "hostile_files", "exact", "fit"]
LONG += ["reference", "differential", "properties", "errors", "golden"]
LONG += ["keras_versions", "keras_writing"]
MUTATED = ["data", "core/training/trainer.py", "core/losses", "core/metrics"]
KINDS = ["safetensors", "keras", "h5"]


def commands(seconds: int) -> list[list[str]]:
    """Return the arguments of Python, one list for each run."""
    paths = [next(HERE.glob(f"*/test_{name}.py")) for name in LONG]
    files = [str(path.relative_to(ROOT)) for path in paths]
    found = [["-m", "pytest", "--long", *files]]
    if importlib.util.find_spec("atheris"):
        fuzz = "tests/fuzz/fuzz_files.py"
        found += [[fuzz, kind, str(seconds // len(KINDS))] for kind in KINDS]
    else:
        print("Nothing is fuzzed: atheris is not installed.", flush=True)
    modules = [f"jaxnet_mini/{name}" for name in MUTATED]
    return [*found, ["tests/mutation/run.py", *modules]]


def main() -> int:
    """Run all; return 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fuzz", type=int, default=3600, help="seconds, in all")
    results = []
    for arguments in commands(parser.parse_args().fuzz):
        line = " ".join(["python", *arguments])
        print(f"== {line}", flush=True)
        since = time.monotonic()
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
        minutes = (time.monotonic() - since) / 60
        verdict = "failed" if done.returncode else "passed"
        results.append((verdict, f"{verdict} in {minutes:.0f} min: {line}"))
    print(*(line for _, line in results), sep="\n")
    return int(any(verdict == "failed" for verdict, _ in results))


if __name__ == "__main__":
    raise SystemExit(main())
