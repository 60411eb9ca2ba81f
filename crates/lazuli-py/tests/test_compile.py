"""`compile`: one trace for a signature, state that is read and written, the same values as without."""

import lazuli.core as mx
import pytest

X = mx.array([1.0, 2.0])


def counted(fun):
    """The function and a list that grows with each call of it."""
    calls = []

    def counting(*args, **kwargs):
        calls.append(None)
        return fun(*args, **kwargs)

    return counting, calls


def test_a_function_is_traced_once_for_shapes_dtypes_and_constants():
    fun, calls = counted(lambda x, n=2, mode="plain": x * n if mode == "plain" else x + n)
    compiled = mx.compile(fun)
    for _ in range(3):
        assert compiled(X).tolist() == [2, 4]
    assert len(calls) == 1
    assert compiled(mx.ones((2, 2))).tolist() == [[2, 2], [2, 2]] and len(calls) == 2
    assert compiled(X.astype(mx.int32)).dtype == mx.int32 and len(calls) == 3
    assert compiled(X, 3).tolist() == [3, 6] and compiled(X, n=3).tolist() == [3, 6] and len(calls) == 5
    assert compiled(X, 3, mode="sum").tolist() == [4, 5] and compiled(X, 3).tolist() == [3, 6] and len(calls) == 6


def test_trees_go_in_and_come_out_with_what_they_hold():
    compiled = mx.compile(lambda d, pair: {"sum": d["a"] + pair[0], "same": (d["a"], [3.0, None, "text"])})
    for _ in range(2):
        out = compiled({"a": X}, (X, 1.5))
        assert out["sum"].tolist() == [2, 4] and out["same"][0].tolist() == [1, 2] and out["same"][1] == [3.0, None, "text"]
    assert mx.compile(lambda x: None)(X) is None
    assert mx.compile(lambda x: 3)(X) == 3


def test_state_is_read_and_written():
    state = {"count": mx.array(0), "layers": [{"w": mx.array(2.0)}], "name": "adam"}

    def step(x):
        state["count"] = state["count"] + 1
        state["layers"][0]["w"] = state["layers"][0]["w"] * 2
        return x * state["layers"][0]["w"]

    fun, calls = counted(step)
    compiled = mx.compile(fun, inputs=state, outputs=state)
    assert [compiled(X).tolist() for _ in range(3)] == [[4, 8], [8, 16], [16, 32]]
    assert len(calls) == 1 and state["count"].item() == 3 and state["layers"][0]["w"].item() == 16
    state["layers"][0]["w"] = mx.array(0.5)
    assert compiled(X).tolist() == [1, 2] and len(calls) == 1


def test_state_that_is_only_read_is_seen_as_it_is():
    state = [mx.array(1.0)]
    compiled = mx.compile(lambda x: x + state[0], inputs=state)
    assert compiled(X).tolist() == [2, 3]
    state[0] = mx.array(10.0)
    assert compiled(X).tolist() == [11, 12]
    assert state[0].item() == 10


def test_without_state_captured_arrays_are_what_they_were():
    state = [mx.array(1.0)]
    compiled = mx.compile(lambda x: x + state[0])
    assert compiled(X).tolist() == [2, 3]
    state[0] = mx.array(10.0)
    assert compiled(X).tolist() == [2, 3]


def test_random_numbers_go_on_with_their_state():
    draw = mx.compile(lambda: mx.random.uniform(shape=(3,)), inputs=mx.random.state, outputs=mx.random.state)
    mx.random.seed(7)
    drawn = [draw().tolist() for _ in range(3)]
    mx.random.seed(7)
    assert drawn == [mx.random.uniform(shape=(3,)).tolist() for _ in range(3)]
    nested = mx.compile(lambda x: x + draw(), inputs=[mx.random.state], outputs=[mx.random.state])
    mx.random.seed(7)
    assert nested(mx.zeros(3)).tolist() == drawn[0] and mx.random.uniform(shape=(3,)).tolist() == drawn[1]


def test_a_training_step_is_one_plan():
    params = {"w": mx.array([1.0, -1.0]), "b": mx.array(0.0)}
    data, target = mx.array([[1.0, 2.0], [3.0, 4.0]]), mx.array([1.0, 2.0])

    def loss(p):
        return ((data @ p["w"] + p["b"] - target) ** 2).mean()

    def step():
        value, grads = mx.value_and_grad(loss)(params)
        for name in params:
            params[name] = params[name] - 0.01 * grads[name]
        return value

    compiled = mx.compile(step, inputs=params, outputs=params)
    fast = [compiled().item() for _ in range(5)]
    params.update(w=mx.array([1.0, -1.0]), b=mx.array(0.0))
    assert fast == pytest.approx([step().item() for _ in range(5)]) and fast[-1] < fast[0]


def test_shapeless_functions_hold_for_every_length():
    compiled = mx.compile(lambda x: x.sum(axis=0) / x.shape[0], shapeless=True)
    for n in (2, 3, 5, 2):
        assert compiled(mx.full((n, 2), 3.0)).tolist() == [3, 3]


def test_transforms_go_through():
    cube = mx.compile(lambda x: x * x * x)
    assert mx.grad(cube)(mx.array(2.0)).item() == 12
    assert mx.grad(mx.grad(cube))(mx.array(2.0)).item() == 12
    assert mx.vmap(cube)(X).tolist() == [1, 8]
    assert mx.compile(mx.grad(cube))(mx.array(2.0)).item() == 12
    assert mx.compile(mx.vmap(mx.grad(cube)))(X).tolist() == [3, 12]
    captured = mx.array(3.0)
    assert mx.grad(lambda y: mx.compile(lambda x: x * y)(mx.array(2.0)) + captured)(captured).item() == 2


def test_what_is_wrong_is_said_and_leaves_the_state_as_it_was():
    state = {"w": X}

    def fails(x):
        state["w"] = state["w"] + x
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        mx.compile(fails, inputs=state, outputs=state)(X)
    assert state["w"].tolist() == [1, 2]
    with pytest.raises(ValueError, match="takes trees of arrays, numbers, texts and None"):
        mx.compile(lambda x, y: x)(X, object())
    with pytest.raises(ValueError):
        mx.compile(lambda x: x if x.sum().item() > 0 else -x)(X)
    with pytest.raises(TypeError):
        mx.compile(3)


def test_compiling_can_be_switched_off():
    fun, calls = counted(lambda x: x + 1)
    compiled = mx.compile(fun)
    mx.disable_compile()
    try:
        assert compiled(X).tolist() == compiled(X).tolist() == [2, 3] and len(calls) == 2
    finally:
        mx.enable_compile()
    assert compiled(X).tolist() == [2, 3] and len(calls) == 3
    assert compiled(X).tolist() == [2, 3] and len(calls) == 3


def test_compiled_functions_are_named_and_usable_as_methods():
    class Model:
        def __init__(self):
            self.scale = 3

        def double(self, x):
            """Doubles."""
            return x * 2

    double = mx.compile(Model().double)
    assert double(X).tolist() == [2, 4] and double.__name__ == "double" and double.__doc__ == "Doubles."
