"""Fifty random dense networks, trained here and by Keras from the same weights.

Each takes 100 steps in the same order; every logged value and every weight must agree.
What is drawn: depth, widths, activations, normalization, loss, metrics, optimizer,
regularizers, batch size, weights of examples and of classes, and how is validated.
"""

import dataclasses
from typing import Any

import numpy as np
import pytest
from conftest import keras_on_jax
from oracles import assert_close

import jaxnet_mini as jn

pytestmark = pytest.mark.usefixtures("quick_compilation")

CASES = 50
QUICK_CASES = 10
"""Without ``--long``: both libraries compile each for seconds.

What these hold is asserted below: every loss, optimizer, activation and way to fit.
"""

KEY = 1096
"""One of those with which already the first cases hold all that is asserted below."""

STEPS = 100
TOLERANCE = 1e-4

INSIDE = ["relu", "tanh", "sigmoid", "elu", "selu", "gelu", "softplus", "silu", None]
# loss: activations of the last layer that go with it, metrics that can be computed
ENDS: dict[str, tuple[list[str | None], list[str]]] = {
    "sparse_categorical_crossentropy": (
        ["softmax"],
        ["accuracy", "sparse_categorical_crossentropy"],
    ),
    "categorical_crossentropy": (
        ["softmax"],
        ["accuracy", "top_k_categorical_accuracy", "mse", "AUC"],
    ),
    "binary_crossentropy": (
        ["sigmoid"],
        ["accuracy", "Precision", "Recall", "AUC", "mae"],
    ),
    "mean_squared_error": (
        [None, "tanh"],
        ["mae", "root_mean_squared_error", "cosine_similarity"],
    ),
    "mean_absolute_error": ([None], ["mse"]),
    "huber": ([None, "softsign"], ["mse", "mae"]),
    "log_cosh": ([None], ["mse"]),
    "kl_divergence": (["softmax"], ["mae"]),
    "poisson": (["exponential", "softplus"], ["mse"]),
    "squared_hinge": (["tanh", None], ["hinge"]),
}
# A gradient that would be zero but for rounding is a step of Adam's where epsilon is as
# small as by default, and in these two libraries another one.
EPSILON = {"epsilon": 1e-5}
# Keras rounds 0.999 to float32 before it takes it from 1, so that its steps are too
# short by 1e-5, which can decide on which side of a kink of relu a row comes to lie.
BETA = {"beta_2": 0.99}
OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"learning_rate": 0.02}),
    ("SGD", {"learning_rate": 0.01, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.01, "momentum": 0.8, "nesterov": True}),
    ("Adam", {"learning_rate": 0.003, **BETA, **EPSILON}),
    ("Adam", {"beta_1": 0.8, **BETA, **EPSILON}),
    ("AdamW", {"learning_rate": 0.002, "weight_decay": 0.01, **BETA, **EPSILON}),
    ("RMSprop", EPSILON),
    ("Adagrad", {"learning_rate": 0.01}),
]
REGULARIZERS: list[tuple[str, dict[str, float]] | None] = [
    None,
    None,
    ("L1", {"l1": 1e-3}),
    ("L2", {"l2": 1e-2}),
    ("L1L2", {"l1": 1e-3, "l2": 1e-3}),
]


@dataclasses.dataclass(frozen=True)
class Case:
    """One network and one way of training it, for both libraries alike."""

    features: int
    units: tuple[int, ...]
    activations: tuple[str | None, ...]
    regularizers: tuple[Any, ...]
    normalized: tuple[bool, ...]
    loss: str
    metrics: tuple[str, ...]
    optimizer: tuple[str, dict[str, Any]]
    fit: dict[str, Any]
    x: Any
    y: Any

    def build(self, library: Any) -> Any:
        layers = library.layers
        stack = [layers.Input((self.features,))]
        for n, units in enumerate(self.units):
            chosen = self.regularizers[n]
            penalty = chosen and getattr(library.regularizers, chosen[0])(**chosen[1])
            # Zeros compile sooner than random numbers: the test sets the weights.
            stack.append(
                layers.Dense(
                    units,
                    self.activations[n],
                    kernel_initializer="zeros",
                    kernel_regularizer=penalty,
                )
            )
            if self.normalized[n]:
                stack.append(layers.LayerNormalization())
        model = library.Sequential(stack)
        name, options = self.optimizer
        model.compile(
            optimizer=getattr(library.optimizers, name)(**options),
            loss=self.loss,
            metrics=list(self.metrics),
        )
        return model


