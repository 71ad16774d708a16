"""What importing the package does to the interpreter, each in one of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

import jaxnet_mini

ROOT = Path(jaxnet_mini.__file__).parent.parent


def printed(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_what_stays_is_set_aside():
    code = "import gc, jaxnet_mini; print(gc.isenabled(), gc.get_freeze_count())"
    enabled, frozen = printed(code)
    assert enabled == "True"
    assert int(frozen) > 50_000


def test_what_is_made_later_is_collected():
    code = """if True:
        import gc, weakref, jaxnet_mini
        class Node: pass
        node = Node()
        node.itself = node
        seen = weakref.ref(node)
        del node
        gc.collect()
        print(seen())
    """
    assert printed(code) == ["None"]


def test_data_that_came_before_are_left_alone():
    code = "import jax, gc, jaxnet_mini; print(gc.isenabled(), gc.get_freeze_count())"
    assert printed(code) == ["True", "0"]


@pytest.mark.parametrize("failing", ["jax", "optax"])
def test_a_collector_that_rests_goes_on_resting(failing):
    code = "import gc; gc.disable(); import jaxnet_mini; print(gc.isenabled())"
    assert printed(code) == ["False"]
    code = f"""if True:
        import gc, sys
        sys.modules[{failing!r}] = None
        try:
            import jaxnet_mini
        except ImportError:
            print(gc.isenabled())
    """
    assert printed(code) == ["True"]
