"""Training on TPUs, on paper: reading compiled programs, and the arithmetic."""

import doctest
import importlib.util
import json
import sys

import interpreter
import pytest

from bench import hlo, roofline, tpu
from bench.roofline import V5E

PARAMETERS = 784 * 128 + 128 + 128 * 10 + 10

# A loop as a TPU's compiler prints it, cut down: arrays in both memories, rows gathered
# within a fusion, collectives in every way of writing them.
TEXT = """\
HloModule jit_loop, is_scheduled=true

%gather.1 (p.0: f32[1000,8], p.1: s32[16]) -> f32[16,8] {
  %p.1 = s32[16]{0} parameter(1)
  %p.0 = f32[1000,8]{1,0:T(8,128)} parameter(0)
  ROOT %g = f32[16,8]{1,0} gather(%p.0, %p.1), offset_dims={1}, slice_sizes={1,8}
}

%wrapped (p: f32[4]) -> f32[8] {
  %p = f32[4]{0} parameter(0)
  ROOT %inside = f32[8]{0} all-gather(%p), replica_groups=[4,2]<=[8], dimensions={0}
}

%sum (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %add = f32[] add(%a, %b)
}

%body (carry: (f32[1000,8], s32[16], f32[2,4], bf16[3])) -> (f32[1000,8], s32[16]) {
  %carry = (f32[1000,8]{1,0}, s32[16]{0:T(128)S(1)}, /*index=2*/f32[2,4]{1,0}, bf16[3]{0:S(1)}) parameter(0)
  %x = f32[1000,8]{1,0:T(8,128)} get-tuple-element(%carry), index=0
  %rows = s32[16]{0:T(128)S(1)} get-tuple-element(%carry), index=1
  %w = f32[2,4]{1,0:T(8,128)} get-tuple-element(%carry), index=2
  %h = bf16[3]{0:T(128)(2,1)S(1)} get-tuple-element(%carry), index=3
  %taken = f32[16,8]{1,0:T(8,128)S(1)} fusion(%x, %rows), kind=kCustom, calls=%gather.1, metadata={op_name="while/body/gather"}, backend_config={"estimated_cycles":"1824"}
  %copy-start = (f32[2,4]{1,0:T(8,128)S(1)}, f32[2,4]{1,0:T(8,128)}, u32[]{:S(2)}) copy-start(%w)
  %copy-done = f32[2,4]{1,0:T(8,128)S(1)} copy-done(%copy-start)
  %both = (f32[2,4]{1,0:T(8,128)}, bf16[3]{0:T(128)(2,1)S(1)}) all-reduce(%copy-done, %h), channel_id=1, replica_groups=mesh['data'=2,'model'=4] {'model'}, to_apply=%sum, backend_config={"estimated_cycles":"7"}
  %w.1 = f32[2,4]{1,0:T(8,128)} get-tuple-element(%both), index=0
  %started = ((bf16[3]{0:S(1)}), f32[8]{0:S(1)}) all-gather-start(%h), replica_groups={{0,1},{2,3}}, dimensions={0}
  %ended = f32[8]{0:S(1)} all-gather-done(%started)
  %wrapped.1 = f32[8]{0:S(1)} fusion(%h), kind=kLoop, calls=%wrapped
  ROOT %out = (f32[1000,8]{1,0}, s32[16]{0:S(1)}) tuple(%x, %rows)
}

ENTRY %main (x: f32[1000,8]) -> f32[1000,8] {
  %x = f32[1000,8]{1,0} parameter(0)
  %start = (f32[1000,8]{1,0}, s32[16]{0:S(1)}) tuple(%x)
  %while.1 = (f32[1000,8]{1,0}, s32[16]{0:S(1)}) while(%start), condition=%sum, body=%body, metadata={op_name="jit(loop)/while"}
  %after = f32[] all-reduce(%x), replica_groups=[1,8]<=[8], to_apply=%sum
}
"""  # noqa: E501


