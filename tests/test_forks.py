"""A forked process gets an error at once, or works."""

import os

import pytest
from interpreter import run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")

SCRIPT = """if True:
    import os, warnings
    import numpy as np
    import jaxnet_mini as jn

    warnings.simplefilter("ignore")  # JAX's own, about the fork
    x = np.ones((8, 2), np.float32)
    model = jn.Sequential([jn.Dense(1)])
    model.compile("sgd", "mse")
    {before}
    if os.fork() == 0:
        try:
            {call}
        except jn.errors.StateError as error:
            print(error)
        else:
            print("done")
        os._exit(0)
    os.wait()
"""


def printed(before, call):
    return run("-u", "-c", SCRIPT.format(before=before, call=call)).strip()


@pytest.mark.parametrize(
    "call",
    [
        "model.fit(x, x[:, :1], verbose=0)",
        "model.evaluate(x, x[:, :1], verbose=0)",
        "model.predict(x)",
        "model.train_on_batch(x, x[:, :1])",
    ],
)
def test_work_after_a_fork_is_an_error(call):
    job = call.split(".")[1].split("(")[0]
    said = printed("model.fit(x, x[:, :1], verbose=0)", call)
    assert said.startswith(f"{job} in a forked process would wait for ever: ")
    assert "multiprocessing.get_context('spawn')" in said


def test_jax_may_have_been_at_work_by_other_hands():
    said = printed("import jax; jax.numpy.ones(3)", "model.fit(x, x, verbose=0)")
    assert said.startswith("fit in a forked process")


def test_a_new_model_cannot_be_built_either():
    before = "model.fit(x, x[:, :1], verbose=0)"
    said = printed(before, "jn.Sequential([jn.Input((3,)), jn.Dense(2)]).get_weights()")
    assert said.startswith("computing in a forked process")


def test_a_fork_before_jax_computes_anything_works():
    assert printed("", "model.fit(x, x[:, :1], verbose=0)") == "done"
