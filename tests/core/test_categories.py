"""Layers of whole numbers, and those that change the shape or apply a function."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import assert_close, raises_text, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini.core.networks.protocol import acts_by_row
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.errors import ArgumentError, CallError, DataError, ShapeError
from jaxnet_mini.files import config
from jaxnet_mini.layers import (
    Activation,
    CategoryEncoding,
    Dense,
    Embedding,
    Flatten,
    Lambda,
    LeakyReLU,
    Permute,
    PReLU,
    RepeatVector,
    Softmax,
)
from jaxnet_mini.losses import SparseCategoricalCrossentropy

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)


# Whole numbers


def test_embedding_takes_rows_of_its_table():
    layer = Embedding(5, 3, embeddings_constraint="unit_norm")
    for shape in ((), (4,), (2, 4)):
        output_shape, params = layer.init(KEY, shape)
        assert output_shape == (*shape, 3)
        assert np.max(np.abs(params["embeddings"])) <= 0.05
        for dtype in (np.int64, np.uint8, np.float32):
            x = RNG.integers(0, 5, (6, *shape)).astype(dtype)
            y = layer.apply(params, x)
            expected = np.asarray(params["embeddings"])[x.astype(int)]
            np.testing.assert_array_equal(y, expected)
    wide = layer.apply(params, jnp.array([[[-1, 0], [5, 4]]]))
    assert np.isnan(wide).all(axis=-1).tolist() == [[[True, False], [True, False]]]


def encoded(x, count, mode):
    """By loops: a vector for each index, or for each row of them."""
    x = np.asarray(x)
    whole = x[..., None] if mode == "one_hot" and x.shape[1:][-1:] != (1,) else x
    found = np.zeros((*whole.shape[:-1], count))
    for place in np.ndindex(whole.shape[:-1]):
        for index in whole[place]:
            found[place][index] += 1
    return found if mode == "count" else np.minimum(found, 1)


@pytest.mark.parametrize("mode", ["multi_hot", "one_hot", "count"])
def test_categories_are_encoded(mode):
    layer = CategoryEncoding(4, mode)
    shapes = [(3,), (2, 3), (1,), *([()] if mode == "one_hot" else [])]
    given = [RNG.integers(0, 4, (5, *shape)).astype(np.uint8) for shape in shapes]
    wide = np.array([[1], [-1], [4]])
    every = jax.jit(lambda *several: [layer.apply({}, x) for x in several])
    *found, outside = every(*given, wide)
    for x, y in zip(given, found, strict=True):
        assert y.dtype == jnp.float32
        np.testing.assert_array_equal(y, encoded(x, 4, mode))
        assert y.shape[1:] == layer.init(KEY, x.shape[1:])[0]
    assert np.isnan(outside).all(axis=1).tolist() == [False, True, True]
    assert np.isfinite(outside[0]).all()


def test_what_is_not_known_is_told_in_large_batches():
    """The largest of many numbers is not NaN on a CPU in JAX 0.10 to 0.12."""
    x = jnp.asarray(RNG.integers(-1, 4, (1000, 3)))
    y = jax.jit(functools.partial(CategoryEncoding(4).apply, {}))(x)
    assert np.array_equal(np.isnan(y).all(axis=1), (x < 0).any(axis=1))


def test_a_model_of_categories_learns_and_refuses_what_it_does_not_know():
    x = RNG.integers(0, 6, (64, 2))
    y = (x[:, 0] == x[:, 1]).astype(int)

    def built():
        model = jn.Sequential(
            [Embedding(6, 4, input_shape=(2,)), Flatten(), Dense(2, "softmax")]
        )
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    model = built()
    logs = model.fit(x, y, epochs=2, verbose=0).history
    assert logs["loss"][1] < logs["loss"][0]
    assert model.count_params() == 6 * 4 + 8 * 2 + 2
    y_pred = model.predict(x)
    np.testing.assert_array_equal(y_pred, model.predict(x.astype(np.float32)))
    bad = x.copy()
    bad[5, 1] = 6
    for call in (model.fit, model.evaluate):
        with raises_text(DataError, "x holds the index 6 at row 5, position 1, and"):
            call(bad, y, verbose=0)
    for call in (model.predict, model):
        with raises_text(DataError, "x holds the index -1.0 at row 0, position 0"):
            call(np.full((1, 2), -1.0))
    cut = np.where(x == 5, -0.9, x)  # to 0
    np.testing.assert_array_equal(model.predict(cut), model.predict(np.trunc(cut)))


def test_an_index_is_looked_up_where_an_input_comes_to_a_layer_as_it_is():
    """Within networks too, by the name of its input; not behind another layer."""
    inputs = {"a": jn.Input((1,)), "b": jn.Input((1,))}
    inner = jn.Sequential([CategoryEncoding(9)])
    doubled = CategoryEncoding(3)(inputs["a"] * 2)
    outputs = [jn.layers.Add()([doubled, CategoryEncoding(3)(inputs["a"])])]
    model = jn.Model(inputs, [*outputs, inner(inputs["b"])])
    model.predict({"a": np.array([[1]]), "b": np.array([[8]])}, verbose=0)
    for bad, name in (({"a": 3, "b": 8}, "a"), ({"a": 1, "b": 9}, "b")):
        with raises_text(
            DataError, f"x['{name}'] holds the index {bad[name]} at row 0"
        ):
            model.predict({n: np.array([[i]]) for n, i in bad.items()}, verbose=0)


# Shapes


def test_permute_and_repeat_vector():
    x = RNG.normal(size=(2, 3, 4, 5)).astype(np.float32)
    y = Permute((3, 1, 2)).apply({}, jnp.asarray(x))
    np.testing.assert_array_equal(y, np.transpose(x, (0, 3, 1, 2)))
    v = x[:, 0, 0]
    y = RepeatVector(3).apply({}, jnp.asarray(v))
    np.testing.assert_array_equal(y, np.stack([v] * 3, axis=1))
    assert acts_by_row(jn.serial(RepeatVector(2), Permute((2, 1)), Embedding(4, 2)))


# Functions


def test_a_function_is_a_layer():
    net = jn.serial(
        Lambda(lambda x: x[:, ::2]), Lambda(jnp.square), Dense(2, Lambda(jnp.tanh))
    )
    output_shape, params = net.init(KEY, (5,))
    assert output_shape == (2,)
    assert params["dense"]["kernel"].shape == (3, 2)
    x = RNG.normal(size=(4, 5)).astype(np.float32)
    hidden = x[:, ::2] ** 2
    assert_close(net.apply(params, x), np.tanh(hidden @ params["dense"]["kernel"]))
    # The mean of a batch would count padding: no layer of a function is cut.
    assert not acts_by_row(Lambda(jnp.square))
    assert not acts_by_row(Dense(2, Lambda(jnp.square)))


def halved(x):
    return x / 2.0


def test_a_function_is_saved_by_its_name():
    layer = Lambda(halved)
    written = config.to_config(layer)
    assert written["config"]["function"] == {"function": "halved"}
    assert config.from_config(written, {"halved": halved}) == layer
    with raises_text(ArgumentError, "function cannot be saved", "has no name to find"):
        config.to_config(Lambda(lambda x: x))
    relu = Lambda(jn.activations.relu)
    assert config.from_config(config.to_config(relu)) == relu


# Layers as activations


def test_a_layer_is_an_activation():
    x = RNG.normal(size=(4, 5)).astype(np.float32)
    for activation, function in (
        (LeakyReLU(0.1), lambda h: np.where(h > 0, h, 0.1 * h)),
        (LeakyReLU(alpha=0.1), lambda h: np.where(h > 0, h, 0.1 * h)),
        (Activation("tanh"), np.tanh),
    ):
        layer = Dense(3, activation=activation)
        params = layer.init(KEY, (5,))[1]
        assert_close(layer.apply(params, x), function(x @ params["kernel"]))
        assert acts_by_row(layer)
        assert config.from_config(config.to_config(layer)) == layer
        nested = Activation(activation).apply({}, x)
        assert_close(nested, function(x))
    assert LeakyReLU(alpha=0.1) == LeakyReLU(0.1)
    assert not acts_by_row(Dense(3, Activation(lambda x: x / jnp.max(x))))


def test_a_softmax_that_is_a_layer_is_fused_into_the_loss():
    loss = SparseCategoricalCrossentropy()
    tasks = [
        Trainer(jn.serial(Dense(3, activation)), loss).task
        for activation in ("softmax", Softmax(), Activation("softmax"))
    ]
    assert all(task.bare == jn.serial(Dense(3)) for task in tasks)
    goals = [task.goals[0] for task in tasks]
    assert len({(goal.activation, goal.loss) for goal in goals}) == 1


def test_errors():
    with unchecked_types():
        for make, words in (
            (lambda: Permute((1, 3)), "dims must have each axis of an example once"),
            (lambda: Permute(2), "such as (2, 1), not 2"),
            (lambda: RepeatVector(0), "n must be a positive integer, not 0"),
            (lambda: Embedding(0, 2), "input_dim must be a positive integer, not 0"),
            (lambda: Embedding(2, 0), "output_dim must be a positive integer, not 0"),
            (lambda: CategoryEncoding(0), "num_tokens must be a positive integer"),
            (lambda: CategoryEncoding(3, "x"), "must be one of multi_hot, one_hot,"),
            (lambda: Lambda("relu"), "function must be a function of a batch, not 're"),
            (lambda: Lambda(Dense(3)), "function must be a function of a batch, not D"),
            (
                lambda: LeakyReLU(alpha=-1.0),
                "alpha must be a finite number of at least 0",
            ),
            (lambda: Dense(3, PReLU()), "activation must be a name, a callable or No"),
        ):
            with raises_text(ArgumentError, words):
                make()
        for make, words in (
            (
                lambda: Embedding(3, 2, mask_zero=True),
                "no argument mask_zero",
            ),
            (lambda: CategoryEncoding(3, sparse=True), "with all their zeros"),
            (lambda: Lambda(halved, output_shape=(3,)), "it follows from the function"),
        ):
            with raises_text(CallError, words):
                make()
        assert Embedding(3, 2, mask_zero=False) == Embedding(3, 2)
    for layer, shape, words in (
        (Permute((2, 1)), (4,), "which has 1 axes: give dims as many"),
        (RepeatVector(2), (4, 3), "(4, 3): put Flatten() before it"),
        (CategoryEncoding(3), (), "got scalars: reshape x to (rows, 1), or write out"),
        (Lambda(functools.partial(jnp.sum, axis=0)), (3,), "its first axis must be"),
    ):
        with raises_text(ShapeError, words):
            layer.init(KEY, shape)
