"""Optimizers: Keras's names and numbers, optax's transformations.

Oracles: Keras 3.15 on JAX, optax (Nadam only) and float64 NumPy, each fed with the same
sequence of gradients.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest
from optimizers_cases import (
    AS_KERAS,
    GRADIENTS,
    PARAMS,
    assert_trajectories_agree,
    ours,
    trajectory,
)
from oracles import assert_close, named, raises_text, unchecked_types

from jaxnet_mini import optimizers
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.errors import ArgumentError, StateError, UnknownNameError
from jaxnet_mini.layers import Dense
from jaxnet_mini.optimizers import (
    SGD,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    Muon,
    Nadam,
    RMSprop,
    get_learning_rate,
    set_learning_rate,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")


def lax():
    """What optax computes by itself is not always written for strict promotion."""
    return jax.numpy_dtype_promotion("standard")


@pytest.mark.parametrize("numbers", [{}, {"learning_rate": 0.05, "beta_1": 0.8}])
def test_nadam_is_that_of_optax(numbers):
    optimizer = Nadam(**numbers)
    reference = optax.nadam(
        optimizer.learning_rate, optimizer.beta_1, optimizer.beta_2, optimizer.epsilon
    )
    state = reference.init(jax.tree.map(jnp.asarray, PARAMS))
    with lax():
        expected, actual = trajectory(reference, state), ours(optimizer)
    # optax has the betas as Python floats here, and the state as float32.
    assert_trajectories_agree(actual, expected, 1e-5)


REFERENCES = [
    (SGD(0.1), oracles.sgd(0.1)),
    (SGD(0.1, momentum=0.9), oracles.sgd(0.1, 0.9)),
    (SGD(0.1, momentum=0.9, nesterov=True), oracles.sgd(0.1, 0.9, True)),
    (Adam(0.01), oracles.adam(0.01)),
    (Adam(0.01, 0.8, 0.9, 0.1), oracles.adam(0.01, 0.8, 0.9, 0.1)),
]


@pytest.mark.parametrize(("optimizer", "update"), REFERENCES, ids=named)
def test_a_hundred_steps_are_those_of_float64(optimizer, update):
    expected = []
    params, slots = oracles.float64(PARAMS), {name: {} for name in PARAMS}
    for t, gradient in enumerate(GRADIENTS, start=1):
        params = {
            name: value + update(gradient[name].astype(np.float64), slots[name], t)
            for name, value in params.items()
        }
        expected.append(params)
    assert_trajectories_agree(ours(optimizer), expected, 1e-6)


def test_trap_epsilon_stands_where_keras_has_it():
    """With gradients of the size of epsilon, optax.adam takes another step."""
    tiny = [{n: g * np.float32(1e-7) for n, g in step.items()} for step in GRADIENTS]
    params = jax.tree.map(jnp.asarray, PARAMS)
    adam, other = Adam(0.1), optax.adam(0.1, eps=1e-7)
    actual = trajectory(adam.transformation(), adam.init(params), tiny)[-1]
    with lax():
        theirs = trajectory(other, other.init(params), tiny)[-1]
    value, slots, update = oracles.float64(PARAMS)["kernel"], {}, oracles.adam(0.1)
    for t, gradient in enumerate(tiny, start=1):
        value = value + update(gradient["kernel"].astype(np.float64), slots, t)
    np.testing.assert_allclose(actual["kernel"], value, rtol=0, atol=1e-5)
    assert np.abs(theirs["kernel"] - value).max() > 0.01


def test_trap_the_moments_do_not_share_a_buffer():
    state = Adam().init(jax.tree.map(jnp.asarray, PARAMS))
    buffers = [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(state)]
    assert len(set(buffers)) == len(buffers)
    step = jax.jit(Adam().transformation().update, donate_argnums=1)
    step(jax.tree.map(jnp.asarray, PARAMS), state, jax.tree.map(jnp.asarray, PARAMS))


# Numbers live in the state


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Adam(1e-3), Adam(1e-2)),
        (Adam(), Adam(beta_1=0.5, beta_2=0.6, epsilon=0.1)),
        (AdamW(), AdamW(1.0, weight_decay=0.1)),
        (SGD(0.1), SGD(0.2)),
        (SGD(momentum=0.5), SGD(momentum=0.9)),
        (RMSprop(), RMSprop(rho=0.5)),
        (Adagrad(), Adagrad(0.5)),
        (Lion(), Lion(beta_1=0.1)),
        (Nadam(), Nadam(0.5)),
        (Adafactor(), Adafactor(0.5, -0.5, clip_threshold=2.0)),
        (Muon(), Muon(0.5, muon_a=3.0, rms_rate=0.1, weight_decay=0.1)),
    ],
    ids=named,
)
def test_optimizers_that_differ_in_numbers_share_a_program(one, other):
    assert one != other
    assert one.transformation() is other.transformation()
    programs = [Trainer(Dense(1), "mse", opt).program() for opt in (one, other)]
    assert programs[0] == programs[1]
    assert hash(programs[0]) == hash(programs[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SGD(), SGD(momentum=0.9)),
        (SGD(momentum=0.9), SGD(momentum=0.9, nesterov=True)),
        (RMSprop(), RMSprop(momentum=0.9)),
        (RMSprop(), RMSprop(centered=True)),
        (Adam(), Nadam()),
        (Adam(), AdamW()),
        (Muon(), Muon(ns_steps=3)),
        (Muon(), Muon(exclude_layers=["output"])),
        (Adam(), Adam(optax.constant_schedule(0.1))),
    ],
    ids=named,
)
def test_optimizers_that_differ_in_kind_do_not(one, other):
    assert one.transformation() is not other.transformation()
    assert (
        Trainer(Dense(1), "mse", one).program()
        != Trainer(Dense(1), "mse", other).program()
    )


def test_a_changed_number_needs_no_compilation():
    traced = []
    transformation = Adam().transformation()

    @jax.jit
    def update(gradient, state, params):
        traced.append(1)
        return transformation.update(gradient, state, params)

    params = jax.tree.map(jnp.asarray, PARAMS)
    sizes = []
    for optimizer in (Adam(1e-3), Adam(1e-2), Adam(1e-2, beta_1=0.5)):
        updates, _ = update(params, optimizer.init(params), params)
        sizes.append(float(np.abs(updates["bias"]).max()))
    assert len(traced) == 1
    # Adam's first step is the learning rate.
    assert sizes == pytest.approx([1e-3, 1e-2, 1e-2], rel=1e-4)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", sorted(optimizers.OPTIMIZERS))
def test_the_learning_rate_is_read_and_changed(name):
    optimizer = optimizers.get(name)
    params = jax.tree.map(jnp.asarray, PARAMS)
    state = optimizer.init(params)
    assert float(get_learning_rate(state)) == pytest.approx(optimizer.learning_rate)
    changed = set_learning_rate(state, 0.25)
    held = get_learning_rate(changed)
    assert (float(held), held.dtype, held.shape) == (0.25, jnp.float32, ())
    # The old state is as it was, and the rest of the new one too.
    assert float(get_learning_rate(state)) == pytest.approx(optimizer.learning_rate)
    back = set_learning_rate(changed, float(get_learning_rate(state)))
    oracles.assert_trees_identical(back, state)
    gradient = jax.tree.map(jnp.asarray, GRADIENTS[0])
    update = optimizer.transformation().update
    with lax():
        small, large = (update(gradient, s, params)[0] for s in (state, changed))
    ratio = np.asarray(large["kernel"]) / np.asarray(small["kernel"])
    if name == "ftrl":  # whose parameters follow from sums, not from steps
        assert not np.allclose(ratio, 1.0)
        return
    assert_close(ratio, np.full_like(ratio, 0.25 / optimizer.learning_rate), 1e-5)


def test_a_learning_rate_built_in_is_an_error_with_advice_that_works():
    params = jax.tree.map(jnp.asarray, PARAMS)
    state = optax.adam(0.1).init(params)
    for call in (get_learning_rate, lambda state: set_learning_rate(state, 0.5)):
        with raises_text(
            StateError,
            "the learning rate is built into this optax transformation",
            "optax.inject_hyperparams(optax.adam)(learning_rate=...)",
        ):
            call(state)
    advised = optax.inject_hyperparams(optax.adam)(learning_rate=0.1)
    state = set_learning_rate(advised.init(params), 0.5)
    assert float(get_learning_rate(state)) == 0.5
    chained = optax.chain(optax.clip_by_global_norm(1.0), advised)
    state = set_learning_rate(chained.init(params), 0.5)
    assert float(get_learning_rate(state)) == 0.5
    with lax():
        updates, _ = chained.update(params, state, params)
    # Adam's first step is the learning rate.
    assert float(jnp.abs(updates["bias"]).max()) == pytest.approx(0.5, rel=1e-4)


def test_trap_a_schedule_is_not_overwritten():
    optimizer = Adam(optax.linear_schedule(1.0, 0.0, 10))
    state = optimizer.init(jax.tree.map(jnp.asarray, PARAMS))
    assert float(get_learning_rate(state)) == 1.0
    with raises_text(
        StateError,
        "the learning rate follows a schedule, which sets it at every step: give the "
        "optimizer a number",
    ):
        set_learning_rate(state, 0.5)


@pytest.mark.parametrize("name", sorted(optimizers.OPTIMIZERS))
def test_trap_a_first_state_has_the_structure_that_updates_keep(name):
    """Else the loop would not compile, or compile twice."""
    for optimizer in (optimizers.get(name), type(optimizers.get(name))(0.5)):
        state = optimizer.init(jax.tree.map(jnp.asarray, PARAMS))
        gradient = jax.tree.map(jnp.asarray, GRADIENTS[0])
        with lax():
            _, after = optimizer.transformation().update(gradient, state, gradient)

        def kinds(tree):
            return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)

        assert kinds(state) == kinds(after)


# Schedules

SCHEDULES = [
    (optax.linear_schedule(0.5, 0.1, 10), lambda n: 0.5 - 0.04 * min(n, 10)),
    (
        optax.cosine_decay_schedule(0.5, 10),
        lambda n: 0.25 * (1 + math.cos(math.pi * min(n, 10) / 10)),
    ),
    (optax.exponential_decay(0.5, 5, 0.3), lambda n: 0.5 * 0.3 ** (n / 5)),
    (
        optax.warmup_cosine_decay_schedule(0.0, 0.5, 5, 15),
        lambda n: (
            0.1 * n if n < 5 else 0.25 * (1 + math.cos(math.pi * min(n - 5, 10) / 10))
        ),
    ),
]


@pytest.mark.parametrize("index", range(len(SCHEDULES)))
@pytest.mark.parametrize(
    "make", [SGD, lambda rate: SGD(rate, momentum=0.9), Adam], ids=["sgd", "m", "adam"]
)
def test_a_schedule_counts_steps_from_0(make, index):
    schedule, rate = SCHEDULES[index]
    optimizer = make(schedule)
    with lax():
        actual = ours(optimizer)
    momentum = getattr(optimizer, "momentum", None)
    params, slots = oracles.float64(PARAMS), {name: {} for name in PARAMS}
    for t, gradient in enumerate(GRADIENTS, start=1):
        for name in PARAMS:
            g = gradient[name].astype(np.float64)
            if momentum is None:
                params[name] = params[name] + oracles.adam(rate(t - 1))(
                    g, slots[name], t
                )
            else:  # As Keras: the velocity holds steps, each of its own rate.
                velocity = slots[name].get("velocity", 0.0) * momentum
                slots[name]["velocity"] = velocity - rate(t - 1) * g
                params[name] = params[name] + slots[name]["velocity"]
    assert_trajectories_agree(actual[-1:], [params], 1e-5)


def test_the_learning_rate_of_a_schedule_is_that_of_the_last_step():
    optimizer = SGD(optax.linear_schedule(1.0, 0.0, 10))
    params = jax.tree.map(jnp.asarray, PARAMS)
    state = optimizer.init(params)
    for rate in (1.0, 0.9, 0.8):
        _, state = optimizer.transformation().update(params, state, params)
        assert float(get_learning_rate(state)) == pytest.approx(rate)


# Kernels as matrices


def test_muon_takes_kernels_that_are_not_excluded():
    """What it leaves to Adam moves by the learning rate, each number, at first."""
    rng = np.random.default_rng(0)
    shapes = {"a/kernel": (3, 4), "b/kernel": (4, 3), "output/kernel": (3, 2)}
    shapes |= {"a/bias": (4,), "table/embeddings": (5, 2), "stack/kernel": (2, 3, 3)}
    params = {n: rng.normal(size=s).astype(np.float32) for n, s in shapes.items()}
    optimizer = Muon(
        0.1, weight_decay=None, adam_weight_decay=None, exclude_layers=["^out"]
    )
    update = jax.jit(optimizer.transformation().update)
    updates, _ = update(params, optimizer.init(params), params)
    sizes = {name: np.abs(value) for name, value in updates.items()}
    alike = {n for n, size in sizes.items() if np.allclose(size, 0.1, rtol=0.01)}
    assert alike == {*shapes} - {"a/kernel", "b/kernel"}
    for name in ("a/kernel", "b/kernel"):
        left, values, right = np.linalg.svd(params[name].astype(float), False)
        values = values / np.sqrt(np.sum(values**2))
        for _ in range(5):
            values = 3.4445 * values - 4.775 * values**3 + 2.0315 * values**5
        expected = -0.1 * 0.2 * 2.0 * (left * values) @ right
        np.testing.assert_allclose(updates[name], expected, atol=1e-6)


def test_adafactor_keeps_little():
    kept = jax.eval_shape(Adafactor().init, {"kernel": np.zeros((50, 40), np.float32)})
    size = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(kept.inner_state))
    assert size < 50 + 40 + 10


def test_words_of_exclude_layers_are_regular_expressions():
    text = 'Muon: exclude_layers must be a list of strings, such as ["output"], not'
    for given in ("output", 3):
        with unchecked_types(), raises_text(ArgumentError, f"{text} {given!r}."):
            Muon(exclude_layers=given)
    with unchecked_types(), raises_text(ArgumentError, "exclude_layers[1] must be a s"):
        Muon(exclude_layers=["output", 3])
    with raises_text(
        ArgumentError,
        "Muon: exclude_layers[0] must be a regular expression, not 'a[' (",
        "write 'a\\\\[' for these very letters.",
    ):
        Muon(exclude_layers=["a["])
    assert Muon(exclude_layers=["a\\["]).exclude_layers == ("a\\[",)
    assert Muon(exclude_layers=[]) == Muon()


# Values, names and errors


def test_optimizers_are_equal_hashable_values():
    assert Adam(0.1) == Adam(0.1)
    assert hash(Adam(0.1)) == hash(Adam(0.1))
    assert len({*AS_KERAS, Nadam()}) == len(AS_KERAS) + 1
    for optimizer in (*AS_KERAS, Nadam()):
        assert eval(repr(optimizer), vars(optimizers).copy()) == optimizer


def test_get_recognises_what_users_write():
    own = optax.adam(0.1)
    assert optimizers.get(own) is own
    assert optimizers.get(Adam) == optimizers.get("adam") == Adam()
    assert optimizers.get("Adam") == Adam()
    assert optimizers.get(SGD(0.5)) == SGD(0.5)


@pytest.mark.parametrize("value", [np.float32(0.1), np.array(0.1), jnp.array(0.1), 1])
def test_a_learning_rate_may_be_any_number(value):
    with unchecked_types():
        optimizer = Adam(value)
        assert type(optimizer.learning_rate) is float
        assert optimizer.transformation() is Adam().transformation()
        state = optimizer.init(jax.tree.map(jnp.asarray, PARAMS))
    assert float(get_learning_rate(state)) == pytest.approx(float(value))


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, None, "0.1", "fast"])
def test_trap_a_learning_rate_that_is_no_number_is_not_passed_over(value):
    with (
        unchecked_types(),
        raises_text(
            ArgumentError,
            f"learning_rate must be a finite number of at least 0 or a schedule, not "
            f"{value!r}.",
        ),
    ):
        Adam(value)


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, None, "0.1"])
@pytest.mark.parametrize(
    ("kind", "argument"),
    [
        (Adam, "beta_1"),
        (Adam, "beta_2"),
        (Adam, "epsilon"),
        (AdamW, "weight_decay"),
        (SGD, "momentum"),
        (RMSprop, "rho"),
        (Adagrad, "initial_accumulator_value"),
    ],
)
def test_numbers_must_be_numbers(kind, argument, value):
    with (
        unchecked_types(),
        raises_text(
            ArgumentError,
            f"{kind.__name__}: {argument} must be a finite number of at least 0, not "
            f"{value!r}.",
        ),
    ):
        kind(**{argument: value})


def test_errors_name_the_optimizer_and_what_came():
    with raises_text(
        UnknownNameError,
        "unknown optimizer 'adan': did you mean 'adam'? Known: adad",
    ):
        optimizers.get("adan")
    with unchecked_types():
        for value in (3, None, dict):
            with raises_text(
                ArgumentError,
                "optimizer must be a name, one of jaxnet_mini.optimizers or an optax "
                f"transformation, not {value!r}",
                'optimizer="adam"',
            ):
                optimizers.get(value)
