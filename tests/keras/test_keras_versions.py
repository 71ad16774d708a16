"""Files written here in old versions of Keras, and theirs here.

`.ci/run` makes an environment with the oldest, ``--long`` with each of them.
"""

import os
import subprocess
import sys
from pathlib import Path

import kinds_of_files
import pytest

import jaxnet_mini as jn

pytestmark = pytest.mark.usefixtures("quick_compilation")

OLDEST, NEWEST = "3.0.5", "3.15.1"
FOR_OLD_ONES = Path(__file__).parents[2] / ".ci" / "old-keras.txt"


def interpreter(folder, version, long):
    """Return a Python that has a version of Keras."""
    given = os.environ.get("JAXNET_MINI_OLD_KERAS")
    if version == OLDEST and given:
        return given
    if not long:
        pytest.skip(
            f"Keras {version} is absent: .ci/run makes an environment with {OLDEST} "
            "(JAXNET_MINI_OLD_KERAS is its Python), and --long with any version."
        )
    if version == NEWEST:
        return sys.executable
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    wanted = [f"keras=={version}", "--requirement", FOR_OLD_ONES]
    subprocess.run([python, "-m", "pip", "install", "-q", *wanted], check=True)
    return python


@pytest.mark.one_in(3)
@pytest.mark.parametrize("version", [OLDEST, "3.8.0", NEWEST])
def test_training_goes_on_in_every_version_and_here(tmp_path, version, amount):
    python = interpreter(tmp_path / "venv", version, amount(quick=False, long=True))
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    kinds_of_files.write(jn, ours)
    program = [python, kinds_of_files.__file__, ours, theirs]
    if version == OLDEST:  # which trains all layers of what it reads
        program.append("frozen")
    done = subprocess.run(
        program,
        capture_output=True,
        text=True,
        env=os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == version
    kinds_of_files.read(jn, theirs)
