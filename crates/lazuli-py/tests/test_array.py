"""The class `array`: construction, conversion, identity, and what other libraries see of it."""

import copy
import gc
import pickle
import threading
import weakref

import lazuli.core as mx
import numpy as np
import pytest

DTYPES = [mx.bool_, mx.uint8, mx.uint16, mx.uint32, mx.uint64, mx.int8, mx.int16, mx.int32, mx.int64, mx.float16, mx.bfloat16, mx.float32, mx.float64, mx.complex64]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (True, mx.bool_),
        (3, mx.int32),
        (2**40, mx.int64),
        (1.5, mx.float32),
        (1j, mx.complex64),
        ([], mx.float32),
        ([True, 2], mx.int32),
        ([1, 2.5], mx.float32),
        ([1, 2j], mx.complex64),
        ([2**40, 1], mx.int64),
        (np.float64(1), mx.float32),
        (np.int64(1), mx.int64),
        (np.ones(2), mx.float32),
        (np.ones(2, np.float16), mx.float16),
        (b"ab", mx.uint8),
    ],
)
def test_values_suggest_the_dtype(value, dtype):
    assert mx.array(value).dtype == dtype


@pytest.mark.parametrize("value", ["text", ["text"], [[1, 2], [3]], [1, [2]], object(), {1: 2}])
def test_what_is_no_array_is_refused(value):
    with pytest.raises(ValueError):
        mx.array(value)


def test_a_list_that_contains_itself_is_refused():
    loop = []
    loop.append(loop)
    with pytest.raises(ValueError, match="deep"):
        mx.array(loop)


def test_lists_of_arrays_stack():
    a = mx.array([mx.array([1, 2]), mx.array([3.0, 4.0])])
    assert a.dtype == mx.float32 and a.tolist() == [[1, 2], [3, 4]]


def test_numpy_arrays_come_in_any_layout():
    values = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    for view in (values, values.T, values[::-1], values[:, ::2], values[..., 0], np.broadcast_to(values[:1], (2, 3, 4)), values[:, :0]):
        assert np.array_equal(np.array(mx.array(view)), view)


def test_a_numpy_array_is_copied_when_it_is_taken():
    values = np.ones(3, np.float32)
    array = mx.array(values)
    values[0] = 5
    assert array.tolist() == [1, 1, 1]


def test_an_object_with_its_own_conversion_is_an_array():
    class Wrapped:
        def __mlx_array__(self):
            return mx.array([1, 2])

    assert mx.array(Wrapped()).tolist() == [1, 2]
    assert (mx.array([1, 1]) + Wrapped()).tolist() == [2, 3]


@pytest.mark.parametrize("dtype", DTYPES)
def test_pickle_and_copies_keep_values_and_dtype(dtype):
    a = mx.array([[1, 0, 1], [0, 1, 1]], dtype)
    for b in (pickle.loads(pickle.dumps(a)), copy.copy(a), copy.deepcopy(a)):
        assert b.dtype == dtype and b.tolist() == a.tolist()
    state = a.__getstate__()
    b = mx.array(0)
    b.__setstate__(state)
    assert b.dtype == dtype and b.tolist() == a.tolist()


def test_dtypes_pickle_as_themselves():
    assert pickle.loads(pickle.dumps(mx.bool_)) is mx.bool_


def test_numpy_sees_the_memory_without_a_copy():
    a = mx.array([[1.0, 2.0], [3.0, 4.0]])
    mx.eval(a)
    view = np.asarray(a.T)
    assert view.strides == (4, 8) and not view.flags.owndata and not view.flags.writeable
    assert np.asarray(a).__array_interface__["data"][0] == view.__array_interface__["data"][0]


def test_a_view_outlives_the_array():
    a = mx.array(np.arange(1000, dtype=np.float32)) + 1
    view = np.asarray(a)
    del a
    gc.collect()
    other = mx.array(np.zeros(1000, np.float32)) + 2
    mx.eval(other)
    assert view[-1] == 1000


def test_a_shared_buffer_is_not_written_by_later_operations():
    a = mx.array(np.zeros(100_000, np.float32)) + 1
    view = np.asarray(a)
    a += 1
    mx.eval(a)
    assert view[0] == 1 and a[0].item() == 2


@pytest.mark.parametrize("dtype", DTYPES)
def test_dlpack_goes_both_ways(dtype):
    a = mx.array([[1, 0, 1], [0, 1, 1]], dtype).T

    class Capsule:
        def __dlpack__(self, **_):
            return a.__dlpack__(max_version=(1, 0))

        def __dlpack_device__(self):
            return a.__dlpack_device__()

    class Old:
        def __dlpack__(self):
            return a.__dlpack__()

    assert mx.array(Capsule(), dtype).tolist() == a.tolist()
    assert mx.array(Old(), dtype).tolist() == a.tolist()
    if dtype != mx.bfloat16:
        assert np.from_dlpack(a).tolist() == a.tolist()


