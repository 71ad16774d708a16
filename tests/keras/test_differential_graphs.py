"""Sixty random graphs with state, trained here and by Keras from the same weights.

Each takes 100 steps in the same order; every logged value and every weight must agree.
What is drawn: graphs and stacks, layers called twice, models within models, merging,
normalization with state and without, frozen layers, penalties, constraints, one or two
inputs and outputs, optimizers with schedules, clipping and decay, batch sizes.
"""

import collections
import random
from typing import Any

import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close

import jaxnet_mini as jn

pytestmark = pytest.mark.usefixtures("quick_compilation")

CASES = 60
QUICK_CASES = 4
"""Without ``--long``: both libraries compile each for seconds."""

STEPS = 100
TOLERANCE = 1e-4
WIDTH = 4

# A gradient that would be zero but for rounding is a step of Adam's where epsilon is as
# small as by default, and in these two libraries another one.
EPSILON = {"epsilon": 1e-4}
OPTIMIZERS: list[tuple[str, float, dict[str, Any]]] = [
    ("SGD", 0.02, {"momentum": 0.8, "nesterov": True}),
    ("Adam", 0.003, EPSILON),
    ("AdamW", 0.003, {"weight_decay": 0.02, **EPSILON}),
    ("RMSprop", 0.002, {"momentum": 0.3, **EPSILON}),
    ("Adagrad", 0.02, EPSILON),
    # Its epsilon stands elsewhere than in Keras, as its documentation says.
    ("Adamax", 0.002, {}),
]
CLIPPING: list[dict[str, float]] = [
    {},
    {"clipnorm": 0.3},
    {"clipvalue": 0.05},
    {"global_clipnorm": 0.5},
    {"weight_decay": 0.01},
]
SCHEDULES = [
    None,
    ("ExponentialDecay", {"decay_steps": 20, "decay_rate": 0.8}),
    ("CosineDecay", {"decay_steps": 80, "alpha": 0.1}),
    ("InverseTimeDecay", {"decay_steps": 30, "decay_rate": 0.5}),
    ("PolynomialDecay", {"decay_steps": 60, "end_learning_rate": 1e-4}),
]
MERGES = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]
PAIRS = ["Concatenate", "Dot"]
DENSE: list[dict[str, Any]] = [
    {},
    {"kernel_regularizer": "l2"},
    {"activity_regularizer": "l2"},
    {"bias_regularizer": "l1", "use_bias": True},
    {"kernel_constraint": "max_norm"},
    {"kernel_constraint": "unit_norm", "bias_constraint": "non_neg"},
    {"use_bias": False},
    {"trainable": False, "kernel_regularizer": "l2"},
]


