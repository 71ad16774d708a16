"""``predict`` of some rows: the shortest way ends where the general one does."""

import concurrent.futures
import copy
import pickle
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnet_mini as jn
from jaxnet_mini.callbacks import Callback, LambdaCallback
from jaxnet_mini.devices import pools, programs
from jaxnet_mini.errors import DataError, ShapeError, StateError
from jaxnet_mini.loops import predict as prediction

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1500, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 1500)


def made(**arguments):
    layers = [jn.Dense(8, "relu"), jn.Dropout(0.5), jn.Dense(3, "softmax")]
    model = jn.Sequential([jn.Input((6,)), *layers], **arguments)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def by_hand(model, x):
    """Return the outputs of `made` in float64, of the weights that anybody can get."""
    first, first_bias, last, last_bias = (
        np.asarray(own, np.float64) for own in model.get_weights()
    )
    hidden = np.maximum(x.astype(np.float64) @ first + first_bias, 0)
    logits = hidden @ last + last_bias
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def assert_close(model, x=X[:1]):
    np.testing.assert_allclose(model.predict(x), by_hand(model, x), rtol=1e-5)


def two_outputs():
    inputs = jn.Input((6,))
    hidden = jn.Dense(4, "tanh")(inputs)
    outputs = {"one": jn.Dense(2)(hidden), "other": jn.Dense(1, "sigmoid")(hidden)}
    return jn.Model(inputs, outputs)


NETS = {
    "dense": made,
    "normalized": lambda: jn.Sequential(
        [jn.Input((6,)), jn.layers.BatchNormalization(), jn.Dense(3)]
    ),
    "half": lambda: jn.Sequential(
        [jn.Input((6,)), jn.Dense(3, dtype="mixed_bfloat16")]
    ),
    "two outputs": two_outputs,
}


@pytest.fixture
def devices(monkeypatch):
    """Return a list that each call of the program adds its device to."""
    found = []

    def noted(net, variables, *others):
        (device,) = jax.tree.leaves(variables)[0].devices()
        found.append(device)
        return programs.Program.__call__(programs.apply, net, variables, *others)

    class Noting:
        apply = staticmethod(noted)

    monkeypatch.setattr(prediction, "programs", Noting)
    return found


@pytest.mark.parametrize("rows", [1, 3, 64, 256])
@pytest.mark.parametrize("net", NETS)
def test_the_shortest_way_has_the_bits_of_the_general_one(net, rows):
    model = NETS[net]()
    x = X[:rows]
    short = model.predict(x)
    general = model.predict(x, batch_size=256)
    assert jax.tree.all(jax.tree.map(np.array_equal, short, general))
    watched = model.predict(x, batch_size=256, callbacks=[Callback()])
    assert jax.tree.structure(short) == jax.tree.structure(watched)
    close = jax.tree.map(lambda a, b: np.allclose(a, b, 1e-5, 1e-6), short, watched)
    assert jax.tree.all(close)


@pytest.mark.parametrize("rows", [1, 5, 300, 1000, 1024, 1025, 1500])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8])
def test_outputs_are_those_of_float64(rows, dtype):
    model, x = made(), np.abs(3 * X[:rows]).astype(dtype)
    found = model.predict(x)
    assert found.dtype == np.float32
    assert found.flags.owndata
    np.testing.assert_allclose(found, by_hand(model, x), rtol=2e-5, atol=1e-7)


def test_small_jobs_are_computed_by_the_thread_that_asks(devices):
    model = made()
    model.predict(X[:1])
    model.predict(X[:1000])
    model.predict(X[:7], batch_size=32)
    assert devices == 3 * [pools.at_once()]
    assert pools.number_of(pools.at_once()) == 1


def test_large_jobs_are_computed_by_the_threads_of_jax(devices):
    wide = jn.Sequential([jn.Input((6,)), jn.Dense(512), jn.Dense(1024)])
    wide.predict(X[:1])
    several = jn.Sequential([jn.Input((6,)), jn.Dense(256), jn.Dense(256)])
    several.predict(X[:200])
    assert devices == 2 * [jax.local_devices()[0]]


def test_a_device_that_was_asked_for_is_taken(devices):
    with jax.default_device(jax.local_devices()[0]):
        made().predict(X[:1])
    assert devices == [jax.local_devices()[0]]


