"""Transformations of optax: each one trains as in a loop by hand, or is refused."""

import inspect
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest
from oracles import assert_trees_close, raises_text

import jaxnet_mini as jn
from jaxnet_mini import optimizers
from jaxnet_mini.core import transformations
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.data import Data
from jaxnet_mini.errors import ArgumentError
from jaxnet_mini.layers import Dense

pytestmark = pytest.mark.usefixtures("quick_compilation")

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(10, 2)).astype(np.float32)
Y = (X @ np.array([[1.0], [-2.0]], np.float32) + 0.5).astype(np.float32)


START = {"dense": {"kernel": np.ones((2, 1), np.float32), "bias": np.zeros(1)}}


def model_of(optimizer, **options):
    layer = Dense(1, kernel_initializer="ones", input_shape=(2,), **options)
    model = jn.Sequential([layer], seed=0)
    model.compile(optimizer, "mse")
    return model


def by_hand(transformation, batches):
    """The parameters after one step on each batch, by a loop of one's own."""

    def step(params, state, x, y):
        def loss(params):
            outputs = x @ params["dense"]["kernel"] + params["dense"]["bias"]
            return jnp.mean(jnp.square(outputs - y))

        value, gradients = jax.value_and_grad(loss)(params)
        extra = {"value": value, "grad": gradients, "value_fn": loss}
        if transformation not in LOOKING:
            extra = {}
        updates, state = transformation.update(gradients, state, params, **extra)
        return optax.apply_updates(params, updates), state

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), START)
        state, step = transformation.init(params), jax.jit(step)
        for x, y in batches:
            params, state = step(params, state, x, y)
    return params


BACKTRACKING = optax.chain(optax.sgd(1.0), optax.scale_by_backtracking_linesearch(5))
LOOKING = [
    optax.lbfgs(),
    optax.polyak_sgd(),
    BACKTRACKING,
    optax.chain(optax.sgd(0.1), optax.contrib.reduce_on_plateau(patience=1)),
]
"""What looks at the loss."""

TRAINED = {
    "lbfgs": LOOKING[0],
    "polyak_sgd": LOOKING[1],
    "reduce_on_plateau": LOOKING[3],
    "MultiSteps": optax.MultiSteps(optax.adam(0.1), 2),
    "sam": optax.contrib.sam(
        optax.sgd(0.1), optax.chain(optax.contrib.normalize(), optax.sgd(0.1))
    ),
}


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.one_in(4)
def test_each_step_is_that_of_a_loop_by_hand(name):
    """In batches of 8, of which the second has 2 rows, three times over."""
    optimizer = TRAINED[name]
    model = model_of(optimizer)
    model.fit(X, Y, 8, epochs=3, shuffle=False, verbose=0)
    if isinstance(optimizer, optax.MultiSteps):
        optimizer = optimizer.gradient_transformation()
    batches = [(X[:8], Y[:8]), (X[8:], Y[8:])] * 3
    expected = by_hand(optimizer, batches)
    assert_trees_close(model.params, expected, 2e-4)
    assert not np.allclose(expected["dense"]["kernel"], 1.0, atol=1e-3)


def test_a_line_search_sees_the_whole_of_a_batch_in_pieces():
    trainer = Trainer(jn.serial(Dense(1, kernel_initializer="ones")), "mse", "adam")
    state = trainer.init(jax.random.key(0), (2,))
    trainer = Trainer(trainer.net, "mse", BACKTRACKING)
    state = state._replace(
        optimizer_state=transformations.init(trainer.optimizer, state.params)
    )
    data = Data(jnp.asarray(X), jnp.asarray(Y), None, jnp.int32(10))
    whole = jnp.asarray(np.r_[np.arange(10), -1, -1].reshape(1, 12), jnp.int32)
    found = [
        trainer.loop(state, data, jnp.tile(order, (3,) + (1,) * (order.ndim - 1)), 0, 3)
        for order in (whole, whole.reshape(1, 3, 4))
    ]
    expected = by_hand(BACKTRACKING, [(X, Y)] * 3)
    for progress in found:
        assert_trees_close(progress.state.params, expected, 2e-4)


