"""What importing the package does to the interpreter, each in one of its own."""

import pytest
from interpreter import run


def printed(code):
    return run("-c", code).split()


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


def test_a_collector_that_rests_goes_on_resting():
    code = "import gc; gc.disable(); import jaxnet_mini; print(gc.isenabled())"
    assert printed(code) == ["False"]


@pytest.mark.parametrize("failing", ["jax", "optax"])
def test_it_works_again_where_an_import_fails(failing):
    code = f"""if True:
        import gc, sys
        sys.modules[{failing!r}] = None
        try:
            import jaxnet_mini
        except ImportError:
            print(gc.isenabled())
    """
    assert printed(code) == ["True"]
