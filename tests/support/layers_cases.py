"""What tests of layers share, and those that ask Keras."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet_mini.layers import (
    Activation,
    AlphaDropout,
    Dense,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    Identity,
    LayerNormalization,
    Permute,
    RepeatVector,
    Rescaling,
    Reshape,
)

KEY = jax.random.key(0)


def normal(*shape, seed=0, scale=1.0):
    return np.random.default_rng(seed).normal(0.0, scale, shape).astype(np.float32)


def with_random_params(layer, input_shape):
    """Parameters none of which is 0 or 1, so that each one shows in the outputs."""
    _, params = layer.init(KEY, input_shape)
    return {
        name: jnp.asarray(normal(*value.shape, seed=seed) + 0.1)
        for seed, (name, value) in enumerate(params.items(), start=1)
    }


LAYERS = [
    (Dense(4), (3,)),
    (Dense(4, use_bias=False), (3,)),
    (Dense(4), (5, 3)),
    (Dense(4, use_bias=False), (5, 3)),
    (Dense(4, activation="softmax"), (5, 3)),
    (AlphaDropout(0.4), (5, 3)),
    (Permute((3, 1, 2)), (2, 5, 3)),
    (RepeatVector(4), (3,)),
    (Flatten(), (3,)),
    (Flatten(), (5, 3)),
    (Flatten(), (2, 5, 3)),
    (Activation("tanh"), (5, 3)),
    (Rescaling(1 / 255), (3,)),
    (Rescaling(2.5, offset=-1.0), (5, 3)),
    (LayerNormalization(), (7,)),
    (LayerNormalization(epsilon=0.1), (5, 7)),
    (Dropout(0.4), (5, 3)),
    (GaussianDropout(0.4), (5, 3)),
    (GaussianNoise(0.4), (5, 3)),
    (Identity(), (5, 3)),
    (Reshape((3, 5)), (5, 3)),
    (Reshape((-1,)), (2, 5, 3)),
    (Reshape((1, -1, 6)), (2, 5, 3)),
    (Reshape((2, 2, 1)), (4,)),
]


FAN_IN, FAN_OUT = 300, 500


# Names, the variance that the papers give, and the bound of the values: that of a
# uniform distribution, or two standard deviations of the untruncated normal.
TRUNCATION = 0.87962566103423978


VARIANCES = {
    "glorot_normal": 2 / (FAN_IN + FAN_OUT),
    "glorot_uniform": 2 / (FAN_IN + FAN_OUT),
    "he_normal": 2 / FAN_IN,
    "he_uniform": 2 / FAN_IN,
    "lecun_normal": 1 / FAN_IN,
    "lecun_uniform": 1 / FAN_IN,
    "ones": 0.0,
    "orthogonal": 1 / FAN_OUT,
    "random_normal": 0.05**2,
    "random_uniform": 0.1**2 / 12,
    "truncated_normal": (0.05 * TRUNCATION) ** 2,
    "zeros": 0.0,
}