def test_members_of_a_sweep_search_by_themselves():
    alone = []
    for factor in (0.0, 0.1):
        model = model_of(
            optax.polyak_sgd(), kernel_regularizer=jn.regularizers.L2(factor)
        )
        model.fit(X, Y, 8, epochs=2, verbose=0)
        alone.append(model.params)
    result = jn.sweep(
        model_of(optax.polyak_sgd(), kernel_regularizer="l2"),
        {"l2": [0.0, 0.1]}, X, Y, 8, epochs=2, verbose=0,
    )  # fmt: skip
    for member, params in zip(result, alone, strict=True):
        assert_trees_close(member.model.params, params, 1e-5)


def program_of(optimizer, loss="mse"):
    trainer = Trainer(Dense(1), loss, optimizer).program()
    state = trainer.init(jax.random.key(0), (2,))
    return str(jax.make_jaxpr(trainer.step)(state, (X, Y)))


def test_what_asks_for_no_more_has_the_program_that_it_had():
    """To the letter: what it is given besides is no part of it."""
    for optimizer in (optax.adam(0.1), optax.apply_if_finite(optax.sgd(0.1), 3)):
        assert isinstance(optimizer, optax.GradientTransformationExtraArgs)
        bare = optax.GradientTransformation(optimizer.init, optimizer.update)
        assert program_of(optimizer) == program_of(bare)
    named = Trainer(Dense(1), "mse", "adam").transformation
    assert isinstance(named, transformations.OwnTransformation)
    assert program_of(optax.polyak_sgd()) != program_of(optax.sgd(0.1))


def test_own_optimizers_around_optax_are_given_all_of_it():
    class Polyak(optimizers.Optimizer):
        factory = staticmethod(lambda learning_rate: optax.polyak_sgd(learning_rate))

    model = model_of(Polyak(1.0))
    model.fit(X, Y, 10, epochs=3, shuffle=False, verbose=0)
    expected = by_hand(LOOKING[1], [(X, Y)] * 3)
    assert_trees_close(model.params, expected, 1e-5)


ARGUMENTS = {
    "learning_rate": 0.01,
    "max_delta": 1.0,
    "max_norm": 1.0,
    "decay": 0.9,
    "step_size": 0.1,
    "clipping": 1.0,
    "threshold": 1.0,
    "b1": 0.9,
    "eta": 0.1,
    "gamma": 0.1,
    "key": jax.random.key(0),
    "seed": 0,
    "l2_norm_clip": 1.0,
    "noise_multiplier": 1.0,
    "sync_period": 5,
    "slow_step_size": 0.5,
    "max_backtracking_steps": 5,
    "max_linesearch_steps": 5,
    "max_consecutive_errors": 3,
    "mask": True,
    "freeze_mask": False,
    "transforms": {"a": optax.sgd(0.1)},
    "param_labels": "a",
    "step_size_fn": lambda step: 0.1,
    "should_transform_fn": lambda step, **_: step > 1,
    "f": lambda updates, params: updates,
    **dict.fromkeys(
        ["inner", "tx", "opt", "optimizer", "base_optimizer", "fast_optimizer"],
        optax.sgd(0.1),
    ),
    "adv_optimizer": optax.sgd(0.1),
    "every_k_schedule": 2,
}
"""What their arguments without a default may be."""

REFUSED = {
    "differentially_private_aggregate": "batch dimension",
    "dpsgd": "batch dimension",
    "lookahead": "no attribute 'fast'",
    "scale_by_muon": "structure|must have shape",
    "sophia": "obj_fn must be provided",
}
"""What cannot be right here: per-example gradients, other parameters, other losses.

Patterns, since versions of optax word some of it differently.
"""

