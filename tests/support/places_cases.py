"""What tests of places share, and those that ask Keras."""

import dataclasses

import jax
import numpy as np

import jaxnet_mini as jn
from jaxnet_mini.layers import (
    Dense,
)

X = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)


def trained():
    model = jn.Sequential([Dense(4, "relu", input_dim=2), Dense(3)], name="base")
    model.compile("sgd", "mse")
    model.fit(X, np.ones((6, 3)), epochs=2, verbose=0)
    return model


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    """A layer of a user's own that no weak reference can be made to."""

    units: int

    def init(self, key, input_shape):
        return (self.units,), {"w": jax.random.normal(key, (*input_shape, self.units))}

    def apply(self, params, x, *, key=None, training=False):
        return x @ params["w"]
