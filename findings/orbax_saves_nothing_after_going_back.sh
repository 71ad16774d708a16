#!/usr/bin/env bash
# orbax-checkpoint 0.12.8, CheckpointManager: a run that goes on from an earlier step is
# not saved until it has passed the latest one
#
# Guess: after restoring step 100 of a folder that holds 100, 200 and 300 (the later ones
#   had diverged), save(150) and save(250) write checkpoints; or a step that is on disk
#   already is refused by an error, as an equal step is elsewhere.
# Seen: save returns False for each step up to 300, existing or not, and writes nothing:
#   no exception, no warning. If the run stops at 290, all of it is lost, and the next
#   start takes the diverged 300 for the latest. With force=True step 150 is written, and
#   step 200, which exists, is a StepAlreadyExistsError.
# So: delete the later steps first (manager.delete), take a new folder, or look at what
#   save returns.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  orbax-checkpoint==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
cd "$folder"
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import os
import tempfile

import numpy as np
import orbax.checkpoint as ocp

print("orbax-checkpoint", ocp.__version__)


def state(value):
    return ocp.args.StandardSave({"kernel": np.full(2, float(value))})


def gone_back(delete):
    """Saves three steps, goes back to the first and saves on; what is said and held."""
    options = ocp.CheckpointManagerOptions(max_to_keep=10)
    path = tempfile.mkdtemp(dir=os.getcwd())
    with ocp.CheckpointManager(path, options=options) as manager:
        for step in (100, 200, 300):
            assert manager.save(step, args=state(step))
    with ocp.CheckpointManager(path, options=options) as manager:
        manager.restore(100, args=ocp.args.StandardRestore())
        for step in (200, 300) if delete else ():
            manager.delete(step)
        said = {step: manager.save(step, args=state(-step)) for step in (150, 200, 250)}
        manager.wait_until_finished()
        latest = manager.restore(None, args=ocp.args.StandardRestore())
        return said, sorted(manager.all_steps()), float(latest["kernel"][0])


for delete in (False, True):
    said, steps, value = gone_back(delete)
    print(f"later steps deleted: {delete}; save returns {said}, on disk {steps}, last {value}")
    assert steps == ([100, 150, 200, 250] if delete else [100, 200, 300]), "it saves now"
    assert set(said.values()) == {delete} and value == (-250.0 if delete else 300.0)
PYTHON
