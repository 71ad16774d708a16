"""What asks for the values of arrays is named before anything is compiled."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnet_mini as jn
from jaxnet_mini import layers, ops
from jaxnet_mini.base import places
from jaxnet_mini.errors import ArgumentError, TracingError

X = np.random.default_rng(0).random((20, 4), np.float32)
Y = X.sum(1)


class Chooses(layers.Layer):
    def call(self, x):
        return x if ops.sum(x) > 0 else -x


class LeavesOut(layers.Layer):
    def call(self, x):
        return x[:, x[0] > 0]


class Whole(jn.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, x):
        return self.dense(x) * float(jnp.max(x))


class Steps(Whole):
    def call(self, x):
        return self.dense(x)

    def train_step(self, state, data):
        return {"loss": int(data[0].sum())}, state


class OwnLoss(jn.losses.Loss):
    def call(self, y_true, y_pred):
        return (y_true - y_pred) * float(jnp.mean(y_pred))


class Counts(jn.metrics.Metric):
    def __init__(self):
        super().__init__(name="counts")
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        if ops.mean(y_pred) > 0:
            self.total.assign(self.total + 1)

    def result(self):
        return self.total


def loss(y_true, y_pred):
    return (y_true - y_pred) ** 2 if y_pred.sum() > 0 else y_true - y_pred


def by_numpy(x):
    return np.tanh(x)


def drawn(key, shape):
    return np.asarray(jax.random.normal(key, shape))


def penalty(kernel):
    return float(jnp.sum(kernel))


def long(x):
    return x if x.sum() > 0 else -x


def step(step, state, batch):
    for _ in range(batch.x[0, 0].astype(int)):
        pass
    return step(state, batch)


def of(*parts, loss="mse", **compiled):
    model = parts[0] if parts and isinstance(parts[0], jn.Model) else None
    model = model or jn.Sequential([*parts, layers.Dense(1)], seed=1)
    model.compile("adam", loss, **compiled)
    return model


ASKING = {
    "Chooses.call": lambda: of(Chooses()),
    "LeavesOut.call": lambda: of(LeavesOut()),
    "Whole.call": lambda: of(Whole()),
    "Steps.train_step": lambda: of(Steps()),
    "OwnLoss.call": lambda: of(loss=OwnLoss()),
    "Counts.update_state": lambda: of(metrics=[Counts()]),
    "loss": lambda: of(loss=loss),
    "by_numpy": lambda: of(layers.Dense(2, by_numpy)),
    "drawn": lambda: of(layers.Dense(2, kernel_initializer=drawn)),
    "penalty": lambda: of(layers.Dense(2, kernel_regularizer=penalty)),
    "step": lambda: of(train_step=step),
    "<lambda>": lambda: of(layers.Lambda(lambda x: x if x.max() > 1 else -x)),
}


@pytest.mark.parametrize("name", ASKING)
def test_who_asks_for_values_is_named_before_anything_is_compiled(name, monkeypatch):
    model = ASKING[name]()
    compiled = []
    monkeypatch.setattr(jax.stages.Lowered, "compile", compiled.append)
    with pytest.raises(TracingError) as caught:
        model.fit(X, Y, verbose=0)
    message = str(caught.value)
    assert message.startswith(f"{name} (line ")
    assert f" of {__file__}: " in message
    assert ") asks for values of an array" in message
    assert "ops.where" in message
    assert isinstance(caught.value.__cause__, (TypeError, IndexError))
    assert compiled == []


def test_a_line_that_is_long_is_cut(monkeypatch):
    monkeypatch.setattr(places, "MOST_LETTERS", 20)
    with pytest.raises(TracingError, match=r": return x if x\.sum\(\) \.\.\.\) asks"):
        of(layers.Lambda(long)).fit(X, Y, verbose=0)


def test_a_step_without_state_is_refused():
    class OfTensorFlow(Whole):
        def train_step(self, data):
            return {}

    words = r"train_step\(self, data\) must be train_step\(self, state, data\)"
    with pytest.raises(ArgumentError, match=words):
        of(OfTensorFlow())
