"""How well programs are compiled: quickly where nothing looks at bits or speed."""

from collections.abc import Iterator

import jax
import pytest

QUICKLY = "jax_disable_most_optimizations"


@pytest.fixture(scope="module")
def quick_compilation() -> Iterator[None]:
    """Programs that are compiled quickly rather than well, for a whole file.

    For what is compared with an oracle to a tolerance: nearly all the time there is
    that of compiling. No program of such a file is left to others, which may look at
    bits, and it takes none of theirs.
    """
    yield
    jax.clear_caches()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Compile as a file wants it, and the examples of docstrings quickly as well.

    Those print few digits, which are the same however well they are computed.
    """
    quickly = isinstance(item, pytest.DoctestItem) or (
        "quick_compilation" in getattr(item, "fixturenames", ())
    )
    if quickly != jax.config.read(QUICKLY):
        jax.clear_caches()
        jax.config.update(QUICKLY, quickly)
