//! Streams: where work runs, what waits for what, and that no value depends on it.

use std::sync::{Arc, Mutex};
use std::thread::{ThreadId, current};

use lazuli_core::backend::{Backend, Bindings, DeviceMemory, Event, Executable};
use lazuli_core::device::{Space, register};
use lazuli_core::plan::{Plan, Spec};
use lazuli_core::transforms::grad;
use lazuli_core::{
    Array, Device, Error, Op, Result, Stream, async_eval, compile, eval, with_device, with_stream,
};
use lazuli_cpu::{Cpu, CpuBackend, Isa, Options};

use super::common::*;

/// A CPU that notes the threads which run its kernels.
struct Watched {
    cpu: CpuBackend,
    threads: Arc<Mutex<Vec<ThreadId>>>,
}

struct WatchedPlan {
    inner: Arc<dyn Executable>,
    threads: Arc<Mutex<Vec<ThreadId>>>,
}

impl Backend for Watched {
    fn name(&self) -> &str {
        "watched"
    }
    fn space(&self) -> Space {
        self.cpu.space()
    }
    fn allocate(&self, bytes: usize) -> Result<Arc<dyn DeviceMemory>> {
        self.cpu.allocate(bytes)
    }
    fn supports(&self, op: &Op, inputs: &[Spec], outputs: &[Spec]) -> bool {
        self.cpu.supports(op, inputs, outputs)
    }
    fn lower(&self, plan: Arc<Plan>) -> Result<Arc<dyn Executable>> {
        Ok(Arc::new(WatchedPlan {
            inner: self.cpu.lower(plan)?,
            threads: self.threads.clone(),
        }))
    }
    fn copy(
        &self,
        from: &Arc<dyn DeviceMemory>,
        to: &Arc<dyn DeviceMemory>,
        bytes: usize,
        after: &Event,
    ) -> Result<Event> {
        self.cpu.copy(from, to, bytes, after)
    }
    fn synchronize(&self) -> Result<()> {
        self.cpu.synchronize()
    }
}

impl Executable for WatchedPlan {
    fn enqueue(&self, bindings: Bindings) -> Result<Event> {
        self.threads.lock().unwrap().push(current().id());
        self.inner.enqueue(bindings)
    }
}

/// A CPU of two threads that no other test uses.
fn cpu() -> CpuBackend {
    // The first device registered is the default: let it be one of `cpus`.
    cpus();
    let options = Options {
        isa: Isa::best(),
        threads: 2,
    };
    CpuBackend(Arc::new(Cpu::new(options).unwrap()))
}

fn numbers(from: f32, n: usize) -> Array {
    let numbers: Vec<f32> = (0..n).map(|i| from + i as f32).collect();
    Array::from_slice(&numbers, [n]).unwrap()
}

#[test]
fn work_runs_on_the_caller_or_in_the_queue_of_its_stream() {
    let threads = Arc::new(Mutex::default());
    let device = register(Arc::new(Watched {
        cpu: cpu(),
        threads: Arc::clone(&threads),
    }))
    .unwrap();
    let ran = || std::mem::take(&mut *threads.lock().unwrap());
    let x = numbers(0.0, 4);
    let chain = |stream| {
        with_stream(stream, || {
            let y = x.add(&x).unwrap().multiply(&x).unwrap();
            y.eval().unwrap();
        });
        ran()
    };
    let (own, one, two) = (
        Stream::first(device),
        Stream::new(device).unwrap(),
        Stream::new(device).unwrap(),
    );
    assert_eq!(chain(own), [current().id(); 2]);
    let (in_one, in_two) = (chain(one), chain(two));
    assert_eq!(in_one, [in_one[0]; 2]);
    assert_eq!(in_two, [in_two[0]; 2]);
    assert!(in_one[0] != in_two[0] && ![in_one[0], in_two[0]].contains(&current().id()));
    // Whoever asks, the thread is the stream's.
    let from_another = std::thread::scope(|scope| scope.spawn(|| chain(one)).join().unwrap());
    assert_eq!(from_another, in_one);
    // A compiled function is work of the stream of its call.
    let f = compile(|x: &Array| x.add(x)?.multiply(x));
    let y = with_stream(two, || f(&x)).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 2.0, 8.0, 18.0]);
    assert_eq!(ran(), [in_two[0]]);
    // One that names streams goes to those.
    let f = compile(move |x: &Array| {
        let there = with_stream(one, || x.add(x))?;
        there.multiply(x)
    });
    let y = with_stream(two, || f(&x)).unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [0.0, 2.0, 8.0, 18.0]);
    let both = ran();
    assert!(both.len() == 2 && both.contains(&in_one[0]) && both.contains(&in_two[0]));
    // A derivative goes where its operation goes.
    let g = with_stream(own, || {
        grad(
            |x| with_stream(one, || x[0].sin())?.sum(.., false),
            std::slice::from_ref(&x),
        )
    });
    assert_eq!(g.unwrap()[0].to_vec::<f32>().unwrap()[0], 1.0);
    let ran = ran();
    assert!(!ran.is_empty() && ran.iter().all(|thread| *thread == in_one[0]));
}

