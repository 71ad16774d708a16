"""Options of all optimizers: clipping, decay, accumulation, averages, AMSGrad.

Oracle: the formulas in float64 NumPy, fed with the same gradients.
"""

import jax
import numpy as np
import optax
import pytest
from optimizers_cases import GRADIENTS, PARAMS, assert_trajectories_agree, ours
from oracles import adam, float64, raises_text, sgd, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini import optimizers
from jaxnet_mini.core.optimizers.options import OptionsState
from jaxnet_mini.core.training.trainer import Trainer
from jaxnet_mini.errors import ArgumentError, StateError
from jaxnet_mini.layers import Dense
from jaxnet_mini.optimizers import SGD, Adam, AdamW
from jaxnet_mini.optimizers.schedules import ExponentialDecay

pytestmark = pytest.mark.usefixtures("quick_compilation")


def norm(arrays):
    return np.sqrt(sum(np.sum(a**2) for a in arrays))


def by_hand(step, rate, *, clip=None, decay=0.0, every=1, momentum=None, overwrite=0):
    """Parameters after each step; ``rate`` and ``clip`` are functions."""
    params, slots = float64(PARAMS), {name: {} for name in PARAMS}
    total = {n: np.zeros_like(v) for n, v in params.items()}
    average, after = total, []
    for t, gradient in enumerate(GRADIENTS):
        total = {n: total[n] + gradient[n].astype(np.float64) for n in params}
        if (t + 1) % every == 0:
            mean = {n: g / every for n, g in total.items()}
            mean = mean if clip is None else clip(mean)
            for n in params:
                left = params[n] * (1 - decay * rate(t))
                params[n] = left + step(rate(t))(mean[n], slots[n], t // every + 1)
            total = {n: np.zeros_like(v) for n, v in params.items()}
        if momentum is not None:
            share = momentum if t // every else 0.0
            average = {
                n: share * average[n] + (1 - share) * p for n, p in params.items()
            }
            if overwrite and (t // every + 1) % overwrite == 0:
                params = dict(average)
        after.append(dict(params))
    return after, average


def each_norm(gradients):
    return {n: g / max(1.0, norm([g]) / 0.5) for n, g in gradients.items()}


def all_norms(gradients):
    return {
        n: g / max(1.0, norm(gradients.values()) / 0.5) for n, g in gradients.items()
    }


def values(gradients):
    return {n: np.clip(g, -0.2, 0.2) for n, g in gradients.items()}


def falling(t):
    return 0.1 * 0.5 ** (t / 4)


CASES = {
    "clipnorm": (SGD(0.1, clipnorm=0.5), sgd, {"clip": each_norm}),
    "global_clipnorm": (SGD(0.1, global_clipnorm=0.5), sgd, {"clip": all_norms}),
    "clipvalue": (Adam(0.1, clipvalue=0.2), adam, {"clip": values}),
    "weight_decay": (Adam(0.1, weight_decay=0.2), adam, {"decay": 0.2}),
    "all of them": (
        Adam(0.1, clipvalue=0.2, weight_decay=0.2, gradient_accumulation_steps=3,
             use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=2),
        adam,
        {"clip": values, "decay": 0.2, "every": 3, "momentum": 0.8, "overwrite": 2},
    ),
    "schedule": (
        SGD(ExponentialDecay(0.1, 4, 0.5), weight_decay=0.2,
            gradient_accumulation_steps=3, use_ema=True, ema_momentum=0.8),
        sgd,
        {"decay": 0.2, "every": 3, "momentum": 0.8, "rate": falling},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_hundred_steps_are_those_of_float64(case):
    optimizer, step, named = CASES[case]
    named = {"rate": lambda t: 0.1} | named
    expected, _ = by_hand(lambda rate: step(rate), **named)
    assert_trajectories_agree(ours(optimizer), expected, 2e-6)


def test_the_largest_second_moment_divides():
    params, m, v, top = float64(PARAMS), 0.0, 0.0, 0.0
    value = params["kernel"]
    for t, gradient in enumerate(GRADIENTS, start=1):
        g = gradient["kernel"].astype(np.float64)
        m, v = 0.9 * m + 0.1 * g, 0.5 * v + 0.5 * g**2
        top = np.maximum(top, v)
        scale = 0.1 * np.sqrt(1 - 0.5**t) / (1 - 0.9**t)
        value = value - scale * m / (np.sqrt(top) + 1e-7)
    last = ours(Adam(0.1, beta_2=0.5, amsgrad=True))[-1]
    np.testing.assert_allclose(last["kernel"], value, atol=2e-6)
    other = ours(AdamW(0.1, 0.0, beta_2=0.5, amsgrad=True))[-1]
    np.testing.assert_allclose(other["kernel"], value, atol=2e-6)


def test_where_nothing_is_given_the_state_is_as_it_was():
    for kind in optimizers.OPTIMIZERS.values():
        state = jax.eval_shape(kind().init, PARAMS)
        assert not isinstance(state.inner_state, OptionsState)
    assert set(state.hyperparams) == {"learning_rate"}  # of SGD, the last
    assert repr(SGD(0.1)) == "SGD(learning_rate=0.1, momentum=0.0, nesterov=False)"
    assert repr(SGD(0.1, clipnorm=1)).startswith("SGD(learning_rate=0.1, clipnorm=1, ")


def test_options_that_differ_in_numbers_share_a_program():
    pairs = [
        (SGD(clipnorm=1.0), SGD(clipnorm=2.0)),
        (Adam(weight_decay=0.0), Adam(weight_decay=0.1)),
        (SGD(gradient_accumulation_steps=2), SGD(gradient_accumulation_steps=5)),
        (Adam(use_ema=True), Adam(use_ema=True, ema_momentum=0.5)),
        (Adam(ema_momentum=0.5), Adam()),
        (AdamW(undecayed=["bias"]), AdamW(0.1, 0.1, undecayed=("bias",))),
    ]
    for one, other in pairs:
        assert one != other
        programs = [Trainer(Dense(1), "mse", each).program() for each in (one, other)]
        assert programs[0] == programs[1]
    other = {"undecayed": ["bias"]}, {"clipnorm": 1.0}, {"amsgrad": True}
    for option in (*other, {"use_ema": True}):
        assert Adam(**option).transformation() is not Adam().transformation()


BAD = [
    ({"clipnorm": 0.0}, "SGD: clipnorm must be a finite number above 0 or None, not 0"),
    ({"clipvalue": "x"}, "clipvalue must be a finite number above 0 or None, not 'x'"),
    ({"global_clipnorm": -1}, "global_clipnorm must be a finite number above 0"),
    ({"weight_decay": -0.1}, "SGD: weight_decay must be a finite number of at"),
    ({"ema_momentum": 1.5}, "SGD: ema_momentum must be a number in [0, 1], not 1.5."),
    ({"ema_overwrite_frequency": 0}, "ema_overwrite_frequency must be an integer"),
    ({"gradient_accumulation_steps": 1}, "must be an integer of at least 2, not 1."),
    ({"use_ema": "yes"}, "SGD: use_ema must be True or False, not 'yes'."),
    ({"undecayed": "bias"}, 'SGD: undecayed must be a list of strings, such as ["'),
    ({"undecayed": ["a/(", "("]}, "undecayed[0] must be a regular expression, not '('"),
    ({"clipnorm": 1.0, "clipvalue": 1.0}, "SGD: one of clipnorm, clipvalue, "
     "global_clipnorm clips the gradients, not clipnorm and clipvalue: leave"),
]  # fmt: skip


def test_bad_options_are_refused_at_once():
    for given, text in BAD:
        with unchecked_types(), raises_text(ArgumentError, text):
            SGD(**given)


def test_the_average_takes_the_place_of_the_weights_after_fit(tmp_path):
    """Those of frozen layers stay, and a fit goes on; members of a sweep as fits."""

    def model():
        frozen = Dense(2, trainable=False, input_shape=(2,))
        made = jn.Sequential([frozen, Dense(1)], seed=0)
        made.compile(SGD(0.1, use_ema=True, ema_momentum=0.5, clipnorm=1.0), "mse")
        return made

    x = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    data = (x, x[:, :1])
    one, seen = model(), []
    before = one.get_weights()
    look = jn.callbacks.LambdaCallback(
        on_train_batch_end=lambda step, logs: seen.append(one.get_weights())
    )
    one.fit(*data, batch_size=2, shuffle=False, callbacks=look, verbose=0)
    average = seen[0][2].astype(np.float64)
    for weights in seen[1:]:
        average = 0.5 * average + 0.5 * weights[2]
    np.testing.assert_allclose(one.get_weights()[2], average, rtol=1e-5)
    np.testing.assert_array_equal(one.get_weights()[0], before[0])
    path = tmp_path / "model.safetensors"
    one.save(path)
    again = jn.models.load_model(path)
    result = jn.sweep(
        model(), {"clipnorm": [1.0]}, *data, batch_size=2, epochs=1, shuffle=False,
        verbose=0,
    )  # fmt: skip
    for a, b in zip(one.get_weights(), result[0].model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    for each in (one, again):
        each.fit(*data, batch_size=2, verbose=0)
    for a, b in zip(one.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_excludes_weights_and_goes_on_without_their_decay(tmp_path):
    """By hand: no gradient, so that what decays shrinks and all else stays."""
    model = jn.Sequential([Dense(2, input_shape=(2,)), Dense(1)], seed=0)
    model.set_weights([np.ones(w.shape) for w in model.weights])
    model.compile(AdamW(0.1, weight_decay=0.5), "mse")
    x, y = np.zeros((2, 2), np.float32), np.full((2, 1), 3.0)  # which is predicted

    def shrunk(model):
        model.set_weights([np.ones(w.shape) for w in model.weights])
        model.fit(x, y, verbose=0)
        return [round(float(np.ravel(w)[0]), 4) for w in model.weights]

    assert shrunk(model) == [0.95] * 4
    model.optimizer.learning_rate = 0.2
    exclude = model.optimizer.exclude_from_weight_decay
    exclude(var_list=[model.layers[1].kernel], var_names=["^bias$"])
    assert shrunk(model) == [0.9, 1.0, 1.0, 1.0]
    assert model.optimizer.iterations == 2
    model.save(tmp_path / "model.safetensors")
    again = jn.models.load_model(tmp_path / "model.safetensors")
    assert again.trainer.optimizer == model.trainer.optimizer
    assert shrunk(again) == [0.9, 1.0, 1.0, 1.0]
    model.save(tmp_path / "model.keras")  # where Keras says nothing of it
    kept = jn.models.load_model(tmp_path / "model.keras").trainer.optimizer
    assert kept == AdamW(0.2, weight_decay=0.5)
    exclude()  # takes the place of what was excluded
    assert shrunk(model) == [0.9] * 4
    other = jn.Sequential([Dense(2, input_shape=(2,))])
    with raises_text(ArgumentError, "'dense/bias' of another model: give those of"):
        exclude(var_list=[other.layers[0].bias])


def test_what_cannot_be_excluded_is_refused():
    class Own(jn.optimizers.Optimizer):
        factory = staticmethod(optax.sgd)

    used = AdamW()
    used.transformation()
    refused = [
        (used, {}, StateError, "is in use and stays as it is: call exclude_from_weig"),
        (AdamW(), {"var_names": "bias"}, ArgumentError, "must be a list of strings"),
        (AdamW(), {"var_names": ["("]}, ArgumentError, "var_names[0] must be a regul"),
        (AdamW(), {"var_list": [1.5]}, ArgumentError, "var_list[0] must be a weight"),
        (Own(), {"var_names": ["bias"]}, ArgumentError, "Own has no weight_decay of"),
    ]
    for optimizer, given, kind, text in refused:
        with unchecked_types(), raises_text(kind, text):
            optimizer.exclude_from_weight_decay(**given)
    model = jn.Sequential([Dense(1, input_shape=(1,))])
    model.compile(optax.adamw(0.1), "mse")
    with raises_text(ArgumentError, "a transformation of optax, which has its weight"):
        model.optimizer.exclude_from_weight_decay(var_names=["bias"])
