"""Constraints: alone against float64 NumPy, and after each step of training."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import (
    assert_close,
    assert_trees_close,
    assert_trees_identical,
    raises_text,
    unchecked_types,
)

import jaxnet_mini as jn
from jaxnet_mini import constraints
from jaxnet_mini.constraints import (
    Constraint,
    MaxNorm,
    MinMaxNorm,
    NonNeg,
    UnitNorm,
)
from jaxnet_mini.core.networks import protocol
from jaxnet_mini.core.networks.ensemble import Ensemble
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.errors import (
    ArgumentError,
    LayerError,
    ShapeError,
    UnknownNameError,
)
from jaxnet_mini.layers import Base, Dense, PReLU
from jaxnet_mini.optimizers import SGD

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3)).astype(np.float32)
VALUES = RNG.normal(size=(4, 5)).astype(np.float32)


def scaled(x, wanted, axis=0):
    """Vectors of the norms that ``wanted`` makes of theirs."""
    norm = np.sqrt((x**2).sum(axis=axis, keepdims=True))
    return x * wanted(norm) / norm


FORMULAE = {
    MaxNorm(): lambda x: scaled(x, lambda n: np.minimum(n, 2.0)),
    MaxNorm(1.5, axis=1): lambda x: scaled(x, lambda n: np.minimum(n, 1.5), 1),
    MaxNorm(1, axis=(0, 1)): lambda x: scaled(x, lambda n: 1.0, (0, 1)),
    NonNeg(): lambda x: np.where(x > 0, x, 0.0),
    UnitNorm(): lambda x: scaled(x, lambda n: 1.0),
    UnitNorm(-1): lambda x: scaled(x, lambda n: 1.0, 1),
    MinMaxNorm(): lambda x: scaled(x, lambda n: np.minimum(n, 1.0)),
    MinMaxNorm(1.9, 2.1, rate=0.25): lambda x: scaled(
        x, lambda n: 0.25 * np.clip(n, 1.9, 2.1) + 0.75 * n
    ),
    Constraint(): lambda x: x,
}


def test_constraints_are_their_formulae():
    none = np.zeros((4, 5), np.float32)  # 0 / 0 would be NaN
    every = jax.jit(lambda x: [constraint(x) for constraint in FORMULAE])
    for formula, y, zeros in zip(
        FORMULAE.values(), every(VALUES), every(none), strict=True
    ):
        assert y.dtype == jnp.float32
        assert_close(y, formula(VALUES.astype(np.float64)), 1e-6)
        assert_close(zeros, none)
    assert np.isnan(NonNeg()(jnp.array([jnp.nan]))).all()  # a fault stays to be seen


def test_names_and_what_users_write():
    assert constraints.get("max_norm") == constraints.get("MaxNorm") == MaxNorm(2.0)
    assert constraints.get("non_neg") == constraints.get(NonNeg) == NonNeg()
    assert constraints.get("unit_norm") == constraints.unit_norm(axis=0)
    assert constraints.get("min_max_norm") == constraints.min_max_norm()
    assert constraints.get(None) is None
    assert constraints.get(jnp.abs) is jnp.abs
    assert len(set(FORMULAE)) == len(FORMULAE)
    assert MaxNorm(3) == MaxNorm(3.0)
    assert repr(Dense(2, kernel_constraint=MaxNorm(3))) == (
        "Dense(2, kernel_constraint=MaxNorm(max_value=3.0, axis=0))"
    )


def test_errors():
    with raises_text(UnknownNameError, "unknown constraint 'max': did you mean 'max_"):
        Dense(2, kernel_constraint="max")
    with raises_text(ArgumentError, "MaxNorm: max_value must be a finite number of at"):
        MaxNorm(-1.0)
    with raises_text(ArgumentError, "min_value is 2.0 and max_value 1.0"):
        MinMaxNorm(2.0)
    with unchecked_types():
        with raises_text(ArgumentError, "UnitNorm: axis must be an axis", "not 0.5"):
            UnitNorm(0.5)
        with raises_text(ArgumentError, "an axis or a tuple of them", "not (0, 0.5)"):
            UnitNorm((0, 0.5))
        with raises_text(ArgumentError, "a constraint must be a name", "class 'int'"):
            Dense(2, kernel_constraint=int)
        with raises_text(ArgumentError, "a constraint must be a name", "not 3.0"):
            Dense(2, bias_constraint=3.0)
        with raises_text(ArgumentError, "defines call(), which nothing here would"):
            type("Own", (Constraint,), {"call": lambda self, x: x})
    net = Dense(3, bias_constraint=MaxNorm(axis=1))
    _, params = net.init(KEY, (3,))
    with raises_text(ShapeError, "axis=1) got a weight of shape (3,)", "below 1"):
        net.constrain(params)
    with raises_text(ShapeError, "sum", "made float32() of kernel, float32(3, 3)"):
        Dense(3, kernel_constraint=jnp.sum).constrain(params)


def clipped(x):
    """A constraint of a user's own."""
    return jnp.clip(x, -0.1, 0.1)


