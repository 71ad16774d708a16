"""The suite ``cores``, near and far cores, and the targets that know them."""

import json
import os

import numpy as np
import pytest

from bench import arrays, cache_line, check, pictures, targets
from bench.processes import PeerError, on_one_core, probe, whole_process
from bench.settings import LEFT_OUT, UNSEEN, Settings
from bench.suites import cores
from bench.turns import ratio

ABOUT = {
    "versions": {"python": "3.11.7", "jax": "0.10.2"},
    "device": {"platform": "cpu", "kind": "cpu"},
    "cores": 2,
    "processor": "a processor",
}
EPOCH_32 = "epoch at batch 32, against the fastest peer: times as fast"
COLD = "start to 5 epochs trained and evaluated, against the fastest Keras setting"
TWO_CORES = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="there are no two cores that can be told apart",
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cores")
    arrays.write_digits(folder)
    return folder


def verdicts(suites):
    table = targets.table({"about": ABOUT, "suites": suites})
    assert table["note"] == cache_line.RULE
    return {name: cells for name, *cells in table["rows"]}


class TestState:
    def test_one_slow_line_is_enough_for_far(self):
        assert cache_line.state([80.0, 200.0]) == "near"
        assert cache_line.state([80.0, 201.0]) == "far"
        assert cache_line.state([None, 390.0]) == "far"
        assert cache_line.state([]) == cache_line.state([None]) == ""

    @pytest.mark.parametrize(
        ("lines", "epoch", "cold"),
        [
            ([80, 90], "1.9 on near cores", "0.42 on near cores"),
            ([80, 390], "1.35 on far cores", "0.45 on far cores"),
            ([None], "1.9", "0.42"),
        ],
    )
    def test_the_bound_is_that_of_the_state_kept_with_the_suite(
        self, lines, epoch, cold
    ):
        taken = {"cache_line": lines}
        fit = {f"{targets.NET}, batch 32 | Keras on JAX": ratio(1.4)}
        scripts = {"cold | Keras on JAX": ratio(1 / 0.44)}
        found = verdicts(
            {
                "fit": {"ratios": fit, "taken": taken},
                "cold": {"ratios": scripts, "taken": taken},
            }
        )
        verdict = "met" if "far" in epoch else "missed"
        assert found[EPOCH_32][::2] == [f"≥ {epoch}", verdict]
        assert found[COLD][::2] == [f"≤ {cold}", verdict]

    def kept(self, tmp_path, lines, **ratios):
        result = {
            "ratios": {name: ratio(value, "less") for name, value in ratios.items()},
            "left_out": {},
            "taken": {"cache_line": lines},
        }
        return {"about": ABOUT, "suites": {"cores": result}}

    def test_the_check_says_where_the_state_is_another(self, tmp_path, capsys):
        path = tmp_path / "kept.json"
        kept = self.kept(
            tmp_path, [80, 85], **{"a": 1.0, "a, near cores | median": 0.7}
        )
        path.write_text(json.dumps(kept))
        now = self.kept(tmp_path, [80, 400], a=1.0)
        assert check.main(path, now) == 1  # missing, and nobody says why
        now["suites"]["cores"]["left_out"] = {"a, near cores": UNSEEN}
        assert check.main(path, now) == 0
        said = capsys.readouterr().out
        assert "Suite cores: cores were near then, and are far now." in said
        assert "2 ratios compared, 0 worse or missing." in said


class Bench:
    """Probes and cache lines that take what a test says they do."""

    def __init__(self, monkeypatch, seconds, lines=()):
        self.asked, self.seconds, self.lines = [], seconds, list(lines)
        self.alone = False
        monkeypatch.setattr(cores, "probe", self.probe)
        monkeypatch.setattr(cores, "on_one_core", lambda: self)
        monkeypatch.setattr(cores, "unavailable", lambda name, settings: None)
        monkeypatch.setattr(cores.machine, "cores", lambda: 2)
        monkeypatch.setattr(cache_line, "nanoseconds", self.line)

    def __enter__(self):
        self.alone = True

    def __exit__(self, *_):
        self.alone = False

    def line(self):
        self.asked.append("line")
        return self.lines.pop(0) if self.lines else 80.0

    def probe(self, module, variables=None, **told):
        flags = (variables or {}).get("XLA_FLAGS", "").split("=")[-1]
        place = "one" if self.alone else flags or "all"
        self.asked.append(f"{module} {place}")
        return self.seconds(module, place, told)


