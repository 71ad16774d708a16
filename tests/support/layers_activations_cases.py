"""What tests of layers activations share, and those that ask Keras."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxnet_mini.layers import ELU, LeakyReLU, PReLU, ReLU, Softmax

KEY = jax.random.key(0)


LAYERS = [
    ReLU(),
    ReLU(max_value=1.0),
    ReLU(max_value=6.0),
    ReLU(negative_slope=0.2),
    ReLU(threshold=0.5),
    ReLU(max_value=1.0, negative_slope=0.2, threshold=0.5),
    LeakyReLU(),
    LeakyReLU(0.05),
    LeakyReLU(alpha=0.1),
    LeakyReLU(0.0),
    ELU(),
    ELU(0.7),
    ELU(-0.5),
    Softmax(),
    Softmax(axis=-1),
    PReLU("ones"),
    PReLU(alpha_initializer="random_normal", shared_axes=(1,)),
    PReLU(alpha_initializer="random_normal", shared_axes=(1, 2)),
    PReLU(alpha_initializer="random_normal", shared_axes=(2,)),
]


def inputs(*shape):
    return np.random.default_rng(0).normal(0.0, 2.0, shape)


def with_params(layer, input_shape):
    """Parameters that differ from place to place; of most of these layers none."""
    params = jax.eval_shape(lambda: layer.init(KEY, input_shape)[1])
    rng = np.random.default_rng(1)
    return {name: rng.normal(0.3, 0.5, value.shape) for name, value in params.items()}


def single(tree):
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), tree)
