"""What the fuzzer once found, read again; see `fuzz/fuzz_files.py`."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from interpreter import run
from test_hostile_files import SCRIPT

CORPUS = Path(__file__).resolve().parents[1] / "fuzz" / "corpus"
WHOLE = {
    "large.keras",
    "large.safetensors",
    "small.keras",
    "small.safetensors",
    "small.weights.h5",
    "small.weights.safetensors",
}
"""Files that the others were made from."""


@pytest.mark.skipif(sys.platform != "linux", reason="watched as Linux does it")
def test_the_corpus_is_read_or_refused(tmp_path):
    foreign, files = tmp_path / "foreign", tmp_path / "files"
    shutil.copytree(CORPUS, files)
    foreign.mkdir()
    (foreign / "file.h5").write_bytes(b"")
    paths = sorted(files.iterdir())
    told = run("-c", SCRIPT, str(foreign), *map(str, paths))
    reports = [json.loads(line) for line in told.splitlines()]
    assert [report.pop("path") for report in reports] == [str(path) for path in paths]
    assert [report["faults"] for report in reports] == [[] for _ in paths]
    read = {
        path.name
        for path, report in zip(paths, reports, strict=True)
        if any(told[0] == "nothing" for told in report.values() if told)
    }
    # Each kind of file, whole, can be read in one way at least.
    assert read >= WHOLE


def test_the_corpus_is_small():
    assert sum(path.stat().st_size for path in CORPUS.iterdir()) < 200_000
