"""Large products by oneDNN: the same numbers as XLA's own, and the same promises."""

import concurrent.futures
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from oracles import assert_trees_identical

import jaxnet_mini as jn
from jaxnet_mini.devices import onednn, programs
from jaxnet_mini.devices.products import MOST_ROWS
from jaxnet_mini.devices.programs import Program
from jaxnet_mini.loops import stretches

pytestmark = pytest.mark.skipif(
    jax.default_backend() != "cpu" or not onednn.options(MOST_ROWS + 1),
    reason="the compiler of this JAX has no oneDNN for this device",
)

LARGE = MOST_ROWS + 88
"""Rows of a batch: no power of two."""

GENERATOR = np.random.default_rng(0)


def by_xla(monkeypatch):
    """Compute all products as XLA does by itself, from now on."""
    monkeypatch.setattr(onednn, "OPTIONS", {})
    # Programs are known by their functions and shapes.
    for name in ("loop", "epochs", "evaluate"):
        own = getattr(programs, name)
        other = Program(own._function, cpu_options=programs.FAST)
        monkeypatch.setattr(programs, name, other)


@pytest.mark.parametrize(
    ("rows", "expected"), [(MOST_ROWS, False), (MOST_ROWS + 1, True)]
)
def test_large_products_alone_are_computed_by_it(rows, expected):
    x, y = np.ones((rows, 20), "f"), np.ones((rows, 12), "f")
    program = Program(lambda x, y: x.T @ y, rows=lambda x, y: len(x))
    with onednn.not_written():
        compiled = program.jitted_for(x, y).lower(x, y).compile()
    assert ("__onednn" in compiled.as_text()) == expected
    np.testing.assert_array_equal(program(x, y), np.full((20, 12), rows))


def test_a_compiler_that_does_not_know_it_is_not_told(monkeypatch):
    monkeypatch.setattr(onednn, "OPTIONS", {"xla_cpu_no_such_option": True})
    onednn._is_there.cache_clear()
    try:
        assert onednn.options(LARGE) == {}
    finally:
        onednn._is_there.cache_clear()


def stack():
    return jn.Sequential(
        [
            jn.Input((30,)),
            jn.Dense(24, "relu", kernel_regularizer=jn.regularizers.L2(1e-3)),
            jn.layers.BatchNormalization(),
            jn.Dropout(0.3),
            jn.Dense(7, "tanh", use_bias=False),
            jn.layers.LayerNormalization(),
            jn.Dense(1),
        ],
        seed=3,
    )


def wide_and_deep():
    x = jn.Input((30,))
    deep = jn.Dense(16, "relu")(jn.Dense(16, "relu")(x))
    both = jn.layers.Concatenate()([x, deep])
    near = jn.layers.Dot(axes=1)([jn.Dense(5)(x), jn.Dense(5)(deep)])
    return jn.Model(x, jn.layers.Add()([jn.Dense(1)(both), near]), seed=3)


def of_steps():
    layers = jn.layers
    own = [layers.Reshape((5, 6)), jn.Dense(4, "relu"), layers.Flatten(), jn.Dense(1)]
    return jn.Sequential([jn.Input((30,)), *own], seed=3)


@pytest.mark.parametrize("make", [stack, wide_and_deep, of_steps])
def test_training_is_that_of_products_by_xla(make, monkeypatch):
    """Also where the last batch is short, with weights, and evaluated."""
    x = GENERATOR.normal(size=(3 * LARGE + 100, 30)).astype("f")
    y = x[:, :1] * x[:, 1:2] - x[:, 2:3]
    weight = GENERATOR.random(len(x)).astype("f")

    def trained():
        model = make()
        model.compile(jn.optimizers.SGD(0.05, momentum=0.9), "mse", ["mae"])
        history = model.fit(
            x,
            y,
            sample_weight=weight,
            batch_size=LARGE,
            epochs=3,
            validation_data=(x[:700], y[:700]),
            verbose=0,
        )
        return model.get_weights(), history.history

    weights, logs = trained()
    by_xla(monkeypatch)
    expected_weights, expected = trained()
    for found, other in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(found, other, rtol=1e-4, atol=2e-6)
    for name, values in expected.items():
        np.testing.assert_allclose(logs[name], values, rtol=1e-5)


