//! What a node of the graph takes, counted by the allocator of a process of its own.
#![allow(clippy::unwrap_used)] // A panic is how a test fails.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use lazuli_core::{Array, with_device};
use lazuli_cpu::{Isa, Options, register};

static TAKEN: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const NODES: usize = 10_000;

#[test]
fn a_live_node_takes_at_most_256_bytes() {
    let options = Options {
        isa: Isa::best(),
        threads: 1,
    };
    with_device(register(options).unwrap(), || {
        let one = Array::scalar(1.0f32);
        let start = Array::scalar(0.0f32);
        let before = TAKEN.load(Relaxed);
        let mut x = start.clone();
        for _ in 0..NODES {
            x = x.add(&one).unwrap();
        }
        let each = (TAKEN.load(Relaxed) - before) as f64 / NODES as f64;
        assert!(each <= 256.0, "{each} bytes a node");
        assert_eq!(x.item::<f32>().unwrap(), NODES as f32);
        // Evaluated, the chain is one node and its value.
        let left = TAKEN.load(Relaxed) - before;
        assert!(left < 64 << 10, "{left} bytes after evaluation");
    });
}
