"""Optimizers: Keras's names and defaults, optax's transformations.

Source: https://keras.io/api/optimizers/ and https://optax.readthedocs.io. An optimizer
is a frozen value; ``transformation()`` is the optax transformation that it stands for.
Every number of it, the learning rate first, lives in the transformation's state
(`optax.inject_hyperparams`), so that another value needs no new compilation.

In the formulas ``w`` is a parameter, ``g`` the gradient of the loss with respect to it
and ``t`` the number of the step, counted from 1; ``a``, the learning rate, is
``learning_rate``. All is done element by element, on parameters of any shape and
float dtype, and what is kept from step to step begins at 0 unless said otherwise.
"""

# What is listed below is at home in one of these; each name stands here once.
# ruff: noqa: F403, F405

import optax

from jaxnet_mini.core.optimizers.adam import *
from jaxnet_mini.core.optimizers.base import *
from jaxnet_mini.core.optimizers.descent import *
from jaxnet_mini.core.optimizers.matrices import *
from jaxnet_mini.core.optimizers.rates import *
from jaxnet_mini.core.optimizers.settings import check_learning_rate
from jaxnet_mini.core.transformations import Transformation
from jaxnet_mini.errors import ArgumentError, find

__all__ = ["Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Ftrl", "Lamb", "Lion"]
__all__ += ["SGD", "Adafactor", "Muon", "Nadam", "RMSprop"]

OPTIMIZERS: dict[str, type[Optimizer]] = {
    n.lower(): globals()[n] for n in sorted(__all__)
}
"""Those above, by the names that ``compile`` takes."""

__all__ += ["OPTIMIZERS", "Optimizer", "check_learning_rate", "get"]
__all__ += ["get_learning_rate", "set_learning_rate"]


def get(
    optimizer: str | Optimizer | type[Optimizer] | Transformation,
) -> Optimizer | optax.GradientTransformation:
    """Return the optimizer behind a Keras name; optax's own go through unchanged.

    Args:
        optimizer: a name in small or capital letters, for the defaults of its class;
            an optimizer or a class of them; or a transformation of optax.

    Raises:
        UnknownNameError: no optimizer has this name.
        ArgumentError: none of these.

    >>> get("sgd")
    SGD(learning_rate=0.01, momentum=0.0, nesterov=False)
    """
    if isinstance(optimizer, str):
        return find(OPTIMIZERS, optimizer.lower(), "optimizer", optimizer)()
    if isinstance(optimizer, Optimizer | optax.GradientTransformation):
        return optimizer
    if isinstance(optimizer, optax.MultiSteps):
        return optimizer.gradient_transformation()
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        return optimizer()
    raise ArgumentError(
        "optimizer must be a name, one of jaxnet_mini.optimizers or an optax "
        f'transformation, not {optimizer!r}: write for example optimizer="adam".'
    )