class TestReading:
    program = hlo.program(TEXT)

    def test_the_loop_is_found(self):
        assert hlo.loop_body(self.program) == "body"
        del (without := dict(self.program))["ENTRY"]
        with pytest.raises(ValueError, match="one loop was expected, and 0 were found"):
            hlo.loop_body(without)

    def test_collectives_of_a_step_and_of_a_call(self):
        in_step = [
            ("all-reduce", 2 * 4 * 4 + 3 * 2, 4, False),
            ("all-gather", 3 * 2, 2, True),
            ("all-gather", 4 * 4, 2, False),
        ]
        assert hlo.collectives(self.program, "body") == in_step
        after = ("all-reduce", 1000 * 8 * 4, 8, False)
        assert hlo.collectives(self.program, hlo.ENTRY) == [*in_step, after]

    def test_what_is_moved_from_and_to_the_large_memory(self):
        """The rows that are gathered, the copy, and the sums that come back."""
        assert hlo.moved(self.program, "body") == 16 * 8 * 4 + 2 * 4 * 4 + 2 * 4 * 4
        # Outside of the loop one sum is read and one number written.
        assert hlo.moved(self.program, hlo.ENTRY) == 1000 * 8 * 4 + 4

    def test_cycles_are_added_up(self):
        assert hlo.cycles(self.program, "body") == 1824 + 7
        assert hlo.cycles(self.program, hlo.ENTRY) == 0

    def test_talk_with_the_host_is_found(self):
        assert hlo.to_the_host(self.program) == []
        line = '%c = () custom-call(%p), custom_call_target="xla_python_cpu_callback"'
        program = hlo.program(f"%f (p: f32[]) -> () {{\n  {line}\n}}")
        assert hlo.to_the_host(program) == ["c"]

    def test_examples(self):
        result = doctest.testmod(hlo)
        assert result.failed == 0
        assert result.attempted > 4


