"""Compiling again: what is a user's own is traced anew, and nothing else is."""

import contextlib
import copy
import dataclasses
import functools
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxnet_mini as jn
from jaxnet_mini import activations, initializers, losses, metrics, optimizers
from jaxnet_mini.core import origins
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.layers import Base, Dense, Dropout

pytestmark = pytest.mark.usefixtures("quick_compilation")

COMPILED: list[str] = []


def _listen(event, duration, **details):
    if event == "/jax/core/compile/backend_compile_duration":
        COMPILED.append(details["fun_name"])


jax.monitoring.register_event_duration_secs_listener(_listen)


@contextlib.contextmanager
def compilations_of(*names):
    """Count how often these functions are compiled within."""
    counts, start = {}, len(COMPILED)
    yield counts
    counts.update({name: COMPILED[start:].count(f"jit({name})") for name in names})


SETTING = {"factor": 1.0}
"""What a user's own things here read, and what changes between two compiles."""

X = np.linspace(-1.0, 1.0, 32, dtype=np.float32).reshape(16, 2)
Y = np.ones((16, 1), np.float32)


def loss_of_a_global(y_true, y_pred):
    return SETTING["factor"] * jnp.mean(jnp.square(y_true - y_pred), -1)


def loss_of_a_closure():
    factor = 1.0

    def change(value):
        nonlocal factor
        factor = value

    def loss(y_true, y_pred):
        return factor * jnp.mean(jnp.square(y_true - y_pred), -1)

    return loss, change


class Holder:
    factor = 1.0

    def loss(self, y_true, y_pred):
        return self.factor * jnp.mean(jnp.square(y_true - y_pred), -1)


def activation(x):
    return SETTING["factor"] * x


def initializer(key, shape, dtype=float):
    return SETTING["factor"] * jnp.ones(shape, dtype)


def regularizer(kernel):
    return SETTING["factor"] * jnp.sum(jnp.square(kernel))


def metric(y_true, y_pred):
    return SETTING["factor"] + 0.0 * y_pred[:, 0]


@dataclasses.dataclass(frozen=True)
class Times(Base):
    def forward(self, params, x):
        return SETTING["factor"] * x


@dataclasses.dataclass(frozen=True)
class Foreign:
    """A layer by its methods alone."""

    def init(self, key, input_shape):
        return input_shape, {}

    def apply(self, params, x, **_):
        return SETTING["factor"] * x


@pytest.fixture(autouse=True)
def change():
    """Change what is read, and change it back in the end."""
    yield functools.partial(SETTING.__setitem__, "factor")
    SETTING["factor"] = 1.0


STILL = optimizers.SGD(0.0)


def compiled(layers=(), loss="mse", metrics=(), **options):
    options = {"kernel_initializer": "ones"} | options
    model = jn.Sequential([Dense(1, **options), *layers], seed=0)
    model.compile(STILL, loss, list(metrics))
    return model


def loss_of(model):
    """The loss of one step; the evaluation is another program."""
    return model.fit(X, Y, 16, verbose=0).history["loss"][0]


def expected(scale=1.0, outer=1.0, kernel=1.0, penalty=0.0):
    outputs = scale * kernel * X.astype(np.float64).sum(1, keepdims=True)
    return outer * np.mean((outputs - Y) ** 2) + penalty


@pytest.mark.slow
def test_a_loss_is_traced_anew_by_each_compile(change):
    closure, change_closure = loss_of_a_closure()
    holder = Holder()
    for loss in (loss_of_a_global, closure, holder.loss):
        model = compiled(loss=loss)
        for factor in (1.0, 3.0, 5.0):
            change(factor)
            change_closure(factor)
            holder.factor = factor
            if factor == 3.0:
                model.compile(STILL, loss)
            else:  # in a model of its own
                model = compiled(loss=loss)
            value = pytest.approx(expected(outer=factor), rel=1e-5)
            assert loss_of(model) == value
            if loss is closure:
                assert model.evaluate(X, Y, verbose=0) == value


@pytest.mark.parametrize(
    "layers",
    [[Times()], [Foreign()], [jn.repeat(Times(), 1)], [jn.serial(Foreign())]],
    ids=["layer", "foreign", "repeated", "nested"],
)
@pytest.mark.one_in(2)
def test_a_layer_is_traced_anew_by_each_compile_and_in_each_model(change, layers):
    def agrees(model, factor):
        outputs = factor * X.sum(1, keepdims=True)
        for found in (model.predict(X), model(X)):
            np.testing.assert_allclose(found, outputs, rtol=1e-5)

    model = compiled(layers)
    assert loss_of(model) == pytest.approx(expected(1.0), rel=1e-5)
    agrees(model, 1.0)
    change(3.0)
    model.compile(STILL, "mse")
    assert loss_of(model) == pytest.approx(expected(3.0), rel=1e-5)
    agrees(model, 3.0)
    for factor in (5.0, 7.0):
        change(factor)
        if factor == 5.0:
            model = compiled(layers)
        else:  # one that is never compiled
            model = jn.Sequential([Dense(1, kernel_initializer="ones"), *layers])
        model.build((None, 2))
        agrees(model, factor)


