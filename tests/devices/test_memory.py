"""Data that are larger than the device's memory, and how much of it there is."""

import contextlib
import ctypes
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import jaxnet_mini as jn
from jaxnet_mini.data import resident
from jaxnet_mini.data.checks import Examples
from jaxnet_mini.devices import memory
from jaxnet_mini.errors import DataError
from jaxnet_mini.loops import stream

KILOBYTE = 1024


def model():
    model = jn.Sequential([jn.Rescaling(0.5), jn.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse")
    return model


def test_a_fit_that_cannot_fit_says_so_and_copies_nothing(monkeypatch):
    """16 terabytes, of which the host holds a single number."""
    x = np.broadcast_to(np.float32(1.0), (1000, 4_000_000_000))
    y = np.zeros((1000, 1), np.float32)
    monkeypatch.setattr(resident, "fill", None)
    one = model()
    with pytest.raises(DataError) as caught:
        one.fit(x, y, verbose=0)
    message = str(caught.value)
    # One batch of 32 in each of four chunks that are on their way.
    assert message.startswith("Chunks of the examples would take 1.40 TB on ")
    assert " left: give a batch_size below 32, or a smaller dtype" in message
    assert not one.built


def test_examples_that_do_not_fit_are_streamed_and_that_is_said(monkeypatch, capsys):
    x, y = np.ones((100, 10), np.float32), np.ones((100, 1), np.float32)
    monkeypatch.setattr(memory, "available", lambda: 5000)
    streamed = []
    monkeypatch.setattr(
        stream.StreamedArrays,
        "pieces",
        lambda *arguments: streamed.append(arguments) or iter(()),
    )
    monkeypatch.setattr(stream, "CHUNK_BYTES", 400)

    def said(x, **options):
        one = model()
        streamed.clear()
        with contextlib.suppress(AttributeError):  # there is nothing to close
            one.fit(x, y[: len(x)], 10, verbose=2, **options)
        return capsys.readouterr().out, bool(streamed)

    out, _ = said(x[:50])
    assert "streamed" not in out
    out, was = said(x, validation_split=0.5)
    assert was
    # 50 rows in five batches are padded to eight; those for validation to 64.
    assert out.startswith(
        "The examples and those for validation would take 6.19 KB on "
    )
    assert " left: they are streamed to it in chunks.\n" in out
    # Bytes of the device: a quarter of those of floats.
    out, was = said(x.astype(np.uint8), validation_split=0.5)
    assert "streamed" not in out
    assert not was


def test_the_bytes_are_those_that_are_placed():
    x, y = np.ones((70, 3), np.float64), np.ones(70, np.int64)
    for examples in (Examples(x, y, None), Examples(x, y, np.ones(70, np.float32))):
        placed = resident.resident(examples, 8)
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(placed._replace(rows=None)))
        assert resident.resident_bytes(examples, 8) == size


def test_a_device_that_tells_is_believed():
    stats = {"bytes_limit": 1000, "bytes_in_use": 300}
    device = SimpleNamespace(platform="gpu", memory_stats=lambda: stats)
    assert memory.available(device) == 700
    device = SimpleNamespace(platform="gpu", memory_stats=lambda: None)
    assert memory.available(device) is None


@pytest.fixture
def linux(tmp_path, monkeypatch):
    """Write what Linux says; the container's part may be missing."""
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)

    def write(free, **container):
        text = f"MemTotal: 9 kB\nMemAvailable:    {free} kB\nSwapFree: 1 kB\n"
        (tmp_path / "meminfo").write_text(text)
        for name, value in container.items():
            (tmp_path / f"memory.{name}").write_text(value)

    return write


CPU = SimpleNamespace(platform="cpu", memory_stats=lambda: None)


def test_a_machine_and_its_container_are_asked(linux):
    assert memory.available(CPU) is None
    linux(500)
    assert memory.available(CPU) == 500 * KILOBYTE
    stat = "anon 7\ninactive_file 4000\nactive_file 9\n"
    linux(500, max="100000", current="30000", stat=stat)
    assert memory.available(CPU) == 100_000 - 30_000 + 4000
    linux(50, max="100000", current="30000", stat=stat)
    assert memory.available(CPU) == 50 * KILOBYTE
    linux(50, max="max", current="30000", stat=stat)
    assert memory.available(CPU) == 50 * KILOBYTE


def test_this_machine_has_memory():
    if jax.default_backend() != "cpu" or not memory.MEMINFO.exists():
        pytest.skip("nobody knows here")
    assert 10**8 < memory.available() < 10**14


def held():
    """Bytes that this process holds."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096


def test_what_is_free_is_given_back():
    if memory._trim() is None:
        pytest.skip("no glibc here")
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.free.argtypes = (ctypes.c_void_p,)
    size = 100_000
    pieces = [library.malloc(size) for _ in range(500)]
    for piece in pieces:
        ctypes.memset(piece, 1, size)
    *pieces, last = pieces  # what lies above all others is given back by itself
    for piece in pieces:
        library.free(piece)
    before = held()
    memory.give_back()
    library.free(last)
    assert before - held() > 400 * size


def test_where_nothing_can_be_given_back_nothing_is(monkeypatch):
    memory._trim.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    memory.give_back()
    memory._trim.cache_clear()
