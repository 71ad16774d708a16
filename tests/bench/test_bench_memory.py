"""The suite ``memory``: the most that a script holds."""

import numpy as np
import pytest

from bench import arrays, targets
from bench.peers import OURS
from bench.probes import holding
from bench.processes import probe
from bench.settings import Settings
from bench.suites import memory

MISSED = ["≤ 0.75", pytest.approx(0.8), "missed", "Keras on JAX, steps_per_execution"]


class TestMemory:
    def test_the_peak_stays_when_the_memory_is_given_back(self):
        before = holding.peak()
        assert before > 50e6
        size = before + 80_000_000
        held = np.ones(size // 8)
        del held
        assert holding.peak() > size

    @pytest.mark.slow
    def test_a_script_says_what_it_held(self, tmp_path):
        arrays.write_digits(tmp_path)
        told = {"data": "digits", "hidden": [32], "batch_size": 32, "epochs": 20}
        found = probe("holding", name=OURS, scratch=str(tmp_path), **told)
        assert 50 < found["loaded_mb"] <= found["peak_mb"] < 2000
        assert found["accuracy"] > 0.85

    def test_the_least_of_kerass_settings_counts(self, tmp_path, monkeypatch):
        peaks = dict(zip(memory.NAMES, (400.0, 700.0, 500.0), strict=True))

        def faked(module, name, **told):
            assert told["scratch"] == str(tmp_path)
            return {"peak_mb": peaks[name], "loaded_mb": 300.0, "accuracy": 0.87}

        monkeypatch.setattr(memory, "probe", faked)
        monkeypatch.setattr(memory, "unavailable", lambda name, settings: None)
        result = memory.run(Settings(tmp_path, rounds=5))
        name = "peak memory of the same script, against the least of Keras's settings"
        about = {"device": {"platform": "cpu"}}
        targeted = targets.table({"about": about, "suites": {"memory": result}})
        assert [name, *MISSED] in targeted["rows"]
        rows = result["tables"][0]["rows"]
        assert rows[1][1:] == [700.0, 700.0, 700.0, 1.75, 300.0, 3]

    def test_a_script_that_learned_nothing_is_out(self, tmp_path, monkeypatch):
        peak = {"peak_mb": 1.0, "loaded_mb": 1.0, "accuracy": 0.1}
        monkeypatch.setattr(memory, "probe", lambda module, **told: peak)
        result = memory.run(Settings(tmp_path, quick=True))
        assert result["tables"][0]["absent"][OURS] == (
            "failed: it learned nothing: 0.100"
        )
        assert result["ratios"] == {}
