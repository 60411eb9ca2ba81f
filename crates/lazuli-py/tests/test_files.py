"""Arrays to files and back, and between this library, the reference and NumPy."""

import io
from pathlib import Path

import lazuli.core as mx
import numpy as np
import pytest

DTYPES = ["bool_", "uint8", "int16", "uint32", "int64", "float16", "float32", "complex64"]


def arrays():
    return {name: mx.array(np.arange(6).reshape(2, 3), getattr(mx, name)) for name in DTYPES} | {"scalar": mx.array(1.5)}


def same(a, b):
    assert sorted(a) == sorted(b)
    for name in a:
        assert str(a[name].dtype).split(".")[-1] == str(b[name].dtype).split(".")[-1], name
        assert np.array_equal(np.array(a[name]), np.array(b[name])), name


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_what_is_saved_is_loaded(tmp_path, suffix):
    for save in [mx.savez, mx.savez_compressed] if suffix == "npz" else [lambda p, **kw: mx.save_safetensors(p, kw)]:
        save(str(tmp_path / "x"), **arrays())
        same(mx.load(tmp_path / f"x.{suffix}"), arrays())


def test_one_array_is_npy(tmp_path):
    a = mx.array([[1.0, 2.0], [3.0, 4.0]]).T
    mx.save(tmp_path / "a", a)
    assert np.array_equal(np.load(tmp_path / "a.npy"), np.array(a)) and mx.load(str(tmp_path / "a.npy")).tolist() == a.tolist()
    np.save(tmp_path / "fortran.npy", np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    assert mx.load(tmp_path / "fortran.npy").tolist() == [[0, 1, 2], [3, 4, 5]]
    mx.save(tmp_path / "lazy.npy", mx.ones((2,)) + 1)
    assert np.load(tmp_path / "lazy.npy").tolist() == [2, 2]


def test_positional_arrays_are_numbered(tmp_path):
    mx.savez(tmp_path / "z.npz", mx.ones(2), mx.zeros(1), named=mx.array(3))
    loaded = np.load(tmp_path / "z.npz")
    assert sorted(loaded.files) == ["arr_0", "arr_1", "named"] and loaded["named"] == 3
    with pytest.raises(ValueError, match="arr_0"):
        mx.savez(tmp_path / "z.npz", mx.ones(2), arr_0=mx.ones(2))


def test_notes_come_back(tmp_path):
    mx.save_safetensors(tmp_path / "s", {"a": mx.ones(2)}, {"format": "mlx"})
    loaded, notes = mx.load(tmp_path / "s.safetensors", return_metadata=True)
    assert loaded["a"].tolist() == [1, 1] and notes == {"format": "mlx"}
    given = {"text": "t", "list": ["a", "b"], "number": mx.array(3), "numbers": mx.array([1.0, 2.0])}
    mx.save_gguf(tmp_path / "g", {"a": mx.ones((2, 2))}, given)
    loaded, notes = mx.load(tmp_path / "g.gguf", return_metadata=True)
    assert loaded["a"].tolist() == [[1, 1], [1, 1]] and notes["text"] == "t" and notes["list"] == ["a", "b"]
    assert notes["number"].item() == 3 and notes["numbers"].tolist() == [1, 2]
    mx.save_gguf(tmp_path / "bare.gguf", {"a": mx.ones(2)})
    assert mx.load(tmp_path / "bare.gguf")["a"].tolist() == [1, 1]


def test_file_objects_are_read_and_written(tmp_path):
    a = mx.array([1.0, 2.0])
    for save, suffix in [
        (lambda f: mx.save(f, a), "npy"),
        (lambda f: mx.savez(f, a=a), "npz"),
        (lambda f: mx.save_safetensors(f, {"a": a}), "safetensors"),
        (lambda f: mx.save_gguf(f, {"a": a}), "gguf"),
    ]:
        memory = io.BytesIO()
        save(memory)
        memory.seek(0)
        loaded = mx.load(memory, format=suffix)
        assert (loaded if suffix == "npy" else loaded["a"]).tolist() == [1, 2]
        with open(tmp_path / f"x.{suffix}", "wb") as file:
            save(file)
        with open(tmp_path / f"x.{suffix}", "rb") as file:
            loaded = mx.load(file)
        assert (loaded if suffix == "npy" else loaded["a"]).tolist() == [1, 2]
    with pytest.raises(AttributeError):
        mx.load(io.BytesIO())


@pytest.mark.parametrize("suffix", ["npy", "npz", "safetensors", "gguf"])
def test_the_reference_reads_what_is_written_and_writes_what_is_read(tmp_path, suffix):
    reference = pytest.importorskip("mlx.core")
    names = ["float16", "float32", "int16", "int32"] if suffix == "gguf" else DTYPES
    for ours, theirs in [(mx, reference), (reference, mx)]:
        file = str(tmp_path / f"{ours.__name__}.{suffix}")
        made = {name: ours.array(np.arange(6).reshape(2, 3), getattr(ours, name)) for name in names}
        match suffix:
            case "npy":
                ours.save(file, made["float32"])
                loaded = {"float32": theirs.load(file)}
                made = {"float32": made["float32"]}
            case "npz":
                ours.savez(file, **made)
                loaded = theirs.load(file)
            case "safetensors":
                ours.save_safetensors(file, made, {"k": "v"})
                loaded, notes = theirs.load(file, return_metadata=True)
                assert notes["k"] == "v"
            case "gguf":
                ours.save_gguf(file, made, {"k": "v", "n": ours.array([1, 2])})
                loaded, notes = theirs.load(file, return_metadata=True)
                assert notes["k"] == "v" and notes["n"].tolist() == [1, 2]
        same(loaded, made)


def test_bfloat16_keeps_its_bits(tmp_path):
    a = mx.array([1.0, 1e30, -0.0]).astype(mx.bfloat16)
    mx.save_safetensors(tmp_path / "b", {"a": a})
    b = mx.load(tmp_path / "b.safetensors")["a"]
    assert b.dtype == mx.bfloat16 and b.view(mx.uint16).tolist() == a.view(mx.uint16).tolist()


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda f: mx.load(f / "no.npy"), RuntimeError),
        (lambda f: mx.load(f / "no.safetensors"), RuntimeError),
        (lambda f: mx.load(f / "no.npz"), ValueError),
        (lambda f: mx.load(f / "no.gguf"), ValueError),
        (lambda f: mx.load(f / "bad.npy"), RuntimeError),
        (lambda f: mx.load(f / "bad.safetensors"), RuntimeError),
        (lambda f: mx.load(f / "bad.npz"), ValueError),
        (lambda f: mx.load(f / "bad.gguf"), RuntimeError),
        (lambda f: mx.load(f / "bad.foo"), ValueError),
        (lambda f: mx.load(f / "bad"), ValueError),
        (lambda f: mx.load(f / "bad.npy", format="foo"), ValueError),
        (lambda f: mx.load(f / "bad.npy", return_metadata=True), ValueError),
        (lambda f: mx.save(3, mx.ones(1)), ValueError),
        (lambda f: mx.save(f / "a", [1]), TypeError),
        (lambda f: mx.save_safetensors(f / "a", [mx.ones(1)]), TypeError),
        (lambda f: mx.save_safetensors(f / "a", {"a": mx.ones(1)}, {"k": 1}), ValueError),
        (lambda f: mx.save_gguf(f / "a", {"a": mx.ones(1, mx.bfloat16).astype(mx.complex64)}), RuntimeError),
    ],
)
def test_what_is_wrong_raises_as_the_reference_raises(tmp_path, make, error):
    for suffix in ("npy", "safetensors", "npz", "gguf", "foo"):
        (tmp_path / f"bad.{suffix}").write_bytes(b"xx")
    with pytest.raises(error):
        make(Path(tmp_path))
