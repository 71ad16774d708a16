"""Programs kept on disk: nothing compiles twice, and what breaks costs time alone.

Each case trains in a process of its own and tells what it did. The processes are forked
from one that has imported all and started nothing.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import jax
import pytest
from interpreter import ordinary_user
from jax.experimental.compilation_cache import compilation_cache as of_jax
from oracles import raises_text, unchecked_types

import jaxnet_mini as jn
from jaxnet_mini.devices import compilation_cache
from jaxnet_mini.errors import ArgumentError

PACKAGE = Path(jn.__file__).parent

# Without the settings that the tests share their programs by. Most of the time is that
# of compiling, and bits are compared with those of the same programs.
CACHE = ("JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE")
WITHOUT_CACHE = {
    name: value for name, value in os.environ.items() if not name.startswith(CACHE)
}
WITHOUT_CACHE["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"

ENABLE = "jn.utils.enable_compilation_cache({folder!r})"

TRAIN = """
import hashlib, json, os, sys, tempfile, traceback, warnings
from collections import Counter

import jax
import numpy as np

import jaxnet_mini as jn

events = Counter()
jax.monitoring.register_event_listener(
    lambda event, **_: events.update([event.rpartition("/")[2]])
)
generator = np.random.default_rng(0)
x = generator.normal(size=(100, 6)).astype(np.float32)
y = (x.sum(1) > 0).astype(np.int32)


def lived(code):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        exec(code, globals())
        layers = [jn.Dense(8, "relu"), jn.Dropout(0.2), jn.Dense(2, "softmax")]
        model = jn.Sequential(layers)
        model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
        history = model.fit(x, y, epochs=2, validation_split=0.2, verbose=0)
        results = [history.history, model.evaluate(x, y, verbose=0)]
        arrays = [model.predict(x), *model.get_weights()]
    assert {w.filename for w in seen} <= {"<string>"}  # of the line that called
    bits = hashlib.sha256(repr(results).encode())
    for array in arrays:
        bits.update(array.tobytes())
    return [bits.hexdigest(), events, [str(w.message) for w in seen]]


def child(code, errors, writer):
    os.dup2(errors.fileno(), 2)
    status = 1
    try:
        os.write(writer, json.dumps(lived(code)).encode())
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


for line in sys.stdin:
    reader, writer = os.pipe()
    with tempfile.TemporaryFile() as errors:
        number = os.fork()
        if not number:
            child(json.loads(line), errors, writer)
        os.close(writer)
        with open(reader) as answer:
            told = answer.read()
        status = os.waitpid(number, 0)[1]
        errors.seek(0)
        print(json.dumps([status, told, errors.read().decode()]), flush=True)
