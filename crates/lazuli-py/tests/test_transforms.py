"""Function transforms over Python functions: trees, argument numbers and names, rules, exceptions."""

import gc

import lazuli.core as mx
import pytest

X, Y = mx.array(2.0), mx.array(3.0)


def product(a, b):
    return a * b


def test_gradients_by_number_and_by_name():
    assert mx.grad(product)(X, Y).item() == 3
    assert [g.item() for g in mx.grad(product, argnums=(0, 1))(X, Y)] == [3, 2]
    assert mx.grad(product, argnums=[1])(X, Y).item() == 2
    none, named = mx.grad(product, argnames="b")(X, b=Y)
    assert none is None and named["b"].item() == 2
    value, (first, named) = mx.value_and_grad(product, argnums=0, argnames=["b"])(X, b=Y)
    assert (value.item(), first.item(), named["b"].item()) == (6, 3, 2)


def test_gradients_have_the_tree_of_the_argument():
    params = {"w": X, "layers": [{"b": Y}, (X,)]}
    value, grads = mx.value_and_grad(lambda p: p["w"] * p["layers"][0]["b"] + p["layers"][1][0] * 5)(params)
    assert value.item() == 16 and grads["w"].item() == 3
    assert grads["layers"][0]["b"].item() == 2 and grads["layers"][1][0].item() == 5
    assert isinstance(grads["layers"][1], tuple)


def test_values_beside_the_loss_are_passed_on():
    (loss, extra, text), grad = mx.value_and_grad(lambda a: (a * a, {"twice": a * 2}, "text"))(X)
    assert (loss.item(), extra["twice"].item(), text, grad.item()) == (4, 4, "text", 4)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: mx.grad(product, argnums=-1)(X, Y), ValueError),
        (lambda: mx.grad(product, argnums=(0, 0))(X, Y), ValueError),
        (lambda: mx.grad(product, argnums=2)(X, Y), ValueError),
        (lambda: mx.grad(product, argnames="c")(X, Y), ValueError),
        (lambda: mx.grad(lambda a: a)(mx.array([1.0, 2.0])), ValueError),
        (lambda: mx.grad(lambda a: 3.0)(X), ValueError),
        (lambda: mx.grad(lambda a: {"a": a})(X), ValueError),
        (lambda: mx.grad(lambda a: a)(2.0), ValueError),
        (lambda: mx.grad(3), TypeError),
        (lambda: mx.vjp(lambda a: a * 2, [X], [mx.array([1.0, 2.0])]), ValueError),
        (lambda: mx.vjp(lambda a: (a, a), [X], [X]), ValueError),
        (lambda: mx.jvp(lambda a: a, [X], [mx.array([1.0, 2.0])]), ValueError),
        (lambda: mx.vmap(lambda a: a, in_axes=5)(mx.array([1.0])), IndexError),
        (lambda: mx.vmap(lambda a: a)(X), IndexError),
        (lambda: mx.vmap(lambda a: 3)(mx.array([1.0])), ValueError),
        (lambda: mx.vmap(product)(mx.array([1.0]), b=Y), TypeError),
        (lambda: mx.vmap(product)(mx.array([1.0, 2.0]), mx.array([1.0, 2.0, 3.0])), ValueError),
        (lambda: mx.vmap(lambda a: a.item())(mx.array([1.0])), ValueError),
    ],
)
def test_misuse_raises_as_the_reference_raises(make, error):
    with pytest.raises(error):
        make()


def test_an_exception_inside_comes_out_as_itself():
    class Own(Exception):
        pass

    def fails(_):
        raise Own("inside")

    for transform in (mx.grad, mx.vmap, mx.checkpoint, mx.value_and_grad, mx.custom_function):
        with pytest.raises(Own, match="inside"):
            transform(fails)(mx.array([1.0]))


def test_vjp_and_jvp_give_lists():
    assert [[a.item() for a in part] for part in mx.vjp(product, [X, Y], [mx.array(1.0)])] == [[6], [3, 2]]
    assert [[a.item() for a in part] for part in mx.jvp(product, [X, Y], [X, Y])] == [[6], [12]]


