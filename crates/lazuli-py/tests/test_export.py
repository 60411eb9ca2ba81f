"""Functions in files: written, read, called, drawn."""

import io

import lazuli.core as mx
import pytest

A = mx.array([1.0, 2.0])


def plus(x, y=None):
    return x + 1 if y is None else x + y


def test_a_function_is_written_and_called(tmp_path):
    file = str(tmp_path / "f.mlxfn")
    mx.export_function(file, plus, A)
    f = mx.import_function(file)
    for out in (f(A), f((A,)), f([A])):
        assert isinstance(out, tuple) and out[0].tolist() == [2, 3]
    mx.export_function(file, plus, A, y=A)
    f = mx.import_function(file)
    assert f(A, y=A)[0].tolist() == f((A,), {"y": A})[0].tolist() == [2, 4]
    mx.export_function(file, lambda *, a, b: [a - b, a], b=A, a=A * 3)
    assert [x.tolist() for x in mx.import_function(file)(b=A, a=A)] == [[0, 0], [1, 2]]


def test_captured_arrays_are_written_and_shared(tmp_path):
    weights = mx.random.normal((256, 256))
    file = tmp_path / "f.mlxfn"
    with mx.exporter(str(file), lambda x: x @ weights) as exporter:
        exporter(mx.ones((1, 256)))
        exporter(mx.ones((2, 256)))
    assert weights.nbytes < file.stat().st_size < 1.2 * weights.nbytes
    f, ones = mx.import_function(str(file)), mx.ones((2, 256))
    assert mx.array_equal(f(ones)[0], ones @ weights)


def test_several_traces_are_told_apart(tmp_path):
    file = str(tmp_path / "f.mlxfn")
    exporter = mx.exporter(file, plus)
    exporter(A)
    exporter(A, y=A)
    with pytest.raises(RuntimeError):
        exporter(A)
    exporter.close()
    with pytest.raises(RuntimeError, match="closed"):
        exporter(A)
    f = mx.import_function(file)
    assert f(A)[0].tolist() == [2, 3] and f(A, y=A)[0].tolist() == [2, 4]
    for wrong in (lambda: f(A, A), lambda: f(mx.zeros(3)), lambda: f(A.astype(mx.int32)), lambda: f(1.0), lambda: f(A, z=A)):
        with pytest.raises(ValueError):
            wrong()


def test_lengths_may_be_left_open(tmp_path):
    file = str(tmp_path / "f.mlxfn")
    mx.export_function(file, lambda x: mx.softmax(x * 2, axis=-1), mx.ones((2, 3)), shapeless=True)
    x = mx.random.normal((4, 5))
    assert mx.allclose(mx.import_function(file)(x)[0], mx.softmax(x * 2, axis=-1)).item()


def test_imported_functions_take_part_in_transforms(tmp_path):
    file = str(tmp_path / "f.mlxfn")
    mx.export_function(file, lambda x: (x * x * x).sum(), A)
    f = mx.import_function(file)
    assert mx.grad(lambda x: f(x)[0])(A).tolist() == [3, 12]
    assert mx.compile(lambda x: f(x)[0])(A).item() == 9
    assert mx.vmap(lambda x: f(x)[0])(mx.stack([A, A])).tolist() == [9, 9]


def test_a_text_is_kept_beside_it(tmp_path):
    file = str(tmp_path / "f.mlxfn")
    mx.export_function(file, plus, A, metadata='{"layers": 2}')
    assert mx.import_function(file, return_metadata=True)[1] == '{"layers": 2}'
    mx.export_function(file, plus, A)
    assert mx.import_function(file, True)[1] == ""


def test_a_callback_is_given_the_parts():
    told = []
    mx.export_function(told.append, lambda x, k: mx.exp(x * 2) + k, A, k=A)
    kinds = [part["type"] for part in told]
    assert kinds[:4] == ["inputs", "keyword_inputs", "outputs", "constants"] and set(kinds[4:]) == {"primitive"}
    assert told[0]["inputs"] == [("A", (2,), mx.float32), ("B", (2,), mx.float32)] and told[1]["keywords"] == [("k", "B")]
    made = {name for part in told[4:] for name, _, _ in part["outputs"]} | {"A", "B"} | {name for name, _ in told[3]["constants"]}
    assert {name for part in told[4:] for name, _, _ in part["inputs"]} <= made and told[2]["outputs"][0][0] in made


def test_what_is_wrong_raises_as_the_reference_raises(tmp_path):
    file = str(tmp_path / "f.mlxfn")
    (tmp_path / "bad").write_bytes(b"xx")
    for make, error in [
        (lambda: mx.export_function(file, plus, 1.0), ValueError),
        (lambda: mx.export_function(file, lambda x: {"a": x}, A), ValueError),
        (lambda: mx.export_function(file, lambda x: [x, (x,)], A), ValueError),
        (lambda: mx.export_function(print, plus, A, metadata="x"), ValueError),
        (lambda: mx.export_function(file, lambda x: 1 / 0, A), ZeroDivisionError),
        (lambda: mx.import_function(str(tmp_path / "none")), RuntimeError),
        (lambda: mx.import_function(str(tmp_path / "bad")), RuntimeError),
        (lambda: mx.export_to_dot(file, 1), ValueError),
    ]:
        with pytest.raises(error):
            make()


def test_a_block_that_fails_writes_nothing(tmp_path):
    file = tmp_path / "f.mlxfn"
    with pytest.raises(KeyError):
        with mx.exporter(str(file), plus) as exporter:
            exporter(A)
            raise KeyError("inside")
    assert not file.exists()


def test_graphs_are_drawn(tmp_path):
    x = mx.array(1.0)
    mx.export_to_dot(str(tmp_path / "g.dot"), mx.exp(x + x), x=x)
    text = (tmp_path / "g.dot").read_text()
    memory = io.StringIO()
    mx.export_to_dot(memory, [mx.exp(x + x)], x=x)
    assert memory.getvalue() == text and text.startswith("digraph {") and '"x" ->' in text and "exp" in text
