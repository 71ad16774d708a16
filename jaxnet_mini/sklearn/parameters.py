"""What the parameters of an estimator may be, and the trainer that they describe."""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxnet_mini.base.arguments import (
    as_integers,
    check_fits,
    check_flag,
    check_number,
    check_one_of,
    check_positive,
)
from jaxnet_mini.core.layers import Dense
from jaxnet_mini.core.losses import CategoricalCrossentropy
from jaxnet_mini.core.networks.serial import serial
from jaxnet_mini.core.optimizers import SGD, Adam, Optimizer
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.sklearn import losses
from jaxnet_mini.sklearn.ridge import Ridge

HIDDEN = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
"""Activations by scikit-learn's names, and what they are called here."""

_LAST: Mapping[str, tuple[str, Any]] = {
    "softmax": ("softmax", CategoricalCrossentropy),
    "logistic": ("sigmoid", losses.SummedCrossentropy),
    "identity": ("linear", losses.HalfSquaredError),
    "exp": ("exponential", losses.HalfPoissonDeviance),
}
"""Activations of the last layer, and the losses that go with them."""

OF_OPTIMIZER = (
    *("solver", "learning_rate", "learning_rate_init", "power_t"),
    *("momentum", "nesterovs_momentum", "beta_1", "beta_2", "epsilon"),
)
"""The parameters that an optimizer goes by, and keeps where a fit goes on with it."""

_above_0 = functools.partial(
    check_fits, words="a finite number above 0", fits=lambda v: 0.0 < v < math.inf
)
_not_negative = functools.partial(check_number, least=0.0)
_share = functools.partial(check_number, least=0.0, below=1.0)


def _batch_size(argument: str, value: Any) -> None:
    if not (isinstance(value, str) and value == "auto"):
        check_positive(argument, value)


def _patience(argument: str, value: Any) -> None:
    if value != math.inf:
        check_positive(argument, value)


def _solver(argument: str, value: Any) -> None:
    if isinstance(value, str) and value == "lbfgs":
        raise ArgumentError(
            "solver='lbfgs' is not among those of this library, which learns by "
            "batches: take 'adam' or 'sgd', or MLPClassifier of scikit-learn."
        )
    check_one_of(argument, value, ("adam", "sgd"))


def sizes(value: Any) -> tuple[int, ...]:
    """Return the units of the hidden layers.

    Raises:
        ArgumentError: no positive integer, and no list of them.

    >>> sizes(8), sizes((8, 4)), sizes(())
    ((8,), (8, 4), ())
    """
    found = () if isinstance(value, Sequence) and not len(value) else as_integers(value)
    if found is None or any(units < 1 for units in found):
        raise ArgumentError(
            "hidden_layer_sizes must be a positive integer or a list of them, such as "
            f"(100,), not {value!r}."
        )
    return found


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "activation": functools.partial(check_one_of, names=HIDDEN),
    "solver": _solver,
    "alpha": _not_negative,
    "batch_size": _batch_size,
    "learning_rate": functools.partial(
        check_one_of, names=("constant", "invscaling", "adaptive")
    ),
    "learning_rate_init": _above_0,
    "power_t": _not_negative,
    "max_iter": check_positive,
    "shuffle": check_flag,
    "tol": _not_negative,
    "warm_start": check_flag,
    "momentum": _share,
    "nesterovs_momentum": check_flag,
    "early_stopping": check_flag,
    "validation_fraction": _share,
    "beta_1": _share,
    "beta_2": _share,
    "epsilon": _above_0,
    "n_iter_no_change": _patience,
}


def check(given: Mapping[str, Any]) -> None:
    """Check the parameters of an estimator.

    Raises:
        ArgumentError: one is none of what it may be.
    """
    sizes(given["hidden_layer_sizes"])
    for name, check_one in _CHECKS.items():
        check_one(name, given[name])


def optimizer(given: Mapping[str, Any]) -> Optimizer:
    """Return the optimizer that checked parameters describe.

    >>> optimizer({"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.9,
    ...            "nesterovs_momentum": True})
    SGD(learning_rate=0.1, momentum=0.9, nesterov=True)
    """
    rate = given["learning_rate_init"]
    if given["solver"] == "sgd":
        momentum, nesterov = given["momentum"], bool(given["nesterovs_momentum"])
        return SGD(rate, momentum, nesterov)
    return Adam(rate, given["beta_1"], given["beta_2"], given["epsilon"])


def trainer(given: Mapping[str, Any], outputs: int, last: str) -> Ridge:
    """Return the trainer that checked parameters describe.

    Those that differ in numbers alone share their programs.

    Args:
        given: the parameters by name.
        outputs: the units of the last layer.
        last: its activation, by scikit-learn's name.
    """
    hidden = HIDDEN[given["activation"]]
    layers = [Dense(n, activation=hidden) for n in sizes(given["hidden_layer_sizes"])]
    activation, loss = _LAST[last]
    return Ridge(
        serial(*layers, Dense(outputs, activation=activation)),
        loss(reduction=losses.BY_WEIGHT),
        optimizer(given),
        alpha=float(given["alpha"]),
        outputs_in_mean=outputs if last == "identity" else 1,
    )
