"""Layers around other layers: no penalty of what is inside is lost without a word."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import assert_close, raises_text

import jaxnet_mini as jn
from jaxnet_mini import layers, optimizers, regularizers
from jaxnet_mini.errors import LayerError
from jaxnet_mini.layers import Dense, Dropout, Input

pytestmark = pytest.mark.usefixtures("quick_compilation")

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


class Bare:
    """A layer as the README defines one, and nothing more."""

    def __init__(self, inner):
        self.inner = inner

    def init(self, key, input_shape):
        return self.inner.init(key, input_shape)

    def apply(self, params, x, *, key=None, training=False):
        return self.inner.apply(params, x, key=key, training=training)


class Complete(Bare):
    """The same with the method that the message asks for."""

    def penalty(self, params):
        return self.inner.penalty(params)


class OfBase(layers.Base):
    """Layers in a list in a dictionary, and the base's penalty of nothing."""

    def __init__(self, *inner):
        super().__init__()
        object.__setattr__(self, "parts", {"all": list(inner)})

    def init(self, key, input_shape):
        return self.parts["all"][0].init(key, input_shape)

    def apply(self, params, x, *, key=None, training=False):
        return self.parts["all"][0].apply(params, x)


class Regularized(layers.Base):
    """A regularizer as Keras's users hand one on, and nobody asks it."""

    def __init__(self, kernel_regularizer=None):
        super().__init__()
        object.__setattr__(self, "kernel_regularizer", kernel_regularizer)


class Answering(Regularized):
    """The same with the method that the message asks for."""

    def init(self, key, input_shape):
        return input_shape, {"kernel": jnp.full(input_shape, 2.0)}

    def penalty(self, params):
        return jn.regularizers.get(self.kernel_regularizer)(params["kernel"])


def compiled(layer):
    model = jn.Sequential([Input((3,)), layer])
    model.compile(optimizers.SGD(0.0), "mse")
    return model


L2 = regularizers.L2(1.0)


def dense(regularizer=L2):
    return Dense(3, kernel_initializer="ones", kernel_regularizer=regularizer)


REFUSED = {
    "an attribute": (lambda: Bare(dense()), "self.inner.penalty(params)"),
    "a name": (lambda: Bare(dense("l2")), "self.inner.penalty(params)"),
    "a list in a dictionary": (
        lambda: OfBase(dense()),
        "self.parts['all'][0].penalty(params)",
    ),
    "the second": (
        lambda: OfBase(dense(None), dense()),
        "self.parts['all'][1].penalty(params)",
    ),
    "within a serial": (lambda: Bare(jn.serial(dense())), "self.inner.penalty"),
    "within a repeat": (lambda: Bare(jn.repeat(dense(), 2)), "self.inner.penalty"),
    "a layer of one's own": (lambda: Bare(Complete(dense())), "self.inner.penalty"),
    "of its own": (
        lambda: Regularized("l2"),
        "regularizers.get(self.kernel_regularizer)(params['kernel'])",
    ),
}


@pytest.mark.parametrize(("make", "advice"), REFUSED.values(), ids=REFUSED)
def test_a_penalty_is_not_silently_lost(make, advice):
    layer = make()
    for use in (
        lambda: jn.Sequential([Input((3,)), layer]),
        lambda: jn.serial(layer),
        lambda: jn.repeat(layer, 2),
    ):
        with raises_text(LayerError, "a method penalty(self, params)", advice):
            use()


def test_what_is_advised_gives_the_sum_of_all_squares():
    for layer, expected in (
        (dense(), 9.0),
        (Complete(dense()), 9.0),
        (Complete(Complete(dense(regularizers.L1(0.5)))), 4.5),
        (Complete(jn.serial(dense(), dense())), 18.0),
        (Complete(jn.repeat(dense(), 3)), 27.0),
        (Answering("l2"), 0.01 * 3 * 2.0**2),
    ):
        net = jn.serial(layer)
        _, params = net.init(jax.random.key(0), (3,))
        assert_close(net.penalty(params), expected, 1e-5)
    model = compiled(Complete(dense()))
    y = model.predict(X)
    history = model.fit(X, y, verbose=0, validation_data=(X, y)).history
    assert_close([history["loss"][0], history["val_loss"][0]], [9.0, 9.0], 1e-5)


def test_where_there_is_no_penalty_none_is_asked_for():
    for layer in (Bare(dense(None)), OfBase(dense(None), Dropout(0.1)), Regularized()):
        assert jn.serial(layer).layers == (layer,)


def test_a_class_derived_from_a_layer_keeps_its_penalties_and_constraints():
    class Doubled(Dense):
        def forward(self, params, x):
            return 2.0 * super().forward(params, x)

    options = {"kernel_regularizer": "l2", "kernel_constraint": "non_neg"}
    net = jn.serial(Doubled(2, **options))
    _, params = net.init(jax.random.key(0), (3,))
    kernel = params["doubled"]["kernel"]
    assert_close(net.penalty(params), 0.01 * np.sum(np.square(kernel)), 1e-6)
    after = net.constrain(params)["doubled"]
    np.testing.assert_array_equal(after["kernel"], np.maximum(kernel, 0.0))
