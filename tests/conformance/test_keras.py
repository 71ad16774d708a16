"""Keras's own cases, one by one; with ``--long`` those left out too, which must fail.

The classes are made here and collected by pytest as any others.
"""

import itertools

import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import unchecked_types

import jaxnet_mini as jn
from conformance import loading
from conformance.plugin import ASKED
from conformance.scope import SCOPE

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.fixture(autouse=True)
def as_a_user_of_keras():
    """JAX's defaults and the library without checks of annotations."""
    np.random.seed(0)  # noqa: NPY002  (Keras's tests draw from it)
    with keras_on_jax(), unchecked_types():
        yield
    jn.utils.set_random_seed(0)  # a case may have set another for all models


ONE_IN = {
    "ops.numpy_test": 100,
    "ops.": 6,
    "random.": 8,
    "optimizers.": 3,
    "losses.losses_test": 3,
    "metrics.f_score": 3,
    "models.model_test": 3,
    "metrics.confusion": 5,
    "activations.": 2,
}
"""Rooms of grids of arguments; without ``--long`` each n-th of their cases is run."""

HEAVY = (
    "random.random_test.test_beta",
    "random.random_test.test_binomial",
    "models.functional_test.test_dict_input_to_list_model",
)
"""What takes seconds to compile, and is run with ``--long`` alone."""

numbers = itertools.count()


def is_run(room, case):
    """Without ``--long`` none that does not apply is run, nor collected.

    Those of functions that are not here never are: there is nothing to run.
    """
    if case.reason is not None:
        return ASKED["long"] and case.pattern is not None
    if ASKED["long"] or f"{room}.{case.method}".startswith(HEAVY):
        return ASKED["long"]
    n = next((n for start, n in ONE_IN.items() if room.startswith(start)), 1)
    return next(numbers) % n == 0


def marked(room, group, cases):
    """A class with these cases, each with the mark that says whether it applies."""
    members = {"__module__": __name__}
    for case in cases:
        if not is_run(room, case):
            members[case.method] = None
        elif case.reason is not None:
            method = getattr(group, case.method)

            def own(self, *, method=method):
                return method(self)

            members[case.method] = pytest.mark.not_applicable(case.reason)(own)
    return type(group.__name__, (group,), members)


def collected():
    """All classes, by names that say from which of Keras's files they are."""
    for file in SCOPE:
        room = file.removesuffix(".py").replace("/", ".")
        cases = loading.cases(file)
        for group in dict.fromkeys(case.group for case in cases):
            own = [case for case in cases if case.group is group]
            yield f"{room}.{group.__name__}", marked(room, group, own)


globals().update(collected())