def draw(seed: int) -> Case:
    rng = np.random.default_rng([KEY, seed])

    def pick(options: Any) -> Any:
        return options[rng.integers(len(options))]

    # Losses, optimizers and activations in turn, so that none is left out; few sizes,
    # so that what goes by shapes alone is compiled once.
    loss = sorted(ENDS)[seed % len(ENDS)]
    ends, metrics = ENDS[loss]
    depth = int(rng.integers(1, 5))
    outputs = int(pick([3, 7]))
    if loss not in ("sparse_categorical_crossentropy", "categorical_crossentropy"):
        outputs = pick([1, outputs]) if loss != "kl_divergence" else outputs
    units = (*(int(pick([2, 8, 32])) for _ in range(depth - 1)), outputs)
    batch_size = int(pick([8, 16, 32, 50]))
    epochs = int(pick([2, 4, 5]))
    rows = batch_size * (STEPS // epochs)
    if rng.integers(3) == 0:  # the last batch is not full
        rows -= int(rng.integers(1, batch_size - 1))
    features = int(pick([1, 8, 19]))
    fit: dict[str, Any] = {"batch_size": batch_size, "epochs": epochs}

    validation = pick([None, None, "split", "data"])
    held_out = rows // 4 if validation == "split" else 0
    x = rng.normal(size=(rows + held_out, features)).astype(np.float32)
    y = targets(loss, x, outputs, rng)
    if validation == "split":
        total = rows + held_out
        fit["validation_split"] = (held_out + 0.5) / total
        assert int(total * (1.0 - fit["validation_split"])) in (rows - 1, rows)
    elif validation == "data":
        other = rng.normal(size=(37, features)).astype(np.float32)
        held = [other, targets(loss, other, outputs, rng)]
        if rng.integers(2):
            held.append(rng.uniform(0.0, 2.0, 37).astype(np.float32))
        fit["validation_data"] = tuple(held)
    weights = pick([None, "examples", "classes"])
    binary = loss == "binary_crossentropy" and outputs == 1
    if weights == "classes" and ("categorical" in loss or binary):
        chosen = rng.uniform(0.2, 3.0, max(2, outputs))
        fit["class_weight"] = dict(enumerate(map(float, chosen)))
    elif weights:
        fit["sample_weight"] = rng.uniform(0.0, 2.0, len(x)).astype(np.float32)
    inside = (INSIDE[(2 * seed + n) % len(INSIDE)] for n in range(depth - 1))
    return Case(
        features=features,
        units=units,
        activations=(*inside, pick(ends)),
        regularizers=tuple(pick(REGULARIZERS) for _ in range(depth)),
        normalized=(*(rng.integers(4) == 0 for _ in range(depth - 1)), False),
        loss=loss,
        metrics=tuple(m for m in metrics if rng.integers(2)),
        optimizer=OPTIMIZERS[seed % len(OPTIMIZERS)],
        fit=fit,
        x=x,
        y=y,
    )


def targets(loss: str, x: Any, outputs: int, rng: Any) -> Any:
    """Targets that hang on ``x``, so that there is something to learn."""
    values = np.tanh(x @ rng.normal(size=(x.shape[1], outputs)))
    values += 0.3 * rng.normal(size=values.shape)
    classes = values.argmax(-1)
    if loss == "sparse_categorical_crossentropy":
        return classes
    if loss == "categorical_crossentropy":
        return np.eye(outputs, dtype=np.float32)[classes]
    if loss == "kl_divergence":
        return (np.exp(values) / np.exp(values).sum(-1, keepdims=True)).astype("f")
    if loss == "binary_crossentropy":
        values = (values > 0).astype(np.float32)
    elif loss == "squared_hinge":
        values = np.where(values > 0, 1.0, -1.0)
    elif loss == "poisson":
        values = rng.poisson(np.exp(values)).astype(np.float32)
    # As users often write a single column; Keras's metric hinge broadcasts this one.
    flat = outputs == 1 and loss != "squared_hinge" and rng.integers(2)
    return (values[:, 0] if flat else values).astype(np.float32)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        long = metafunc.config.getoption("--long")
        metafunc.parametrize("seed", range(CASES if long else QUICK_CASES))


def test_a_random_network_trains_as_in_keras(seed):
    case = draw(seed)
    settings = {**case.fit, "shuffle": False, "verbose": 0}
    ours = case.build(jn)
    rng = np.random.default_rng(seed)
    ours.set_weights(
        [
            rng.normal(0.0, len(w) ** -0.5, w.shape) if w.ndim == 2 else w
            for w in ours.get_weights()
        ]
    )
    with keras_on_jax() as keras:
        theirs = case.build(keras)
        theirs.set_weights(ours.get_weights())
        logs = theirs.fit(case.x, case.y, **settings).history
        steps = int(theirs.optimizer.iterations.numpy())
        weights = theirs.get_weights()
        prediction = theirs.predict(case.x[:20], verbose=0)
    history = ours.fit(case.x, case.y, **settings).history
    assert int(ours.state.step) == steps
    assert STEPS - 5 <= steps <= STEPS
    names = {name.lower() for name in history}
    assert names == {name.lower() for name in logs}
    for name, values in history.items():
        assert_close(values, logs[name], TOLERANCE)
    for own, other in zip(ours.get_weights(), weights, strict=True):
        assert_close(own, other, TOLERANCE)
    assert_close(ours.predict(case.x[:20]), prediction, TOLERANCE)


@pytest.mark.parametrize("number", [QUICK_CASES, CASES])
def test_the_cases_are_many_and_different(number):
    cases = [draw(seed) for seed in range(number)]
    assert {case.loss for case in cases} == set(ENDS)
    chosen = [case.optimizer for case in cases]
    assert all(optimizer in chosen for optimizer in OPTIMIZERS)
    assert {len(case.units) for case in cases} == {1, 2, 3, 4}
    for key in ("sample_weight", "class_weight", "validation_split", "validation_data"):
        assert sum(key in case.fit for case in cases) >= max(2, number // 10)
    assert any(len(case.fit.get("validation_data", ())) == 3 for case in cases)
    penalties = [[p[0] for p in case.regularizers if p] for case in cases]
    assert sum(map(bool, penalties)) >= number * 2 // 5
    assert {name for names in penalties for name in names} == {"L1", "L2", "L1L2"}
    assert sum(any(case.normalized) for case in cases) >= number // 5
    flat = [case for case in cases if case.y.ndim == 1 and case.units[-1] == 1]
    assert len(flat) >= number // 20 + 1
    inside = {a for case in cases for a in case.activations[:-1]}
    assert inside == set(INSIDE)
    assert len({name for case in cases for name in case.metrics}) >= 10
    ragged = [len(case.x) % case.fit["batch_size"] for case in cases]
    assert sum(map(bool, ragged)) >= number // 5
