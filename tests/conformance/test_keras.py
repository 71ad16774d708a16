"""Keras's own cases, one by one; those that are left out are run too, and must fail.

The classes are made here and collected by pytest as any others.
"""

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


def marked(group, cases):
    """A class with these cases, each with the mark that says whether it applies."""
    members = {"__module__": __name__}
    for case in cases:
        if case.reason is not None:
            method = getattr(group, case.method)

            def left_out(self, *, method=method):
                return method(self)

            members[case.method] = pytest.mark.not_applicable(case.reason)(left_out)
    return type(group.__name__, (group,), members)


def collected():
    """All classes, by names that say from which of Keras's files they are."""
    for file in SCOPE:
        room = file.removesuffix(".py").replace("/", ".")
        cases = loading.cases(file)
        for group in dict.fromkeys(case.group for case in cases):
            own = [case for case in cases if case.group is group]
            yield f"{room}.{group.__name__}", marked(group, own)


globals().update(collected())
