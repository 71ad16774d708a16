"""A folder of kept states: whole or not there, and damage of any kind shows."""

import contextlib
import hashlib
import os
import random
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from interpreter import ROOT, in_mount, ordinary_user, run
from oracles import raises_text

from jaxnet_mini.checkpoints import folder as runs
from jaxnet_mini.checkpoints.folder import RunFolder
from jaxnet_mini.errors import FileError
from jaxnet_mini.files import safetensors

TRUNCATIONS, FLIPS = 50, 200


def state(number):
    rng = np.random.default_rng(number)
    return {"dense/kernel": rng.normal(size=(5, 3)), "/step": np.int32(number)}


def keep(folder, *epochs):
    for epoch in epochs:
        folder.write(epoch, 0, state(epoch), {"format": "run", "epoch": epoch})


def epoch_of(contents):
    np.testing.assert_array_equal(
        contents.arrays["dense/kernel"],
        state(contents.header["epoch"])["dense/kernel"],
        strict=True,
    )
    return contents.header["epoch"]


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "runs" / "a")
    yield folder
    folder.close()


def test_the_newest_two_are_kept(folder):
    assert folder.newest() is None
    keep(folder, 0, 1, 2, 10)
    assert epoch_of(folder.newest()) == 10
    assert len(list(folder.path.glob("*.safetensors"))) == 2


def test_numbers_are_compared_as_numbers(folder):
    keep(folder, 999_999, 1_000_000)
    assert epoch_of(folder.newest()) == 1_000_000


def test_a_name_tells_the_sha256_of_the_file(folder):
    keep(folder, 1)
    (file,) = folder.path.glob("*.safetensors")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert file.name == f"000001-00000000.{digest}.safetensors"


def test_weights_can_be_read_from_a_kept_state(folder):
    keep(folder, 1)
    (file,) = folder.path.glob("*.safetensors")
    found = safetensors.read_weights(file)
    np.testing.assert_array_equal(found["dense/kernel"], state(1)["dense/kernel"])


def damages():
    """Truncations and single flipped bits, spread over the file of a state."""
    size = len(safetensors.encoded(state(2), {"format": "run", "epoch": 2}))
    rng = random.Random(0)
    cuts = {0, 1, 7, 8, 9, size - 1} | set(rng.sample(range(size), TRUNCATIONS))
    yield from (("truncated", cut) for cut in sorted(cuts)[:TRUNCATIONS])
    # Of the eight bytes that tell the header's length, all bits.
    bits = {*range(64), *rng.sample(range(64, 8 * size), FLIPS - 64)}
    yield from (("flipped", bit) for bit in sorted(bits))


def test_every_damage_is_seen_and_the_state_before_it_taken(folder):
    keep(folder, 1, 2)
    *_, before, newest = sorted(folder.path.glob("*.safetensors"))
    good, contents = before.read_bytes(), newest.read_bytes()
    kinds = []
    for kind, place in damages():
        damaged = bytearray(contents)
        if kind == "truncated":
            del damaged[place:]
        else:
            damaged[place // 8] ^= 1 << place % 8
        newest.write_bytes(damaged)
        with pytest.warns(UserWarning, match="goes back to the one before") as seen:
            assert epoch_of(folder.newest()) == 1
        assert repr(str(newest)) in str(seen[0].message)
        assert before.read_bytes() == good
        assert not newest.exists()
        kinds.append(kind)
    assert kinds.count("truncated") == TRUNCATIONS
    assert kinds.count("flipped") == FLIPS


def test_where_all_are_damaged_nothing_is_thrown_away(folder):
    keep(folder, 1, 2)
    files = list(folder.path.glob("*.safetensors"))
    for file in files:
        file.write_bytes(file.read_bytes()[:-1])
    with raises_text(FileError, "no state kept in", "is whole", "to start anew"):
        folder.newest()
    assert all(file.exists() for file in files)


def as_link(file):
    file.symlink_to(file.parent / "absent")


def as_circle(file):
    file.symlink_to(file)


@pytest.mark.parametrize(
    ("put", "why"),
    [
        (as_link, "No such file"),
        (as_circle, "Too many levels"),
        (os.mkdir, "Is a directory"),
    ],
)
def test_what_cannot_be_read_is_not_deleted(folder, put, why):
    keep(folder, 1, 2)
    newest = max(folder.path.glob("*.safetensors"))
    newest.rename(folder.path / "aside")
    put(newest)
    words = "cannot be read", why, "Nothing was deleted", "delete it to go back"
    with raises_text(FileError, repr(str(newest)), *words):
        folder.newest()
    assert os.path.lexists(newest)
    newest.rmdir() if newest.is_dir() else newest.unlink()
    assert epoch_of(folder.newest()) == 1  # as the message says


def test_what_is_damaged_stays_where_the_one_before_cannot_be_read(folder):
    keep(folder, 1, 2)
    before, newest = sorted(folder.path.glob("*.safetensors"))
    newest.write_bytes(b"")
    before.rename(folder.path / "aside")
    as_link(before)
    with raises_text(FileError, repr(str(before)), "cannot be read"):
        folder.newest()
    assert newest.exists()


def test_a_process_of_too_many_files_deletes_nothing(folder):
    """All that can be opened is open; nothing can be read, and all of it is whole."""
    keep(folder, 1, 2)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few, held = len([*Path("/dev/fd").iterdir()]) + 9, []
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.open(folder.path / "lock", os.O_RDONLY))
        with raises_text(FileError, "cannot be read", "Too many open files"):
            folder.newest()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)
    assert epoch_of(folder.newest()) == 2


