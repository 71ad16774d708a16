"""Mutation testing: change the library in many small ways, and see each change fail.

    python tests/mutation/run.py jaxnet_mini/data jaxnet_mini/core/losses --jobs 2

from the root of the repository. A mutant that no test notices is printed with its line:
either a test is missing, or the code there is superfluous, or the change is none.

Starting Python, Keras and JAX takes longer than most tests. So one process imports all
that, but nothing of jaxnet_mini, and starts no device; for each mutant it forks a
child, which imports the library with the mutant in the place of its module and runs
the tests that reach the changed line: those first that killed others, then the
quickest. It stops at the first failure. Which test reaches which line is found out
beforehand, by one run of all of them under coverage; it is kept under build/mutation
until one of these modules or tests changes.
"""

import argparse
import ast
import collections
import functools
import gc
import hashlib
import importlib
import importlib.machinery
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import changes

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "build" / "mutation"
PRELOADED = ["jax", "jax.numpy", "optax", "keras", "hypothesis", "sklearn.metrics"]
# Which files test a module, by the start of its path, beside its own examples.
TESTS = {
    "jaxnet_mini/core/networks": (
        "layer_state frozen composition holding repeat regularizers pieces activity "
        "constraints"
    ),
    "jaxnet_mini/core/constraints.py": "constraints",
    "jaxnet_mini/core/initializers": "initializers layers",
    "jaxnet_mini/core/layers/categories.py": "categories",
    "jaxnet_mini/core/training/frozen.py": "frozen",
    "jaxnet_mini/core/training/totals.py": (
        "train pieces losses layer_state frozen activity"
    ),
    "jaxnet_mini/data": (
        "data keras_data memory streams errors arrays batches buffers py_dataset "
        "keras_batches several several_outputs preprocessing keras_preprocessing"
    ),
    "jaxnet_mini/core/training/rehearsal.py": "train errors",
    "jaxnet_mini/core/training/trainer.py": (
        "train pieces losses regularizers constraints errors frozen layer_state "
        "activity several_outputs"
    ),
    "jaxnet_mini/core/losses": (
        "losses keras_losses properties arguments own_losses errors"
    ),
    "jaxnet_mini/core/metrics": (
        "metrics keras_metrics metrics_scores keras_metrics_scores metrics_arguments "
        "keras_metrics_arguments arguments own_metrics metric_names keras_metric_names"
    ),
}


LEAST_SECONDS = 60.0
TIMES_SLOWER = 10.0
"""A test that takes more than so many seconds, and so many times as long as without a
mutant, counts as failed."""


class Reached:
    """Which tests reach which line, and how long each takes."""

    def __init__(
        self, lines: dict[str, dict[str, list[str]]], seconds: dict[str, float]
    ):
        self.lines, self.seconds = lines, seconds

    def tests(self, module: str, line: int) -> list[set[str]]:
        """The tests of a line, or of what is around it; those nearest to it first.

        What runs on import is met by all tests: after those that reach the function or
        the class that it belongs to.
        """
        lines = {int(n): tests for n, tests in self.lines[module].items()}
        around: list[ast.stmt] = []
        for node in ast.walk(ast.parse((ROOT / module).read_text("utf-8"))):
            if isinstance(node, ast.stmt):
                above = getattr(node, "decorator_list", [])
                first = min(part.lineno for part in (node, *above))
                if first <= line <= (node.end_lineno or first):
                    around.append(node)
        in_function = any(
            isinstance(n, ast.FunctionDef) and line >= n.body[0].lineno for n in around
        )
        blocks = [
            range(line, line + 1),
            *(range(n.lineno, (n.end_lineno or n.lineno) + 1) for n in around[::-1]),
        ]
        found = [{t for n in block for t in lines.get(n, [])} for block in blocks]
        nearest = [tests for tests in found if tests][:1]
        return nearest if in_function else [*nearest, set(self.seconds)]


class Chosen:
    """A pytest plugin: run these tests in this order, and tell what became of them.

    ``before`` tells how long each took without a mutant. A test that takes much longer
    ends the process, as one that never ends would.
    """

    def __init__(
        self, tests: list[str] | None = None, before: dict[str, float] | None = None
    ) -> None:
        self.place = tests and {test: number for number, test in enumerate(tests)}
        self.before = before
        self.failed: list[str] = []
        self.seconds: dict[str, float] = collections.defaultdict(float)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        if self.place:
            items[:] = [item for item in items if item.nodeid in self.place]
            items.sort(key=lambda item: self.place[item.nodeid])

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        gc.freeze()  # pytest looks for garbage several times, for a second

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self.before:
            limit = LEAST_SECONDS + TIMES_SLOWER * self.before[nodeid]
            signal.setitimer(signal.ITIMER_REAL, limit)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed.append(report.nodeid)