def steady(module, place, told):
    if module == "epochs":
        second = {"one": 2.0, "all": 1.0, "2": 1.5, "4": 1.1}[place]
        return [second * batch for batch, _ in told["counts"]]
    if module == "members":
        return [[{"one": 4.0, "all": 2.0}[place] + (told["batch_size"] == 256)]]
    return [[4.0, 2.0], [4.0, 3.0], [4.0, 3.0]]


class TestCores:
    def test_ratios_are_those_of_the_pairs(self, tmp_path, monkeypatch):
        bench = Bench(monkeypatch, steady)
        result = cores.run(Settings(tmp_path, rounds=2))
        found = {name: value["value"] for name, value in result["ratios"].items()}
        assert found[f"{targets.ON_ALL} | largest"] == 0.5
        assert found[f"{targets.ON_ALL}, near cores | median"] == 0.5
        assert found["epoch at batch 1024, 2 devices against one | median"] == 1.5
        assert found[f"{targets.swept(256)} | median"] == pytest.approx(3 / 5)
        assert found[f"{targets.FITS} | median"] == 0.75
        turns = {row[0]: row[6] for row in result["tables"][0]["rows"]}
        assert turns == dict.fromkeys(turns, 2) | {
            name: 4 for name in turns if name.startswith("epoch")
        }
        assert bench.asked[:9] == [
            *("line", "epochs one", "line", "epochs all", "line"),
            *("epochs 2", "line", "epochs 4", "line"),
        ]
        # Whatever there is takes a turn before any takes its second.
        second = bench.asked[9:].index("epochs one")
        assert {"at_once all", "jobs all", "members one"} < set(
            bench.asked[9:][:second]
        )

    def test_targets_are_read_from_what_the_suite_gives(self, tmp_path, monkeypatch):
        Bench(monkeypatch, steady)
        found = verdicts({"cores": cores.run(Settings(tmp_path, rounds=1))})
        rows = [found[target.measure] for target in targets.CORES]
        assert [cells[1] for cells in rows] == [
            *(0.5, 0.5, 1.5, 0.5, pytest.approx(3 / 5), 0.75, 0.75)
        ]
        assert rows[2][3] == "epoch at batch 32, 2 devices against one"

    def test_ten_processes_of_epochs_are_the_most(self, tmp_path):
        for rounds, turns in ((1, 2), (5, 10), (7, 10)):
            assert cores.epochs(Settings(tmp_path, rounds=rounds)).turns == turns
        assert cores.epochs(Settings(tmp_path, rounds=1, quick=True)).turns == 1

    def test_the_worst_is_told_for_near_and_for_far_cores(self, tmp_path, monkeypatch):
        seconds = iter([2.0, 1.0, 2.0, 1.2, 2.0, 4.0])
        work = cores.Work(
            [lambda: {"one": next(seconds)}, lambda: {"all": next(seconds)}],
            {"a": ("all", "one")},
            3,
        )
        Bench(monkeypatch, None, [80, 81, 82, 83, 84, 85, 86, 390, 87])
        pairs = {"a": [cores.taken(work)["a"] for _ in range(3)]}
        found, unseen = cores.ratios(pairs)
        assert unseen == {}
        assert {name: one["value"] for name, one in found.items()} == {
            "a | median": 0.6,
            "a | largest": 2.0,
            "a, near cores | median": 0.55,
            "a, near cores | largest": 0.6,
            "a, far cores | median": 2.0,
            "a, far cores | largest": 2.0,
        }
        assert [
            [row[0], *row[5:]] for row in cores.table(pairs, {})["rows"]
        ] == [
            ["a", 2.0, 3, "near and far", "82 to 390"],
            ["a, near cores", 0.6, 2, "near", "82 to 85"],
            ["a, far cores", 2.0, 1, "far", "390 to 390"],
        ]  # fmt: skip
        assert cores.ratios({"a": pairs["a"][:2]})[1] == {"a, far cores": UNSEEN}

    def test_a_line_beside_another_process_says_nothing_of_a_pair(
        self, tmp_path, monkeypatch
    ):
        Bench(monkeypatch, steady, [80, 81, 82, 83, 390])
        pairs = cores.taken(cores.epochs(Settings(tmp_path)))
        assert pairs[targets.ON_ALL].line == 82
        assert pairs["epoch at batch 32, 2 devices against one"].line == 83
        assert pairs["epoch at batch 32, 4 devices against one"].cores == "far"

    def test_what_fails_is_out_with_the_reason(self, tmp_path, monkeypatch):
        def failing(module, place, told):
            if place == "4":
                raise PeerError("out of memory")
            return steady(module, place, told)

        bench = Bench(monkeypatch, failing)
        result = cores.run(Settings(tmp_path, rounds=2))
        absent = result["tables"][0]["absent"]
        assert absent.keys() == {name for name in absent if name.startswith("epoch")}
        assert absent[targets.ON_ALL] == "failed: out of memory"
        assert check.reason(f"{targets.ON_ALL} | largest", result) == (
            "failed: out of memory"
        )
        assert bench.asked.count("epochs 4") == 1
        assert f"{targets.FITS} | median" in result["ratios"]

    def test_quick_names_what_it_leaves_out(self, tmp_path, monkeypatch):
        bench = Bench(monkeypatch, steady)
        result = cores.run(Settings(tmp_path, rounds=1, quick=True))
        assert result["tables"][0]["absent"] == dict.fromkeys(
            [
                *(cores.sweep_of(size) for size in cores.SWEPT),
                cores.JOBS,
                cores.epochs_of(1024, cores.ALL, cores.ONE),
                *(cores.epochs_of(1024, place, "one") for place in cores.DEVICES),
            ],
            LEFT_OUT,
        )
        assert bench.asked.count("epochs one") == 1

    def test_where_cores_cannot_be_told_apart_it_says_so(self, tmp_path, monkeypatch):
        result = cores.run(Settings(tmp_path, device="gpu"))
        assert result["tables"][0]["absent"] == {"all": "measured on a CPU"}
        monkeypatch.setattr(cores.machine, "cores", lambda: 1)
        result = cores.run(Settings(tmp_path))
        assert result["left_out"] == {"": "there is one core"}
        assert pictures.cores(result) is None
        monkeypatch.delattr(os, "sched_setaffinity", raising=False)
        result = cores.run(Settings(tmp_path))
        assert result["left_out"] == {"": "the system pins no process to a core"}

    def test_a_picture_has_all_pairs(self, tmp_path, monkeypatch):
        Bench(monkeypatch, steady, [80, 81, 390])
        result = cores.run(Settings(tmp_path, rounds=1))
        (axis,) = pictures.cores(result).axes
        # Of two turns of epochs the first, whose process on all cores was beside 390.
        points = [len(part.get_offsets()) for part in axis.collections]
        assert points == [10, 6, 0]
        pairs = {"unknown": [[1.3, 1.0, None], [1.1, 1.0, 80.0]]}
        (axis,) = pictures.cores({"data": {"pairs": pairs}}).axes
        points = [len(part.get_offsets()) for part in axis.collections]
        assert points == [1, 0, 1]

    @TWO_CORES
    def test_a_place_is_what_the_process_starts_with(self, monkeypatch):
        says = "import json, os, jax; print(json.dumps([*os.sched_getaffinity(0)]))"

        def saying(module, variables=None):
            code = says.replace("[*", "[jax.device_count(), *")
            _, said = whole_process(["-c", code], **(variables or {}))
            return json.loads(said)

        monkeypatch.setattr(cores, "probe", saying)
        own = sorted(os.sched_getaffinity(0))
        assert cores.placed(cores.ONE, "") == [1, own[0]]
        assert cores.placed("2 devices", "") == [2, *own]
        with pytest.raises(PeerError), on_one_core():
            raise PeerError
        assert sorted(os.sched_getaffinity(0)) == own


class TestProbes:
    @pytest.mark.long
    def test_epochs_at_several_sizes(self, scratch):
        told = {"scratch": str(scratch), "data": "digits"}
        found = probe("epochs", counts=[[32, 2], [128, 1]], **told)
        assert len(found) == 2
        assert min(found) > 0

    @pytest.mark.slow
    def test_fits_in_turn_and_at_once(self, scratch):
        told = {"scratch": str(scratch), "data": "digits", "batch_size": 32}
        found = probe("at_once", epochs=2, rounds=2, **told)
        assert np.shape(found) == (2, 2)
        assert np.min(found) > 0

    @pytest.mark.long
    def test_a_search_by_one_job_and_by_two(self):
        found = probe("jobs", **cores.SEARCH | {"max_iter": 2, "rounds": 2})
        assert np.shape(found) == (2, 2)
        assert np.min(found) > 0
