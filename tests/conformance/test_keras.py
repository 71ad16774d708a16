"""Keras's own cases, one by one; those that are left out are run too, and must fail.

The classes are made here and collected by pytest as any others.
"""

import itertools

import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import unchecked_types

from conformance import loading
from conformance.scope import SCOPE

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.fixture(autouse=True)
def as_a_user_of_keras():
    """JAX's defaults and the library without checks of annotations."""
    np.random.seed(0)  # noqa: NPY002  (Keras's tests draw from it)
    with keras_on_jax(), unchecked_types():
        yield


MANY_OF_A_KIND = ("ops.", "optimizers.")
"""Rooms of grids of arguments; each third case is run without ``--long``."""

numbers = itertools.count()


def marked(room, group, cases):
    """A class with these cases, each with the mark that says whether it applies.

    Of those that do not, and must not pass, each fourth is run without ``--long``.
    """
    members = {"__module__": __name__}
    for case in cases:
        applies = case.reason is None
        one_in = 4 if not applies else 3 if room.startswith(MANY_OF_A_KIND) else 1
        left = next(numbers) % one_in
        if not left and applies:
            continue
        method = getattr(group, case.method)

        def own(self, *, method=method):
            return method(self)

        own = pytest.mark.long(own) if left else own
        mark = pytest.mark.not_applicable(case.reason)
        members[case.method] = own if applies else mark(own)
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