COMPILED = """
import json
import jax
import numpy as np
from jax.sharding import Mesh
from bench import hlo
from bench.probes import ahead, ours
from jaxnet_mini.core.training.trainer import Trainer

found = {}
for name, shape in {"data": (8,), "model": (2, 4)}.items():
    mesh = Mesh(np.array(jax.devices()).reshape(shape), ("data", "model")[: len(shape)])
    trainer = ours.trainer([512, 512])
    given = ahead.arguments(trainer, mesh, features=12, rows=256, batch_size=64)
    lowered = jax.jit(Trainer.loop, static_argnums=0).lower(trainer.program(), *given)
    program = hlo.program(lowered.compile().as_text())
    body = hlo.loop_body(program)
    found[name] = {
        "collectives": hlo.collectives(program, body),
        "moved": hlo.moved(program, body),
        "kernels": [
            list(leaf.sharding.spec)
            for path, leaf in jax.tree_util.tree_leaves_with_path(given[0].params)
            if path[-1].key == "kernel"
        ],
    }
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found():
    said = interpreter.run(
        "-c",
        COMPILED,
        JAX_PLATFORMS="cpu",
        XLA_FLAGS="--xla_force_host_platform_device_count=8",
    )
    return json.loads(said)


class TestCompiledHere:
    """On eight virtual devices of a CPU."""

    parameters = 12 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10

    @pytest.mark.slow
    def test_a_step_adds_up_gradients_and_the_sums_of_loss_and_accuracy(self, found):
        collectives = found["data"]["collectives"]
        assert {(kind, group) for kind, _, group, _ in collectives} == {
            ("all-reduce", 8)
        }
        told = sum(size for _, size, *_ in collectives) / 4
        # Two sums and their rows, which may be one number.
        assert told - self.parameters in (3, 4)

    def test_what_is_moved_is_at_least_what_adam_does(self, found):
        """It reads and writes parameters and two moments, and reads gradients."""
        least = 7 * 4 * self.parameters
        assert least < found["data"]["moved"] < 10 * least

    def test_kernels_are_split_where_the_axis_divides_them(self, found):
        assert found["data"]["kernels"] == [[], [], []]
        split = [None, "model"]
        assert found["model"]["kernels"] == [split, split, []]

    def test_split_kernels_ask_for_activations(self, found):
        kinds = {(kind, group) for kind, _, group, _ in found["model"]["collectives"]}
        assert ("all-gather", 4) in kinds
        assert ("all-reduce", 2) in kinds


class TestRoofline:
    @pytest.mark.parametrize(
        ("side", "kind", "group", "seconds"),
        [
            # Open rows of 4: 50 GB/s along both axes, 3 + 3 hops, there and back.
            (4, "all-reduce", 16, 2 * (1e6 * 15 / 16 / 100e9 + 6e-6)),
            # Rings of 16: 100 GB/s along both axes, 8 + 8 hops.
            (16, "all-reduce", 256, 2 * (1e6 * 255 / 256 / 200e9 + 16e-6)),
            # One ring of 16: what each of 16 brings goes to the 15 others.
            (16, "all-gather", 16, 15e6 / 100e9 + 8e-6),
            (2, "reduce-scatter", 2, 0.5e6 / 50e9 + 1e-6),
            (2, "collective-permute", 2, 1e6 / 50e9 + 1e-6),
            (1, "all-reduce", 1, 0.0),
        ],
    )
    def test_collectives(self, side, kind, group, seconds):
        found = roofline.collective_seconds(V5E, side, kind, 1e6, group)
        assert found == pytest.approx(seconds)

    def test_a_step_is_its_longer_part_and_then_the_collectives(self):
        found = {
            "flops": 197e9,
            "hbm_bytes": 2 * 819e6,
            "hbm_bytes_once": 819e6,
            "cycles": 3e-3 * V5E.clock,
            "collectives": [{"kind": "all-reduce", "bytes": 100e6, "group": 4}],
        }
        seconds = roofline.expected(V5E, 2, found)
        talk = 2 * (75e6 / 100e9 + 2e-6)
        assert seconds == pytest.approx(
            {
                "products": 1e-3,
                "memory": 2e-3,
                "collectives": talk,
                "step": 2e-3 + talk,
                "compiler": 3e-3 + talk,
                "once": 1e-3,
            }
        )


class FakeChip:
    def __init__(self, x, y):
        self.coords = (x, y, 0)


def test_a_row_of_the_mesh_is_a_row_of_chips(monkeypatch):
    from bench.probes import ahead

    made = []
    monkeypatch.setattr(ahead, "Mesh", lambda array, axes: made.append((array, axes)))
    chips = [FakeChip(x, y) for x in (1, 0) for y in (0, 1)]
    ahead.mesh_of(chips, 2, split=True)
    array, axes = made[0]
    assert axes == ("data", "model")
    assert [[chip.coords[:2] for chip in row] for row in array] == [
        [(0, 0), (1, 0)],
        [(0, 1), (1, 1)],
    ]


def test_without_libtpu_one_line_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "libtpu", None)
    monkeypatch.setattr(sys, "argv", ["bench.tpu"])
    assert tpu.main() == 1
    assert capsys.readouterr().out == (
        'libtpu is not installed: run python -m pip install "jaxnet-mini[tpu]".\n'
    )


@pytest.fixture(scope="module")
def results():
    return json.loads((tpu.RESULTS / f"{tpu.NAME}.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def figures(results):
    return [one for found in results["cases"].values() for one in found]


class TestKept:
    """The results that are kept belong to the code that is kept."""

    def test_the_time_follows_from_the_figures(self, results, figures):
        assert list(results["cases"]) == [case.title for case in tpu.CASES]
        for one in figures:
            expected = roofline.expected(V5E, one["side"], one)
            assert one["seconds"] == pytest.approx(expected, rel=1e-4)

    def test_the_page_is_made_of_them(self, results):
        kept = (tpu.RESULTS / f"{tpu.NAME}.md").read_text("utf-8")
        assert kept == tpu.page(results)
        assert "**Nothing here was measured.**" in kept

    def test_what_the_page_assumes_holds(self, figures):
        for one in figures:
            assert one["to_the_host"] == []
            assert not any(other["ahead"] for other in one["collectives"])
            assert tpu.held(one) < V5E.memory

    def test_a_wide_net_moves_what_its_parameters_ask_for(self, results):
        """Counted in arrays of the size of all parameters.

        Adam reads and writes three, and both products that use the kernels read them.
        On several chips gradients are written, read, written as sums, and read again.
        """
        parameters = 784 * 8192 + 8192 * 8192 + 8192 * 10 + 2 * 8192 + 10
        case = tpu.Case((8192, 8192), split=False, weak=True)
        alone, *others = results["cases"][case.title]
        for one, arrays in [(alone, 8), *((other, 12) for other in others)]:
            assert one["hbm_bytes"] == pytest.approx(4 * parameters * arrays, rel=0.03)
            products = 2 * 1024 * (2 * 784 * 8192 + 3 * 8192 * (8192 + 10))
            assert one["flops"] == pytest.approx(products, rel=0.01)
            told = sum(other["bytes"] for other in one["collectives"])
            assert told == (4 * (parameters + 3) if one["chips"] > 1 else 0)

    def test_a_picture_is_drawn(self, results, tmp_path):
        tpu.draw(results, tmp_path / "picture.png")
        assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(
    importlib.util.find_spec("libtpu") is None, reason="libtpu is not installed"
)
def test_four_chips_compiled_ahead_of_time():
    found = tpu.Case((128,), split=False, weak=True).measured(2)
    products = 2 * tpu.A_CHIP * (2 * 784 * 128 + 3 * 128 * 10)
    assert products < found["flops"] < 1.02 * products
    # Each chip gathers its own rows, in bfloat16, and keeps all else on the chip.
    rows = 2 * 784 * tpu.A_CHIP
    assert rows < found["hbm_bytes"] < 1.1 * rows
    assert {(one["kind"], one["group"]) for one in found["collectives"]} == {
        ("all-reduce", 4)
    }
    told = sum(one["bytes"] for one in found["collectives"])
    assert told == 4 * (PARAMETERS + 3)
    data = tpu.ROWS * 4 * 785
    assert data < found["argument_bytes"] < data + 16 * PARAMETERS + 4 * tpu.ROWS + 1e6
    assert found["otherwise"] == found["to_the_host"] == []