def test_a_capsule_that_nobody_takes_frees_its_memory():
    before = mx.get_active_memory()
    a = mx.array(np.zeros(1_000_000, np.float32))
    for _ in range(10):
        a.__dlpack__(max_version=(1, 0))
    del a
    gc.collect()
    assert mx.get_active_memory() <= before + 1000


def test_operators_in_place_are_seen_through_every_name():
    a = mx.array([1, 2])
    b = a
    a += 1
    a *= mx.array([2, 3])
    assert a is b and b.tolist() == [4, 9]


def test_numbers_are_weak():
    half = mx.array([1], mx.float16)
    assert (half + 1.5).dtype == mx.float16
    assert (half + 1).dtype == mx.float16
    assert (half + np.ones(1)).dtype == mx.float16
    assert (mx.array([1]) + 1.5).dtype == mx.float32
    assert (mx.array([True]) + 1).dtype == mx.int32
    assert (mx.array([1], mx.int8) + 1j).dtype == mx.complex64
    with pytest.raises(ValueError, match="uint8"):
        mx.array([1], mx.uint8) + 300


def test_equality_with_what_is_no_array_is_false():
    a = mx.array([1])
    assert (a == "text") is False and (a != "text") is True


def test_arrays_hash_by_identity_and_can_be_referred_to_weakly():
    a = mx.array([1, 2])
    assert {a: 1}[a] == 1 and hash(a) != hash(mx.array([1, 2]))
    ref = weakref.ref(a)
    del a
    gc.collect()
    assert ref() is None


def test_conversions_need_one_element():
    assert int(mx.array([2.7])) == 2 and float(mx.array(2)) == 2.0 and complex(mx.array(1j)) == 1j
    assert bool(mx.array([[0]])) is False and mx.array([[3]]).item() == 3
    for convert in (bool, int, float, complex):
        with pytest.raises(ValueError):
            convert(mx.array([1, 2]))
    assert [10, 20][mx.array(1)] == 20
    for wrong in (mx.array([1]), mx.array(1.0)):
        with pytest.raises(TypeError):
            [1, 2][wrong]


def test_reductions_of_no_elements_are_those_of_numpy():
    for shape in [(0,), (2, 0, 3), (0, 4)]:
        none, theirs = mx.zeros(shape), np.zeros(shape, np.float32)
        for axis in (None, 0, -1):
            assert mx.sum(none, axis=axis).tolist() == theirs.sum(axis=axis).tolist()
            assert mx.prod(none.T, axis=axis).tolist() == theirs.T.prod(axis=axis).tolist()
            assert mx.all(none, axis=axis).tolist() == theirs.all(axis=axis).tolist()
            assert mx.any(none.T, axis=axis).tolist() == theirs.T.any(axis=axis).tolist()
    for extreme in (mx.max, mx.min):
        with pytest.raises(ValueError):
            extreme(mx.zeros((0,)))


def test_iteration_and_length_need_an_axis():
    assert [row.tolist() for row in mx.array([[1, 2], [3, 4]])] == [[1, 2], [3, 4]]
    assert len(mx.array([[1, 2]])) == 1
    for use in (len, iter):
        with pytest.raises(TypeError):
            use(mx.array(1))


def test_arrays_and_streams_go_to_any_thread():
    a = mx.array([1.0, 2.0])
    stream = mx.new_stream(mx.cpu)
    results = []

    def work():
        b = mx.add(a, 1, stream=stream)
        mx.eval(b)
        results.append(b.tolist())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [[2.0, 3.0]] * 8


def test_async_eval_and_synchronize():
    a = mx.array([1.0, 2.0]) * 2
    mx.async_eval(a, {"b": [a + 1]})
    mx.synchronize()
    assert a.tolist() == [2, 4]


def test_a_gpu_that_is_not_there_is_an_error_that_says_so():
    assert not mx.is_available(mx.gpu) and mx.device_count(mx.gpu) == 0
    with pytest.raises(ValueError, match="gpu"):
        mx.add(1, 2, stream=mx.gpu)


def test_misuse_names_the_function_and_the_argument():
    with pytest.raises(TypeError, match="sum: `a` is array, not list"):
        mx.sum([1, 2])
    with pytest.raises(TypeError, match="takes no argument `axes`"):
        mx.sum(mx.array([1]), axes=0)
    with pytest.raises(TypeError, match="`b` is missing"):
        mx.add(1)
    with pytest.raises(TypeError, match="given twice"):
        mx.add(1, 2, a=3)
