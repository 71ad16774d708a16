"""The measuring bench: what it makes of figures, and one real turn of our own peer."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import bench.__main__ as command
import jaxnet_mini as jn
from bench import arrays, cache_line, check, pictures, report, tables, targets
from bench.peers import OURS, PEERS, Task, in_keras_words
from bench.probes import breakdown
from bench.probes.larger import SAMPLE_SECONDS, Watch, memory
from bench.processes import PeerError, Peers, peers_of, probe
from bench.settings import LEFT_OUT, Settings
from bench.suites import SUITES, growth, nets, stream, sweep
from bench.suites import sklearn as search
from bench.turns import Turns, ratio, ratios

NET = "784-128-10"
BAR = f"{OURS}, progress bar drawn"
ABOUT = {
    "versions": {"python": "3.11.7", "jax": "0.10.2", "torch": "not installed"},
    "device": {"platform": "cpu", "kind": "cpu"},
    "cores": 2,
    "processor": "a processor",
    "system": "a system",
}


def spread(median, turns=7):
    return {"median": median, "min": median / 2, "max": median * 2, "turns": turns}


def canned(keras=3.0, bar=1.02):
    """Results as a run gives them, with a peer that is not installed."""
    spreads = {
        OURS: spread(0.2),
        BAR: spread(0.21),
        "Keras on JAX": spread(0.2 * keras),
    }
    spreads["scikit-learn"] = spread(1.9, 3)
    key = f"{NET}, batch 32"
    found = ratios(key, spreads, OURS)
    found[f"{key} | {BAR}"] = ratio(bar, better="less")
    found[f"{NET}, batch 1024 | {BAR}"] = ratio(1.01, better="less")
    found[f"{NET}, batch 128 | Keras on JAX"] = ratio(1.2)
    absent = {"PyTorch": "not installed"}
    table = tables.timings(key, spreads, absent, rows=60_000, ratios={BAR: bar})
    fit = {
        "tables": [table],
        "ratios": found,
        "left_out": {"| PyTorch": "not installed"},
        "data": {},
        "taken": {"when": "today", "seconds": 1, "rounds": 7, "quick": False},
    }
    return {"about": ABOUT, "suites": {"fit": fit}}


def verdicts(results):
    return {name: cells for name, *cells in targets.table(results)["rows"]}


class TestTargets:
    def test_met_missed_and_not_measured(self):
        found = verdicts(canned())
        epoch = "epoch at batch {}, against the fastest peer: times as fast"
        assert found[epoch.format(32)] == [
            "≥ 1.9",
            pytest.approx(3.0),
            "met",
            "Keras on JAX",
        ]
        assert found[epoch.format(128)] == ["≥ 1.6", 1.2, "missed", "Keras on JAX"]
        assert found[epoch.format(1024)][1:3] == [None, "not measured"]
        assert found["predict of one row, against scikit-learn"][2] == "not measured"

    def test_the_fastest_peer_counts(self):
        found = verdicts(canned(keras=20.0))
        name = "epoch at batch 32, against the fastest peer: times as fast"
        assert found[name][1:] == [pytest.approx(9.5), "met", "scikit-learn"]

    def test_our_own_rows_are_no_peers_and_the_worst_bar_counts(self):
        name = "progress bar, history and callbacks on, against off"
        assert verdicts(canned())[name] == ["≤ 1.02", 1.02, "met", f"{NET}, batch 32"]
        assert verdicts(canned(bar=1.05))[name][1:3] == [1.05, "missed"]

    def test_times_of_peers_are_turned_around_where_the_target_is_ours(self):
        results = canned()
        results["suites"]["small"] = {
            "ratios": {
                "predict 1 row | scikit-learn": ratio(0.8),
                "predict 1 row | scikit-learn, labels": ratio(1.6),
                "predict 1 row | Keras on JAX": ratio(10.0),
            }
        }
        found = verdicts(results)
        name = "predict of one row, against {}"
        assert found[name.format("scikit-learn")][1:3] == [1.25, "missed"]
        assert found[name.format("Keras")][1:3] == [0.1, "met"]

    def test_a_gpu_has_targets_of_its_own(self):
        results = canned(keras=12.0)
        results["about"] = ABOUT | {"device": {"platform": "gpu", "kind": "H100"}}
        name = "epoch at batch 32, against Keras's default: times as fast"
        assert verdicts(results)[name][:3] == ["≥ 10", pytest.approx(12.0), "met"]


class TestCheck:
    def run(self, tmp_path, kept, found):
        path = tmp_path / "kept.json"
        path.write_text(json.dumps(kept))
        return check.main(path, found)

    def test_the_same_figures_pass(self, tmp_path, capsys):
        assert self.run(tmp_path, canned(), canned()) == 0
        out = capsys.readouterr().out
        assert f"fit: {NET}, batch 32 | Keras on JAX" in out
        assert "5 ratios compared, 0 worse or missing." in out

    @pytest.mark.parametrize(
        ("changes", "status", "said"),
        [
            ({"keras": 3.0 / 1.14}, 0, "as kept"),
            ({"keras": 3.0 / 1.2}, 1, "worse by 20%"),
            ({"keras": 3.0 * 1.2}, 0, "better"),
            ({"bar": 1.02 * 1.2}, 1, "worse by 20%"),
            ({"bar": 1.02 / 1.2}, 0, "better"),
        ],
    )
    def test_what_is_worse_fails(self, tmp_path, capsys, changes, status, said):
        assert self.run(tmp_path, canned(), canned(**changes)) == status
        assert said in capsys.readouterr().out

    def test_a_missing_measure_fails_with_the_reason(self, tmp_path, capsys):
        kept = canned()
        kept["suites"]["fit"]["ratios"][f"{NET}, batch 32 | PyTorch"] = ratio(5.0)
        assert self.run(tmp_path, kept, canned()) == 1
        assert "missing: not installed" in capsys.readouterr().out

    def test_what_quick_leaves_out_does_not_fail(self, tmp_path, capsys):
        kept, found = canned(), canned()
        kept["suites"]["fit"]["ratios"][f"{NET}, batch 32 | PyTorch"] = ratio(5.0)
        found["suites"]["fit"]["left_out"] = {"| PyTorch": LEFT_OUT}
        assert self.run(tmp_path, kept, found) == 0
        assert LEFT_OUT in capsys.readouterr().out

    def test_nothing_to_compare_with_fails(self, tmp_path, capsys):
        assert check.main(tmp_path / "none.json", canned()) == 1
        assert "there is no" in capsys.readouterr().out
        other = canned()
        other["suites"] = {}
        assert self.run(tmp_path, other, canned()) == 1
        assert "has none of these suites" in capsys.readouterr().out


class TestReport:
    def test_console_and_page_name_who_is_absent_and_why(self, tmp_path, capsys):
        results = canned()
        report.say_tables(results["suites"]["fit"]["tables"])
        report.write(tmp_path / "cpu.json", results, {"fit": "cpu-fit.png"})
        page = (tmp_path / "cpu.md").read_text("utf-8")
        for text in (capsys.readouterr().out, page):
            assert "PyTorch: not installed." in text
            assert "300,000" in text  # 60,000 samples in 0.2 s
            assert "9.50" in text
        assert "![fit](cpu-fit.png)" in page
        assert "torch not installed" in page
        kept = json.loads((tmp_path / "cpu.json").read_text("utf-8"))
        assert kept["suites"]["fit"]["ratios"].keys() == (
            results["suites"]["fit"]["ratios"].keys()
        )

    def test_suites_not_run_again_are_kept_for_the_same_machine_alone(
        self, tmp_path, capsys
    ):
        path = tmp_path / "cpu.json"
        report.write(path, canned(), {})
        again = {"about": ABOUT, "suites": {"jit": {"ratios": {}}}}
        assert report.merged(path, again)["suites"].keys() == {"fit", "jit"}
        elsewhere = again | {"about": ABOUT | {"cores": 4}}
        assert report.merged(path, elsewhere)["suites"].keys() == {"jit"}
        assert "fit in cpu.json are dropped" in capsys.readouterr().out

    def test_a_picture_is_drawn(self, tmp_path):
        path = tmp_path / "cpu.json"
        assert pictures.draw(canned(), path) == {"fit": "cpu-fit.png"}
        assert (tmp_path / "cpu-fit.png").read_bytes().startswith(b"\x89PNG")

    def test_help_names_the_suites_and_the_tolerance(self, monkeypatch, capsys):
        monkeypatch.setattr(sys, "argv", ["bench", "--help"])
        with pytest.raises(SystemExit, match="0"):
            command.main()
        said = capsys.readouterr().out
        assert "growth" in said
        assert "15 %" in said

    def test_an_unknown_suite_is_named(self, monkeypatch, capsys):
        monkeypatch.setattr(sys, "argv", ["bench", "fits"])
        with pytest.raises(SystemExit) as error:
            command.main()
        assert error.value.code == 2
        message = f"there is no suite 'fits': choose from {', '.join(SUITES)}"
        assert message in capsys.readouterr().err


class TestTurns:
    def test_they_alternate_and_the_slow_sit_rounds_out(self, tmp_path):
        turns, order = Turns(Settings(tmp_path)), []

        def turn_of(name, seconds):
            return lambda: order.append(name) or [seconds]

        turns.add("A", turn_of("A", 1.0), 1.0)
        turns.add("B", turn_of("B", 4.0), 4.0)
        turns.run()
        assert "".join(order) == "ABAAABAAAB"
        assert turns.spreads()["A"] == spread(1.0) | {"min": 1.0, "max": 1.0}
        assert turns.spreads()["B"]["turns"] == 3
        assert turns.paired("B", "A") == 4.0

    def test_who_fails_is_out_with_the_reason(self, tmp_path):
        turns = Turns(Settings(tmp_path, rounds=2))

        def fail():
            raise PeerError("out of memory")

        turns.add("A", lambda: [1.0, 3.0], 1.0)
        turns.add("B", fail, 1.0)
        turns.run()
        assert turns.absent == {"B": "failed: out of memory"}
        assert turns.spreads() == {
            "A": {"median": 2.0, "min": 1.0, "max": 3.0, "turns": 2}
        }


class TestBreakdown:
    PROGRAM = """
  %gather_fusion = f32[32,784]{1,0} fusion(%x, %rows), metadata={op_name="jit(loop)/while/body/gather"}
  %dot.1 = f32[784,128]{1,0} dot(%gather_fusion, %g), metadata={op_name="jit(loop)/while/body/transpose(jvp())/transpose"}
  %exp.2 = f32[32,10]{1,0} fusion(%z), metadata={op_name="jit(loop)/while/body/jvp()/exp"}
  %add_fusion.3 = f32[784,128]{1,0} fusion(%m, %dot.1), metadata={op_name="jit(loop)/while/body/add"}
  %sum.4 = f32[] fusion(%total), metadata={op_name="jit(loop)/while/body/add"}