def test_a_row_follows_the_weights():
    model = made()
    assert_close(model)
    model.fit(X, Y, verbose=0)
    assert_close(model)
    model.train_on_batch(X[:32], Y[:32])
    assert_close(model)
    model.set_weights([2 * own for own in model.get_weights()])
    assert_close(model)
    model.layers[0].set_weights([own + 1 for own in model.layers[0].get_weights()])
    assert_close(model)


def test_a_row_follows_weights_that_another_model_trains():
    model = made()
    head = jn.Sequential([*model.layers[:2], jn.Dense(2)])
    head.build((None, 6))
    assert_close(model)
    head.compile("sgd", "mse")
    head.fit(X, np.ones((1500, 2)), verbose=0)
    assert_close(model)


def test_a_row_follows_the_layers():
    model = made()
    model.predict(X[:1])
    model.add(jn.Dense(2))
    assert model.predict(X[:1]).shape == (1, 2)
    model.pop()
    assert_close(model)


def test_predictions_within_a_fit_change_nothing_of_it():
    ends = []
    for looks in (False, True):
        model, seen = made(seed=3), []

        def look(epoch, logs, model=model, seen=seen):
            seen.append((model.predict(X[:1]), by_hand(model, X[:1])))

        callbacks = [LambdaCallback(on_epoch_end=look)] if looks else []
        model.fit(X, Y, epochs=4, verbose=0, callbacks=callbacks)
        for found, expected in seen:
            np.testing.assert_allclose(found, expected, rtol=1e-5)
        ends.append(model.get_weights())
    assert all(map(np.array_equal, *ends))
    assert len(seen) == 4
    assert not np.allclose(seen[0][0], seen[-1][0], 1e-3)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_a_copy_predicts_by_its_own_weights(copied):
    model = made()
    first = model.predict(X[:1])
    other = copied(model)
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(other.predict(X[:1]), first)
    assert_close(model)


BAD = {
    "nan": np.full((1, 6), np.nan, np.float32),
    "infinite": np.full((3, 6), np.inf),
    "too large": np.full((1, 6), 1e300),
    "one example": X[0],
    "too wide": np.ones((1, 7), np.float32),
    "nothing": X[:0],
    "texts": np.full((2, 6), "a"),
    "complex": np.ones((2, 6), np.complex64),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_rows_are_told_of_as_by_the_general_way(bad):
    model = made()
    model.predict(X[:1])
    sentences = []
    for arguments in ({}, {"batch_size": 32}):
        with pytest.raises((DataError, ShapeError)) as told:
            model.predict(BAD[bad], **arguments)
        sentences.append(str(told.value))
    assert sentences[0] == sentences[1]


def test_categories_are_looked_at_each_time():
    model = jn.Sequential([jn.layers.Embedding(4, 2), jn.layers.Flatten(), jn.Dense(1)])
    model.build((None, 3))
    assert model.predict(np.array([[0, 1, 3]])).shape == (1, 1)
    with pytest.raises(DataError, match="index 4"):
        model.predict(np.array([[0, 1, 4]]))


def test_a_layer_that_draws_does_so_at_each_call():
    inputs = jn.Input((6,))
    dropped = jn.layers.Dropout(0.5)(inputs, training=True)
    model = jn.Model(inputs, jn.Dense(3)(dropped))
    assert not np.array_equal(model.predict(X[:8]), model.predict(X[:8]))


def test_a_layer_of_ones_own_may_call_python():
    class Doubled:
        acts_by_row = True

        def init(self, key, input_shape):
            return input_shape, {"kernel": jnp.eye(*2 * input_shape)}

        def apply(self, params, x, *, key=None, training=False):
            own = x @ params["kernel"]
            like = jax.ShapeDtypeStruct(own.shape, own.dtype)
            return jax.pure_callback(lambda own: 2 * np.asarray(own), like, own)

    model = jn.Sequential([jn.Input((6,)), Doubled()])
    np.testing.assert_allclose(model.predict(X[:3]), 2 * X[:3])


def test_several_threads_predict_at_once():
    model = made()
    expected = [model.predict(X[row : row + 1]) for row in range(50)]
    barrier = threading.Barrier(4)

    def each(_):
        barrier.wait()
        return [model.predict(X[row : row + 1]) for row in range(50)]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for found in pool.map(each, range(4)):
            np.testing.assert_array_equal(found, expected)


def test_moves_stay_guarded():
    model = made()
    with jax.transfer_guard("disallow"):
        assert_close(model)
    with (
        jax.transfer_guard("disallow_explicit"),
        pytest.raises(StateError, match="forbids all moves"),
    ):
        model.predict(X[:1])
