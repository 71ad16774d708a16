"""The measuring bench: what it makes of figures, and one real turn of our own peer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import bench.__main__ as command
from bench import arrays, check, pictures, report, tables, targets
from bench.peers import OURS, PEERS
from bench.probes import breakdown
from bench.processes import PeerError, Peers, peers_of
from bench.settings import LEFT_OUT, Settings
from bench.suites import SUITES, growth
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
            "≥ 2",
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
        assert verdicts(canned())[name] == ["≤ 1.03", 1.02, "met", f"{NET}, batch 32"]
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