def test_steps_are_those_of_numpy_in_float64():
    x = GENERATOR.normal(size=(LARGE, 50))
    y = GENERATOR.normal(size=(LARGE, 3))
    model = jn.Sequential([jn.Dense(40, "tanh"), jn.Dense(3)], seed=0)
    model.compile(jn.optimizers.SGD(0.1), "mse")
    model.build((None, 50))
    first, bias, second, last = (w.astype(float) for w in model.get_weights())
    model.fit(x, y, batch_size=LARGE, epochs=4, shuffle=False, verbose=0)
    for _ in range(4):
        hidden = np.tanh(x @ first + bias)
        slope = 2 * (hidden @ second + last - y) / y.size
        inner = (slope @ second.T) * (1 - hidden**2)
        second, last = second - 0.1 * hidden.T @ slope, last - 0.1 * slope.sum(0)
        first, bias = first - 0.1 * x.T @ inner, bias - 0.1 * inner.sum(0)
    for found, expected in zip(
        model.get_weights(), (first, bias, second, last), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("validation_rows", [LARGE, 32])
def test_epochs_in_one_program_have_the_same_bits(validation_rows, monkeypatch):
    """Where the evaluation is of the other kind of batches they share none."""
    x = GENERATOR.normal(size=(2 * LARGE, 12)).astype("f")
    y = (x.sum(1) > 0).astype("i")
    settings = {
        "batch_size": LARGE,
        "epochs": 5,
        "verbose": 0,
        "validation_data": (x[:700], y[:700]),
        "validation_batch_size": validation_rows,
    }
    shared, begin = [], stretches.InOneProgram.begin
    monkeypatch.setattr(
        stretches.InOneProgram,
        "begin",
        lambda own, first, count, state: (
            shared.append(count) or begin(own, first, count, state)
        ),
    )

    def made(seed=None):
        model = jn.Sequential([jn.Dense(9, "relu"), jn.Dense(2)], seed=seed)
        model.compile("adam", jn.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    result = jn.sweep(made(), {"seed": range(8)}, x, y, **settings)
    assert any(shared) == (validation_rows == LARGE)
    for member in result[::3]:
        alone = made(member.settings["seed"])
        history = alone.fit(x, y, **settings)
        np.testing.assert_equal(member.history.history, history.history)
        assert_trees_identical(member.model.state, alone.state)


def test_fits_at_once_have_the_bits_of_one_after_another():
    x = GENERATOR.normal(size=(4 * LARGE, 64)).astype("f")
    y = GENERATOR.integers(0, 10, len(x))

    def trained(seed):
        model = jn.Sequential([jn.Dense(64, "relu"), jn.Dense(10)], seed=seed)
        model.compile("adam", jn.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(x, y, batch_size=LARGE, epochs=6, verbose=0)
        return [w.tobytes() for w in model.get_weights()]

    expected = [trained(seed) for seed in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert list(pool.map(trained, range(6))) == expected


CACHED = """
import os, sys, warnings
import numpy as np
import jaxnet_mini as jn
warnings.simplefilter("error")
if sys.argv[1:]:
    jn.utils.enable_compilation_cache(sys.argv[1])
x = np.random.default_rng(0).normal(size=(1200, 8)).astype("f")
model = jn.Sequential([jn.Dense(4, "relu"), jn.Dense(1)], seed=0)
model.compile("adam", "mse")
for rows in 600, 40:
    model.fit(x, x[:, :1], batch_size=rows, epochs=2, verbose=0)
print(b"".join(w.tobytes() for w in model.get_weights()).hex())
"""


@pytest.mark.parametrize("whose", ["ours", "jax"])
def test_the_cache_on_disk_changes_no_bit_and_is_silent(whose, tmp_path):
    """It cannot keep such a program: another process compiles it anew."""
    without = {k: v for k, v in os.environ.items() if "CACHE" not in k}
    command = [sys.executable, "-c", CACHED]
    folder = str(tmp_path)
    if whose == "ours":
        environment, arguments = without, [folder]
    else:
        environment = without | {
            "JAX_COMPILATION_CACHE_DIR": folder,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_RAISE_PERSISTENT_CACHE_ERRORS": "1",
        }
        arguments = []
    said = [
        subprocess.run(
            [*command, *given], env=env, check=True, capture_output=True, text=True
        )
        for env, given in ((without, []), *[(environment, arguments)] * 2)
    ]
    assert [run.stderr for run in said] == ["", "", ""]
    assert len({run.stdout for run in said}) == 1
    assert len([path for path in tmp_path.iterdir() if "jit_loop" in path.name]) >= 1


@pytest.mark.filterwarnings("ignore:bfloat16 is slower")
def test_bfloat16_learns_as_by_xla(monkeypatch):
    x = GENERATOR.normal(size=(LARGE, 32)).astype("f")
    y = x[:, :2] - x[:, 2:4]

    def losses():
        model = jn.Sequential(
            [
                jn.Dense(16, "relu", dtype="mixed_bfloat16"),
                jn.Dense(2, dtype="mixed_bfloat16"),
            ],
            seed=0,
        )
        model.compile(jn.optimizers.SGD(0.05), "mse")
        history = model.fit(x, y, batch_size=LARGE, epochs=20, verbose=0)
        return np.array(history.history["loss"])

    found = losses()
    assert found[-1] < 0.7 * found[0]
    by_xla(monkeypatch)
    # bfloat16 has eight bits.
    np.testing.assert_allclose(found, losses(), rtol=2e-2)