#[test]
fn scopes_are_a_threads_and_defaults_the_processs() {
    let device = register(Arc::new(cpu())).unwrap();
    let stream = Stream::new(device).unwrap();
    assert!(stream.number() > 0 && stream.device() == device);
    with_stream(stream, || {
        assert_eq!((Stream::current(), Device::current()), (stream, device));
        with_device(cpus()[0], || assert_eq!(Device::current(), cpus()[0]));
        let elsewhere = std::thread::scope(|scope| scope.spawn(Stream::current).join().unwrap());
        assert_ne!(elsewhere, stream);
    });
    assert_ne!(Stream::current(), stream);
    assert_eq!(stream.set_default(), Stream::first(device));
    with_device(device, || assert_eq!(Stream::current(), stream));
    assert_eq!(device.default_stream(), stream);
    assert_eq!(Stream::first(device).set_default(), stream);
    with_device(device, || {
        assert_eq!(Stream::current(), Stream::first(device))
    });
}

#[test]
fn a_stream_waits_for_what_it_needs_and_for_nothing_else() {
    let fake = new_fake();
    let device = register(Arc::new(cpu())).unwrap();
    let (one, two) = (Stream::new(device).unwrap(), Stream::new(device).unwrap());
    let x = numbers(1.0, 3);
    let paused = fake.pause();
    let far = with_device(fake.device(), || x.add(&x)).unwrap();
    let near = with_stream(one, || far.multiply(&x)).unwrap();
    async_eval(&[&near]);
    let beside = with_stream(two, || x.multiply(&x)).unwrap();
    assert_eq!(beside.to_vec::<f32>().unwrap(), [1.0, 4.0, 9.0]);
    two.synchronize().unwrap();
    let here = with_device(device, || x.add(&beside)).unwrap();
    assert_eq!(here.to_vec::<f32>().unwrap(), [2.0, 6.0, 12.0]);
    drop(paused);
    assert_eq!(near.to_vec::<f32>().unwrap(), [2.0, 8.0, 18.0]);
    // It also tells of what another test started and let fail.
    let _ = Stream::first(device).synchronize();
    one.synchronize().unwrap();
}

#[test]
fn an_error_shows_where_a_value_is_used_and_once_where_the_stream_is_waited_for() {
    for device in [register(Arc::new(cpu())).unwrap(), new_fake().device()] {
        let (one, two) = (Stream::new(device).unwrap(), Stream::new(device).unwrap());
        let x = numbers(0.0, 3);
        let bad = with_stream(one, || x.take(&Array::scalar(7i32), 0)).unwrap();
        let after = with_stream(two, || bad.add(&x)).unwrap();
        assert!(matches!(eval(&[&after]).unwrap_err(), Error::Index(_)));
        assert!(matches!(one.synchronize().unwrap_err(), Error::Index(_)));
        assert!(one.synchronize().is_ok());
        assert!(two.synchronize().is_err());
        let good = with_stream(two, || x.add(&x)).unwrap();
        assert_eq!(good.to_vec::<f32>().unwrap(), [0.0, 2.0, 4.0]);
    }
}

#[test]
fn nothing_is_overwritten_before_another_stream_has_read_it() {
    let fake = new_fake();
    let device = fake.device();
    let (one, two) = (Stream::new(device).unwrap(), Stream::new(device).unwrap());
    for (reader, writer) in [
        (one, two),
        (Stream::first(device), one),
        (one, one.device().default_stream()),
    ] {
        let x = with_stream(writer, || numbers(1.0, 64).add(&Array::scalar(1.0f32))).unwrap();
        x.eval().unwrap();
        let paused = fake.pause();
        let read = with_stream(reader, || x.multiply(&Array::scalar(2.0f32))).unwrap();
        async_eval(&[&read]);
        // `x` is given up here: the sum could take its memory, which the reader has not read yet.
        let written = with_stream(writer, || x + Array::scalar(5.0f32));
        async_eval(&[&written]);
        drop(paused);
        let wanted = |f: fn(f32) -> f32| (0..64).map(|i| f(2.0 + i as f32)).collect::<Vec<_>>();
        assert_eq!(written.to_vec::<f32>().unwrap(), wanted(|x| x + 5.0));
        assert_eq!(read.to_vec::<f32>().unwrap(), wanted(|x| x * 2.0));
    }
}

