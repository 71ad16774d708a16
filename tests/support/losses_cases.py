"""What tests of losses share, and those that ask Keras."""

import dataclasses

import numpy as np
from oracles import (
    log_softmax,
)

from jaxnet_mini.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    CosineSimilarity,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)

ROWS, CLASSES = 12, 5


RNG = np.random.default_rng(0)


LOGITS = RNG.normal(0.0, 2.0, (ROWS, CLASSES)).astype(np.float32)


LOGITS_2D = RNG.normal(0.0, 2.0, (ROWS, 3, CLASSES)).astype(np.float32)


def softmax(logits):
    return np.exp(log_softmax(logits)).astype(np.float32)


def sigmoid(logits):
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


def targets_for(loss, outputs, seed=1):
    rng = np.random.default_rng(seed)
    if loss.targets == "classes":
        return rng.integers(0, CLASSES, outputs.shape[:-1]).astype(np.int32)
    if isinstance(loss, CategoricalCrossentropy):
        return softmax(rng.normal(size=outputs.shape))
    if loss.targets == "probabilities":
        return rng.uniform(0.0, 1.0, outputs.shape).astype(np.float32)
    if isinstance(loss, Poisson | MeanSquaredLogarithmicError):
        return rng.poisson(3.0, outputs.shape).astype(np.float32)
    if isinstance(loss, Hinge | SquaredHinge):
        return rng.choice([-1.0, 1.0], outputs.shape).astype(np.float32)
    if isinstance(loss, CategoricalHinge):
        chosen = rng.integers(0, CLASSES, outputs.shape[:-1])
        return np.eye(CLASSES, dtype=np.float32)[chosen]
    return rng.normal(0.0, 2.0, outputs.shape).astype(np.float32)


def outputs_for(loss, logits):
    if isinstance(loss, KLDivergence):
        return softmax(logits)
    if isinstance(loss, Poisson | MeanSquaredLogarithmicError):
        return np.exp(logits)
    if getattr(loss, "from_logits", True):
        return logits
    return sigmoid(logits) if isinstance(loss, BinaryCrossentropy) else softmax(logits)


ALL = [
    SparseCategoricalCrossentropy(),
    SparseCategoricalCrossentropy(from_logits=True),
    CategoricalCrossentropy(),
    CategoricalCrossentropy(from_logits=True),
    BinaryCrossentropy(),
    BinaryCrossentropy(from_logits=True),
    MeanSquaredError(),
    MeanAbsoluteError(),
    Huber(),
    Huber(delta=0.3),
    BinaryCrossentropy(label_smoothing=0.2),
    BinaryCrossentropy(from_logits=True, label_smoothing=0.2),
    CategoricalCrossentropy(label_smoothing=0.2),
    CategoricalCrossentropy(from_logits=True, label_smoothing=0.2),
    KLDivergence(),
    Poisson(),
    MeanAbsolutePercentageError(),
    MeanSquaredLogarithmicError(),
    LogCosh(),
    Hinge(),
    SquaredHinge(),
    CategoricalHinge(),
    CosineSimilarity(),
]


def own(loss):
    """The arguments of a loss beyond those that all share."""
    fields = dataclasses.asdict(loss)
    return {k: v for k, v in fields.items() if k not in ("reduction", "name")}


PAIRS = [
    ("softmax", SparseCategoricalCrossentropy()),
    ("softmax", CategoricalCrossentropy()),
    ("sigmoid", BinaryCrossentropy()),
]