class Contexts:
    """A pytest plugin: tell coverage which test runs."""

    def __init__(self, coverage: Any) -> None:
        self.coverage = coverage

    def pytest_runtest_setup(self, item: Any) -> None:
        self.coverage.switch_context(item.nodeid)


def pytest_in(files: list[str], *plugins: Any, annotations: bool = False) -> int:
    import pytest

    # Left to itself, pytest loads the modules of examples past every other loader.
    options = ["-x", "-q", "-p", "no:cacheprovider", "--tb=line", "--assert=plain"]
    if not annotations:
        options += ["-o", "addopts=--doctest-modules", "--disable-plugin-autoload"]
    return int(pytest.main([*files, *options], plugins=list(plugins)))


def start(work: Callable[[], Any], answer: Path) -> int:
    """Fork a process that does ``work`` and writes what comes of it to a file."""
    pid = os.fork()
    if pid == 0:
        with answer.with_suffix(".log").open("wb") as log:
            for stream in (1, 2):
                os.dup2(log.fileno(), stream)
        try:
            found = work()
        except BaseException:
            found = {"failed": [traceback.format_exc()]}
        answer.write_text(json.dumps(found), "utf-8")
        os._exit(0)
    return pid


def in_turn(
    works: Iterable[tuple[Any, Callable[[], Any]]], jobs: int
) -> Iterator[tuple[Any, Any]]:
    """Do each work in a process of its own, and yield its name with what it answers.

    ``jobs`` run at a time. None is the answer of a process that was ended.
    """
    running: dict[int, tuple[Any, Path]] = {}
    coming = enumerate(works)
    with tempfile.TemporaryDirectory() as folder:
        while True:
            for number, (name, work) in itertools.islice(coming, jobs - len(running)):
                answer = Path(folder) / f"{number}.json"
                running[start(work, answer)] = name, answer
            if not running:
                return
            pid, _ = os.wait()
            name, answer = running.pop(pid)
            yield name, json.loads(answer.read_text()) if answer.exists() else None


def reach(modules: list[str], files: list[str]) -> Any:
    """Run all tests, and return which reach what; the work of a child."""
    import coverage

    measured = coverage.Coverage(
        data_file=None, config_file=False, include=[str(ROOT / m) for m in modules]
    )
    chosen = Chosen()
    with measured.collect():
        pytest_in(files, chosen, Contexts(measured))
    data = measured.get_data()
    lines = {
        module: {
            line: [test for test in tests if test]
            for line, tests in data.contexts_by_lineno(str(ROOT / module)).items()
        }
        for module in modules
    }
    return {"lines": lines, "seconds": chosen.seconds, "failed": chosen.failed}


def reached_by_tests(start_of_path: str, modules: list[str]) -> Reached:
    """Return what is kept of the last run of all tests, or run them."""
    names = TESTS[start_of_path].split()
    tests = [next(ROOT.glob(f"tests/*/test_{name}.py")) for name in names]
    files = [str(path.relative_to(ROOT)) for path in tests] + modules
    content = b"".join(Path(file).read_bytes() for file in files)
    digest = hashlib.sha256(content + repr(files).encode()).hexdigest()[:16]
    kept = KEPT / f"{start_of_path.replace('/', '-')}-{digest}.json"
    if not kept.exists():
        print(f"running {' '.join(files)}", flush=True)
        [(_, found)] = in_turn([("all", lambda: reach(modules, files))], 1)
        if found["failed"]:
            failed = "\n".join(found["failed"])
            raise SystemExit(f"this fails without any mutant:\n{failed}")
        kept.write_text(json.dumps(found), "utf-8")
    found = json.loads(kept.read_text("utf-8"))
    return Reached(found["lines"], found["seconds"])


