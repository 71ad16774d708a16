"""A forked process gets an error at once, or works."""

import json
import os

import pytest
from interpreter import run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")

SCRIPT = """
import json, os, warnings
import jax
import numpy as np
import jaxnet_mini as jn

warnings.simplefilter("ignore")  # JAX's own, about the fork
x, y = np.ones((8, 2), np.float32), np.ones((8, 1), np.float32)
model = jn.Sequential([jn.Dense(1)])
model.compile("sgd", "mse")
said = {}


def forked(name, work):
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            work()
        except jn.errors.StateError as error:
            os.write(writer, str(error).encode())
        else:
            os.write(writer, b"done")
        os._exit(0)
    os.close(writer)
    os.wait()
    said[name] = os.read(reader, 1 << 16).decode()
    os.close(reader)


def fit():
    model.fit(x, y, verbose=0)


forked("before", fit)
jax.numpy.ones(3)
forked("by other hands", fit)
fit()
forked("fit", fit)
forked("evaluate", lambda: model.evaluate(x, y, verbose=0))
forked("predict", lambda: model.predict(x))
forked("train_on_batch", lambda: model.train_on_batch(x, y))
new = jn.Sequential([jn.Input((3,)), jn.Dense(2)])
forked("new", new.get_weights)
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said():
    """What each child of one process said, in the order in which they were forked."""
    return json.loads(run("-c", SCRIPT))


@pytest.mark.one_in(2)
@pytest.mark.parametrize("job", ["fit", "evaluate", "predict", "train_on_batch"])
def test_work_after_a_fork_is_an_error(said, job):
    start = f"{job} in a forked process would wait for ever: "
    assert said[job].startswith(start)
    assert "multiprocessing.get_context('spawn')" in said[job]


def test_jax_may_have_been_at_work_by_other_hands(said):
    assert said["by other hands"].startswith("fit in a forked process")


def test_a_new_model_cannot_be_built_either(said):
    assert said["new"].startswith("computing in a forked process")


def test_a_fork_before_jax_computes_anything_works(said):
    assert said["before"] == "done"