def test_functions_in_layers_and_metrics_are_traced_anew(change):
    for factor in (1.0, 3.0):
        change(factor)
        model = compiled(
            metrics=[metric],
            activation=activation,
            kernel_initializer=initializer,
            kernel_regularizer=regularizer,
        )
        logs = model.fit(X, Y, 16, verbose=0).history
        value = expected(factor, kernel=factor, penalty=2.0 * factor**3)
        assert logs["loss"][0] == pytest.approx(value, rel=1e-5)
        assert logs["metric"][0] == factor


def test_a_transformation_of_optax_is_traced_anew(change):
    """Whose closures and schedules nobody can look into."""

    def schedule(step):
        return 0.1 * SETTING["factor"]

    kernels = []
    for optimizer in (optax.sgd(schedule), optimizers.SGD(schedule)):
        for factor in (0.0, 1.0):
            change(factor)
            model = compiled()
            model.compile(optimizer, "mse")
            model.fit(X, Y, 16, verbose=0)
            kernels.append(float(np.abs(model.get_weights()[0] - 1.0).max()))
    assert kernels[0] == kernels[2] == 0.0
    assert kernels[1] == kernels[3] > 0.0


def test_all_fits_of_a_compiled_model_share_its_programs(change):
    model = compiled([Times()], loss_of_a_global, [metric, "mae", "accuracy"])
    with compilations_of("loop", "evaluate", "apply") as counts:
        for epochs in (1, 2, 1):
            model.fit(X, Y, epochs=epochs, verbose=0)
            model.evaluate(X, Y, verbose=0)
            model.predict(X)
        copied = copy.deepcopy(model)
        copied.fit(X, Y, verbose=0)
        copied.predict(X)
    assert counts == {"loop": 1, "evaluate": 1, "apply": 1}
    # A file of a run says nothing of the time of its compile.
    assert "trace" not in repr(model.trainer)
    again = pickle.loads(pickle.dumps(model.trainer))
    assert again.trace != model.trainer.trace


def test_what_notes_its_tracing_down_is_traced_once(change):
    class Noting(losses.MeanSquaredError):
        def __init__(self):
            super().__init__()
            self.traced = 0

        def per_example(self, y_true, y_pred):
            self.traced = self.traced + 1
            return super().per_example(y_true, y_pred)

    model = compiled(loss=Noting(), metrics=["accuracy"])
    with compilations_of("loop") as counts:
        for _ in range(3):
            model.fit(X, Y, verbose=0)
    assert counts == {"loop": 1}


def test_what_is_known_by_name_shares_programs_across_compiles_and_models(change):
    def twin():
        return compiled(
            [Dropout(0.1), Dense(1, jax.nn.softplus, bias_regularizer="l2")],
            losses.mean_squared_error,
            [metrics.mean_absolute_error, metrics.Precision(0.3)],
            activation=activations.leaky_relu,
            bias_initializer=initializers.Constant(0.5),
        )

    model = twin()
    assert model.trainer.trace is None
    model.fit(X, Y, verbose=0)
    model.predict(X)
    with compilations_of("loop", "evaluate", "apply", "fresh") as counts:
        other = twin()
        other.fit(X, Y, verbose=0)
        other.predict(X)
    assert set(counts.values()) == {0}


def test_each_activation_initializer_loss_and_metric_of_ours_is_known():
    for function in activations.ACTIVATIONS.values():
        assert origins.is_known(Dense(1, function)), function
    for function in initializers.INITIALIZERS.values():
        assert origins.is_known(Dense(1, kernel_initializer=function)), function
    for name in losses.LOSSES:
        assert origins.is_known(losses.get(name)), name
    for function in (jnp.tanh, jax.nn.relu, jnp.sin, optax.l2_loss, losses.huber):
        assert origins.is_known(function), function
    for kind in optimizers.OPTIMIZERS.values():
        assert origins.is_known(kind()), kind
    trainer = Trainer(Dense(1), "mse", "adam", ("accuracy", "auc"))
    assert hash(trainer) == hash(copy.copy(trainer))
    assert origins.is_known(trainer)
    own = [activation, Times(), Holder().loss, functools.partial(jnp.sum, axis=1)]
    own += [optax.adam(1e-3), optimizers.SGD(lambda step: 0.1), Times, [activation]]
    own += [losses.FunctionLoss(metric), np.array([activation], object)]
    for value in own:
        assert not origins.is_known(value), value
        assert not origins.is_known((1, {"a": [value]})), value


def test_members_of_a_sweep_share_the_programs_of_what_is_a_users_own(change):
    def build(learning_rate):
        # Normal numbers are drawn by a compiled program, others by NumPy.
        own = Dense(1, activation, kernel_initializer="he_normal")
        model = jn.Sequential([own, Times()])
        model.compile(optimizers.SGD(learning_rate), loss_of_a_global)
        return model

    with compilations_of("loop", "loops", "untrained", "evaluate", "apply") as counts:
        space = {"learning_rate": [0.0, 0.1, 0.2]}
        result = jn.sweep(build, space, X, Y, verbose=0, validation_data=(X, Y))
        for member in result:
            member.model.predict(X)
    assert counts["loop"] + counts["loops"] <= 2
    assert counts["untrained"] == 1
    assert counts["apply"] == 1