NEEDING = {"inject_hyperparams", "inject_stateful_hyperparams", "measure_with_ema"}
NEEDING |= {"snapshot", "chain", "named_chain", "stateless_with_tree_map"}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_each_transformation_of_optax_takes_a_step_or_is_refused():
    seen, said = 0, {}
    params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), START)
    for module in (optax, optax.contrib):
        for name, make in vars(module).items():
            if name.startswith("_") or not inspect.isfunction(make) or name in NEEDING:
                continue
            signature = inspect.signature(make)
            if "GradientTransformation" not in str(signature.return_annotation):
                continue
            given = {
                p.name: ARGUMENTS[p.name]
                for p in signature.parameters.values()
                if p.default is p.empty
                and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
            }
            made, seen = make(**given), seen + 1
            try:
                transformations.check(made, made, params)
            except ArgumentError as error:
                said[name] = str(error)
    assert seen > 90
    assert {"dpsgd", "sophia", "lookahead"} <= set(said)
    for name, text in said.items():
        assert re.search(REFUSED[name], text), text


def test_what_cannot_train_is_refused_by_compile():
    """Nothing has changed then, and the advice trains."""
    opaque = optax.contrib.sam(optax.sgd(0.1), optax.sgd(0.1), opaque_mode=True)
    cases = [
        (opaque, "grad_fn must be provided", "and value, grad and value_fn:"),
        (optax.masked(optax.lbfgs(), {"dense": {"kernel": True, "bias": False}}),
         "structure|Expected named tuple", "value_fn"),
        (optax.MultiSteps(optax.polyak_sgd(), 2), "'value'",
         "give fit a larger batch_size in place of MultiSteps, or"),
        (optax.masked(optax.sgd(0.1), {"other": True}), "structure|mismatch",
         r"adam\(1e-3\)"),
    ]  # fmt: skip
    model = model_of("sgd")
    trainer = model.trainer
    unbuilt = jn.Sequential([Dense(1)])
    for optimizer, *patterns in cases:
        text = "optimizer: this transformation of optax cannot train the model ("
        with pytest.raises(ArgumentError) as caught:
            model.compile(optimizer, "mse")
        assert caught.type is ArgumentError
        said = str(caught.value)
        assert text in said
        # Versions of optax word some of it differently.
        assert all(re.search(pattern, said) for pattern in patterns), said
        assert model.trainer is trainer
        unbuilt.compile(optimizer, "mse")  # its parameters are not known yet
        with raises_text(ArgumentError, text):
            unbuilt.fit(X, Y, verbose=0)
        assert not unbuilt.built
    model.compile(optax.adam(1e-3), "mse")
    model.fit(X, Y, verbose=0)


def test_what_cannot_train_is_refused_by_a_trainer():
    """Before its first step, as by compile; the state of others is optax's own."""
    key = jax.random.key(0)
    sync = optax.lookahead(optax.sgd(0.1), sync_period=5, slow_step_size=0.5)
    trainer = jn.Trainer(Dense(1), "mse", sync)
    with raises_text(ArgumentError, "cannot train the model ('dict' object has no"):
        trainer.init(key, (2,))
    state = jn.Trainer(Dense(1), "mse", optax.adam(0.1)).init(key, (2,))
    own = optax.adam(0.1).init(state.params)
    assert jax.tree.structure(state.optimizer_state) == jax.tree.structure(own)


def test_nadam_trains_under_strict_promotion():
    """As these tests run, and to the same bits without."""
    assert jax.config.jax_numpy_dtype_promotion == "strict"
    strict = model_of("nadam")
    strict.fit(X, Y, epochs=2, verbose=0)
    with jax.numpy_dtype_promotion("standard"):
        plain = model_of("nadam")
        plain.fit(X, Y, epochs=2, verbose=0)
    for one, other in zip(strict.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