def trained(net, steps=2, **more):
    trainer = Trainer(net, "mse", SGD(1.0), **more)
    state = jax.jit(lambda key: trainer.init(key, (3,)))(KEY)
    step = jax.jit(trainer.step)
    before = state
    for _ in range(steps):
        before, (state, _) = state, step(state, (X, jnp.ones((8, 3))))
    return before.params, state.params


def test_what_holds_layers_passes_constraints_on():
    """Also where parameters are stacked: each of them is brought back by itself."""
    dense = Dense(3, kernel_constraint=UnitNorm(), bias_constraint=NonNeg())
    free = Dense(3, bias_constraint=clipped, name="free")
    inner = jn.serial(dense, PReLU(alpha_constraint="non_neg"), name="inner")
    net = jn.serial(inner, jn.repeat(dense, 2), Ensemble((dense, free), (2, 1)), free)
    params = trained(net)[1]
    both = params["ensemble"]
    for kernels in (params["inner"]["dense"], params["repeat"], both["net"]):
        norms = np.linalg.norm(kernels["kernel"], axis=-2)
        assert_close(norms, np.ones_like(norms), 1e-5)
        assert np.min(kernels["bias"]) >= 0.0
    for biases in (both["net_1"]["bias"], params["free"]["bias"]):
        assert np.max(np.abs(biases)) == np.float32(0.1)
    assert np.min(params["inner"]["p_re_lu"]["alpha"]) >= 0.0
    assert not np.allclose(np.linalg.norm(params["free"]["kernel"], axis=0), 1.0)


def test_an_update_comes_first_and_the_constraint_after_it():
    """The step without, and then the constraint, is the step with."""
    free = jn.serial(Dense(3, "tanh"), Dense(3))
    first = dataclasses.replace(free.layers[0], kernel_constraint=MaxNorm(0.7))
    params = trained(free, 1)[1]
    params["dense"]["kernel"] = MaxNorm(0.7)(params["dense"]["kernel"])
    found = trained(dataclasses.replace(free, layers=(first, free.layers[1])), 1)[1]
    assert_trees_close(found, params)


def test_what_is_frozen_is_not_brought_back():
    frozen = Dense(3, kernel_constraint="unit_norm", trainable=False)
    before, after = trained(jn.serial(frozen, Dense(3)))
    assert_trees_identical(before["dense"], after["dense"])
    assert protocol.constrain(frozen, before["dense"]) is before["dense"]

    @dataclasses.dataclass(frozen=True, repr=False)
    class Halved(Base):
        """One parameter is frozen, and its constraint would change both."""

        def init(self, key, input_shape):
            return input_shape, {"gain": jnp.ones(3), "offset": jnp.ones(3)}

        def forward(self, params, x):
            return x * params["gain"][None] + params["offset"][None]

        def trainable_mask(self, params):
            return {"gain": True, "offset": False}

        def constrain(self, params):
            return jax.tree.map(jnp.zeros_like, params)

    after = trained(Halved())[1]
    assert not np.any(after["gain"])
    assert np.all(after["offset"] == 1.0)


def test_where_there_is_none_the_program_has_no_word_of_it(monkeypatch):
    net = jn.serial(Dense(3), jn.repeat(Dense(3), 2), Ensemble((Dense(3),), (2,)))
    trainer = Trainer(net, "mse", "adam")
    state = jax.eval_shape(lambda: trainer.init(KEY, (3,)))

    def program():
        return str(jax.make_jaxpr(trainer.step)(state, (X, jnp.ones((8, 3)))))

    asked = program()
    monkeypatch.setattr(protocol, "constrain", lambda layer, params: params)
    assert asked == program()


class Around:
    """A layer around another, and nothing more."""

    def __init__(self, inner):
        self.inner = inner

    def init(self, key, input_shape):
        return self.inner.init(key, input_shape)

    def apply(self, params, x, *, key=None, training=False):
        return self.inner.apply(params, x, key=key, training=training)


class Passing(Around):
    """The same with the method that the message asks for."""

    def constrain(self, params):
        return self.inner.constrain(params)


@dataclasses.dataclass(frozen=True, repr=False)
class Own(Base):
    """A constraint as Keras's users hand one on, and nobody asks it."""

    kernel_constraint: object = None


def test_a_constraint_is_not_silently_lost():
    dense = Dense(3, kernel_constraint="unit_norm")
    for layer in (dense, jn.serial(dense), jn.repeat(dense, 2), Passing(dense)):
        with raises_text(
            LayerError, "constrain(self, params)", "self.inner.constrain("
        ):
            jn.serial(Around(layer))
    with raises_text(LayerError, "jn.constraints.get(self.kernel_constraint)(params["):
        jn.serial(Own("non_neg"))
    jn.serial(Around(Dense(3)), Own())
    kernel = trained(Passing(dense))[1]["kernel"]
    assert_close(np.linalg.norm(kernel, axis=0), np.ones(3), 1e-6)
