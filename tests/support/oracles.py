"""References in float64 NumPy, and what tests need to compare with them.

Nothing here imports jaxnet_mini or calls JAX to compute: formulae are written out from
their papers, so that an error in the library cannot be in its reference too.
"""

import contextlib
import math
import re

import jax
import jaxtyping
import numpy as np
import pytest


def named(value):
    """The id of a parameter, the same in every process: without addresses."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


def x64():
    """A block in which JAX computes in float64; the setting ends with it."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(True)
    from jax import experimental

    return experimental.enable_x64()


def assert_close(actual, expected, tolerance=1e-6):
    """Compare relatively, and absolutely only within the scale of the values."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    scale = np.max(np.abs(expected), initial=0.0)
    np.testing.assert_allclose(
        actual, expected, rtol=tolerance, atol=tolerance * float(scale)
    )


def assert_trees_close(actual, expected, tolerance=1e-6):
    """The same for each leaf of two trees of one structure."""
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    jax.tree.map(lambda a, e: assert_close(a, e, tolerance), actual, expected)


def assert_trees_identical(actual, expected):
    """Every bit equal; typed keys are compared by their data."""

    def bits(leaf):
        typed = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if typed else leaf)

    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    jax.tree.map(
        lambda a, e: np.testing.assert_array_equal(bits(a), bits(e)), actual, expected
    )


def float64(tree):
    return jax.tree.map(lambda leaf: np.array(leaf, np.float64), tree)


# Losses, one value per row


def log_softmax(logits):
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def crossentropy(classes, logits):
    """Minus the log-probability of each row's class."""
    return -log_softmax(logits)[np.arange(len(classes)), classes]


# A multilayer perceptron: relu inside, logits out


def mlp(params, x):
    """The logits, and the input of each layer."""
    inputs, names = [], sorted(params)
    for name in names:
        inputs.append(x)
        x = x @ params[name]["kernel"] + params[name]["bias"]
        if name != names[-1]:
            x = np.maximum(x, 0.0)
    return x, inputs


def mlp_loss(params, x, classes, weight=None):
    """Cross-entropy: weights multiply, the number of rows divides."""
    values = crossentropy(classes, mlp(params, x)[0])
    return np.sum(values * (1.0 if weight is None else weight)) / len(classes)


def mlp_gradients(params, x, classes, weight=None):
    """Backpropagation, written out."""
    logits, inputs = mlp(params, x)
    rows = len(classes)
    delta = np.exp(log_softmax(logits))
    delta[np.arange(rows), classes] -= 1.0
    delta *= (np.ones(rows) if weight is None else weight)[:, None] / rows
    gradients = {}
    for name, x_in in reversed(list(zip(sorted(params), inputs, strict=True))):
        gradients[name] = {"kernel": x_in.T @ delta, "bias": delta.sum(0)}
        delta = (delta @ params[name]["kernel"].T) * (x_in > 0.0)
    return gradients


# Optimizers: each is a function of (gradient, slots, t), t from 1, that returns what is
# added to the parameter; slots is one array's own dictionary.


def sgd(learning_rate, momentum=0.0, nesterov=False):
    """Keras's page: v = m v - lr g; w += v, or w += m v - lr g with Nesterov."""

    def update(gradient, slots, t):
        velocity = momentum * slots.get("v", 0.0) - learning_rate * gradient
        slots["v"] = velocity
        if nesterov:
            return momentum * velocity - learning_rate * gradient
        return velocity

    return update


def adam(learning_rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Kingma & Ba 2015, with epsilon as before equation 1 of their section 2."""

    def update(gradient, slots, t):
        slots["m"] = beta_1 * slots.get("m", 0.0) + (1 - beta_1) * gradient
        slots["v"] = beta_2 * slots.get("v", 0.0) + (1 - beta_2) * gradient**2
        rate = learning_rate * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        return -rate * slots["m"] / (np.sqrt(slots["v"]) + epsilon)

    return update


def train(params, update, batches):
    """Train in place of `Trainer.step`; each batch is (x, classes[, weight])."""
    params = float64(params)
    slots = {name: {part: {} for part in params[name]} for name in params}
    losses = []
    for t, batch in enumerate(batches, start=1):
        losses.append(mlp_loss(params, *batch))
        gradients = mlp_gradients(params, *batch)
        for name, parts in params.items():
            for part in parts:
                parts[part] = parts[part] + update(
                    gradients[name][part], slots[name][part], t
                )
    return params, losses


# Derivatives


def central_differences(function, point, step=1e-5):
    """The derivatives by each entry of a float64 vector, ``(size, ...)``.

    ``function`` maps a stack of points, ``(points, size)``, to a value for each.
    """
    point = np.asarray(point)
    assert point.dtype == np.float64
    shifts = step * np.eye(point.size)
    values = np.asarray(function(np.concatenate([point + shifts, point - shifts])))
    return (values[: point.size] - values[point.size :]) / (2.0 * step)


@contextlib.contextmanager
def raises_text(exception, *parts):
    """Expect ``exception`` with each of ``parts`` in its message."""
    with pytest.raises(exception) as caught:
        yield
    assert caught.type is exception
    for part in parts:
        assert part in str(caught.value)


@contextlib.contextmanager
def unchecked_types():
    """Meet the library as its users do, without jaxtyping's checks of annotations."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


@contextlib.contextmanager
def naming(case):
    """Say which case it was, where what fails is one of several in a test."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"The case is {case}.")
        raise


def where_jax_may_share(array, behind=0):
    """Return a copy at an address of which JAX 0.7 makes no copy of its own.

    That is a multiple of 64; or else so many bytes ``behind`` one.
    """
    memory = np.zeros(array.nbytes + 128, np.uint8)
    first = -memory.ctypes.data % 64 + behind
    copied = memory[first : first + array.nbytes].view(array.dtype)
    copied = copied.reshape(array.shape)
    copied[:] = array
    return copied
