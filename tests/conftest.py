"""Strict settings for every test, and the ways to reach oracles and data."""

import contextlib
import gc
import os
import shutil
import sys
import tempfile
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Keras is an oracle here, on the same JAX.
os.environ["KERAS_BACKEND"] = "jax"
# No test draws colours or asks the terminal for its width.
os.environ.pop("FORCE_COLOR", None)
os.environ["COLUMNS"] = "80"

import hypothesis
import jax
import numpy as np
import pytest
from added_losses import forgetting_earlier_calls
from first_weights import drawn_by_numpy

# A program of its own, for an environment with atheris.
collect_ignore = ["fuzz/fuzz_files.py"]

pytest_plugins = ["compiling", "conformance.plugin"]

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long",
        action="store_true",
        help="try as many cases as tests/RELIABILITY.md promises, which takes hours",
    )


# The same examples every time, as many as `--long` asks for; what compiles for each of
# them takes a share of these. A first example may wait for JAX to start.
for name, examples in {"quick": 100, "long": 1000}.items():
    hypothesis.settings.register_profile(
        name,
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        # For the workers, who are given the paths that are found.
        os.environ[EVERYWHERE] = str(config.args_source is not config.ArgsSource.ARGS)
    for mark in (
        "one_in(n): only each n-th case is run, all of them with --long",
        "slow: it is run where its file or folder is named, or with --long",
        "long: it is run with --long alone",
    ):
        config.addinivalue_line("markers", mark)
    hypothesis.settings.load_profile("long" if config.getoption("--long") else "quick")
    if not hasattr(config, "workerinput"):
        _share_programs(tempfile.mkdtemp(prefix="jaxnet-mini-programs-"))


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)


LONGEST = ("bench", "examples", "checkpoints", "devices", "promises")
"""Folders with tests that take many seconds each, most of them in other processes."""


COMPARED = ("conformance", "keras")
"""Folders that ask Keras what others ask a formula, and take a third of the time."""

EVERYWHERE = "JAXNET_MINI_TESTS_EVERYWHERE"
"""Where workers read whether all folders are tested, or those that are named."""


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Begin with the longest, so that no worker is left with them in the end.

    Without ``--long`` only each n-th case is run of a test with the mark ``one_in(n)``,
    and none with the mark ``long``; where no file or folder is named, none with the
    mark ``slow`` either, and a quarter of those of `COMPARED`.
    """
    if not config.getoption("--long"):
        _thin_out(config, items)
    items.sort(key=lambda item: _folder(item) not in LONGEST)


def _folder(item: pytest.Item) -> str:
    """Return the folder of tests in which one lies; "" where it is a doctest."""
    root = Path(__file__).parent
    return item.path.relative_to(root).parts[0] if root in item.path.parents else ""


def _thin_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    seen: Counter[str] = Counter()
    everywhere = os.environ[EVERYWHERE] == "True"
    kept, left_out = [], []
    for item in items:
        mark = item.get_closest_marker("one_in")
        left, name = "long" in item.keywords, item.nodeid.partition("[")[0]
        if mark is not None:
            left, seen[name] = bool(seen[name] % mark.args[0]), seen[name] + 1
        if everywhere:
            left = left or "slow" in item.keywords
            if _folder(item) in COMPARED:
                # By its name: none comes or goes because another is added.
                left = left or bool(zlib.crc32(item.nodeid.encode()) % 4)
        (left_out if left else kept).append(item)
    if left_out:
        items[:] = kept
        config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Look for garbage among what tests make, and not among what was imported.

    Python would look through it all some hundred times, a tenth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    GENERATORS.extend(_generators_of_modules())


GENERATORS: list[tuple[np.random.Generator, Any]] = []
"""Those of the tests' modules, and how each began."""


def _generators_of_modules() -> Iterator[tuple[np.random.Generator, Any]]:
    """Yield the generators that modules below this folder hold, with their states."""
    root = Path(__file__).parent
    for module in [*sys.modules.values()]:
        path = getattr(module, "__file__", None)
        if path and root in Path(path).parents:
            for value in vars(module).values():
                if isinstance(value, np.random.Generator):
                    yield value, value.bit_generator.state


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Let each test draw the same numbers, whichever ran before it."""
    for generator, state in GENERATORS:
        generator.bit_generator.state = state


def _share_programs(folder: str) -> None:
    """Let the workers and the programs that tests start compile nothing twice.

    They get the variables. What is kept gives the same bits, and counts as compiled.
    """
    settings = {
        "jax_compilation_cache_dir": folder,
        "jax_persistent_cache_min_compile_time_secs": 0,
    }
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)


@pytest.fixture(scope="session")
def amount(request: pytest.FixtureRequest) -> Callable[..., int]:
    """How many cases to try: ``amount(quick=40, long=300)``."""

    def chosen(quick: int, long: int) -> int:
        return long if request.config.getoption("--long") else quick

    return chosen


@contextlib.contextmanager
def keras_on_jax(*, own_draws: bool = False) -> Iterator[Any]:
    """Give Keras, under the settings that its own code needs.

    Whatever calls Keras stands in this block; JAX is strict again after it.

    Args:
        own_draws: whether Keras draws the first weights itself, and not by NumPy.
    """
    with (
        warnings.catch_warnings(),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
    ):
        warnings.simplefilter("ignore")
        import keras

        draws = contextlib.nullcontext() if own_draws else drawn_by_numpy()
        with draws, forgetting_earlier_calls(keras):
            yield keras


@pytest.fixture(scope="session")
def fashion_mnist_folder() -> Path:
    """The folder of the four official files, or a skip that says what is absent.

    It is ``$JAXNET_MINI_DATA``, or else ``shared/data`` beside the checkout.
    """
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("JAXNET_MINI_DATA") or beside)
    for candidate in (folder / "fashion-mnist", folder):
        if (candidate / "train-images-idx3-ubyte.gz").is_file():
            return candidate
    pytest.skip(f"Fashion-MNIST is absent: no files in {folder}; set JAXNET_MINI_DATA.")
