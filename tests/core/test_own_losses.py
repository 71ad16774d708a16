"""Losses in Keras's form, the functions of arrays by Keras's names, and draws."""

import jax.numpy as jnp
import numpy as np
import pytest
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini import ops
from jaxnet_mini.errors import AbsentNameError, ArgumentError

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 3)).astype(np.float32)
Y = RNG.integers(0, 2, (10, 2)).astype(np.float32)


class Focal(jn.losses.Loss):
    def __init__(self, gamma=2.0, name="focal", **options):
        super().__init__(name=name, **options)
        self.gamma = gamma

    def call(self, y_true, y_pred):
        right = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
        right = ops.clip(right, 1e-7, 1.0)
        return ops.mean(-((1.0 - right) ** self.gamma) * ops.log(right), axis=-1)


def test_a_loss_in_keras_form_is_what_its_call_computes(tmp_path):
    loss, p = Focal(3.0), RNG.uniform(0.1, 0.9, (10, 2)).astype(np.float32)
    right = np.where(Y == 1.0, p, 1.0 - p).astype(np.float64)
    values = np.mean(-((1.0 - right) ** 3) * np.log(right), axis=-1)
    np.testing.assert_allclose(loss(Y, p), values.mean(), rtol=1e-5)
    weight = np.arange(10.0)
    np.testing.assert_allclose(loss(Y, p, weight), (values * weight).mean(), rtol=1e-5)
    assert Focal() == Focal() != Focal(3.0)
    model = jn.Sequential([jn.Dense(2, "sigmoid", input_dim=3)])
    model.compile("sgd", loss)
    model.save(tmp_path / "m.safetensors")
    again = jn.models.load_model(tmp_path / "m.safetensors", {"Focal": Focal})
    assert again.trainer.loss == loss
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)


def test_what_is_registered_is_found(tmp_path):
    @jn.saving.register_keras_serializable(package="Mine")
    class Absolute(jn.regularizers.Regularizer):
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, x):
            return self.factor * jnp.sum(jnp.abs(x))

        def get_config(self):
            return {"factor": self.factor}

    model = jn.Sequential([jn.Dense(2, kernel_regularizer=Absolute(0.5), input_dim=3)])
    model.save(tmp_path / "m.safetensors")
    again = jn.models.load_model(tmp_path / "m.safetensors")
    assert again.layers[0].kernel_regularizer == Absolute(0.5)
    with raises_text(ArgumentError, "write the decorator with brackets"):
        jn.saving.register_keras_serializable(Absolute)


def test_what_a_base_knows_of_logits_is_not_taken_for_a_call():
    class Doubled(jn.losses.BinaryCrossentropy):
        def call(self, y_true, y_pred):
            return 2.0 * jnp.sum((y_true - y_pred) ** 2, axis=-1)

    model = jn.Sequential([jn.Dense(2, "sigmoid", input_dim=3)])
    model.compile("sgd", Doubled())
    expected = np.mean(2.0 * np.sum((Y - model.predict(X)) ** 2, axis=-1))
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), expected, rtol=1e-5)


def test_operations_are_those_of_jax():
    assert ops.matmul is ops.matmul
    assert ops.matmul.__wrapped__ is jnp.matmul
    assert ops.relu.__wrapped__ is jn.activations.relu
    assert jn.Dense(2, ops.softmax).activation is jn.activations.softmax
    assert all(callable(getattr(ops, name)) for name in dir(ops))
    assert ops.cast([1, 2], "float32").dtype == jnp.float32
    assert float(ops.rsqrt(4.0)) == 0.5
    for found in (ops.top_k([5, 2, 7], 2, True), ops.top_k([5, 2, 7], k=2)):
        assert [part.tolist() for part in found] == [[7, 5], [2, 0]]
    assert [list(part) for part in ops.unstack(np.eye(2), axis=1)] == [[1, 0], [0, 1]]
    assert type(ops.convert_to_numpy(ops.convert_to_tensor([1.0]))) is np.ndarray
    with raises_text(AbsentNameError, "did you mean square?"):
        ops.sqare  # noqa: B018


def test_calls_in_training_draw_anew_and_as_the_seed_says():
    def draws():
        model = jn.Sequential([jn.Dropout(0.5)], seed=3)
        model.build((None, 40))
        return [np.asarray(model(np.ones((1, 40)), training=True)) for _ in range(2)]

    first, second = draws()
    assert set(np.unique(first)) == set(np.unique(second)) == {0.0, 2.0}
    assert np.any(first != second)
    np.testing.assert_array_equal(draws(), [first, second])
