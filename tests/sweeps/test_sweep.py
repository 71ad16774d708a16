"""Many models by one call, each as a fit of its own."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from interpreter import run
from oracles import assert_trees_close, assert_trees_identical

import jaxnet_mini as jn
from jaxnet_mini.callbacks import EarlyStopping
from jaxnet_mini.devices import programs
from jaxnet_mini.errors import ArgumentError, UnknownNameError

pytestmark = pytest.mark.usefixtures("quick_compilation")

ROWS, FEATURES, CLASSES = 120, 6, 3
GENERATOR = np.random.default_rng(0)
X = GENERATOR.random((ROWS, FEATURES), np.float32)
Y = (X[:, 0] * CLASSES).astype(np.int32)
CALL = {"batch_size": 16, "epochs": 3, "verbose": 0, "validation_split": 0.2}


def momentum(rate=0.01):
    """An optimizer with a state, and with less to compile than Adam."""
    return jn.optimizers.SGD(rate, momentum=0.9)


def model(seed=0, rate=0.2, l2=0.01, optimizer=None, units=8):
    one = jn.Sequential(
        [
            jn.Dense(units, "relu", kernel_regularizer=jn.regularizers.L2(l2)),
            jn.Dropout(rate),
            jn.Dense(CLASSES, "softmax"),
        ],
        seed=seed,
    )
    loss = "sparse_categorical_crossentropy"
    one.compile(optimizer or momentum(), loss, ["accuracy"])
    return one


def solo(**settings):
    one = model(**settings)
    one.fit(X, Y, **CALL)
    return one


def test_members_are_fits_to_the_bit():
    """On one CPU device, where numbers of the optimizer and seeds are tried."""
    template = model(optimizer=jn.optimizers.AdamW())
    rates, decays = [0.001, 0.01], np.array([0.0, 0.1])
    space = {"learning_rate": rates, "weight_decay": decays, "seed": range(2)}
    result = jn.sweep(template, space, X, Y, **CALL)
    assert len(result) == 8
    assert not template.built
    for member in result:
        rate, decay, seed = (member.settings[name] for name in space)
        own = solo(seed=seed, optimizer=jn.optimizers.AdamW(rate, weight_decay=decay))
        assert_trees_identical(member.model.state, own.state)
        assert member.history.history == own.history.history


def test_members_whose_layers_know_of_all_rows_are_fits_to_the_bit():
    """A shorter batch is filled up with no row that would count in what they make."""
    rng = np.random.default_rng(3)
    x = rng.normal(2.0, 1.0, (21, 3)).astype(np.float32)
    y = x.sum(-1, keepdims=True)
    held_out = x[:11] + 1.0, y[:11]

    def compared(rate=0.05, seed=0):
        function = jn.layers.Lambda(lambda x: x - jnp.mean(x, 0, keepdims=True))
        one = jn.Sequential([function, jn.Dense(1)], seed=seed)
        one.compile(momentum(rate), "mse")
        return one

    how = {"batch_size": 8, "epochs": 2, "verbose": 0, "validation_data": held_out}
    space = {"learning_rate": [0.05, 0.01], "seed": [0, 1]}
    for member in jn.sweep(compared(), space, x, y, **how):
        own = compared(*member.settings.values())
        own.fit(x, y, **how)
        assert_trees_identical(member.model.state, own.state)
        assert member.history.history == own.history.history


def test_numbers_of_muon_are_tried():
    def one(rate):
        made = jn.Sequential([jn.Dense(CLASSES, input_shape=(FEATURES,))], seed=0)
        made.compile(jn.optimizers.Muon(0.05, rms_rate=rate), "mse")
        return made

    call = {"batch_size": 40, "verbose": 0, "shuffle": False}
    y = np.eye(CLASSES, dtype=np.float32)[Y]
    for member in jn.sweep(one(1.0), {"rms_rate": [0.2, 0.6]}, X, y, epochs=1, **call):
        own = one(member.settings["rms_rate"])
        own.fit(X, y, **call)
        assert_trees_close(member.model.params, own.params, 1e-5)


@pytest.mark.slow
def test_numbers_of_layers_are_traced_and_agree_to_rounding():
    space = {"rate": [0.0, 0.3], "l2": [0.0, 0.02], "seed": [3]}
    result = jn.sweep(model(), space, X, Y, **CALL)
    for member in result:
        settings = dict(member.settings)
        own = solo(**settings)
        assert_trees_close(member.model.params, own.params, 1e-5)
        for name, values in own.history.history.items():
            np.testing.assert_allclose(member.history.history[name], values, rtol=1e-5)
        assert member.model.layers == own.layers


def test_all_combinations_are_one_program():
    space = {"learning_rate": [0.001, 0.01], "rate": [0.1, 0.4], "seed": range(3)}
    jn.sweep(model(units=9), {**space, "seed": [0]}, X, Y, **CALL)
    before = programs.loop.jitted._cache_size()
    jn.sweep(model(units=9), space | {"rate": [0.2, 0.3, 0.5]}, X, Y, **CALL)
    assert programs.loop.jitted._cache_size() == before


def test_early_stopping_is_each_members_own():
    stopping = EarlyStopping("val_loss", patience=1, restore_best_weights=True)
    call = CALL | {"epochs": 12}
    space = {"learning_rate": [1e-4, 0.03, 0.3]}
    result = jn.sweep(model(), space, X, Y, callbacks=stopping, **call)
    lengths = []
    for member in result:
        own = model(optimizer=momentum(member.settings["learning_rate"]))
        callback = EarlyStopping("val_loss", patience=1, restore_best_weights=True)
        own.fit(X, Y, callbacks=callback, **call)
        assert_trees_identical(member.model.params, own.params)
        lengths.append(len(member.history.epoch))
        assert member.history.history == own.history.history
    assert len(set(lengths)) > 1


def test_a_function_builds_models_of_several_shapes():
    def build(units):
        return model(units=units)

    space = {"units": [4, 8], "learning_rate": [0.001, 0.01]}
    result = jn.sweep(build, space, X, Y, **CALL)
    for member in result:
        rate, units = member.settings["learning_rate"], member.settings["units"]
        own = solo(units=units, optimizer=momentum(rate))
        assert_trees_identical(member.model.params, own.params)


@pytest.fixture(scope="module")
def result():
    space = {"learning_rate": [0.0001, 0.001, 0.01], "seed": range(2)}
    return jn.sweep(model(), space, X, Y, **CALL)


def test_the_best_is_fitted_and_compiled(result):
    losses = [member.history.history["val_loss"][-1] for member in result]
    best = result.best("val_loss")
    held_out = X[96:], Y[96:]
    assert best.evaluate(*held_out, verbose=0)[0] == pytest.approx(min(losses))
    accuracies = [member.history.history["val_accuracy"][-1] for member in result]
    accurate = result.best("val_accuracy").evaluate(*held_out, verbose=0)[1]
    assert accurate == pytest.approx(max(accuracies))
    before = int(best.state.step)
    best.fit(X, Y, 16, verbose=0)
    assert int(best.state.step) == before + 8


def test_an_ensemble_is_the_mean_of_the_best(result):
    ranked = sorted(result, key=lambda m: m.history.history["val_loss"][-1])[:3]
    expected = np.mean([member.model.predict(X) for member in ranked], axis=0)
    outputs = result.ensemble(3).predict(X)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)


def test_the_table_says_all(result, capsys):
    print(result.table(sort_by="val_loss"))
    out = capsys.readouterr().out
    html = result._repr_html_()
    for text in (out, html):
        for name in ("learning_rate", "seed", "val_loss", "val_accuracy"):
            assert name in text
        assert "0.0001" in text
    (header,) = (line for line in out.splitlines() if "val_loss" in line)
    column = [cell.strip() for cell in header.split("┃")].index("val_loss")
    shown = [
        line.split("│")[column].strip() for line in out.splitlines() if "│" in line
    ]
    losses = sorted(m.history.history["val_loss"][-1] for m in result)
    assert shown == [f"{loss:.4g}" for loss in losses]


def test_a_member_that_turns_nan_ends_alone():
    space = {"learning_rate": [0.001, 1e30]}
    good, bad = jn.sweep(model(), space, X, Y, **CALL)
    own = solo(optimizer=momentum(0.001))
    assert_trees_identical(good.model.params, own.params)
    assert "NaN" in bad.note
    assert all(np.isfinite(w).all() for w in bad.model.get_weights())


@pytest.mark.parametrize(
    ("space", "error", "text"),
    [
        ({}, ArgumentError, "space"),
        ({"learning_rate": []}, ArgumentError, "learning_rate"),
        ({"learning_rat": [0.1]}, UnknownNameError, "learning_rate"),
        ({"rate": [1.5]}, ArgumentError, "rate is the share of inputs to drop"),
        ({"learning_rate": [-1.0]}, ArgumentError, "learning_rate must be"),
        ({"seed": [-1]}, ArgumentError, "seed must be"),
        ({"l2": [-1.0]}, ArgumentError, "l2 must be a finite number"),
    ],
)
def test_bad_spaces_are_refused_before_anything_is_compiled(space, error, text):
    before = programs.loop.jitted._cache_size()
    with pytest.raises(error) as caught:
        jn.sweep(model(), space, X, Y, **CALL)
    assert text in str(caught.value)
    assert programs.loop.jitted._cache_size() == before


ON_EIGHT = """
import json, sys
sys.path[:0] = ["tests", "tests/support", "tests/sweeps"]
import jax, numpy as np
from test_sweep import *
space = {"learning_rate": [0.001, 0.01], "rate": [0.1, 0.3], "seed": range(3)}
stopping = EarlyStopping("val_loss", patience=1)
worst = 0.0
several = jn.sweep(model(), space, X, Y, callbacks=stopping, **CALL)
mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("data",))
one = jn.sweep(model(), space, X, Y, callbacks=stopping, mesh=mesh, **CALL)
for a, b in zip(several, one, strict=True):
    assert a.settings == b.settings
    for name, values in a.history.history.items():
        np.testing.assert_allclose(values, b.history.history[name], rtol=1e-5)
    for v, w in zip(a.model.get_weights(), b.model.get_weights(), strict=True):
        worst = max(worst, float(np.abs(v - w).max()))
print(json.dumps([len(several), worst]))
"""


def test_members_are_shared_out_to_devices():
    flags = "--xla_force_host_platform_device_count=8"
    quickly = {"XLA_FLAGS": flags, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    members, worst = json.loads(run("-c", ON_EIGHT, **quickly).splitlines()[-1])
    assert members == 12
    assert worst < 1e-5