#[test]
fn nothing_is_overwritten_while_another_thread_reads_it() {
    let device = cpus()[0];
    let n = 1 << 16;
    for _ in 0..50 {
        let x = with_device(device, || numbers(1.0, n).add(&Array::scalar(0.0f32))).unwrap();
        x.eval().unwrap();
        let read = with_device(device, || x.multiply(&Array::scalar(1.0f32))).unwrap();
        let written = with_device(device, || x + Array::scalar(-1.0f32));
        let last = std::thread::scope(|scope| {
            let reader = scope.spawn(|| read.to_vec::<f32>().unwrap());
            assert_eq!(written.to_vec::<f32>().unwrap()[n - 1], n as f32 - 1.0);
            reader.join().unwrap()
        });
        assert!(last.iter().enumerate().all(|(i, &x)| x == 1.0 + i as f32));
    }
}

/// Operations drawn over arrays of `[8, 8]`, each on a stream that `pick` draws.
fn drawn(seed: u64, steps: usize, mut pick: impl FnMut(&mut Rng) -> Stream) -> Vec<Array> {
    let mut rng = Rng(seed);
    let mut streams = Rng(seed ^ 0x5eed);
    let mut arrays = vec![sample(&mut rng, &[8, 8], lazuli_core::Dtype::F32, 1.0).0];
    for _ in 0..steps {
        let (a, b) = (rng.below(arrays.len()), rng.below(arrays.len()));
        let (what, last) = (rng.below(6), rng.below(3) == 0);
        let taken = if last {
            arrays.remove(a)
        } else {
            arrays[a].clone()
        };
        let other = arrays.get(b).unwrap_or(&taken).clone();
        let made = with_stream(pick(&mut streams), || match what {
            0 => taken.add(&other),
            1 => taken.matmul(&other)?.multiply(&Array::scalar(0.125f32)),
            2 => taken.matrix_transpose()?.sin(),
            3 => taken.sum([1], true)?.broadcast_to([8, 8])?.subtract(&other),
            4 => taken
                .narrow(0, 0, 4)?
                .maximum(&other.narrow(0, 4, 8)?)?
                .reshape([4, 8])
                .and_then(|half| Array::concatenate(&[half.clone(), half], 0)),
            _ => taken.square()?.subtract(&other),
        });
        arrays.push(made.unwrap());
    }
    arrays
}

#[test]
fn values_do_not_depend_on_streams() {
    let device = register(Arc::new(cpu())).unwrap();
    let fake = new_fake().device();
    let mut streams = vec![Stream::first(device), Stream::first(fake)];
    for device in [device, device, fake, fake] {
        streams.push(Stream::new(device).unwrap());
    }
    for seed in 0..20 {
        let bytes = |arrays: &[Array]| -> Vec<Vec<u8>> {
            arrays.iter().map(|a| a.to_bytes().unwrap()).collect()
        };
        let wanted = bytes(&drawn(seed, 60, |_| Stream::first(device)));
        let arrays = drawn(seed, 60, |rng| streams[rng.below(streams.len())]);
        // Two threads, from both ends.
        let found = std::thread::scope(|scope| {
            scope.spawn(|| arrays.iter().rev().for_each(|a| a.eval().unwrap()));
            bytes(&arrays)
        });
        assert!(found == wanted, "seed {seed}");
    }
    streams.iter().for_each(|s| s.synchronize().unwrap());
}

#[test]
fn many_runs_wait_for_their_turn_and_long_chains_take_little_memory() {
    let device = register(Arc::new(cpu())).unwrap();
    let stream = Stream::new(device).unwrap();
    let y = with_stream(stream, || {
        let mut y = numbers(0.0, 1024);
        for _ in 0..2000 {
            y = y.add(&Array::scalar(1.0f32)).unwrap();
        }
        y
    });
    assert_eq!(y.to_vec::<f32>().unwrap()[3], 2003.0);
}
