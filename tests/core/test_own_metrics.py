"""Metrics in Keras's form and metrics used by hand: what is counted, and what stays."""

import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import raises_text, where_jax_may_share

import jaxnet_mini as jn
from jaxnet_mini.core.training.state import Data
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.metrics import Mean, Sum

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 2)).astype(np.float32)
Y = X[:, :1] + 1.0
FIT = {"batch_size": 4, "epochs": 2, "verbose": 0}


class Span(jn.metrics.Metric):
    """The largest error of all, which is no sum; starts at 0.5."""

    def __init__(self, scale=1.0, name="span"):
        super().__init__(name=name)
        self.scale = scale
        self.most = self.add_weight((), lambda key, shape: jnp.full(shape, 0.5))
        self.rows = self.add_weight(dtype="int32", name="rows")

    def update_state(self, y_true, y_pred):
        error = jnp.max(jnp.abs(y_true - y_pred))
        self.most.assign(jnp.maximum(self.most, error))
        self.rows.assign_add(len(y_true))

    def result(self):
        return self.scale * self.most + 0.0 * self.rows.astype("float32")


def model(metric, **options):
    made = jn.Sequential([jn.Dense(1, input_dim=2)], **options)
    made.compile(jn.optimizers.SGD(0.1), "mse", metrics=[metric])
    return made


class Kept(jn.metrics.Metric):
    def __init__(self):
        super().__init__(name="kept")
        self.last = self.add_variable((32,), "zeros")

    def update_state(self, y_true, y_pred):
        self.last.assign(y_pred)

    def result(self):
        return jnp.sum(self.last.value)


def test_what_is_assigned_stays_when_its_array_is_written_to():
    metric, ones = Kept(), where_jax_may_share(np.ones(32, np.float32))
    for assign in (metric.last.assign, lambda given: metric.update_state(None, given)):
        assign(ones)
        ones[:] = np.nan
        assert float(metric.result()) == 32
        ones[:] = 1
        metric.reset_state()


def test_it_is_carried_from_batch_to_batch_and_stays_as_it_is():
    span = Span(2.0)
    own = model(span)
    found = own.evaluate(X, Y, batch_size=4, verbose=0)[1]
    expected = 2.0 * np.max(np.abs(Y - own.predict(X)))
    assert found == pytest.approx(expected, rel=1e-6)
    assert float(span.result()) == 1.0
    assert int(span.rows.value) == 0
    span.update_state(Y, Y + 3.0)
    assert float(span.result()) == pytest.approx(6.0, rel=1e-5)
    assert own.evaluate(X, Y, batch_size=4, verbose=0)[1] == found
    span.reset_state()
    assert float(span.result()) == 1.0
    assert span != Span(2.0)
    assert repr(span) == "Span(scale=2.0)"
    _, logs = jax.jit(own.trainer.step)(own.state, (X, Y))
    assert float(logs["span"]) == pytest.approx(expected, rel=1e-6)


def test_runs_sweeps_and_files_carry_it(tmp_path):
    first = model(Span(), seed=5)
    alone = first.fit(X, Y, **FIT, checkpoint=tmp_path / "run").history
    again = model(Span(), seed=5).fit(X, Y, **FIT, checkpoint=tmp_path / "run")
    assert again.history == alone
    result = jn.sweep(model(Span()), {"seed": [0, 5]}, X, Y, **FIT)
    np.testing.assert_allclose(result[1].history.history["span"], alone["span"], 1e-5)
    first.save(tmp_path / "m.safetensors")
    again = jn.models.load_model(tmp_path / "m.safetensors", {"Span": Span})
    assert again.trainer.metrics[0].metric.scale == 1.0
    with raises_text(ArgumentError, "2 pieces a step, and the metric 'span'"):
        order = jnp.zeros((2, 2, 2), jnp.int32)
        data = Data(jnp.asarray(X), jnp.asarray(Y), None, 10)
        first.trainer.loop(first.state, data, order, 0, 1)


class Ends(jn.metrics.Metric):
    """The largest and the smallest target, in one dictionary."""

    def __init__(self, name="ends"):
        super().__init__(name=name)
        self.most = self.add_variable((), lambda *_: jnp.array(-9.0), name="most")
        self.least = self.add_variable((), lambda *_: jnp.array(9.0), name="least")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.most.assign(jnp.maximum(self.most.value, jnp.max(y_true)))
        self.least.assign(jnp.minimum(self.least.value, jnp.min(y_true)))

    def result(self):
        return {"largest": self.most, "smallest": 1.0 * self.least}


def test_results_in_a_dictionary_go_by_their_own_names_as_in_keras():
    y = np.linspace(-2.0, 3.0, 10, dtype=np.float32)[:, None]
    instance = model(Ends())
    history = instance.fit(X, y, epochs=1, verbose=0, validation_data=(X, 2 * y))
    logs = {name: values[0] for name, values in history.history.items()}
    own = {"largest": 3.0, "smallest": -2.0}
    assert logs == {"loss": logs["loss"], "val_loss": logs["val_loss"]} | own | {
        f"val_{name}": 2 * value for name, value in own.items()
    }
    found = instance.evaluate(X, y, verbose=0, return_dict=True)
    assert {name: found[name] for name in own} == own
    assert instance.evaluate(X, y, verbose=0) == [found["loss"], 3.0, -2.0]
    trainer = instance.trainer
    step = jax.jit(trainer.step)(instance.state, (jnp.asarray(X), jnp.asarray(y)))
    assert {name: float(step[1][name]) for name in own} == own


def test_metrics_by_hand_count_what_a_fit_would():
    y, p = (X[:, 0] > 0.0).astype(np.float32), 1.0 / (1.0 + np.exp(-X[:, 1]))
    metric = jn.metrics.get("mse")
    before, other = hash(metric), copy.deepcopy(metric)
    for rows in (slice(0, 5), slice(5, 10)):
        metric.update_state(y[rows], p[rows])
    expected = np.mean((y.astype(np.float64) - p) ** 2)
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-6)
    assert metric == other
    assert hash(metric) == before
    assert float(copy.deepcopy(metric).result()) == 0.0
    metric.reset_state()
    assert float(metric.result()) == 0.0
    mean, total = Mean(), Sum()
    for metric in (mean, total):
        metric.update_state([1.0, 3.0])
        metric.update_state([8.0], sample_weight=[2.0])
    assert (float(mean.result()), float(total.result())) == (5.0, 20.0)


def test_bad_classes_are_told_what_to_do():
    with raises_text(ArgumentError, 'dtype must be "float32"'):
        type("Mine", (Span,), {})().__class__.__mro__[2].__init__(Span(), dtype="int8")
    with raises_text(ArgumentError, "Span sets self.totals", "self.own_totals"):
        Span().totals = 3
    with raises_text(ArgumentError, "Mine defines reset_state()", "update_state(self"):
        type("Mine", (jn.metrics.Metric,), {"reset_state": lambda self: None})
    with raises_text(TypeError, "abstract method"):
        type("Mine", (jn.metrics.Metric,), {"update_state": lambda self, *_: None})()
