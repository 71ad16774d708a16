"""One source of own metrics and a loss, run by Keras and by this library."""

import jax
import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close

import jaxnet_mini as jn

pytestmark = pytest.mark.usefixtures("quick_compilation", "as_a_user_writes")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype(np.float32)
Y = (X.sum(-1, keepdims=True) > 0.0).astype(np.float32)
WEIGHT = RNG.uniform(0.5, 2.0, 20).astype(np.float32)
# The last batch has 4 rows, which are padded here.
FIT = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0}


@pytest.fixture
def as_a_user_writes():
    """Scripts of users are not as strict as the tests are."""
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield


def classes(keras):
    """Metrics and a loss as lessons write them, for whichever library is given."""
    ops, metrics = keras.ops, keras.metrics

    class Largest(metrics.Metric):
        def __init__(self, name="largest", **kwargs):
            super().__init__(name=name, **kwargs)
            self.value = self.add_variable(shape=(), initializer="zeros", name="v")

        def update_state(self, y_true, y_pred, sample_weight=None):
            error = ops.max(ops.abs(y_true - y_pred))
            self.value.assign(ops.maximum(self.value, error))

        def result(self):
            return self.value + 0.0  # Keras cannot return the variable itself

        def reset_state(self):
            self.value.assign(0.0)

    class MeanError(metrics.Metric):
        """Counts by the shape of what comes, and so must not see padding."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.total = self.add_weight(shape=(), initializer="zeros", name="total")
            self.count = self.add_weight(shape=(), initializer="zeros", name="count")

        def update_state(self, y_true, y_pred, sample_weight=None):
            values = ops.mean(ops.abs(y_true - y_pred), axis=-1)
            if sample_weight is not None:
                values = values * ops.cast(sample_weight, values.dtype)
            self.total.assign_add(ops.sum(values))
            self.count.assign_add(ops.cast(ops.size(y_true), "float32"))

        def result(self):
            return self.total / self.count

    class F1(metrics.Metric):
        def __init__(self, name="f1"):
            super().__init__(name=name)
            self.parts = [metrics.Precision(), metrics.Recall()]

        def update_state(self, y_true, y_pred, sample_weight=None):
            for part in self.parts:
                part.update_state(y_true, y_pred)

        def result(self):
            precision, recall = (part.result() for part in self.parts)
            return 2.0 * precision * recall / (precision + recall + 1e-7)

        def reset_state(self):
            for part in self.parts:
                part.reset_state()

    class Flipped(metrics.Recall):
        def update_state(self, y_true, y_pred, sample_weight=None):
            super().update_state(1.0 - y_true, 1.0 - y_pred, sample_weight)

    class Squared(keras.losses.Loss):
        def __init__(self, factor=2.0, name="squared"):
            super().__init__(name=name)
            self.factor = factor

        def call(self, y_true, y_pred):
            return self.factor * ops.mean(ops.square(y_true - y_pred), axis=-1)

    return {
        "optimizer": keras.optimizers.SGD(0.1),
        "loss": Squared(3.0),
        "metrics": [Largest(), MeanError(name="error"), F1(), Flipped(name="flipped")],
        "weighted_metrics": [MeanError(name="weighted")],
    }


def test_one_source_counts_as_in_keras():
    model = jn.Sequential([jn.Dense(1, "sigmoid", input_dim=3)])
    model.compile(**classes(jn))
    with keras_on_jax() as keras:
        layers = [keras.Input((3,)), keras.layers.Dense(1, "sigmoid")]
        other = keras.Sequential(layers)
        other.compile(**classes(keras))
        model.set_weights(other.get_weights())
        theirs = other.fit(X, Y, sample_weight=WEIGHT, **FIT).history
        evaluated = other.evaluate(X, Y, 8, 0, WEIGHT, return_dict=True)
        by_hand = counted(classes(keras)["metrics"])
    history = model.fit(X, Y, sample_weight=WEIGHT, **FIT).history
    assert list(history) == list(theirs)
    for name, values in theirs.items():
        assert_close(history[name], values, 1e-5)
    again = model.evaluate(X, Y, 8, 0, WEIGHT, return_dict=True)
    assert again == pytest.approx(evaluated, rel=1e-5)
    own = counted(classes(jn)["metrics"])
    assert own == pytest.approx(by_hand, rel=1e-5, nan_ok=True)


def counted(metrics):
    """What metrics say after two batches by hand, and once they have forgotten them."""
    found = []
    for metric in metrics:
        for rows in (slice(0, 7), slice(7, 20)):
            metric.update_state(Y[rows], X[rows, :1])
        found.append(float(metric.result()))
        metric.reset_state()
        found.append(float(metric.result()))
    return found
