"""Schedules: learning rates by the step, as arguments of one program.

Oracle: the formulas in float64, and for restarts a loop over them.
"""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optimizers_cases import PARAMS
from oracles import raises_text, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini import optimizers
from jaxnet_mini.core.optimizers.rates import from_state
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.errors import ArgumentError, CallError, StateError
from jaxnet_mini.layers import Dense
from jaxnet_mini.optimizers import SGD, Adam, get_learning_rate, set_learning_rate
from jaxnet_mini.optimizers.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")


def cosine(share):
    return (1 + math.cos(math.pi * share)) / 2


def warmed(t):
    if t < 10:
        return 0.1 + (0.5 - 0.1) * t / 10
    return 0.5 * (0.9 * cosine(min(t - 10, 50) / 50) + 0.1)


def restarted(longer, higher):
    def rate(t):
        steps, top = 10.0, 1.0
        while t >= steps:
            t, steps, top = t - steps, steps * longer, top * higher
        return 0.1 * (0.75 * top * cosine(t / steps) + 0.25)

    return rate


def cycled(t):
    steps = 13 * max(1, math.ceil(t / 13))
    return 0.09 * (1 - t / steps) ** 2 + 0.01


CASES = [
    (ExponentialDecay(0.1, 7, 0.9), lambda t: 0.1 * 0.9 ** (t / 7)),
    (ExponentialDecay(0.1, 7, 0.9, True), lambda t: 0.1 * 0.9 ** (t // 7)),
    (InverseTimeDecay(0.1, 7, 0.9), lambda t: 0.1 / (1 + 0.9 * t / 7)),
    (
        InverseTimeDecay(0.1, 7, 0.9, staircase=True),
        lambda t: 0.1 / (1 + 0.9 * (t // 7)),
    ),
    (
        PiecewiseConstantDecay([10, 20.5], [1, 0.5, 0.25]),
        lambda t: 1 if t <= 10 else 0.5 if t <= 20 else 0.25,
    ),
    (PolynomialDecay(0.1, 50), lambda t: 0.0999 * (1 - min(t, 50) / 50) + 0.0001),
    (PolynomialDecay(0.1, 13, 0.01, 2.0, cycle=True), cycled),
    (CosineDecay(0.1, 50, 0.2), lambda t: 0.1 * (0.8 * cosine(min(t, 50) / 50) + 0.2)),
    (CosineDecay(0.1, 50, 0.1, warmup_target=0.5, warmup_steps=10), warmed),
    (CosineDecay(0.1, 50, warmup_steps=10), lambda t: 0.1 * cosine(min(t, 50) / 50)),
    (CosineDecayRestarts(0.1, 10, 1.0, 0.8, 0.25), restarted(1.0, 0.8)),
    (CosineDecayRestarts(0.1, 10, 2.0, 1.0, 0.25), restarted(2.0, 1.0)),
    (
        CosineDecayRestarts(0.1, 10, m_mul=1.5, t_mul=3.0, alpha=0.25),
        restarted(3.0, 1.5),
    ),
]
STEPS = np.arange(300, dtype=np.int32)


def test_rates_are_those_of_the_formulas():
    """With the numbers in the state, as training has them."""

    @jax.jit
    def rates(states, steps):
        return [
            jax.vmap(lambda t, i=i, s=s: held[i](s._replace(steps=t)))(steps)
            for i, s in enumerate(states)
        ]

    held = [from_state(schedule) for schedule, _ in CASES]
    found = rates([schedule.init() for schedule in held], STEPS)
    for (schedule, formula), rate in zip(CASES, found, strict=True):
        expected = np.array([formula(t) for t in STEPS.tolist()])
        assert rate.dtype == jnp.float32
        np.testing.assert_allclose(
            rate, expected, rtol=2e-5, atol=1e-6, err_msg=repr(schedule)
        )


def test_steps_beyond_what_a_float32_holds_are_told_apart():
    schedule = PiecewiseConstantDecay([2**24], [1.0, 0.5])
    assert [float(schedule(np.int32(2**24 + more))) for more in (0, 1)] == [1.0, 0.5]


def test_schedules_that_differ_in_numbers_share_a_program():
    pairs = [
        (ExponentialDecay(0.1, 7, 0.9), ExponentialDecay(0.2, 3.5, 1.1, name="own")),
        (
            PiecewiseConstantDecay([1], [2, 3]),
            PiecewiseConstantDecay([4, 9], [1, 2, 3]),
        ),
        (PolynomialDecay(0.1, 50), PolynomialDecay(0.1, 50, power=2.0)),
        (CosineDecay(0.1, 5), CosineDecay(0.1, 5, alpha=0.5)),
        (CosineDecayRestarts(0.1, 5), CosineDecayRestarts(0.1, 5, 1.0, 2.0)),
    ]
    for one, other in pairs:
        assert one != other
        programs = [Trainer(Dense(1), "mse", Adam(s)).program() for s in (one, other)]
        assert programs[0] == programs[1]
        assert hash(programs[0]) == hash(programs[1])
    for one, other in [
        (ExponentialDecay(0.1, 7, 0.9), ExponentialDecay(0.1, 7, 0.9, staircase=True)),
        (ExponentialDecay(0.1, 7, 0.9), InverseTimeDecay(0.1, 7, 0.9)),
        (CosineDecay(0.1, 5), CosineDecay(0.1, 5, warmup_target=0.5)),
        (CosineDecay(0.1, 5), 0.1),
        (Halving(1.0), Halving(2.0)),
    ]:
        assert Adam(one).transformation() is not Adam(other).transformation()


@dataclasses.dataclass(frozen=True)
class Halving(LearningRateSchedule):
    """A user's own, which looks at its numbers in Python."""

    start: float = 1.0

    def __call__(self, step):
        if self.start <= 0.0:
            return 0.0
        return self.start * 0.5 ** jnp.asarray(step, jnp.float32)


class Plain(LearningRateSchedule):
    """As Keras's users write one."""

    def __init__(self, start):
        self.start = start

    def __call__(self, step):
        return self.start / (1.0 + step.astype(jnp.float32))


class Steeper(ExponentialDecay):
    """Of one that is here."""

    def __call__(self, step):
        return super().__call__(step) ** 2.0


def test_one_program_takes_the_steps_of_all_numbers():
    traced = []
    transformation = SGD(ExponentialDecay(0.5, 1, 0.5)).transformation()

    @jax.jit
    def update(gradient, state):
        traced.append(1)
        return transformation.update(gradient, state, gradient)

    for start, factor in ((0.5, 0.5), (1.0, 0.25)):
        optimizer = SGD(ExponentialDecay(start, 1, factor))
        state, taken = optimizer.init(jnp.ones(())), []
        for _ in range(3):
            updates, state = update(jnp.ones(()), state)
            taken.append(-float(updates))
        np.testing.assert_allclose(taken, start * factor ** np.arange(3), rtol=1e-6)
        assert float(get_learning_rate(state)) == pytest.approx(taken[-1])
    assert len(traced) == 1


def test_every_optimizer_takes_them():
    """And a first state has the structure that updates keep."""
    params = jax.tree.map(jnp.asarray, PARAMS)
    for name, kind in optimizers.OPTIMIZERS.items():
        for schedule in (PiecewiseConstantDecay([1], [0.5, 0.25]), Halving(0.5)):
            optimizer = kind(learning_rate=schedule)

            def two(params, optimizer=optimizer):
                state = optimizer.init(params)
                with jax.numpy_dtype_promotion("standard"):  # optax's own code
                    _, after = optimizer.transformation().update(params, state, params)
                return state, after

            before, after = jax.eval_shape(two, params)
            assert jax.tree.structure(before) == jax.tree.structure(after), name
            shapes = [
                jax.tree.map(lambda a: (a.shape, a.dtype), t) for t in (before, after)
            ]
            assert shapes[0] == shapes[1], name


def test_own_schedules_are_called_with_the_step():
    for schedule, expected in (
        (Halving(0.5), [0.5, 0.25, 0.125]),
        (Plain(0.5), [0.5, 0.25, 0.5 / 3]),
        (Steeper(0.5, 1, 0.5), [0.25, 0.0625, 0.015625]),
    ):
        optimizer = SGD(schedule)
        state, rates = optimizer.init(jnp.ones(())), []
        for _ in range(3):
            _, state = optimizer.transformation().update(jnp.ones(()), state, None)
            rates.append(float(get_learning_rate(state)))
        np.testing.assert_allclose(rates, expected, rtol=1e-6)
    assert Plain(0.5) == Plain(0.5) != Plain(0.25)
    assert SGD(Plain(0.5)).transformation() is SGD(Plain(0.5)).transformation()


def test_a_schedule_is_not_overwritten():
    state = Adam(CosineDecay(0.5, 10)).init(jnp.ones(()))
    assert float(get_learning_rate(state)) == 0.5
    with raises_text(StateError, "the learning rate follows a schedule"):
        set_learning_rate(state, 0.1)


def test_schedules_are_values():
    for schedule, _ in CASES:
        twin = eval(repr(schedule))
        assert twin == schedule
        assert hash(twin) == hash(schedule)
    assert repr(CosineDecay(0.1, 10, 0.5)) == "CosineDecay(0.1, 10, alpha=0.5)"


BAD = [
    (lambda: ExponentialDecay(-0.1, 7, 0.9), "ExponentialDecay: initial_learning_rate "
     "must be a finite number of at least 0, not -0.1."),
    (lambda: CosineDecay(0.1, 0), "CosineDecay: decay_steps must be a finite number "
     "above 0, not 0."),
    (lambda: CosineDecayRestarts(0.1, math.inf), "first_decay_steps must be a finite "),
    (lambda: CosineDecayRestarts(0.1, 5, t_mul=0.0), "t_mul must be a finite number"),
    (lambda: PolynomialDecay(0.1, 5, cycle="yes"), "cycle must be True or False, not "),
    (lambda: PiecewiseConstantDecay([1, 2], [0.1, 0.2]), "PiecewiseConstantDecay: "
     "values must be one more than boundaries, of which there are 2, not 2: the last"),
    (lambda: PiecewiseConstantDecay([2, 1], [1, 2, 3]), "boundaries must increase, not "
     "be [2, 1]."),
    (lambda: PiecewiseConstantDecay([1, -1], [1, 2, 3]), "boundaries[1] must be a fin"),
    (lambda: PiecewiseConstantDecay(5, [1, 2]), "boundaries must be a list of numbers"),
    (lambda: Adam(CosineDecay), "Adam: learning_rate must be a number or a schedule, "
     "and CosineDecay is a class: write learning_rate=CosineDecay(...)."),
]  # fmt: skip


@pytest.mark.parametrize(("make", "text"), BAD)
def test_bad_numbers_are_refused_at_once(make, text):
    with unchecked_types(), raises_text(ArgumentError, text):
        make()


def test_a_wrong_argument_is_answered_by_the_nearest():
    with pytest.raises(CallError, match="has no argument decay_step: did you mean dec"):
        CosineDecay(0.1, decay_step=5)


# In a model


def model(schedule):
    made = jn.Sequential([Dense(1, input_shape=(2,))], seed=0)
    made.compile(SGD(schedule, momentum=0.5), "mse")
    return made


X = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)


def test_members_of_a_sweep_follow_schedules_of_their_own(tmp_path):
    """As fits of their own do; saved and loaded these train on to the same bits."""
    schedules = [ExponentialDecay(0.5, 2, 0.5), ExponentialDecay(0.1, 5, 0.9)]
    call = {"batch_size": 2, "epochs": 2, "verbose": 0}
    alone = []
    for schedule in schedules:
        own = model(schedule)
        own.fit(X, X[:, :1], **call)
        alone.append(own)
    result = jn.sweep(model(0.1), {"learning_rate": schedules}, X, X[:, :1], **call)
    for member, own in zip(result, alone, strict=True):
        for one, other in zip(
            member.model.get_weights(), own.get_weights(), strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    text = (
        "'decay_rate' is a number of the schedule ExponentialDecay(0.5, 2, 0.5): try "
    )
    with raises_text(ArgumentError, text, '{"learning_rate": [ExponentialDecay(...), '):
        jn.sweep(alone[0], {"decay_rate": [0.1]}, X, X[:, :1], **call)
    path = tmp_path / "model.safetensors"
    alone[0].save(path)
    again = jn.models.load_model(path)
    assert again.trainer.optimizer == alone[0].trainer.optimizer
    for each in (again, alone[0]):
        each.fit(X, X[:, :1], **call)
    for one, other in zip(again.get_weights(), alone[0].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with raises_text(
        StateError, "follows a schedule and cannot be set: compile with a"
    ):
        again.optimizer.learning_rate = 0.5