"""


@contextlib.contextmanager
def forking():
    """A process that forks others, as a function of the code that a child runs.

    It returns the child's status, and what the child told and wrote as errors.
    """
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    options = {"text": True, "cwd": PACKAGE.parent, "env": WITHOUT_CACHE}
    with subprocess.Popen([sys.executable, "-c", TRAIN], **pipes, **options) as parent:

        def answer(code):
            parent.stdin.write(json.dumps(code) + "\n")
            parent.stdin.flush()
            return json.loads(parent.stdout.readline())

        yield answer
        parent.stdin.close()


@pytest.fixture(scope="module", autouse=True)
def forked():
    with forking() as Run.answer:
        yield


class Run:
    """What a process did that ran lines of code and then trained.

    Attributes:
        bits: a digest of all results.
        programs: how many JAX asked its cache for.
        found: those that were there.
        kept: those that were not, compiled and given to the cache.
        warnings: the texts of all warnings.
    """

    def __init__(self, *code):
        status, told, errors = Run.answer("\n".join(code))
        assert status == 0, errors[-4000:]
        # XLA says so here where a program is of another kind of machine.
        assert "SIGILL" not in errors
        self.bits, events, self.warnings = json.loads(told)
        events = Counter(events)
        self.programs = events["compile_requests_use_cache"]
        self.found, self.kept = events["cache_hits"], events["cache_misses"]


def train(folder):
    return Run(ENABLE.format(folder=str(folder)))


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).glob("*-cache")}


@pytest.fixture(scope="module")
def bits():
    """What training comes to where nothing is kept."""
    run = Run()
    assert (run.found, run.kept, run.warnings) == (0, 0, [])
    return run.bits


@pytest.fixture(scope="module")
def kept(tmp_path_factory, bits):
    """A folder that one process has filled; tests work on copies."""
    folder = tmp_path_factory.mktemp("kept") / "programs"
    run = train(folder)
    assert (run.bits, run.found, run.warnings) == (bits, 0, [])
    # Those for training, validation and evaluation, and prediction; each is kept,
    # however small and however quickly compiled.
    assert run.kept == run.programs == len(contents(folder)) >= 3
    return folder


@pytest.fixture
def folder(kept, tmp_path):
    return Path(shutil.copytree(kept, tmp_path / "programs"))


# A process after another


def test_a_second_process_compiles_nothing_and_comes_to_the_same_bits(
    kept, bits, monkeypatch
):
    before = contents(kept)
    # Of another parent, in which the hashes of Python differ.
    with monkeypatch.context() as patch, forking() as answer:
        patch.setattr(Run, "answer", answer)
        run = train(kept)
    assert run.found == run.programs == len(before)
    assert (run.kept, run.bits, run.warnings) == (0, bits, [])
    assert contents(kept) == before


def test_it_may_be_called_late_and_again_and_a_folder_may_be_moved(
    folder, bits, tmp_path
):
    """JAX looks for its settings once: when it first compiles something."""
    other = tmp_path / "other"
    run = Run(
        "jax.jit(lambda x: x + 1)(1)",
        ENABLE.format(folder=str(other)),
        "jax.jit(lambda x: x + 2)(1)",
        "assert events['cache_misses'] == 1, events",
        "events.clear()",
        ENABLE.format(folder=str(folder)),
    )
    assert (run.found, run.kept, run.bits) == (run.programs, 0, bits)
    assert len(contents(other)) == 1
    assert run.warnings == []


# What breaks


def damage(folder):
    """Cut, spoil or empty every entry, as a crash or a bad disk would."""
    for number, path in enumerate(sorted(folder.glob("*-cache"))):
        content = path.read_bytes()
        half = len(content) // 2
        garbage = content[:half] + bytes(byte ^ 0x5A for byte in content[half:])
        path.write_bytes([content[:half], garbage, b""][number % 3])


@pytest.mark.slow
def test_broken_entries_are_compiled_again_and_then_whole(folder, bits):
    damage(folder)
    run = train(folder)
    assert (run.found, run.kept) == (0, run.programs)
    assert (run.bits, run.warnings) == (bits, [])
    run = train(folder)
    assert (run.found, run.kept) == (run.programs, 0)
    assert (run.bits, run.warnings) == (bits, [])


@pytest.mark.slow
def test_entries_that_break_after_the_call_are_compiled_again(folder, bits):
    code = (
        "from pathlib import Path",
        f"for path in Path({str(folder)!r}).glob('*-cache'): path.write_bytes(b'x')",
    )
    run = Run(ENABLE.format(folder=str(folder)), *code)
    assert (run.found, run.bits, run.warnings) == (0, bits, [])


@pytest.mark.parametrize("broken", [False, True])
def test_a_read_only_folder_is_read(folder, bits, broken):
    if broken:
        damage(folder)
    before = contents(folder)
    (folder / "checked").chmod(0o444)
    folder.chmod(0o555)
    run = Run(*ordinary_user(), ENABLE.format(folder=str(folder)))
    folder.chmod(0o755)
    assert run.found == (0 if broken else run.programs)
    assert (run.kept, run.bits) == (0, bits)
    (warning,) = run.warnings
    assert warning == (
        f"the folder for compiled programs {folder} cannot be written (Permission "
        "denied): programs that are there are used, and every process compiles all "
        "others anew. Make room or give enable_compilation_cache another folder."
    )
    assert contents(folder) == before


def test_a_folder_that_may_not_be_looked_into(folder, bits):
    folder.chmod(0o000)
    run = Run(*ordinary_user(), ENABLE.format(folder=str(folder)))
    folder.chmod(0o755)
    assert (run.found, run.kept, run.bits) == (0, 0, bits)
    (warning,) = run.warnings
    assert f"{folder} cannot be used" in warning
    assert "(Permission denied)" in warning


@pytest.mark.slow
def test_a_file_in_the_place_of_the_folder(tmp_path, bits):
    file = tmp_path / "programs"
    file.write_text("not a folder")
    run = train(file)
    assert (run.found, run.kept, run.bits) == (0, 0, bits)
    (warning,) = run.warnings
    assert warning == (
        f"{file} cannot be used as a folder for compiled programs (a file is in its "
        "place): every process compiles them anew. Give enable_compilation_cache "
        "another folder."
    )
    assert file.read_text() == "not a folder"


FULL = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
"""No file may grow beyond a thousand bytes: what is longer ends there, as on a full
disk, and the write fails."""


@pytest.mark.slow
def test_a_full_disk(folder, bits):
    names = sorted(contents(folder))
    for name in names[::2]:
        (folder / name).unlink()
    run = Run(FULL, ENABLE.format(folder=str(folder)))
    assert run.found == len(names) - len(names[::2])
    assert (run.kept, run.bits) == (0, bits)
    (warning,) = run.warnings
    assert f"{folder} cannot be written (File too large)" in warning


def test_a_disk_that_fills_after_the_call_and_is_emptied_again(tmp_path, bits):
    folder = tmp_path / "programs"
    run = Run(ENABLE.format(folder=str(folder)), FULL)
    assert (run.found, run.bits, run.warnings) == (0, bits, [])
    cut = [name for name, content in contents(folder).items() if len(content) == 1000]
    assert cut
    run = train(folder)
    assert run.found == run.programs - len(cut)
    assert (run.kept, run.bits, run.warnings) == (len(cut), bits, [])


# The call itself


@pytest.fixture
def settings():
    """Put JAX's settings back when the test is over."""
    names = [
        "jax_enable_compilation_cache",
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_min_entry_size_bytes",
        "jax_persistent_cache_enable_xla_caches",
    ]
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    of_jax.reset_cache()