class Drawn:
    """A model of layers drawn by chance, made by the same words in both libraries.

    Args:
        library: this one or Keras.
        seed: of what is drawn.
    """

    def __init__(self, library: Any, seed: int) -> None:
        self.layers = library.layers
        self.seed = seed
        self.random = random.Random(seed)
        self.kinds: collections.Counter[str] = collections.Counter()
        self.is_stack = seed % 4 == 0
        inputs = [
            library.Input((WIDTH,), name=f"input_{n}")
            for n in range(1 if self.is_stack else 1 + seed % 2)
        ]
        self.made = list(inputs)
        self.known: list[Any] = []
        for _ in range(self.random.randint(3, 6)):
            self.made.append(self.stacked() if self.is_stack else self.next(library))
        last = self.made[-1]
        if len(inputs) > 1 or self.random.random() < 0.5:
            last = self.call("Concatenate", [last, *inputs])
        outputs = [self.dense(1, name="main")(last)]
        if not self.is_stack and seed % 3 == 0:
            kind = self.dense(3, activation="softmax", name="kind")
            outputs.append(kind(self.made[-1]))
        self.model = library.Model(one_or_all(inputs), one_or_all(outputs))
        self.outputs = len(outputs)
        self.compile(library)

    def dense(self, *given: Any, **named: Any) -> Any:
        # Zeros compile sooner than random numbers: the test sets the weights.
        return self.layers.Dense(*given, kernel_initializer="zeros", **named)

    def call(self, kind: str, inputs: Any, *given: Any, **named: Any) -> Any:
        self.kinds[kind] += 1
        return getattr(self.layers, kind)(*given, **named)(inputs)

    def stacked(self) -> Any:
        return self.on_one(self.made[-1])

    def next(self, library: Any) -> Any:
        one, other = (self.random.choice(self.made) for _ in range(2))
        choice = self.random.random()
        if choice < 0.15 and self.known:
            self.kinds["shared"] += 1
            return self.random.choice(self.known)(one)
        if choice < 0.25:
            self.kinds["nested"] += 1
            inner = [self.dense(3, "tanh"), self.layers.BatchNormalization()]
            parts = [library.Input((WIDTH,)), *inner, self.dense(WIDTH)]
            return library.Sequential(parts)(one)
        if choice < 0.55 and one is not other:
            kind = self.random.choice(MERGES + PAIRS)
            settings = {"axes": -1} if kind == "Dot" else {}
            merged = self.call(kind, [one, other], **settings)
            if kind in PAIRS:
                self.kinds["Dense"] += 1
                return self.dense(WIDTH, activation="tanh")(merged)
            return merged
        return self.on_one(one)

    def on_one(self, one: Any) -> Any:
        kind = self.random.choice(
            ["Dense"] * 3
            + ["BatchNormalization"] * 2
            + ["LayerNormalization", "Normalization", "UnitNormalization"]
        )
        if kind == "Dense":
            settings = self.random.choice(DENSE)
            for name in settings:
                self.kinds[name] += 1
            activation = self.random.choice(["tanh", "sigmoid", "gelu", None])
            layer = self.dense(WIDTH, activation, **settings)
            self.known.append(layer)
            self.kinds[kind] += 1
            return layer(one)
        settings = {}
        if kind == "BatchNormalization":
            settings = {
                "momentum": self.random.choice([0.5, 0.9, 0.99]),
                "center": self.random.random() < 0.8,
                "scale": self.random.random() < 0.8,
                "trainable": self.random.random() < 0.8,
            }
            self.kinds["frozen statistics"] += not settings["trainable"]
        elif kind == "Normalization":
            settings = {"mean": [0.1, 0.2, 0.3, 0.4], "variance": [1.0, 2.0, 0.5, 1.5]}
        return self.call(kind, one, **settings)

    def compile(self, library: Any) -> None:
        name, rate, settings = OPTIMIZERS[self.seed % len(OPTIMIZERS)]
        settings = settings | CLIPPING[self.seed % len(CLIPPING)]
        schedule = SCHEDULES[self.seed // 2 % len(SCHEDULES)]
        given: Any = rate
        if schedule is not None:
            kind = getattr(library.optimizers.schedules, schedule[0])
            given = kind(rate, **schedule[1])
        losses = ["mse", "sparse_categorical_crossentropy"][: self.outputs]
        self.model.compile(
            optimizer=getattr(library.optimizers, name)(given, **settings),
            loss=one_or_all(losses),
            loss_weights=[0.7, 0.4] if self.outputs > 1 else None,
            metrics=[["mae"], ["accuracy"]] if self.outputs > 1 else ["mae"],
        )


def one_or_all(values: list[Any]) -> Any:
    return values if len(values) > 1 else values[0]


def data(seed: int, inputs: int, outputs: int) -> tuple[Any, Any, dict[str, Any]]:
    rng = np.random.default_rng(seed)
    batch_size, epochs = int(rng.choice([8, 16])), int(rng.choice([4, 5]))
    rows = batch_size * (STEPS // epochs) - int(rng.choice([0, 3]))
    x = [rng.normal(size=(rows, WIDTH)).astype(np.float32) for _ in range(inputs)]
    main = np.tanh(x[0] @ rng.normal(size=(WIDTH, 1))).astype(np.float32)
    y = [main, rng.integers(0, 3, rows)][:outputs]
    fit = {"batch_size": batch_size, "epochs": epochs, "shuffle": False, "verbose": 0}
    if seed % 5 == 0:
        fit["validation_split"] = 0.1
    return one_or_all(x), one_or_all(y), fit


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        long = metafunc.config.getoption("--long")
        metafunc.parametrize("seed", range(CASES if long else QUICK_CASES))


def test_a_random_graph_trains_as_in_keras(seed):
    ours = Drawn(jn, seed)
    x, y, fit = data(seed, len(ours.model.inputs), ours.outputs)
    with keras_on_jax() as keras:
        theirs = Drawn(keras, seed)
        rng = np.random.default_rng(seed)
        start = [
            rng.normal(0.0, len(w) ** -0.5, w.shape) if w.ndim == 2 else w
            for w in theirs.model.get_weights()
        ]
        theirs.model.set_weights(start)
        logs = theirs.model.fit(x, y, **fit).history
        weights = theirs.model.get_weights()
        prediction = theirs.model.predict(x, verbose=0)
    ours.model.set_weights(start)
    history = ours.model.fit(x, y, **fit).history
    assert list(history) == list(logs)
    for name, values in history.items():
        assert_close(values, logs[name], TOLERANCE)
    for own, other in zip(ours.model.get_weights(), weights, strict=True):
        # A bias before a normalization has no gradient but rounding.
        scale = TOLERANCE * max(0.01, np.max(np.abs(other)))
        np.testing.assert_allclose(own, other, rtol=TOLERANCE, atol=scale)
    found = ours.model.predict(x)
    pairs = zip(found, prediction, strict=True) if ours.outputs > 1 else []
    for own, other in pairs or [(found, prediction)]:
        assert_close(own, other, TOLERANCE)


@pytest.mark.parametrize("number", [QUICK_CASES, CASES])
def test_the_graphs_are_many_and_different(number):
    drawn = [Drawn(jn, seed) for seed in range(number)]
    kinds = sum((one.kinds for one in drawn), collections.Counter())
    assert {"BatchNormalization", "Dense", "nested"} <= set(kinds)
    assert {one.outputs for one in drawn} == {1, 2}
    assert {len(one.model.inputs) for one in drawn} == {1, 2}
    assert {one.is_stack for one in drawn} == {True, False}
    if number == CASES:
        assert {*MERGES, *PAIRS, *(name for one in DENSE for name in one)} <= set(kinds)
        assert {"LayerNormalization", "Normalization", "UnitNormalization"} <= set(
            kinds
        )
        assert kinds["frozen statistics"] >= 5
        assert kinds["shared"] >= 5
