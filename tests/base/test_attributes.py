"""Methods and attributes that nothing would look at, and layers that are called.

Each is refused by one sentence, which says what to write instead.
"""

import re
import traceback

import jax
import numpy as np
import pytest
from oracles import raises_text, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini.errors import (
    AbsentNameError,
    ArgumentError,
    LayerError,
)
from jaxnet_mini.layers import Activation, Base, Dense, Dropout, Input, ReLU
from jaxnet_mini.models import held

pytestmark = pytest.mark.usefixtures("quick_compilation")


def test_a_layer_called_in_a_program_says_how_layers_are_put_together():
    """By itself on arrays it has weights of its own: `tests/models/test_alone.py`."""
    with raises_text(LayerError, "Dense(8) is called", "Sequential([Input((4,)), "):
        jax.jit(lambda x: Dense(8)(x))(np.ones((2, 4)))
    # What it says works.
    model = jn.Sequential([Input((4,)), Dense(8)])
    assert model(np.ones((2, 4))).shape == (2, 8)
    net = jn.serial(Dense(8))
    _, params = net.init(jax.random.key(0), (4,))
    assert net.apply(params, jax.numpy.ones((2, 4))).shape == (2, 8)


def test_a_layer_is_no_function_where_one_is_wanted():
    with unchecked_types():
        for call in (
            lambda: Activation(Dropout(0.5)),
            lambda: Dense(2, kernel_initializer=ReLU()),
            lambda: Dense(2, kernel_regularizer=ReLU()),
            lambda: jn.losses.get(ReLU()),
            lambda: jn.metrics.get(ReLU()),
        ):
            with pytest.raises(ArgumentError, match=r"ReLU|Dropout"):
                call()


def test_methods_that_nothing_would_call_are_refused_where_they_are_defined():
    def method(self, *arguments):
        """Never called."""

    for base, name, words in (
        (Base, "build", "make parameters in init"),
        (jn.losses.Loss, "__call__", "write per_example(self, y_true, y_pred)"),
        (jn.metrics.AUC, "reset_state", "zeros(self), totals(self, y_true"),
        (jn.regularizers.L2, "call", "write __call__(self, x)"),
        (jn.optimizers.SGD, "update_step", "a factory = staticmethod(function)"),
        (jn.Sequential, "predict_step", "a loop over model.trainer.step"),
    ):
        with raises_text(ArgumentError, f"Mine defines {name}()", words):
            type("Mine", (base,), {name: method})
        assert type("Mine", (base,), {"get_config": method})


def test_a_base_of_the_users_own_may_call_it():
    class Calling(jn.losses.Loss):
        def per_example(self, y_true, y_pred):
            return self.call(y_true, y_pred)

    class Mine(Calling):
        def call(self, y_true, y_pred):
            return 3.0 * abs(y_true - y_pred)[:, 0]

    assert Mine()(np.zeros((2, 1)), np.ones((2, 1))) == 3.0


def test_dropout_in_predictions_as_the_message_says():
    class Always(Dropout):
        def apply(self, params, x, *, key=None, training=False):
            return super().apply(params, x, key=key, training=True)

        def call(self, x):
            """Beside what is called here, it does no harm."""

    x, key = np.ones((4, 50), np.float32), jax.random.key(1)
    usual = jn.Sequential([Input((50,)), Dropout(0.5)])
    always = jn.Sequential([Input((50,)), Always(0.5)])
    expected = np.asarray(usual(x, training=True, key=key))
    assert set(np.unique(expected)) == {0.0, 2.0}
    np.testing.assert_array_equal(always(x, key=key), expected)


def test_attributes_that_nothing_looks_at_are_refused():
    model = jn.Sequential([Dense(2, input_dim=2)])
    model.compile(jn.optimizers.SGD(0.1, momentum=0.5), "mse")
    before = vars(model) | vars(held.of(model))
    for owner, name, words in (
        (model, "loss", "Give it to compile"),
        (model, "metrics", "Give them to compile"),
        (model, "optimizer", "Give it to compile"),
        (model, "stop_trainin", "did you mean 'stop_training'?"),
        (model, "optimiser", "did you mean 'optimizer'?"),
        (model, "built", "cannot be set"),
        (model.optimizer, "lr", "It is learning_rate"),
        (model.optimizer, "momentum", "model.trainer.optimizer.momentum"),
        (model.optimizer, "learning_rat", "did you mean 'learning_rate'?"),
    ):
        with raises_text(AbsentNameError, name, words):
            setattr(owner, name, 0.0)
    assert vars(model) | vars(held.of(model)) == before
    assert model.optimizer.learning_rate == pytest.approx(0.1)
    model.stop_training, model.name = True, "other"
    model.optimizer.learning_rate = 0.2


def test_python_adds_no_guess_of_its_own_after_the_sentence():
    """From 3.12 on a traceback ends with one, where an error has name and object."""
    model = jn.Sequential([Dense(2, input_dim=2)])
    model.compile("sgd", "mse")
    for owner, name in (
        (model.optimizer, "learning_rat"),
        (model, "train_functions"),
        (jn.layers, "Dens"),
        (Dense(2), "weight"),
        (Dense(2), "kernel"),
    ):
        with pytest.raises(AttributeError) as caught:
            getattr(owner, name)
        (shown,) = traceback.TracebackException.from_exception(
            caught.value
        ).format_exception_only()
        assert shown.count("id you mean") <= 1
        assert not re.search(r"[.?]\.? Did you mean", shown)


class Own(jn.Sequential):
    """A model with attributes of its user's own."""

    def __init__(self):
        self.before = 1
        super().__init__([Dense(2)])
        self.after = 2


def test_a_users_subclass_has_attributes_of_its_own():
    model = Own()
    model.later = 3
    assert (model.before, model.after, model.later) == (1, 2, 3)
    with raises_text(AbsentNameError, "no attribute 'run_eagerly'"):
        model.run_eagerly = False
