"""Dense networks, their losses and their gradients in float64 NumPy.

Written out from the formulae, layer by layer and by hand; nothing here imports JAX or
jaxnet_mini. `oracles` has the same for one perceptron, and the optimizers.
"""

import dataclasses
import math

import numpy as np

# Activations: value and derivative at z


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def normal_distribution(z):
    return 0.5 * (1.0 + np.vectorize(math.erf)(z / math.sqrt(2.0)))


def normal_density(z):
    return np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)


ACTIVATIONS = {
    "linear": (lambda z: z, np.ones_like),
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: (z > 0.0).astype(z.dtype)),
    "tanh": (np.tanh, lambda z: 1.0 - np.tanh(z) ** 2),
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "softplus": (lambda z: np.log1p(np.exp(z)), sigmoid),
    "elu": (
        lambda z: np.where(z > 0.0, z, np.expm1(np.minimum(z, 0.0))),
        lambda z: np.exp(np.minimum(z, 0.0)),
    ),
    # Hendrycks & Gimpel 2016: z times the share of a normal distribution below z.
    "gelu": (
        lambda z: z * normal_distribution(z),
        lambda z: normal_distribution(z) + z * normal_density(z),
    ),
    "silu": (
        lambda z: z * sigmoid(z),
        lambda z: sigmoid(z) * (1.0 + z * sigmoid(-z)),
    ),
}


def softmax(z):
    powers = np.exp(z - z.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def activate(name, z):
    return softmax(z) if name == "softmax" else ACTIVATIONS[name][0](z)


def activate_backward(name, z, delta):
    """What a change of ``z`` does to the loss, from what one of the output does."""
    if name == "softmax":
        p = softmax(z)
        return p * (delta - np.sum(delta * p, -1, keepdims=True))
    return delta * ACTIVATIONS[name][1](z)


# Losses: a value for each row, and its derivative by the outputs


def unclipped(p):
    """The library clips probabilities at 1e-7; these formulae are for those within."""
    assert p.min() > 1e-6
    return p


def sparse_categorical_crossentropy(classes, outputs):
    return categorical_crossentropy(np.eye(outputs.shape[-1])[classes], outputs)


def categorical_crossentropy(y, outputs):
    """Of the outputs divided by their sum, as Keras has it; rows of ``y`` sum to 1."""
    total = unclipped(outputs).sum(-1, keepdims=True)
    return -np.sum(y * np.log(outputs / total), -1), 1.0 / total - y / outputs


def binary_crossentropy(y, outputs):
    p, q = unclipped(outputs), unclipped(1.0 - outputs)
    values = -(y * np.log(p) + (1.0 - y) * np.log(q))
    return values.mean(-1), (p - y) / (p * q) / y.shape[-1]


def mean_squared_error(y, outputs):
    error = outputs - y
    return np.mean(error**2, -1), 2.0 * error / y.shape[-1]


def mean_absolute_error(y, outputs):
    error = outputs - y
    return np.mean(np.abs(error), -1), np.sign(error) / y.shape[-1]


def huber(y, outputs):
    """Huber 1964: half the square up to 1, and linear beyond."""
    error = outputs - y
    size = np.abs(error)
    values = np.where(size <= 1.0, 0.5 * error**2, size - 0.5)
    return values.mean(-1), np.clip(error, -1.0, 1.0) / y.shape[-1]


LOSSES = {
    function.__name__: function
    for function in (
        sparse_categorical_crossentropy,
        categorical_crossentropy,
        binary_crossentropy,
        mean_squared_error,
        mean_absolute_error,
        huber,
    )
}


# Networks


@dataclasses.dataclass(frozen=True)
class Dense:
    """``activation(x @ kernel + bias)``; ``l1`` and ``l2`` are for the kernel."""

    activation: str
    bias: bool = True
    l1: float = 0.0
    l2: float = 0.0


def forward(layers, params, x):
    """The outputs, and what went into each layer and each activation."""
    seen = []
    for layer, part in zip(layers, params, strict=True):
        z = x @ part["kernel"]
        if layer.bias:
            z = z + part["bias"]
        seen.append((x, z))
        x = activate(layer.activation, z)
    return x, seen


def step(layers, params, loss, x, y, weight, mask):
    """Loss and gradients of a batch.

    Weights multiply the values of the rows; the rows that are not masked divide.
    """
    outputs, seen = forward(layers, params, x)
    values, delta = LOSSES[loss](y, outputs)
    share = weight * mask / mask.sum()
    total = np.sum(share * values)
    delta = share[:, None] * delta
    gradients = []
    for layer, part, (x_in, z) in reversed(
        list(zip(layers, params, seen, strict=True))
    ):
        delta = activate_backward(layer.activation, z, delta)
        kernel = part["kernel"]
        penalty = layer.l1 * np.sign(kernel) + 2.0 * layer.l2 * kernel
        gradient = {"kernel": x_in.T @ delta + penalty}
        if layer.bias:
            gradient["bias"] = delta.sum(0)
        gradients.insert(0, gradient)
        total += layer.l1 * np.abs(kernel).sum() + layer.l2 * np.sum(kernel**2)
        delta = delta @ kernel.T
    return total, gradients


def train(layers, params, loss, update, batches):
    """Take a step for each of ``(x, y, weight, mask)``; see `oracles.train`.

    Yields:
        Loss and gradients of the batch, and the parameters after the step.
    """
    slots = [{name: {} for name in part} for part in params]
    for t, batch in enumerate(batches, start=1):
        total, gradients = step(layers, params, loss, *batch)
        params = [
            {name: part[name] + update(gradient[name], slot[name], t) for name in part}
            for part, gradient, slot in zip(params, gradients, slots, strict=True)
        ]
        yield total, gradients, params