def test_vmap_over_axes_of_trees():
    a, b = mx.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), mx.array([10.0, 20.0, 30.0])
    assert mx.vmap(product, in_axes=(0, None))(a, b).tolist() == (a * b).tolist()
    assert mx.vmap(lambda r: r * 2, in_axes=1, out_axes=1)(a).tolist() == (a * 2).tolist()
    tree = {"a": a, "b": a.T}
    assert mx.vmap(lambda d: d["a"] + d["b"], in_axes={"a": 0, "b": 1})(tree).tolist() == (a * 2).tolist()
    both = mx.vmap(lambda r, s: (r + 1, s), in_axes=(0, None), out_axes=(0, None))(a, b)
    assert both[0].shape == (2, 3) and both[1].shape == (3,)


def test_transforms_compose():
    cube = lambda x: x * x * x  # noqa: E731
    assert mx.grad(mx.grad(cube))(X).item() == 12
    assert mx.vmap(mx.grad(cube))(mx.array([1.0, 2.0])).tolist() == [3, 12]
    assert mx.grad(mx.checkpoint(cube))(X).item() == 12
    assert mx.grad(lambda x: mx.vmap(cube)(x).sum())(mx.array([1.0, 2.0])).tolist() == [3, 12]


def test_checkpoint_takes_trees_and_constants():
    out = mx.checkpoint(lambda d, k, add=0: {"o": d["a"] * k + add})({"a": X}, 2, add=Y)
    assert out["o"].item() == 7


def test_custom_rules_are_given_the_trees():
    @mx.custom_function
    def f(a, b):
        return a * b, a + b

    @f.vjp
    def f_vjp(primals, cotangents, outputs):
        assert [p.item() for p in primals] == [2, 3] and [o.item() for o in outputs] == [6, 5]
        return cotangents[0] * 10, cotangents[1] * 20

    @f.jvp
    def f_jvp(primals, tangents):
        return tangents[0] * 100, tangents[1] * 200

    @f.vmap
    def f_vmap(inputs, axes):
        assert axes == (0, None)
        return (inputs[0] * 7, inputs[0] * 8), (0, 0)

    assert [g.item() for g in mx.vjp(f, [X, Y], [X, Y])[1]] == [20, 60]
    assert [t.item() for t in mx.jvp(f, [X, Y], [X, Y])[1]] == [200, 600]
    first, second = mx.vmap(f, in_axes=(0, None))(mx.array([1.0, 2.0]), Y)
    assert first.tolist() == [7, 14] and second.tolist() == [8, 16]


def test_a_rule_sees_one_argument_as_it_is():
    f = mx.custom_function(lambda d: d["a"] * 2)
    f.vjp(lambda primals, cotangent, output: {"a": cotangent * 5})
    assert mx.grad(f)({"a": X})["a"].item() == 5


def test_stop_gradient_stops_it():
    assert mx.grad(lambda a: a * mx.stop_gradient(a))(X).item() == 2


def test_depends_keeps_the_tree():
    assert mx.depends(X, Y).item() == 2
    assert [a.item() for a in mx.depends([X, Y], Y)] == [2, 3]


def test_arrays_that_a_function_leaks_can_be_evaluated_later():
    leaked = []

    def f(a):
        inside = a * 5
        leaked.append(inside)
        return (inside * inside).sum()

    grad = mx.grad(f)(mx.array([1.0, 2.0]))
    assert grad.tolist() == [50, 100]
    assert leaked[0].tolist() == [5, 10]


def test_transformed_functions_are_named_and_usable_as_methods():
    class Model:
        @mx.checkpoint
        def double(self, a):
            """Doubles."""
            return a * 2

    assert Model().double(X).item() == 4
    assert Model.double.__name__ == "double" and Model.double.__doc__ == "Doubles."


def test_captured_arrays_die_with_the_function():
    import weakref

    big = mx.array([1.0] * 100)
    ref = weakref.ref(big)
    f = mx.grad(lambda a, b=big: (a * b).sum())
    f(mx.array([1.0] * 100))
    del f, big
    gc.collect()
    assert ref() is None
