"""JAX's own options: under each of them a model trains, or says in a sentence why not.

`tests/modes.py` is what is done under them, in a process of its own: an option that
is violated may end the process.
"""

import json

import jax
import modes
import numpy as np
import pytest
from interpreter import run

import jaxnet_mini as jn

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


def lived(*options):
    return json.loads(run("tests/modes.py", *options))


@pytest.fixture(scope="module")
def plain():
    return modes.lived(modes.LIFE)


def test_under_all_checks_at_once_all_bits_are_the_same(plain):
    assert lived(*SAME) == plain
    assert "turned NaN or infinite in epoch 1" in plain["failed"]


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
    assert model._state is None
    with jax.transfer_guard("disallow"):
        model.fit(x, y, verbose=0)
        assert np.isfinite(model.predict(x)).all()
