"""Streams and limits of memory, which belong to the process and not to a thread."""

import threading

import pytest

import lazuli.core as mx


def in_thread(f):
    """What `f` returns on a thread of its own."""
    results = []
    thread = threading.Thread(target=lambda: results.append(f()))
    thread.start()
    thread.join()
    return results[0]


def test_a_stream_is_what_its_name_says():
    one, two = mx.new_stream(mx.cpu), mx.new_stream(mx.Device(mx.cpu, 0))
    assert one != two and one == one and hash(one) == hash(one) and one.device == mx.cpu
    assert repr(one).startswith("Stream(Device(cpu, 0), ")
    with pytest.raises(ValueError, match="gpu"):
        mx.new_stream(mx.gpu)


def test_blocks_nest_and_belong_to_their_thread():
    outside, one, two = mx.default_stream(mx.cpu), mx.new_stream(mx.cpu), mx.new_stream(mx.cpu)
    with mx.stream(one):
        assert mx.default_stream(mx.cpu) == one
        with mx.stream(two):
            assert mx.default_stream(mx.cpu) == two
            mx.set_default_stream(one)
            assert mx.default_stream(mx.cpu) == one
        assert mx.default_stream(mx.cpu) == one
        assert in_thread(lambda: mx.default_stream(mx.cpu)) == outside
        with pytest.raises(KeyError):
            with mx.stream(two):
                raise KeyError
        assert mx.default_stream(mx.cpu) == one
    assert mx.default_stream(mx.cpu) == outside
    mx.set_default_stream(one)
    try:
        assert in_thread(lambda: mx.default_stream(mx.cpu)) == one
    finally:
        mx.set_default_stream(outside)


def test_an_operation_runs_where_its_argument_says():
    one, two = mx.new_stream(mx.cpu), mx.new_stream(mx.cpu)
    # An error of a value comes to light where the work is done: each stream knows its own.
    x = mx.array([1.0, 2.0, 3.0])
    bad = mx.take(x, mx.array(7), stream=one)
    with pytest.raises(IndexError):
        mx.eval(bad)
    mx.synchronize(two)
    with pytest.raises(IndexError):
        mx.synchronize(one)
    mx.synchronize(one)
    with mx.stream(two):
        bad = mx.take(x, mx.array(9))
    with pytest.raises(IndexError):
        mx.eval(bad)
    mx.synchronize(one)
    with pytest.raises(IndexError):
        mx.synchronize(two)


def test_values_do_not_depend_on_streams_or_threads():
    streams = [mx.default_stream(mx.cpu), *(mx.new_stream(mx.cpu) for _ in range(2)), mx.new_thread_local_stream(mx.cpu)]

    def chain(of):
        x = mx.linspace(-1, 1, 64).reshape(8, 8)
        for step in range(30):
            x = mx.matmul(x, x.T, stream=of(step)) * 0.1
            x = mx.add(mx.sin(x, stream=of(step + 1)), x, stream=of(step + 2))
        return x

    alone = chain(lambda _: None)
    x = chain(lambda step: streams[step % len(streams)])
    mx.async_eval(x)
    threads = [threading.Thread(target=mx.eval, args=(x,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mx.array_equal(alone, x)
    mx.clear_streams()
    assert mx.array_equal(alone, chain(lambda step: streams[step % len(streams)]))


def test_a_stream_of_each_thread_is_another_on_each():
    own = mx.new_thread_local_stream(mx.cpu)

    def here():
        with mx.stream(own):
            return mx.default_stream(mx.cpu)

    assert here() == here() != in_thread(here)


def test_a_compiled_function_and_a_gradient_take_streams():
    stream = mx.new_stream(mx.cpu)
    x = mx.array([1.0, 2.0])
    f = mx.compile(lambda x: mx.multiply(x, x, stream=stream) + x)
    assert f(x).tolist() == [2.0, 6.0]
    with mx.stream(stream):
        assert f(x).tolist() == [2.0, 6.0]
        assert mx.grad(lambda x: f(x).sum())(x).tolist() == [3.0, 5.0]


def test_a_limit_of_memory_is_kept():
    before = mx.set_memory_limit(mx.get_active_memory() + (1 << 20))
    try:
        with pytest.raises(MemoryError, match="the limit is"):
            mx.eval(mx.arange(1 << 20))
        assert mx.zeros((8,)).sum().item() == 0
    finally:
        now = mx.set_memory_limit(before)
    assert mx.get_memory_limit() == before != now
    mx.eval(mx.arange(1 << 20))
    with pytest.raises(TypeError):
        mx.set_memory_limit(-1)


def test_the_cache_and_the_peak_are_counted():
    before = mx.set_cache_limit(1 << 30)
    x = mx.zeros((1 << 20,)) + 1
    mx.eval(x)
    mx.reset_peak_memory()
    assert mx.get_peak_memory() >= mx.get_active_memory() >= x.nbytes
    del x
    assert mx.get_cache_memory() > 0
    mx.clear_cache()
    assert mx.get_cache_memory() == 0
    assert mx.set_cache_limit(before) == 1 << 30
    wired = mx.set_wired_limit(0)
    assert mx.set_wired_limit(wired) == 0