def test_a_state_of_a_newer_version_is_kept(folder, monkeypatch):
    keep(folder, 1)
    monkeypatch.setattr(safetensors, "VERSION", safetensors.VERSION + 1)
    keep(folder, 2)
    monkeypatch.undo()
    newest = max(folder.path.glob("*.safetensors"))
    with raises_text(FileError, repr(str(newest)), "upgrade jaxnet_mini"):
        folder.newest()
    assert newest.exists()


def test_what_was_half_written_is_cleared_away(tmp_path):
    path = tmp_path / "a"
    path.mkdir()
    (path / ".000001-00000000.abc.safetensors.1234.part").write_bytes(b"half")
    (path / "notes.txt").write_text("mine")
    folder = RunFolder(path)
    assert {file.name for file in path.iterdir()} == {"lock", "notes.txt"}
    keep(folder, 1)
    folder.clear()
    folder.close()
    assert [file.name for file in path.iterdir()] == ["notes.txt"]


def test_nothing_is_left_of_a_cleared_folder(folder):
    keep(folder, 1, 2)
    folder.clear()
    assert not folder.path.exists()


# Who may use it

HOLD = """
import sys
from jaxnet_mini.checkpoints.folder import RunFolder
folder = RunFolder(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_two_processes_cannot_use_one_folder(tmp_path):
    path = tmp_path / "a"
    command = [sys.executable, "-c", HOLD, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        assert process.stdout.readline() == b"held\n"
        words = ["is in use by another process", f"number {process.pid}", "wait for"]
        with raises_text(FileError, repr(str(path)), *words):
            RunFolder(path)
        process.kill()
        process.wait()
        RunFolder(path).close()  # a kill lets go of it


def test_two_runs_of_one_process_cannot_either(folder):
    with raises_text(FileError, "is in use by another process", str(os.getpid())):
        RunFolder(folder.path)
    folder.close()
    RunFolder(folder.path).close()


def test_a_folder_that_was_deleted_meanwhile_is_not_taken(folder, monkeypatch):
    """Its last user unlinks the lock and lets go of it while another waits for it."""
    real = runs._locked

    def unlinked(descriptor):
        (folder.path / runs.LOCK).unlink()
        folder.close()
        return real(descriptor)

    monkeypatch.setattr(runs, "_locked", unlinked)
    with raises_text(FileError, "is in use by another process"):
        RunFolder(folder.path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "a").write_text("mine")
    with raises_text(FileError, "a run cannot be kept in", "a folder that can be"):
        RunFolder(tmp_path / "a")


def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o555)
    code = (*ordinary_user(), "from jaxnet_mini.errors import FileError")
    attempt = f"""
try:
    from jaxnet_mini.checkpoints.folder import RunFolder
    RunFolder({str(tmp_path / "a")!r})
except FileError as error:
    print(error)
"""
    said = run("-c", "\n".join((*code, attempt)))
    tmp_path.chmod(0o755)
    assert said.startswith(f"a run cannot be kept in {str(tmp_path / 'a')!r}: ")
    assert "Permission denied" in said


FULL = """
import os
import numpy as np
from jaxnet_mini.errors import FileError
from jaxnet_mini.checkpoints.folder import RunFolder
folder = RunFolder({path!r})
small, large = np.zeros(1000, np.uint8), np.zeros(100_000, np.uint8)
folder.write(1, 0, {{"a": small}}, {{"epoch": 1}})
try:
    folder.write(2, 0, {{"a": large}}, {{"epoch": 2}})
except FileError as error:
    print(error)
print(folder.newest().header["epoch"], len(os.listdir(folder.path)))
"""


def test_a_full_disk_leaves_what_was_there(tmp_path):
    path = tmp_path / "a"
    said, left, *files = in_mount(
        "size=64k", path, FULL.format(path=str(path))
    ).splitlines()
    assert "cannot be written" in said
    assert "No space left on device" in said
    assert left == "1 2"  # the state before, and the lock
    assert len(files) == 2