def judge(
    module: str,
    source: str,
    tests: list[str],
    before: dict[str, float],
    annotations: bool,
) -> Any:
    """Run tests with a module's source replaced; the work of a child."""
    if not tests:
        return {"failed": []}
    loader = importlib.machinery.SourceFileLoader
    get_code = loader.get_code

    def mutated(self: Any, name: str) -> Any:
        if self.path == str(ROOT / module):
            return self.source_to_code(source.encode(), self.path)
        return get_code(self, name)

    loader.get_code = mutated  # type: ignore[method-assign]
    signal.setitimer(signal.ITIMER_REAL, LEAST_SECONDS)  # an import may hang too
    chosen = Chosen(tests, before)
    files = list(dict.fromkeys(test.split("::")[0] for test in tests))
    code = pytest_in(files, chosen, annotations=annotations)
    return {"failed": chosen.failed or ([f"pytest: {code}"] if code else [])}


def try_mutants(
    module: str,
    mutants: list[changes.Mutant],
    reached: Reached,
    jobs: int,
    most_seconds: float,
    with_annotations: bool,
) -> collections.Counter[str]:
    """Try a module's mutants, print what becomes of each, and count."""
    counts: collections.Counter[str] = collections.Counter()
    kills: collections.Counter[str] = collections.Counter()

    def soonest(test: str) -> float:
        return reached.seconds[test] / (1 + kills[test])

    def works(annotations: bool) -> Iterator[tuple[changes.Mutant, Callable[[], Any]]]:
        for mutant in mutants:
            tests: dict[str, None] = {}
            for group in reached.tests(module, mutant.line):
                ordered = sorted(group, key=soonest)
                sums = itertools.accumulate(reached.seconds[t] for t in ordered)
                within = sum(seconds <= most_seconds for seconds in sums)
                tests |= dict.fromkeys(ordered[:within])
            arguments = module, mutant.source, list(tests), reached.seconds, annotations
            yield mutant, functools.partial(judge, *arguments)

    # To check annotations makes every import ten times as long, and few need it.
    passes = (False, True) if with_annotations else (False,)
    for annotations in passes:
        survivors = []
        for mutant, answer in in_turn(works(annotations), jobs):
            failed = ["too slow, or a crash"] if answer is None else answer["failed"]
            kind = " messages" if mutant.is_message else ""
            if failed:
                kills.update(failed[:1])
                counts["killed" + kind] += 1
                by = failed[0].splitlines()[-1]
                print(f"killed {module}:{mutant}  # {by}", flush=True)
            elif annotations == passes[-1]:
                counts["SURVIVED" + kind] += 1
                print(f"SURVIVED {module}:{mutant}", flush=True)
            else:
                survivors.append(mutant)
        mutants = survivors
    return counts


def survivors(log: Path) -> set[str]:
    """Return path, line and change of what survived, from what a run printed.

    The modules must be those of that run: lines that have moved are not found again.
    """
    word = "SURVIVED "
    lines = log.read_text("utf-8").splitlines()
    return {line.removeprefix(word) for line in lines if line.startswith(word)}


def group_of(module: str) -> str:
    return next(start for start in TESTS if module.startswith(start))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("paths", nargs="+", help="modules, or folders of them")
    parser.add_argument("--jobs", type=int, default=1, help="children at a time")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="how much of the tests of a line"
    )
    parser.add_argument(
        "--annotations", action="store_true", help="check these too, of survivors"
    )
    parser.add_argument("--sample", type=float, default=1.0, help="this share of all")
    parser.add_argument("--seed", type=int, default=0, help="which ones a sample takes")
    parser.add_argument(
        "--survivors", type=Path, help="only what survived in the run that printed this"
    )
    arguments = parser.parse_args()
    os.chdir(ROOT)
    KEPT.mkdir(parents=True, exist_ok=True)
    os.environ |= {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    sys.path.insert(0, str(ROOT))
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()  # what the children share stays shared
    paths = map(Path, arguments.paths)
    every_module = [
        module.as_posix()
        for path in paths
        for module in (sorted(path.glob("*.py")) if path.is_dir() else [path])
    ]
    # All of a group are reached by the same tests, which are run once.
    for group, of_group in itertools.groupby(every_module, group_of):
        modules = list(of_group)
        reached = reached_by_tests(group, modules)
        for module in modules:
            every = list(changes.mutants(Path(module).read_text("utf-8")))
            number = round(arguments.sample * len(every))
            random.Random(arguments.seed).shuffle(every)
            chosen = every[:number]
            if arguments.survivors:
                known = survivors(arguments.survivors)
                chosen = [m for m in chosen if f"{module}:{m}" in known]
            counts = try_mutants(
                module,
                chosen,
                reached,
                arguments.jobs,
                arguments.seconds,
                arguments.annotations,
            )
            print(f"== {module}: {len(chosen)} of {len(every)} mutants, {dict(counts)}")


if __name__ == "__main__":
    main()