"""  # noqa: E501

    def test_each_instruction_has_its_part(self):
        parts = breakdown.parts_of(self.PROGRAM, {"f32[784,128]"})
        assert parts == {
            "gather_fusion": (breakdown.GATHER, breakdown.WAITING),
            "dot.1": (breakdown.PRODUCTS, breakdown.WAITING),
            "exp.2": (breakdown.FORWARD, breakdown.WAITING),
            # The threads of the product are not seen: what waits for it is its time.
            "add_fusion.3": (breakdown.OPTIMIZER, breakdown.PRODUCTS),
            "sum.4": (breakdown.REST, breakdown.WAITING),
        }

    def test_no_nanosecond_is_lost_or_counted_twice(self):
        events = [
            breakdown.Event(0, 10, breakdown.GATHER),
            breakdown.Event(6, 10, breakdown.FORWARD),  # both at once from 6 to 10
            breakdown.Event(12, 20, breakdown.PRODUCTS),
            breakdown.Event(50, 60, breakdown.OPTIMIZER, breakdown.PRODUCTS),
        ]
        found = {part: ns for part, ns in breakdown.shares(events).items() if ns}
        assert found == {
            breakdown.GATHER: 8,
            breakdown.FORWARD: 2,
            breakdown.WAITING: 2,
            breakdown.PRODUCTS: 8 + 30,
            breakdown.OPTIMIZER: 10,
        }
        assert sum(found.values()) == 60


def test_growth_finds_exponent_and_steps():
    sizes = [10_000, 30_000, 100_000, 300_000, 1_000_000]
    assert growth.exponent(sizes, [3.0 * size**1.5 for size in sizes]) == pytest.approx(
        1.5
    )
    seconds = {size: size * 1e-6 for size in sizes}
    found = growth.of_rows(seconds | {1_000_000: 1.2})
    assert found["cost of a row, 1,000,000 against 100,000"]["value"] == pytest.approx(
        1.2
    )
    assert found["cost of a row, 100,000 against 10,000"]["value"] == pytest.approx(1.0)
    assert found[growth.STEP]["value"] == pytest.approx(1.2)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    arrays.write_digits(folder)
    return folder


class TestPeers:
    @pytest.mark.long
    def test_our_own_peer_takes_a_turn(self, scratch):
        task = {"data": "digits", "hidden": [16], "batch_size": 32}
        with peers_of(Settings(scratch)) as peers:
            process = peers.get(OURS)
            assert process is not None, peers.absent
            assert peers.get(OURS) is process
            assert peers.versions.keys() == {OURS}
            prepared = process("prepare", key="digits", **task)
            assert prepared["setting"] is None
            assert 0 < prepared["seconds"] < 60
            process("prepare", key="bar", options={"verbose": 1}, **task)
            for key in ("digits", "bar"):
                epochs = process("epochs", key=key, count=3)
                assert len(epochs) == 3
                assert min(epochs) > 0
            assert (
                process("predict", key="digits", data="digits", rows=5, calls=3)[0] > 0
            )
            assert process("evaluate", key="digits", data="digits", calls=3)[0] > 0
            with pytest.raises(PeerError, match=r"^KeyError: 'no such model'$"):
                process("epochs", key="no such model", count=1)
        log = (scratch / "jaxnet.log").read_text("utf-8")
        assert "Traceback" not in log

    @pytest.mark.slow
    def test_a_whole_process_says_its_accuracy(self, scratch):
        arguments = ["once", "digits", "[32]", "32", "20", "null"]
        done = subprocess.run(
            [sys.executable, "-m", "bench.worker", OURS, str(scratch), *arguments],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(command.__file__).parents[1],
        )
        assert 0.85 < float(done.stdout) <= 1.0

    def test_who_is_not_there_is_named_with_the_reason(self, scratch, monkeypatch):
        monkeypatch.setitem(PEERS, "Absent", ("jaxnet", "no_such_package"))
        monkeypatch.setitem(PEERS, "Broken", ("no_such_peer", "jax"))
        peers = Peers(Settings(scratch))
        assert peers.get("Absent") is None
        assert peers.get("Broken") is None
        assert peers.absent["Absent"] == "not installed"
        # The process knows no peer of this name, and its last words say so.
        assert peers.absent["Broken"] == (
            "failed: the process ended with status 1: KeyError: 'Broken'"
        )

    def test_a_peer_on_another_device_is_left_out(self, scratch):
        peers = Peers(Settings(scratch, device="gpu"))
        assert peers.get(OURS) is None
        assert peers.absent == {OURS: "it runs on the cpu here"}

    def test_quick_names_whom_it_leaves_out(self, scratch):
        peers = Peers(Settings(scratch, quick=True))
        assert peers.get("PyTorch, torch.compile") is None
        assert peers.absent == {"PyTorch, torch.compile": LEFT_OUT}


DIGITS = sweep.Work("20 epochs of the digits", "digits", 1, 2, 20, 32)


class TestSweep:
    def faked(self, monkeypatch, start, each, loss):
        """Let whole processes seem to take ``start`` and ``each`` for a fit of Keras.

        Returns the list of how many fits each of them was asked for.
        """
        asked = []

        def whole_process(command, **variables):
            told = json.loads(command[-1])
            members = told["seeds"] * len(told["rates"])
            if command[1] == "bench.probes.sweeping":
                return 4.0, json.dumps({"losses": [[0.1, 0, 0.3]] * members})
            assert variables == {"KERAS_BACKEND": "jax"}
            fits = min(told["first"], members)
            asked.append(fits)
            # The first has to compile what those after it share.
            found = {"seconds": [each + 1.0, *[each] * (fits - 1)]}
            found["losses"] = [[0.1, 0, loss]] * fits
            return start + 1.0 + each * fits, json.dumps(found)

        monkeypatch.setattr(sweep, "whole_process", whole_process)
        monkeypatch.setattr(sweep, "unavailable", lambda name, settings: None)
        return asked

    def test_all_fits_are_run_where_that_takes_no_quarter_of_an_hour(
        self, tmp_path, monkeypatch
    ):
        asked = self.faked(monkeypatch, 2.0, 3.0, 0.31)
        work = sweep.WORKS[0]
        table, found, absent, losses = sweep.measured(Settings(tmp_path), work)
        assert asked == [3, 3, *[32] * 6]
        assert absent == {}
        assert len(losses) == 32
        ratio_of = found["32 members, 3 epochs of Fashion-MNIST, whole process | "
                         "Keras on JAX"]  # fmt: skip
        assert ratio_of["value"] == pytest.approx((2 + 1 + 32 * 3) / 4)
        turns = {row[0]: row[5] for row in table["rows"]}
        assert turns == {OURS: 3, "Keras on JAX": 3, table["rows"][2][0]: 3}

    def test_what_would_take_longer_is_computed_and_said(self, tmp_path, monkeypatch):
        asked = self.faked(monkeypatch, 2.0, 5.0, 0.31)
        table, found, _, _ = sweep.measured(Settings(tmp_path), sweep.WORKS[1])
        assert asked == [3, 3, 48, 48]
        remarks = {row[0]: row[6] for row in table["rows"]}
        assert remarks["Keras on JAX"] == "computed from 48 of 256 fits"
        assert remarks["Keras on JAX, steps_per_execution"] == (
            "32 steps, computed from 48 of 256 fits"
        )
        for one in found.values():
            assert one["value"] == pytest.approx((2 + 1 + 256 * 5) / 4)

    def test_a_peer_that_learns_something_else_is_out(self, tmp_path, monkeypatch):
        self.faked(monkeypatch, 2.0, 3.0, 0.6)
        _, found, absent, _ = sweep.measured(Settings(tmp_path), sweep.WORKS[0])
        assert found == {}
        said = "failed: its median loss is 0.6000, and ours 0.3000"
        assert absent["Keras on JAX"] == said

    @pytest.mark.long
    def test_both_sides_learn_the_same_and_are_drawn(self, scratch, tmp_path):
        settings = Settings(scratch, rounds=1, quick=True)
        table, found, absent, losses = sweep.measured(settings, DIGITS)
        assert absent == {"Keras on JAX, steps_per_execution": LEFT_OUT}
        assert [row[:2] for row in losses] == [[1e-4, 0], [1e-4, 1]]
        assert found.keys() == {f"{DIGITS.title} | Keras on JAX"}
        result = {"tables": [table], "ratios": found, "left_out": {}}
        panel = {"title": DIGITS.name, "series": sweep.by_seed(losses)}
        result["data"] = {"panels": [panel]}
        results = {"about": ABOUT, "suites": {"sweep": result}}
        path = tmp_path / "cpu.json"
        assert pictures.draw(results, path) == {"sweep": "cpu-sweep.png"}

    @pytest.mark.slow
    def test_members_take_turns_with_one(self, scratch):
        found = probe("members", scratch=str(scratch), data="digits", counts=[1, 3],
                      epochs=2, rounds=2)  # fmt: skip
        assert np.shape(found) == (2, 2)
        assert np.min(found) > 0

    def test_a_cpu_says_why_it_compares_no_numbers_of_members(self, tmp_path):
        assert sweep.members(Settings(tmp_path)) == (
            {},
            {},
            "measured on a GPU, a CPU trains members one after another",
        )

    def test_on_a_gpu_the_cost_of_many_is_the_median_of_pairs(
        self, tmp_path, monkeypatch
    ):
        asked = {}

        def faked(module, **arguments):
            asked[module] = arguments["counts"]
            return [[1.0, 3.0], [2.0, 4.0], [1.0, 9.0]]

        monkeypatch.setattr(sweep, "probe", faked)
        table, found, why = sweep.members(Settings(tmp_path, device="gpu"))
        assert asked == {"members": [1, 64]}
        assert found == {sweep.MANY: ratio(3.0, better="less")}
        assert [row[1] for row in table["rows"]] == [1.0, 4.0]
        assert why == ""

    def test_each_seed_is_a_line(self):
        losses = [[0.1, 0, 3.0], [0.1, 1, 4.0], [0.2, 0, 2.0], [0.2, 1, 1.0]]
        assert sweep.by_seed(losses) == {
            "seed 0": [[0.1, 0.2], [3.0, 2.0]],
            "seed 1": [[0.1, 0.2], [4.0, 1.0]],
        }


class TestStream:
    def test_files_are_no_memory_of_its_own(self, tmp_path):
        rows = np.lib.format.open_memmap(
            tmp_path / "rows.npy", "w+", np.uint8, (2_000, 40_000)
        )
        held = []
        for touch in (rows.sum, lambda: np.ones(10_000_000)):
            before = memory()["RssAnon"]
            watch = Watch()
            watch.start()
            kept = touch()
            time.sleep(10 * SAMPLE_SECONDS)
            watch.stop()
            del kept
            held.append(watch.own - before)
        assert held[0] < 20e6  # the file has 80 MB, and so have the ones
        assert held[1] > 60e6

    @pytest.mark.long
    def test_each_measure_says_what_it_found(self, scratch):
        result = stream.run(Settings(scratch, rounds=1, quick=True))
        speed, held_rows, waited = result["tables"]
        assert [row[0] for row in speed["rows"]] == [OURS, stream.STREAMED]
        assert not speed["absent"]
        ((_, rows, held, before, mapped, _),) = held_rows["rows"]
        assert rows == pytest.approx(0.1, rel=0.01)
        assert before < held < 2
        assert mapped > rows  # all of it was read
        ((_, said, share),) = waited["rows"]
        # The bar's time has all in it that a person waits for, drawing too.
        assert 0.3 < said <= share + 0.01
        assert list(result["ratios"])[-1] == stream.NAMED

    def test_a_stream_that_is_none_is_refused(self, scratch):
        with pytest.raises(PeerError, match="are no stream: take more rows"):
            probe("streaming", scratch=str(scratch), dtype="uint8", rows=1_000,
                  epochs=1, rounds=1, batch_size=256)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "hidden", "numbers"),
    [
        ("dense", (4, 5), 36 + 25 + 18),
        ("normalized", (4,), 36 + 4 * 4 + 15),
        ("wide and deep", (4, 4), 36 + 20 + (8 + 4 + 1) * 3),
    ],
)
def test_a_net_of_each_kind_has_the_weights_that_it_should(kind, hidden, numbers):
    x, y = np.zeros((6, 8), np.float32), np.zeros(6, np.int64)
    model = in_keras_words.built(jn, Task(x, y, hidden, 2, classes=3, kind=kind))
    assert model.count_params() == numbers
    np.testing.assert_allclose(model.predict(x, verbose=0).sum(axis=1), 1, rtol=1e-6)


def test_targets_read_what_the_suites_call_their_ratios():
    assert [work.title for work in sweep.WORKS] == [targets.SEVERAL, targets.MANY]
    assert [f"{net}, batch {nets.BATCH_SIZE}" for net in nets.NETS] == targets.NETS
    assert search.TITLE == targets.SEARCH
    assert (stream.STREAMED, stream.HELD, stream.NAMED) == (
        targets.STREAMED,
        targets.HELD,
        targets.NAMED,
    )
    found = {
        "sweep": {
            "ratios": {
                f"{targets.SEVERAL} | Keras on JAX": ratio(4.0),
                f"{targets.SEVERAL} | Keras on JAX, steps_per_execution": ratio(2.0),
                f"{targets.MANY} | Keras on JAX": ratio(20.0),
            }
        },
        "stream": {
            "ratios": {
                f"{stream.ROWS:,} rows of 784 uint8, batch 256 | {stream.STREAMED}": (
                    ratio(0.9)
                ),
                stream.HELD: ratio(2.5, better="less"),
                stream.NAMED: ratio(0.8),
            }
        },
    }
    rows = targets.table({"about": ABOUT, "suites": found})["rows"]
    assert [cells[1:4] for cells in rows[-6:]] == [
        ["≤ 0.12", 0.5, "missed"],
        ["≤ 0.05", 0.05, "met"],
        ["≥ 0.85", 0.9, "met"],
        ["≥ 0.85", None, "not measured"],
        ["≤ 2", 2.5, "missed"],
        ["≥ 0.5", 0.8, "met"],
    ]


def test_how_far_cores_are_is_said_beside_the_figures():
    taken = {"cache_line": [81.2, 390.4]}
    told = " A cache line went between two cores and back in 81 and 390 ns before"
    assert report.distance(taken).startswith(told)
    assert report.distance({}) == report.distance({"cache_line": [None, None]}) == ""


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="there are no two cores that can be told apart",
)
def test_a_cache_line_takes_nanoseconds_and_not_milliseconds():
    cores = os.sched_getaffinity(0)
    found = cache_line.nanoseconds(2_000)
    assert found is None or 0 < found < 1e6
    assert os.sched_getaffinity(0) == cores


def test_where_python_takes_more_than_a_trip_no_cache_line_was_measured():
    """It was once 0 ns, which counted as near."""
    assert cache_line._without_python(900e-9, 250e-9) == pytest.approx(400.0)
    assert cache_line._without_python(500e-9, 250e-9) is None
    assert cache_line._without_python(400e-9, 250e-9) is None
    assert cache_line.state([cache_line._without_python(0.4, 0.3)]) == ""
