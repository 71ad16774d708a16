"""What a trained network gives, computed by NumPy on the host.

A prediction of few rows takes less time than a call of a compiled program, and none is
compiled for another number of rows. The results are those of the program to rounding.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.utils.extmath import safe_sparse_dot


def _softmax(z: NDArray[Any]) -> NDArray[Any]:
    z -= z.max(axis=1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=1, keepdims=True)
    return z


ACTIVATIONS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "identity": lambda z: z,
    "logistic": lambda z: expit(z, out=z),
    "tanh": lambda z: np.tanh(z, out=z),
    "relu": lambda z: np.maximum(z, 0, out=z),
    "softmax": _softmax,
    "exp": lambda z: np.exp(z, out=z),
}
"""By scikit-learn's names; each may write into what it is given."""


def forward(
    x: Any,
    kernels: Sequence[NDArray[Any]],
    biases: Sequence[NDArray[Any]],
    hidden: str,
    last: str,
) -> NDArray[Any]:
    """Return the outputs for a batch.

    Args:
        x: ``(batch, features)``, dense or sparse.
        kernels: of each layer, ``(features, units)``.
        biases: likewise, ``(units,)``.
        hidden: the activation of all layers but the last.
        last: that of the last.

    >>> forward(np.ones((1, 2)), [np.eye(2)], [np.zeros(2)], "relu", "softmax")
    array([[0.5, 0.5]])
    """
    names = [hidden] * (len(kernels) - 1) + [last]
    for kernel, bias, name in zip(kernels, biases, names, strict=True):
        z = x @ kernel if isinstance(x, np.ndarray) else safe_sparse_dot(x, kernel)
        z += bias
        x = ACTIVATIONS[name](z)
    outputs: NDArray[Any] = x
    return outputs
