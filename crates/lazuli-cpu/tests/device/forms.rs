//! The other forms of an expression that a test reads: compiled, and captured and replayed.
//!
//! The harness calls [`check`] with each array that a test is about to read, so every numeric test is a
//! test of these forms too. A replay runs after other numbers were written where the operands lie; what
//! it must give is what evaluation gives for those numbers.

use std::sync::{Mutex, MutexGuard, OnceLock};

use lazuli_core::compile::graph::Graph;
use lazuli_core::fake::Fake;
use lazuli_core::{Array, Device, Result, async_eval, compile, eval, with_device};

use super::common::{devices, new_fake};

/// Bytes up to which an operand is copied: a broadcast scalar can be larger than the machine.
const LARGEST: usize = 16 << 20;

/// A device of its own: nothing else may be enqueued during a capture. One test at a time.
fn fake() -> MutexGuard<'static, Fake> {
    static FAKE: OnceLock<Mutex<Fake>> = OnceLock::new();
    let fake = FAKE.get_or_init(|| Mutex::new(new_fake()));
    // A test that failed here holds nothing that the next one meets.
    fake.lock().unwrap_or_else(|e| e.into_inner())
}

/// Asserts that what `x` is made of has the same bits compiled, and captured and replayed, if `x` was
/// built for the fake device and not evaluated yet. What has no elements is not computed when compiled, so
/// that operands without meaning are no error there.
pub(crate) fn check(x: &Array) {
    let is_new = !x.is_evaluated() && x.check().is_ok() && x.elements() > 0;
    if is_new && devices().last() == Some(&Device::current()) {
        let fake = fake();
        let graph = Graph::of(std::slice::from_ref(x)).on(fake.device());
        if graph.operands().iter().any(|a| a.bytes() > LARGEST) {
            return;
        }
        with_device(fake.device(), || Forms { fake: &fake, graph }.check(x));
    }
}

struct Forms<'a> {
    fake: &'a Fake,
    graph: Graph,
}

/// A form of the graph.
type Form<'a> = &'a dyn Fn(&Vec<Array>) -> Result<Array>;

impl Forms<'_> {
    fn check(&self, x: &Array) {
        let own = |a: &Array| a.copy();
        let operands: Result<Vec<Array>> = self.graph.operands().iter().map(own).collect();
        let operands = operands.unwrap();
        if eval(&operands.iter().collect::<Vec<_>>()).is_err() {
            // The graph begins at an array that has no value; `x` has none either.
            return;
        }
        let eager = |operands: &Vec<Array>| Ok(self.graph.call(operands)?.remove(0));
        let compiled = compile(eager);
        let want = x.to_bytes();
        for (name, form) in [("eager", &eager as Form<'_>), ("compiled", &compiled)] {
            let got = form(&operands).and_then(|y| y.to_bytes());
            match (&want, got) {
                (Ok(want), Ok(got)) => assert!(*want == got, "{name} {:?}", x.op()),
                (Err(_), Err(_)) => return,
                (want, got) => panic!("{name}: {:?}, not {:?}", got.err(), want.as_ref().err()),
            }
            self.replay(name, form, &operands, &eager);
        }
    }

    fn replay(&self, name: &str, form: Form<'_>, operands: &Vec<Array>, eager: Form<'_>) {
        let captured = self.fake.capture(|| {
            let y = form(operands).unwrap();
            async_eval(&[&y]);
            y
        });
        let (y, capture) = captured.unwrap();
        let given: Vec<Vec<u8>> = operands.iter().map(|a| a.to_bytes().unwrap()).collect();
        let others: Vec<Array> = (operands.iter().zip(&given))
            .map(|(a, bytes)| Array::from_bytes(&turned(a, bytes), a.dtype(), a.shape().clone()))
            .collect::<Result<_>>()
            .unwrap();
        let want = eager(&others).and_then(|y| y.to_bytes());
        let backend = self.fake.device().backend().unwrap();
        // Forgets the error of operands that have no meaning, such as an index out of range.
        let _ = backend.synchronize();
        for (a, bytes) in operands.iter().zip(&given) {
            self.write(a, &turned(a, bytes));
        }
        capture.replay();
        match (backend.synchronize(), want) {
            (Ok(()), Ok(want)) => {
                assert!(
                    y.to_bytes().unwrap() == want,
                    "{name}, replayed: {:?}",
                    y.op()
                );
            }
            (Err(_), Err(_)) => {}
            (got, want) => panic!("{name}, replayed: {got:?}, not {:?}", want.err()),
        }
        for (a, bytes) in operands.iter().zip(&given) {
            self.write(a, bytes);
        }
    }

    fn write(&self, array: &Array, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.fake.write(array, bytes).unwrap();
        }
    }
}

/// The same elements, each in the place before its own.
fn turned(array: &Array, bytes: &[u8]) -> Vec<u8> {
    let mut turned = bytes.to_vec();
    if !turned.is_empty() {
        turned.rotate_left(array.dtype().size());
    }
    turned
}
