"""First weights that NumPy draws: to the bit those of the compiled program."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxnet_mini as jn
from jaxnet_mini import initializers, layers, optimizers
from jaxnet_mini.devices import programs, uncompiled

EVENT = "/jax/core/compile/backend_compile_duration"
COMPILED = []


def listen(event, duration, **_):
    if event == EVENT:
        COMPILED.append(duration)


jax.monitoring.register_event_duration_secs_listener(listen)
SEEDS = 0, 1, 2**31, 2**32 - 1


def dense(kernel="glorot_uniform"):
    return [
        layers.Dense(32, "relu", kernel_initializer=kernel),
        layers.BatchNormalization(),
        layers.Dropout(0.1),
        layers.Dense(3, kernel_initializer=kernel),
    ]


def start_of(stack, optimizer="adam"):
    model = jn.Sequential(stack)
    model.compile(optimizer, "mse")
    model.build((None, 20))
    return model._held.compiled(), (20,)


def words(tree):
    def own(leaf):
        keys = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        leaf = jax.random.key_data(leaf) if keys else leaf
        return np.asarray(leaf).dtype, np.asarray(leaf).tobytes()

    leaves, structure = jax.tree.flatten(tree)
    return [own(leaf) for leaf in leaves], structure


def compiled(program, *arguments):
    with jax.ensure_compile_time_eval():
        return program.jitted(*arguments)


def assert_same(program, *arguments):
    found = program.at_once(*arguments)
    assert found is not None
    assert words(found) == words(compiled(program, *arguments))


@pytest.mark.parametrize(
    ("key", "count", "expected"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((2**32 - 1, 2**32 - 1), (2**32 - 1, 2**32 - 1), (0x1CB996FC, 0xBB002BE7)),
        (
            (0x13198A2E, 0x03707344),
            (0x243F6A88, 0x85A308D3),
            (0xC4923A9C, 0x483DF7A0),
        ),
    ],
)
def test_threefry_gives_the_known_answers_of_its_authors(key, count, expected):
    """Those of kat_vectors in Random123 1.14, threefry2x32 in 20 rounds."""
    key, count = np.array(key, np.uint32), np.array(count, np.uint32)[:, None]
    assert tuple(int(word[0]) for word in uncompiled.threefry(key, *count)) == expected


@pytest.mark.slow
def test_weights_are_those_of_the_compiled_program():
    kinds = ["glorot_uniform", "he_uniform", "lecun_uniform", "zeros", "ones"]
    kinds += [initializers.GlorotUniform(seed=3), initializers.Constant(0.3)]
    for kind in kinds:
        trainer, shape = start_of(dense(kind))
        for seed in SEEDS:
            assert_same(programs.untrained, trainer.net, shape, np.uint32(seed))


@pytest.mark.slow
def test_states_of_optimizers_are_those_of_the_compiled_program():
    for optimizer in (
        "adam",
        optimizers.SGD(0.1, momentum=0.9),
        optimizers.AdamW(clipnorm=1.0, use_ema=True),
        optimizers.RMSprop(centered=True),
    ):
        assert_same(programs.fresh, *start_of(dense(), optimizer), np.uint32(5))


def test_nothing_is_compiled_for_the_first_state():
    start, normal = start_of(dense()), start_of(dense("he_normal"))
    before = len(COMPILED)
    programs.fresh(*start, np.uint32(0))
    assert COMPILED[before:] == []
    programs.fresh(*normal, np.uint32(0))
    assert len(COMPILED) == before + 1


class Own:
    """An initializer in JAX's form."""

    def __init__(self, function):
        self.function = function

    def __call__(self, key, shape, dtype=jnp.float32):
        return self.function(jax.random.uniform(key, shape, dtype))


@pytest.mark.slow
def test_what_could_be_other_bits_is_compiled():
    third = np.float32(1 / 3)
    for kind in (
        "he_normal",
        "orthogonal",
        initializers.RandomUniform(-0.05, 0.05),
        Own(lambda x: x * third + x),
        Own(lambda x: jnp.maximum(x * third, 0) - 1),
        Own(lambda x: jax.jit(lambda x: x * third)(x) - x),
        Own(jnp.sin),
    ):
        trainer, shape = start_of(dense(kind))
        arguments = trainer.net, shape, np.uint32(1)
        assert programs.untrained.at_once(*arguments) is None
        found = programs.untrained(*arguments)
        assert words(found) == words(compiled(programs.untrained, *arguments))


def test_products_that_are_exact_or_enter_no_sum_are_not_compiled():
    third = np.float32(1 / 3)
    for function in (
        lambda x: x * np.float32(0.5) + third,
        lambda x: (x + third) * third,
        lambda x: jnp.sqrt(x * third) + x,
    ):
        trainer, shape = start_of(dense(Own(function)))
        assert_same(programs.untrained, trainer.net, shape, np.uint32(1))


def test_much_and_other_generators_are_compiled(monkeypatch):
    trainer, shape = start_of(dense())
    features = 20
    for setting, value in (
        ("jax_threefry_partitionable", False),
        ("jax_default_prng_impl", "rbg"),
        ("jax_enable_x64", True),
    ):
        features += 1  # or else JAX has traced it already
        before = getattr(jax.config, setting)
        jax.config.update(setting, value)
        try:
            found = programs.untrained.at_once(trainer.net, (features,), np.uint32(1))
        finally:
            jax.config.update(setting, before)
        assert found is None, setting
    assert programs.untrained.at_once(trainer.net, shape, np.uint32(1)) is not None
    monkeypatch.setattr(uncompiled, "MOST", 20 * 32)
    assert programs.untrained.at_once(trainer.net, shape, np.uint32(1)) is None


def test_a_key_on_the_device_is_no_reason_to_wait_for_it():
    """Only what stands on the host is taken here."""
    trainer, shape = start_of(dense())
    assert programs.untrained.at_once(trainer.net, shape, jnp.uint32(1)) is None


def test_weights_made_while_a_function_is_traced_are_no_part_of_it():
    model = jn.Sequential([layers.Dense(2)], seed=7)
    other = jn.Sequential([layers.Dense(2)], seed=7)
    x = jnp.ones((1, 3))
    outputs = jax.jit(lambda x: model(x))(x)
    np.testing.assert_allclose(outputs, other(x), 1e-6)
    assert not any(
        isinstance(w, jax.core.Tracer) for w in jax.tree.leaves(model.params)
    )
