"""JAX's own options: under each of them a model trains, or says in a sentence why not.

`tests/support/modes.py` is what is done under them, in a process of its own: an option
that is violated may end the process.
"""

import gc
import json
import os
import subprocess
import sys

import jax
import modes
import numpy as np
import pytest
from interpreter import ROOT, run
from oracles import unchecked_types

import jaxnet_mini as jn
from jaxnet_mini.models import held

pytestmark = pytest.mark.usefixtures("quick_compilation")

# Other processes do as this one, whose bits they are compared with.
QUICKLY = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}

SAME = (
    "jax_debug_key_reuse=true",
    "jax_transfer_guard=disallow",
    "jax_array_garbage_collection_guard=fatal",
    "jax_check_tracer_leaks=true",
    "jax_numpy_dtype_promotion=strict",
    "jax_numpy_rank_promotion=raise",
    "jax_legacy_prng_key=error",
    "jax_enable_checks=true",
    "jax_thread_guard=true",
)
"""Options that change no bit and can be set all at once."""

ALONE = (
    "jax_array_garbage_collection_guard=log",
    "jax_debug_infs=true",
    "jax_debug_nans=true",
    "jax_default_matmul_precision=bfloat16",
    "jax_default_matmul_precision=highest",
    "jax_explain_cache_misses=true",
    "jax_log_compiles=true",
    "jax_softmax_custom_jvp=true",
    "jax_transfer_guard=log",
    "jax_use_shardy_partitioner=false",
)
"""Likewise, each tried by itself in the long form."""

OTHER_NUMBERS = (
    "jax_default_prng_impl=rbg",
    "jax_default_prng_impl=unsafe_rbg",
    "jax_disable_most_optimizations=false",
    "jax_enable_x64=true",
    "jax_threefry_partitionable=false",
)
"""Options under which other numbers are drawn, or rounded in another way."""


def lived(*options):
    """What comes of the options that this version of JAX has."""
    known = [option for option in options if option.split("=")[0] in jax.config.values]
    assert known
    return json.loads(run("tests/support/modes.py", *known, **QUICKLY))


@pytest.fixture(scope="module")
def plain():
    return modes.lived(modes.LIFE)


@pytest.mark.slow
def test_under_all_checks_at_once_all_bits_are_the_same(plain):
    assert lived(*SAME) == plain
    assert "turned NaN or infinite in epoch 1" in plain["failed"]


@pytest.mark.slow
def test_under_each_other_option_all_is_done(plain, amount):
    for option in (*SAME, *ALONE)[: amount(quick=0, long=99)]:
        assert lived(option) == plain, option
    for option in OTHER_NUMBERS[: amount(quick=0, long=99)]:
        assert lived(option).keys() == plain.keys(), option


def test_where_nothing_may_be_moved_one_sentence_says_so_and_its_advice_works():
    x, y = np.ones((8, 2), np.float32), np.ones((8, 1), np.float32)
    model = jn.Sequential([jn.Dense(1, input_dim=2)])
    model.compile("sgd", "mse")
    with jax.transfer_guard("disallow_explicit"):
        for job in ("fit", "evaluate", "train_on_batch"):
            with pytest.raises(jn.errors.StateError, match=f"^{job} moves arrays"):
                getattr(model, job)(x, y)
        with pytest.raises(jn.errors.StateError, match="set it to 'disallow'"):
            model.predict(x)
    assert held.of(model).state is None
    with jax.transfer_guard("disallow"):
        model.fit(x, y, verbose=0)
        assert np.isfinite(model.predict(x)).all()


FAILING = """
import numpy as np
import jaxnet_mini as jn

class Fails(jn.callbacks.Callback):
    def set_model(self, model):
        raise KeyError("a fault of the user's")

model = jn.Sequential([*[jn.Dense(16 + n, "gelu") for n in range(4)], jn.Dense(1)])
model.compile("adam", "mse")
x, y = np.zeros((64, 8)), np.zeros((64, 1))
model.fit(x, y, verbose=0, validation_data=(x, y), callbacks=Fails())
"""


@pytest.mark.slow
def test_a_fit_that_fails_while_its_programs_are_compiled_ends_with_its_error():
    ended = subprocess.run(
        [sys.executable, "-c", FAILING],
        cwd=ROOT,
        # What another process has compiled would be there at once.
        env={**os.environ, **QUICKLY, "JAX_ENABLE_COMPILATION_CACHE": "false"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr[-4000:]
    assert ended.stderr.endswith('KeyError: "a fault of the user\'s"\n')


def test_a_model_that_is_not_compiled_at_all():
    x, y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)

    def one():
        model = jn.Sequential([jn.Dense(1, input_dim=2)])
        model.compile("sgd", "mse")
        return model.fit(x, y, verbose=0).history["loss"]

    expected = one()
    with unchecked_types(), jax.disable_jit():
        np.testing.assert_allclose(one(), expected, rtol=1e-6)


def test_a_model_that_has_gone_leaves_nothing_to_the_garbage_collector():
    was, gc_was = gc.get_debug(), gc.isenabled()
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        modes.lived(["fit", "failed"])
        gc.collect()
        left = [entry for entry in gc.garbage if isinstance(entry, jax.Array)]
    finally:
        gc.set_debug(was)
        gc.garbage.clear()
        if gc_was:
            gc.enable()
    assert not left
