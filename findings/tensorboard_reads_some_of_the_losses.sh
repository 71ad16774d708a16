#!/usr/bin/env bash
# tensorboard 2.21.0 with tensorboardX 2.6.5: EventAccumulator reads 10,000 of 25,000
# losses, drawn by chance
#
# Guess: EventAccumulator(folder).Scalars("loss"), which is what everybody reads runs back
#   with, gives each number that was logged.
# Seen: beyond 10,000 numbers of a tag it keeps a random sample of them, with no word about
#   it. The last one is always among them, so that the end of a curve looks right. The
#   least loss, the spike before a collapse and the step at which something happened are
#   missing with a chance of more than one half; a count of steps is always 10,000. Two
#   curves of one run are sampled at the same steps, so that they do fit each other.
# So: EventAccumulator(folder, size_guidance={"scalars": 0}), where 0 is "all".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  tensorboard==2.21.0 tensorboardX==2.6.5 numpy==2.4.6 setuptools==80.9.0
"$folder/venv/bin/python" - <<'PYTHON'
import tempfile

import tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboardX import SummaryWriter

print("tensorboard", tensorboard.__version__)
count, best = 25_000, 12_345
with tempfile.TemporaryDirectory() as folder:
    with SummaryWriter(folder) as writer:
        for step in range(count):
            writer.add_scalar("loss", 0.5 if step == best else 1.0, step)
    for guidance in (None, {"scalars": 0}):
        events = EventAccumulator(folder, size_guidance=guidance)
        events.Reload()
        read = events.Scalars("loss")
        least = min(event.value for event in read)
        print(
            f"size_guidance={guidance}: {len(read)} of {count} losses, the last of step",
            f"{read[-1].step}, the least is {least}",
        )
        assert read[-1].step == count - 1
        if guidance is None:
            assert len(read) == 10_000, "another number of them is read now"
            assert least == 1.0
        else:
            assert len(read) == count and least == 0.5
PYTHON
