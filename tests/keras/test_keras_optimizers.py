"""Optimizers against Keras's own."""

import dataclasses

import jax
import numpy as np
import pytest
from conftest import keras_on_jax
from optimizers_cases import (
    AS_KERAS,
    GRADIENTS,
    PARAMS,
    assert_trajectories_agree,
    each_step,
    ours,
    stacked,
)
from oracles import assert_close, named

import jaxnet_mini as jn
from jaxnet_mini import optimizers
from jaxnet_mini.errors import StateError
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
    Nadam,
    RMSprop,
)
from jaxnet_mini.optimizers.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")


def keras_trajectory(kind, excluded=None, **numbers):
    """The parameters after each step of Keras's optimizer."""
    with keras_on_jax() as keras:
        rate = numbers.get("learning_rate")
        if callable(rate):
            schedule = getattr(keras.optimizers.schedules, type(rate).__name__)
            numbers["learning_rate"] = schedule(**(numbers_of(rate) | {"name": "rate"}))
        theirs = getattr(keras.optimizers, kind)(**numbers)
        trained = [keras.Variable(v, name=n) for n, v in PARAMS.items()]
        if excluded is not None:
            theirs.exclude_from_weight_decay(var_names=excluded)
        theirs.build(trained)

        def step(carry, gradient):
            params, own = theirs.stateless_apply(carry[1], gradient, carry[0])
            return (params, own), dict(zip(PARAMS, params, strict=True))

        state = [v.value for v in trained], [v.value for v in theirs.variables]
        gradients = [stacked(GRADIENTS)[name] for name in PARAMS]
        run = jax.jit(lambda state, gradients: jax.lax.scan(step, state, gradients))
        return each_step(run(state, gradients)[1])


def numbers_of(optimizer):
    names = [f.name for f in dataclasses.fields(optimizer) if f.name != "undecayed"]
    return {name: getattr(optimizer, name) for name in names}


@pytest.mark.parametrize("optimizer", AS_KERAS, ids=named)
def test_a_hundred_steps_are_those_of_keras(optimizer):
    expected = keras_trajectory(type(optimizer).__name__, **numbers_of(optimizer))
    assert_trajectories_agree(ours(optimizer), expected, 1e-5)


@pytest.mark.parametrize("name", sorted(optimizers.OPTIMIZERS))
def test_names_and_defaults_are_those_of_keras(name):
    optimizer = optimizers.get(name)
    with keras_on_jax() as keras:
        theirs = getattr(keras.optimizers, type(optimizer).__name__)().get_config()
    for number, value in numbers_of(optimizer).items():
        expected = theirs[number]
        if name == "muon" and number == "exclude_layers":
            expected = expected or None  # which is its default there, too
        if type(expected) is float:
            expected = pytest.approx(expected, rel=1e-6)
        assert value == expected, number


AVERAGED = {"use_ema": True, "ema_momentum": 0.8}

