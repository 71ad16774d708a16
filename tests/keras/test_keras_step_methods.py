"""Classes with ``train_step`` and ``test_step`` in Keras's form, in Keras and here."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import jaxnet_mini as jn

pytestmark = pytest.mark.usefixtures("quick_compilation", "as_keras_computes")


@pytest.fixture
def as_keras_computes():
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


RNG = np.random.default_rng(0)
X = RNG.random((22, 3)).astype(np.float32)
Y = RNG.random((22, 1)).astype(np.float32)
WEIGHT = RNG.random(22).astype(np.float32)


def counted(metrics, variables, loss, y, y_pred, weight=None):
    """Return logs and new variables of metrics, as Keras's guide has it."""
    new, logs = [], {}
    named = {} if weight is None else {"sample_weight": weight}
    for metric in metrics:
        own = variables[len(new) : len(new) + len(metric.variables)]
        batch = (loss,) if metric.name == "loss" else (y, y_pred)
        named_here = {} if metric.name == "loss" else named
        own = metric.stateless_update_state(own, *batch, **named_here)
        logs[metric.name] = metric.stateless_result(own)
        new += own
    return logs, new


class Written:
    """What the classes of both libraries derive from, besides their ``Model``."""

    def of_batch(self, data):
        x, y, weight = data if len(data) == 3 else (*data, None)
        return x, y, weight

    def loss_of(self, trained, others, x, y, weight, training):
        y_pred, others = self.stateless_call(trained, others, x, training=training)
        loss = self.compute_loss(x, y, y_pred, sample_weight=weight)
        return loss, (y_pred, others)

    def train_step(self, state, data):
        trained, others, optimizer, metrics = state
        x, y, weight = self.of_batch(data)
        gradient = jax.value_and_grad(self.loss_of, has_aux=True)
        (loss, (y_pred, others)), grads = gradient(trained, others, x, y, weight, True)
        trained, optimizer = self.optimizer.stateless_apply(optimizer, grads, trained)
        logs, metrics = counted(self.metrics, metrics, loss, y, y_pred, weight)
        return logs, (trained, others, optimizer, metrics)

    def test_step(self, state, data):
        trained, others, metrics = state
        x, y, weight = self.of_batch(data)
        loss, (y_pred, others) = self.loss_of(trained, others, x, y, weight, False)
        logs, metrics = counted(self.metrics, metrics, loss, y, y_pred, weight)
        return logs, (trained, others, metrics)


class OwnMetrics(Written):
    """All by itself: without a loss or a metric given to ``compile``."""

    def made(self, library):
        self.mean = library.metrics.Mean(name="loss")
        self.error = library.metrics.MeanAbsoluteError(name="error")

    @property
    def metrics(self):
        return [self.mean, self.error]

    def loss_of(self, trained, others, x, y, weight, training):
        y_pred, others = self.stateless_call(trained, others, x, training=training)
        return jnp.mean((y - y_pred) ** 4), (y_pred, others)


def model_of(library, base, options):
    kind = type("Own", (base, library.Model), {})
    inputs = library.Input((3,))
    hidden = library.layers.BatchNormalization()(inputs)
    frozen = library.layers.Dense(4, "tanh", trainable=False, name="frozen")(hidden)
    model = kind(inputs, library.layers.Dense(1, name="last")(frozen))
    if hasattr(model, "made"):
        model.made(library)
    optimizer = library.optimizers.Adam(0.05)
    model.compile(optimizer, **options)
    return model


@pytest.mark.parametrize(
    ("base", "options", "weight"),
    [
        (Written, {"loss": "mse", "metrics": ["mae", "mse"]}, None),
        (Written, {"loss": "mse", "weighted_metrics": ["mae"]}, WEIGHT),
        (OwnMetrics, {}, None),
    ],
)
def test_steps_of_a_class_are_those_of_keras(base, options, weight):
    theirs, ours = (model_of(library, base, options) for library in (keras, jn))
    theirs.set_weights(ours.get_weights())
    # Its last batch has 6 as well: Keras compiles a program for each size.
    held_out = X[:14], Y[:14], *([] if weight is None else [weight[:14]])
    fitted = [
        model.fit(
            X,
            Y,
            sample_weight=weight,
            batch_size=8,  # the last one has 6
            epochs=3,
            shuffle=False,
            validation_data=held_out,
            verbose=0,
        )
        for model in (theirs, ours)
    ]
    expected, history = (f.history for f in fitted)
    assert history.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=2e-4, err_msg=name)
    for own, other in zip(ours.get_weights(), theirs.weights, strict=True):
        np.testing.assert_allclose(own, other.value, rtol=1e-3, atol=1e-5)
    own, other = (
        model.evaluate(X, Y, sample_weight=weight, batch_size=8, verbose=0)
        for model in (ours, theirs)
    )
    np.testing.assert_allclose(own, other, rtol=2e-4)