def test_the_usual_folder_is_the_users(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    folder = jn.utils.enable_compilation_cache()
    assert folder == tmp_path / ".cache/jaxnet_mini/programs"
    assert folder.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    folder = jn.utils.enable_compilation_cache()
    assert folder == tmp_path / "caches/jaxnet_mini/programs"
    assert folder.is_dir()


@pytest.mark.parametrize("kind", [str, Path])
def test_a_folder_may_be_relative_or_in_ones_home(
    settings, tmp_path, monkeypatch, kind
):
    """JAX takes it as it was at the call, wherever the process goes afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert jn.utils.enable_compilation_cache(kind("a/b")) == tmp_path / "a/b"
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "a/b")
    assert jn.utils.enable_compilation_cache(kind("~/c")) == tmp_path / "home/c"


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        (__file__, "a file is in its place"),
        (f"{__file__}/below", "a file is in its place"),
        (f"{__file__}/below/it", "a file is in its place"),
        ("/proc/programs", "No such file or directory"),
        ("~nobody_of_this_name/a", "Could not determine home directory."),
    ],
)
def test_a_folder_that_cannot_be_made_leaves_jax_without(
    settings, tmp_path, folder, reason
):
    jn.utils.enable_compilation_cache(tmp_path)
    with pytest.warns(UserWarning, match=f"^{folder} cannot be used .*{reason}"):
        returned = jn.utils.enable_compilation_cache(folder)
    assert returned == Path(folder)
    assert jax.config.jax_compilation_cache_dir is None


@pytest.mark.parametrize("folder", [7, True, b"folder", "", ["folder"]])
def test_what_is_no_path_is_refused_and_changes_nothing(folder):
    before = dict(jax.config.values)
    message = f"the path of a folder, or None for the usual one, not {folder!r}"
    with unchecked_types(), raises_text(ArgumentError, "folder must be", message):
        compilation_cache.enable_compilation_cache(folder)
    assert dict(jax.config.values) == before


def test_only_what_is_new_since_the_last_call_is_checked(settings, folder, monkeypatch):
    """So that the call costs the same however much a folder has come to hold."""
    read = []
    whole = compilation_cache._whole
    monkeypatch.setattr(
        compilation_cache, "_whole", lambda path: read.append(path.name) or whole(path)
    )
    os.utime(folder / "checked", (0, 0))
    jn.utils.enable_compilation_cache(folder)
    assert sorted(read) == sorted(contents(folder))
    read.clear()
    jn.utils.enable_compilation_cache(folder)
    new = folder / "jit_new-cache"
    new.write_bytes(b"cut")
    jn.utils.enable_compilation_cache(folder)
    assert read == ["jit_new-cache"]
    assert not new.exists()
    assert (folder / "checked").stat().st_size == 0
