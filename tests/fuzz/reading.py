"""What reading a file of unknown origin may do, watched from inside the process.

Used by the table of hostile files and by the fuzzer alike.
"""

import contextlib
import ctypes
import json
import os
import sys
import time
from pathlib import Path

import jaxnet_mini as jn
from jaxnet_mini import errors
from jaxnet_mini.models import load

DOCUMENTED = (
    errors.FileError,
    errors.ArgumentError,
    errors.DataError,
    errors.ShapeError,
    errors.UnknownNameError,
    errors.LayerError,
    errors.StateError,
)

MOST_SECONDS = 8.0
"""Of one thread. The most that is read, 4,000 groups of HDF5, takes h5py half a second
to two, as the machine is; what is no longer bounded takes minutes."""

MOST_EXTRA_BYTES = 64 * 2**20
"""Beside twice the size of the file."""

IN_OPEN = 0x20
"""Of inotify(7)."""

DOING = ("exec", "compile", "code.__new__", "import", "ctypes.dlopen", "marshal.loads")
"""Audit events of running code and importing it."""

AREAS = (
    "os.",
    "pickle.",
    "shutil.",
    "socket.",
    "subprocess.",
    "tempfile.",
    "urllib.",
    "webbrowser.",
)
"""First words of events of files, processes and the net."""

HARMLESS = ("os.listdir", "os.scandir")
"""What Python's import system asks when a module is looked for in vain."""


class Watch:
    """Notes what happens in the process while it is on."""

    def __init__(self):
        self.path = None
        self.seen = []
        sys.addaudithook(self._hook)

    def _hook(self, event, arguments):
        if self.path is None:
            return
        if event == "open":
            # JAX reads its own sources where it shortens a traceback.
            if str(arguments[0]) not in (self.path, *self.sources):
                self.seen.append((event, arguments))
        elif event in DOING or event.startswith(AREAS):
            self.seen.append((event, arguments))

    @contextlib.contextmanager
    def on(self, path):
        """Watch, while only the file at ``path`` may be opened."""
        modules = set(sys.modules)
        self.sources = {getattr(m, "__file__", None) for m in sys.modules.values()}
        self.seen = []
        self.path = os.fspath(path)
        try:
            yield
        finally:
            self.path = None
        self.seen += [("module", name) for name in set(sys.modules) - modules]


def small_model():
    """Return a model that the weights of the corpus's files fit, and that has begun."""
    model = jn.Sequential([jn.Dense(2, "relu", input_dim=3), jn.Dense(2)])
    model.compile("adam", "mse")
    return model if model.state else None  # which makes the optimizer's


def readers(path, model):
    """Return what reads a file of this name."""
    path = Path(path)
    calls = {"load_weights": lambda: model.load_weights(path)}
    if not path.name.endswith(".weights.h5"):
        calls["load_model"] = lambda: load.load_model(path)
    return calls


def memory():
    """Return the most bytes that the process has held since `forget_memory`."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def forget_memory():
    """Let `memory` count from what the process holds now."""
    Path("/proc/self/clear_refs").write_text("5")


def faults(path, watch, calls):
    """Read a file in all ways; return what is wrong with how it went."""
    path = Path(path)
    size = path.stat().st_size
    for name, call in calls.items():
        error = None
        forget_memory()
        before = memory()
        start = time.thread_time()
        with watch.on(path):
            try:
                call()
            except DOCUMENTED as caught:
                error = caught
            except Exception as caught:
                yield f"{name}: {caught!r} is not documented"
                continue
        seconds = time.thread_time() - start
        taken = memory() - before
        if error is None:
            continue  # where it can be read, a program may be compiled
        if str(path) not in str(error):
            yield f"{name}: the message names no file: {error}"
        if seconds > MOST_SECONDS:
            yield f"{name}: took {seconds:.2f} s"
        if taken > 2 * size + MOST_EXTRA_BYTES:
            yield f"{name}: took {taken} bytes for a file of {size}"
        for seen in watch.seen:
            yield f"{name}: {seen}"


def opened_in(folder):
    """Return a function that tells how often files in a folder were opened since."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    if libc.inotify_add_watch(descriptor, os.fsencode(folder), IN_OPEN) < 0:
        raise OSError(ctypes.get_errno(), "no inotify")

    def events():
        try:
            return len(os.read(descriptor, 2**16))
        except BlockingIOError:
            return 0

    return events


def report(foreign, paths):
    """Read each file in all ways, and print what came of it as JSON, a line each.

    Args:
        foreign: a folder in which no file may be opened.
        paths: the files.
    """
    model = small_model()
    for seed in (Path(__file__).parent / "corpus").iterdir():
        for call in readers(seed, model).values():
            with contextlib.suppress(*DOCUMENTED):
                call()
    watch, events = Watch(), opened_in(foreign)
    Path(foreign, "file.h5").read_bytes()
    assert events(), "what is opened there is not seen"
    for path in paths:
        told = {"path": path}
        calls = readers(path, model)
        for name, call in calls.items():
            try:
                call()
                told[name] = ("nothing", "")
            except Exception as error:
                told[name] = (type(error).__name__, str(error))
        told["faults"] = list(faults(path, watch, calls))
        if events():
            told["faults"].append("a file was opened by the system")
        print(json.dumps(told), flush=True)
