"""Training on GPUs, on paper: what a compiled program launches, and the arithmetic."""

import doctest
import json
import sys

import pytest

from bench import gpu, gpus
from bench.gpus import GPUS

PARAMETERS = 784 * 128 + 128 + 128 * 10 + 10
MOST = 26
"""The launches of a step of 784-128-10, its condition too."""

# Of several GPUs, cut down: the loop is not in the command buffers around and in it.
OUTSIDE = """\
000: kCommandBuffer [source       | next=019 (1)]
    001: kCopy [source | sink] kCopy
019: kWhile         [prev=000 (1) | next=000 (1)]
condition:
    020: kCustomKernel [source | sink] loop_and_fusion grid: [1, 1, 1]
  body:
    000: kCommandBuffer [source       | next=040 (1)]
        021: kCustomKernel [source       | next=022 (1)] loop_gather_fusion
    040: kAsyncStart    [prev=000 (1) | next=000 (3)] stream=communication_stream[0]
        041: kAllReduce [source | sink] kAllReduce
    043: kAsyncDone     [source       | sink        ] async_id=40
000: kCommandBuffer [prev=019 (2) | sink        ]
    047: kCustomKernel [prev=046 (1) | next=049 (2)] loop_add_fusion_2
"""


def test_a_plan_is_read():
    from bench.probes import graphs

    assert graphs.plan(OUTSIDE) == (False, 2, 3)
    assert doctest.testmod(graphs).failed == 0


def test_a_step_is_its_longer_part_the_collectives_and_the_launches():
    one = {"gpus": 4, "dtype": "bfloat16", "launches": 20}
    one |= {"flops": 989.4e9, "bytes": 2 * 3.35e9, "collectives": [{"bytes": 450e6}]}
    seconds = gpus.expected(GPUS["H100"], one)
    parts = {"products": 1e-3, "memory": 2e-3, "collectives": 1.5e-3}
    assert seconds == pytest.approx(parts | {"rates": 3.5e-3, "step": 3.53e-3})


def test_without_the_plugin_one_line_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(gpu, "here", lambda: False)
    monkeypatch.setattr(sys, "argv", ["bench.gpu"])
    assert gpu.main() == 1
    assert capsys.readouterr().out == (
        "jax-cuda13-plugin is not installed: "
        'run python -m pip install "jaxnet-mini[gpu-paper]".\n'
    )


class TestKept:
    """The results that are kept belong to the code that is kept."""

    results = json.loads((gpu.RESULTS / f"{gpu.NAME}.json").read_text("utf-8"))
    found = results["found"]

    def test_the_time_follows_from_the_figures(self):
        for one in self.found:
            expected = gpus.expected(GPUS[one["gpu"]], one)
            assert one["seconds"] == pytest.approx(expected, rel=1e-4)

    def test_the_page_is_made_of_them(self):
        kept = (gpu.RESULTS / f"{gpu.NAME}.md").read_text("utf-8")
        assert kept == gpu.page(self.results)
        assert "**Nothing here was measured on a GPU.**" in kept

    def test_what_the_page_says_holds(self):
        for one in self.found:
            assert one["to_the_host"] == []
            assert one["at_once"] == (one["gpus"] == 1)
            assert one["held_bytes"] < GPUS[one["gpu"]].memory

    def test_gpus_tell_each_other_gradients_and_sums(self):
        """Those of loss and accuracy, and how many rows there are in each."""
        for one in self.found:
            if one["gpus"] > 1 and one["hidden"] == [128]:
                told = sum(other["bytes"] for other in one["collectives"])
                assert told == 4 * (PARAMETERS + 4)


@pytest.mark.skipif(not gpu.here(), reason=f"{gpu.PLUGIN} is not installed")
def test_the_loop_is_one_command_buffer():
    """The host starts it once, and reads nothing until it ends."""
    case = next(c for c in gpu.cases([128], "H100") if c["batch_size"] == 256)
    (found,) = gpu.compiled([case])
    assert (found["at_once"], found["buffers"]) == (True, 1)
    assert found["to_the_host"] == found["collectives"] == []
    assert found["launches"] <= MOST
