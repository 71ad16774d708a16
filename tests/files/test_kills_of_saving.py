"""A process that is killed while it saves leaves the old file or the new one."""

import json
import os

import pytest
from interpreter import run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")

# `save` and `save_weights` both end in `saving.write`, after all was computed. What is
# forked here has not started JAX, and writes nothing but NumPy's arrays.
SCRIPT = """
import json, os, random, signal, sys, time
from pathlib import Path
import numpy as np
from jaxnet_mini.files import safetensors

folder, kills = Path(sys.argv[1]), int(sys.argv[2])
path = folder / "model.safetensors"
SIZE = 300_000


def save(version):
    arrays = {f"a{n}": np.full(SIZE, version, np.int32) for n in range(3)}
    safetensors.write(path, arrays, {"version of the test": version})


random.seed(0)
save(0)
reached, done = 0, {"old": 0, "new": 0, "parts": 0}
for _ in range(kills):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        version = reached
        while True:
            version += 1
            os.write(writer, f"{version} ".encode())
            save(version)
    os.close(writer)
    # At any moment, or once a file is seen that is being written: how often the first
    # meets one depends on the machine.
    end = time.monotonic() + random.uniform(0.0, 0.03)
    if random.random() < 0.5:
        while time.monotonic() < end + 1 and not any(folder.glob("*.part")):
            pass
    else:
        time.sleep(max(0.0, end - time.monotonic()))
    os.kill(child, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    told = b""
    while piece := os.read(reader, 1 << 16):
        told += piece
    os.close(reader)
    begun = max([reached, *map(int, told.split())])
    header, arrays = safetensors.read(path)
    found = header["version of the test"]
    # The one that was being written, or the one before it: whole, and no older.
    assert found in (begun, begun - 1) or begun == reached == found, (found, begun)
    for array in arrays.values():
        assert array.shape == (SIZE,) and (array == found).all()
    done["new" if found == begun else "old"] += 1
    left = [part for part in folder.iterdir() if part != path]
    assert all(part.name.endswith(".part") for part in left), left
    done["parts"] += bool(left)
    for part in left:
        part.unlink()
    reached = found
print(json.dumps(done))
"""


def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path, amount):
    kills = amount(quick=60, long=1000)
    done = json.loads(run("-c", SCRIPT, str(tmp_path), str(kills), timeout=600))
    print(done)
    assert done["old"] + done["new"] == kills
    # They came while it wrote.
    assert done["old"] > kills // 4
    assert done["parts"] > kills // 10