OPTIONS = [
    SGD(0.1, momentum=0.9, nesterov=True, clipnorm=0.5, weight_decay=0.1),
    SGD(0.1, use_ema=True, ema_overwrite_frequency=10),
    Adam(0.1, amsgrad=True, weight_decay=0.1, **AVERAGED),
    AdamW(0.1, amsgrad=True, global_clipnorm=0.5, gradient_accumulation_steps=3),
    RMSprop(0.1, clipvalue=0.1, gradient_accumulation_steps=2, **AVERAGED,
            ema_overwrite_frequency=2),
    RMSprop(0.1, momentum=0.5, centered=True, clipnorm=0.5, weight_decay=0.1),
    Lion(0.01, weight_decay=0.1, use_ema=True, ema_overwrite_frequency=3),
    Adagrad(0.1, clipvalue=0.3, weight_decay=0.1, gradient_accumulation_steps=4),
    Adadelta(1.0, epsilon=1e-3, global_clipnorm=0.5, ema_overwrite_frequency=5,
             **AVERAGED),
    Adamax(0.1, clipnorm=0.5, weight_decay=0.1, gradient_accumulation_steps=2),
    Lamb(0.1, clipvalue=0.3, gradient_accumulation_steps=3, **AVERAGED),
    Ftrl(0.1, global_clipnorm=0.5, use_ema=True, ema_overwrite_frequency=4),
    Adafactor(0.5, clipnorm=0.5, weight_decay=0.1, gradient_accumulation_steps=3),
    Muon(0.1, global_clipnorm=0.5, gradient_accumulation_steps=2, **AVERAGED,
         ema_overwrite_frequency=7),
    # Schedules
    SGD(ExponentialDecay(0.1, 8, 0.9, staircase=True), momentum=0.9),
    SGD(InverseTimeDecay(0.1, 8, 0.9), gradient_accumulation_steps=3),
    SGD(PiecewiseConstantDecay([10, 20], [0.2, 0.1, 0.05]), momentum=0.9),
    Adam(PolynomialDecay(0.1, 60, 0.01, 2.0)),
    AdamW(CosineDecay(0.01, 50, 0.1, warmup_target=0.2, warmup_steps=20), 0.1),
    RMSprop(CosineDecayRestarts(0.1, 16, 2.0, 0.8, 0.1), momentum=0.9),
    Adafactor(ExponentialDecay(1.0, 20, 0.5), gradient_accumulation_steps=3),
    Muon(PolynomialDecay(0.1, 60, 0.01, 2.0), adam_lr_ratio=0.5),
    Ftrl(InverseTimeDecay(0.5, 50, 0.9), weight_decay=0.1),
]  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIONS, ids=named)
def test_options_and_schedules_are_those_of_keras(optimizer):
    expected = keras_trajectory(type(optimizer).__name__, **numbers_of(optimizer))
    assert_trajectories_agree(ours(optimizer), expected, 1e-5)


EXCLUDING = [
    (AdamW(0.1, weight_decay=0.2), ["^ker"]),
    (Muon(0.1, weight_decay=0.2), ["ias", "nothing"]),
    (Muon(0.1, adam_weight_decay=0.2, exclude_layers=["bias"]), ["kernel"]),
    (SGD(0.1, weight_decay=0.2, momentum=0.9, clipnorm=1.0), ["bias"]),
    (Lamb(0.1, weight_decay=0.2), ["bias"]),
    (Adafactor(0.5, weight_decay=0.2), ["kernel"]),
    *[(kind(0.1, weight_decay=0.2), ["bias"])
      for kind in (Adadelta, Adagrad, Adam, Adamax, Ftrl, Lion, RMSprop)],
]  # fmt: skip


@pytest.mark.one_in(6)
@pytest.mark.parametrize(("optimizer", "names"), EXCLUDING, ids=named)
def test_what_decays_is_what_decays_in_keras(optimizer, names):
    """And that is another course than the one where all decays."""
    kind, numbers = type(optimizer), numbers_of(optimizer)
    expected = keras_trajectory(kind.__name__, names, **numbers)
    everything = ours(kind(**numbers))
    optimizer = kind(**numbers)
    optimizer.exclude_from_weight_decay(var_names=names)
    found = ours(optimizer)
    assert_trajectories_agree(found, expected, 1e-5)
    apart = [np.abs(found[-1][n] - everything[-1][n]).max() for n in PARAMS]
    assert max(apart) > 1e-3


def test_nadam_is_another_one_than_that_of_keras():
    theirs = keras_trajectory("Nadam", learning_rate=0.01)[-1]
    found = ours(Nadam(0.01))[-1]
    apart = max(np.abs(found[name] - theirs[name]).max() for name in PARAMS)
    assert 1e-3 < apart < 0.1


@pytest.mark.parametrize("every", [None, 3])
def test_rate_and_iterations_of_a_schedule_are_those_of_keras(every):
    """After seven steps; a rate that a schedule gives cannot be set there either."""
    options = {"gradient_accumulation_steps": every}
    with keras_on_jax() as keras:
        schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 2, 0.5)
        theirs = keras.optimizers.SGD(schedule, **options)
        theirs._iterations.assign(7)
        expected = float(theirs.learning_rate), int(theirs.iterations)
        with pytest.raises(TypeError, match="LearningRateSchedule"):
            theirs.learning_rate = 0.1
    model = jn.Sequential([jn.Dense(1, input_shape=(2,))])
    model.compile(SGD(ExponentialDecay(0.5, 2, 0.5), **options), "mse")
    rate = model.optimizer.learning_rate
    assert (rate, rate.numpy(), model.optimizer.iterations) == (0.5, 0.5, 0)
    x = np.ones((7, 2), np.float32)
    model.fit(x, x[:, :1], batch_size=1, verbose=0)
    rate, iterations = model.optimizer.learning_rate, model.optimizer.iterations
    assert (float(rate), int(iterations)) == pytest.approx(expected)
    assert type(rate.numpy()) is np.float32
    for assign in (rate.assign, lambda v: setattr(model.optimizer, "learning_rate", v)):
        with pytest.raises(StateError, match="follows a schedule and cannot be set"):
            assign(0.1)


RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(12, 4)).astype(np.float32)
NOISE = RNG.normal(size=(12, 3)).astype(np.float32)
ONES, ZEROS = np.ones((12, 1), np.float32), np.zeros((12, 1), np.float32)


def adversaries(library, weights=None):
    """Losses and weights of a discriminator frozen in turn, as in a GAN."""
    layers, adam = library.layers, library.optimizers.Adam
    critic = library.Sequential(
        [library.Input((4,)), layers.Dense(5, "tanh"), layers.Dense(1, "sigmoid")]
    )
    artist = library.Sequential([library.Input((3,)), layers.Dense(4)])
    if weights is not None:
        critic.set_weights(weights[0])
        artist.set_weights(weights[1])
    start = critic.get_weights(), artist.get_weights()
    critic.compile(adam(0.01, epsilon=1e-4), "binary_crossentropy")
    critic.trainable = False
    noise = library.Input((3,))
    both = library.Model(noise, critic(artist(noise)))
    both.compile(adam(0.02, epsilon=1e-4), "binary_crossentropy")
    losses = []
    for step in range(5):
        critic.trainable = True
        if step == 2:
            critic.optimizer.learning_rate = 0.03
        drawn = np.asarray(artist(NOISE))
        rows, real = np.concatenate([REAL, drawn]), np.concatenate([ONES, ZEROS])
        losses.append(critic.train_on_batch(rows, real))
        for layer in critic.layers:
            layer.trainable = False
        losses.append(both.train_on_batch(NOISE, ONES))
    steps = int(both.optimizer.iterations)
    critic.trainable = True
    steps = steps, int(critic.optimizer.iterations)
    rate = float(critic.optimizer.learning_rate)
    return start, losses, (critic.get_weights(), artist.get_weights()), steps, rate


@pytest.mark.one_in(4)
def test_optimizers_go_on_while_layers_are_frozen_in_turn():
    with keras_on_jax() as keras:
        start, losses, end, steps, rate = adversaries(keras)
    _, own_losses, own_end, own_steps, own_rate = adversaries(jn, start)
    np.testing.assert_allclose(own_losses, losses, rtol=1e-5)
    for own, other in zip(own_end, end, strict=True):
        assert_close(own[0], other[0], 1e-5)
        assert_close(own[1], other[1], 1e-5)
    assert (own_steps, own_rate) == (steps, rate)


def continued(library, weights=None):
    """The weights after training, another learning rate, and compiling anew."""
    model = library.Sequential([library.Input((4,)), library.layers.Dense(1)])
    if weights is not None:
        model.set_weights(weights)
    start = model.get_weights()
    model.compile(library.optimizers.Adam(0.05, epsilon=1e-4), "mse")
    call = {"batch_size": 4, "epochs": 2, "shuffle": False, "verbose": 0}
    model.fit(REAL, NOISE[:, :1], **call)
    model.optimizer.learning_rate = 0.01
    model.compile(model.optimizer, "mae", metrics=["mse"])
    history = model.fit(REAL, NOISE[:, :1], **call).history
    return start, history, model.get_weights(), int(model.optimizer.iterations)


def test_the_optimizer_of_a_model_goes_on_when_it_is_compiled_anew():
    with keras_on_jax() as keras:
        start, history, end, steps = continued(keras)
    _, own_history, own_end, own_steps = continued(jn, start)
    assert (own_steps, list(own_history)) == (steps, list(history))
    assert steps == 12
    for name, values in history.items():
        np.testing.assert_allclose(own_history[name], values, rtol=1e-5)
    for own, other in zip(own_end, end, strict=True):
        assert_close(own, other, 1e-5)
