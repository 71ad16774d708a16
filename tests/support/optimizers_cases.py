"""What tests of optimizers share, and those that ask Keras."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxnet_mini.optimizers import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Ftrl,
    Lamb,
    Lion,
    RMSprop,
)

STEPS = 20


RNG = np.random.default_rng(0)


PARAMS = {
    "bias": RNG.normal(size=5).astype(np.float32),
    "kernel": RNG.normal(size=(3, 5)).astype(np.float32),
}


# A drift and noise: moments of both kinds matter.
GRADIENTS = [
    {
        name: (0.3 * np.sign(value) + RNG.normal(0.0, 0.5, value.shape)).astype(
            np.float32
        )
        for name, value in PARAMS.items()
    }
    for _ in range(STEPS)
]


def trajectory(transformation, state, gradients=GRADIENTS):
    """The parameters after each step."""
    params, after = jax.tree.map(jnp.asarray, PARAMS), []

    @jax.jit
    def step(params, state, gradient):
        updates, state = transformation.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    for gradient in gradients:
        params, state = step(params, state, jax.tree.map(jnp.asarray, gradient))
        after.append(params)
    return after


def ours(optimizer):
    state = optimizer.init(jax.tree.map(jnp.asarray, PARAMS))
    return trajectory(optimizer.transformation(), state)


def assert_trajectories_agree(actual, expected, tolerance):
    for step, (a, e) in enumerate(zip(actual, expected, strict=True)):
        for name in PARAMS:
            scale = max(1.0, float(np.abs(e[name]).max()))
            np.testing.assert_allclose(
                a[name],
                e[name],
                rtol=0,
                atol=tolerance * scale,
                err_msg=f"{name}, {step}",
            )


AS_KERAS = [
    SGD(),
    SGD(0.1),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, nesterov=True),
    Adam(),
    Adam(0.1),
    Adam(0.01, beta_1=0.8, beta_2=0.9, epsilon=0.1),
    AdamW(),
    AdamW(0.1, weight_decay=0.05),
    AdamW(0.01, beta_1=0.8, beta_2=0.9, epsilon=0.1),
    RMSprop(),
    RMSprop(0.01, rho=0.8, epsilon=1e-3),
    RMSprop(0.01, momentum=0.9),
    RMSprop(0.01, centered=True),
    RMSprop(0.01, momentum=0.5, centered=True),
    Adagrad(),
    Adagrad(0.1, initial_accumulator_value=0.5, epsilon=0.01),
    Lion(),
    Lion(0.01, beta_1=0.8, beta_2=0.9),
    Adamax(0.1, beta_2=0.9),
    Adadelta(1.0, rho=0.9, epsilon=1e-3),
    Lamb(0.1, beta_1=0.8, weight_decay=0.1),
    Ftrl(0.5, l1_regularization_strength=0.5),
    Ftrl(
        0.1,
        -0.7,
        0.2,
        l2_regularization_strength=0.1,
        l2_shrinkage_regularization_strength=0.05,
        beta=0.3,
        weight_decay=0.1,
    ),
]
