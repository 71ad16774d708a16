"""What tests of optimizers share, and those that ask Keras."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxnet_mini.optimizers import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Ftrl,
    Lamb,
    Lion,
    Muon,
    RMSprop,
)

STEPS = 100


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


@functools.partial(jax.jit, static_argnums=0)
def _run(transformation, params, state, gradients):
    def step(carry, gradient):
        params, state = carry
        updates, state = transformation.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params

    return jax.lax.scan(step, (params, state), gradients)[1]


def trajectory(transformation, state, gradients=GRADIENTS):
    """The parameters after each step."""
    return each_step(_run(transformation, PARAMS, state, stacked(gradients)))


def stacked(gradients):
    """The gradients of all steps, in one array of each parameter."""
    return jax.tree.map(lambda *entries: np.stack(entries), *gradients)


def each_step(after):
    """What `stacked` took."""
    arrays = {name: np.asarray(array) for name, array in after.items()}
    return [{n: a[i] for n, a in arrays.items()} for i in range(len(arrays["bias"]))]


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
    Adafactor(0.1),
    Adafactor(1.0, -0.5, 1e-6, 0.1, 0.5, relative_step=False),
    Muon(0.01),
    Muon(0.1, 0.8, 0.9, None, 1e-3, None, rms_rate=None, nesterov=False),
    Muon(0.1, exclude_layers=("^ker",), adam_lr_ratio=0.5, adam_weight_decay=0.1),
    Muon(0.1, weight_decay=0.1, ns_steps=3, muon_a=3.0, muon_b=-4.0, muon_c=1.5),
]
