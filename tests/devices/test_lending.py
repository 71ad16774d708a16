"""Programs lent to devices of other threads: compiled once, and the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cores import several_cores
from oracles import x64

from jaxnet_mini.devices import lending, pools
from jaxnet_mini.devices.programs import Program

pytestmark = [
    several_cores,
    pytest.mark.skipif(jax.default_backend() != "cpu", reason="such devices are CPUs"),
]

COMPILED = "/jax/core/compile/backend_compile_duration"

X = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture(autouse=True)
def nothing_on_disk():
    """JAX loads nothing from its cache on disk."""
    folder = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    yield
    jax.config.update("jax_compilation_cache_dir", folder)


@pytest.fixture
def compiled():
    """How often JAX has compiled since."""
    times, listening = [], [True]

    def heard(name, seconds, **about):
        if name == COMPILED and listening:
            times.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(heard)
    yield times
    listening.clear()  # JAX 0.7 lets nobody go


def devices():
    return [pools.of_one_thread(0), pools.of_one_thread(1), None]


def lies_on(array, device):
    """Tell whether an array lies on a device; on JAX's if that is None."""
    return array.devices() == {device or jax.devices()[0]}


def sums(x, factor):
    return {"rows": (x * factor).sum(1), "all": x.sum() - factor}


def test_a_program_is_compiled_once_for_all_devices(compiled):
    program, placed = Program(sums, lends=True), jax.device_put(X, devices()[0])
    program.compile_ahead(placed, 3)
    found = [program(jax.device_put(X, device), 3) for device in devices()]
    assert len(compiled) == 1
    for device, own in zip(devices(), found, strict=True):
        assert all(lies_on(leaf, device) for leaf in jax.tree.leaves(own))
        np.testing.assert_array_equal(own["rows"], 3 * X.sum(1))
        np.testing.assert_array_equal(own["all"], X.sum() - 3)
    # Other shapes, and other settings of JAX, are other programs.
    other = program(jax.device_put(X[:2], devices()[0]), 3)
    np.testing.assert_array_equal(other["rows"], 3 * X[:2].sum(1))
    assert len(compiled) == 2


def test_settings_of_jax_are_those_of_the_call():
    program = Program(lambda x: jnp.full(3, x.sum(), float), lends=True)
    x = jax.device_put(np.float32([1, 2]), devices()[0])
    assert program(x).dtype == np.float32
    with x64():
        assert program(x).dtype == np.float64
    assert program(x).dtype == np.float32


def test_what_cannot_be_lent_is_compiled_anew(compiled):
    host = []

    def told(x):
        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        return jax.pure_callback(
            lambda a: (host.append(a), 2 * np.asarray(a))[1], shape, x
        )

    program = Program(told, lends=True)
    for device in devices():
        own = program(jax.device_put(X, device))
        assert lies_on(own, device)
        np.testing.assert_array_equal(own, 2 * X)
    assert len(host) == len(compiled) == 3


def test_jax_looks_for_nan_wherever_it_is_computed():
    program = Program(lambda x: jnp.log(x - 1e9), lends=True)
    x = jax.device_put(X, devices()[0])
    assert np.isnan(program(x)).all()
    with jax.debug_nans(True), pytest.raises(FloatingPointError):
        program(x)


def test_what_comes_from_disk_is_not_lent(tmp_path, compiled, monkeypatch):
    asked = []
    monkeypatch.setattr(lending, "lent", lambda *what: asked.append(what))
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    program = Program(sums, lends=True)
    for turn in range(2):
        for device in devices():
            own = program(jax.device_put(X, device), 5)
            np.testing.assert_array_equal(own["rows"], 5 * X.sum(1))
        # What JAX has in memory by now may have come from there.
        jax.config.update("jax_compilation_cache_dir", None)
        assert not asked, turn
