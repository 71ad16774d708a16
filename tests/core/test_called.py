"""Layers of the library whose ``call`` a class overrides."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import raises_text

import jaxnet_mini as jn
from jaxnet_mini.errors import ArgumentError, LayerError

pytestmark = pytest.mark.usefixtures("quick_compilation")

X = np.arange(1.0, 31.0, dtype=np.float32).reshape(10, 3) / 10
KEY = jax.random.key(0)


class MCDropout(jn.layers.Dropout):
    def call(self, inputs):
        return super().call(inputs, training=True)


class Noisy(MCDropout):
    """Of a class of the user's own."""

    def call(self, x, training=False):
        y = super().call(x)
        return y if training else y + jn.random.uniform(x.shape)


class Shifted(jn.Dense):
    def call(self, x):
        return super().call(x) + jnp.sum(self.kernel) + jnp.sum(self.bias)


class Doubled(jn.layers.BatchNormalization):
    def call(self, x, training=None, mask=None):
        return 2.0 * super().call(x, training=training)


def test_dropout_draws_in_predictions_anew(tmp_path):
    def model_of():
        model = jn.Sequential([jn.Dense(3, input_dim=3), MCDropout(0.5), jn.Dense(2)])
        model.compile("sgd", "mse")
        return model

    model = model_of()
    model.fit(X, X[:, :2], batch_size=4, verbose=0, checkpoint=tmp_path / "run")
    drawn = [model.predict(X) for _ in range(8)]
    assert np.all(np.std(drawn, axis=0) > 0.0)
    model.save(tmp_path / "m.safetensors")
    own = {"MCDropout": MCDropout}
    again = jn.models.load_model(tmp_path / "m.safetensors", own)
    assert again.layers[1] == MCDropout(0.5) != jn.layers.Dropout(0.5)
    np.testing.assert_array_equal(again.predict(X), drawn[0])
    other = jn.models.clone_model(model)
    other.set_weights(model.get_weights())
    assert np.any(other(X) != other(X))
    usual = jn.layers.Dropout(0.5).apply({}, X, key=KEY, training=True)
    mine = MCDropout(0.5).apply({}, X, key=KEY)
    np.testing.assert_array_equal(mine, usual)
    noisy = Noisy(0.5).apply({}, X, key=KEY)
    assert np.all((noisy - usual >= 0.0) & (noisy - usual < 1.0))


def test_weights_are_attributes_and_state_goes_on():
    net = jn.serial(Shifted(2), Doubled())
    params, state = net.init(KEY, (3,))[1], net.init_state((3,))
    dense = params["shifted"]
    mask = jnp.arange(10) < 7
    y, after = net.update(params, state, X, training=True, mask=mask)
    hidden = X @ dense["kernel"] + jnp.sum(dense["kernel"])
    usual = jn.layers.BatchNormalization()
    own = params["doubled"], state["doubled"]
    expected, kept = usual.update(*own, hidden, training=True, mask=mask)
    np.testing.assert_allclose(y, 2.0 * expected, rtol=1e-4, atol=1e-5)
    for name, value in kept.items():
        np.testing.assert_allclose(after["doubled"][name], value, rtol=1e-5)
    with raises_text(LayerError, "net.update(params, state, x)"):
        net.apply(params, X)


def test_what_cannot_be_is_told():
    with raises_text(LayerError, "call of Dense(3) is called by hand"):
        jn.Dense(3).call(X)
    with raises_text(ArgumentError, "draws random numbers in training: give apply"):
        MCDropout(0.5).apply({}, X)
    with raises_text(ArgumentError, "defines build(), which nothing here would call"):
        type("Mine", (jn.Dense,), {"call": MCDropout.call, "build": MCDropout.call})
