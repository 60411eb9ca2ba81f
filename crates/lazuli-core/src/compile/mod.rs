//! Compilation: a function traced once, then run as one plan.
//!
//! The function is called with arrays that have no values; what it builds on them is simplified and
//! lowered to one executable, which later calls run without building, hashing or allocating nodes
//! inside. Bits do not change. Arrays that the closure captures become operands, by reference. What
//! the function does besides building arrays happens at each trace only.
//!
//! A plan holds for shapes and dtypes and for the constants of the operand's tree. The cache belongs to
//! the compiled function, is safe to use from many threads, and is dropped with it.

pub mod graph;
mod program;
mod simplify;
pub(crate) mod trace;
pub(crate) mod workspace;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::array::Array;
use crate::dtype::Dtype;
use crate::error::Result;
use crate::shape::Shape;
use crate::stream::Stream;
use crate::tree::{self, Structure, Tree};
use program::Program;
use trace::Trace;
use workspace::Workspace;

pub use program::Compiled;

static ENABLED: AtomicBool = AtomicBool::new(true);

/// Lets compiled functions run as plans; they do from the start.
pub fn enable_compile() {
    ENABLED.store(true, Relaxed);
}

/// Makes compiled functions call what they were made of, to look for what goes wrong in it.
pub fn disable_compile() {
    ENABLED.store(false, Relaxed);
}

/// Plans that one compiled function keeps, if it does not say otherwise.
const PLANS: usize = 256;

/// What one trace holds for.
#[derive(PartialEq)]
struct Signature {
    structure: Structure,
    operands: Vec<(Shape, Dtype)>,
    stream: Stream,
}

impl Signature {
    /// Whether only the lengths of axes differ.
    fn is_like(&self, other: &Signature) -> bool {
        let same =
            |(a, b): (&(Shape, Dtype), &(Shape, Dtype))| a.0.len() == b.0.len() && a.1 == b.1;
        self.structure == other.structure
            && self.stream == other.stream
            && self.operands.iter().zip(&other.operands).all(same)
    }
}

struct Entry<T> {
    signature: Signature,
    program: Arc<Program>,
    /// The value with arrays that hold its places.
    value: T,
}

/// The traces of one function, for callers that are given it anew with each call; [`compile`] holds
/// these beside the function.
pub struct Traces<T> {
    /// The last used last.
    entries: Mutex<Vec<Arc<Entry<T>>>>,
    shapeless: bool,
    most: usize,
    workspace: Arc<Workspace>,
}

impl<T: Tree> Traces<T> {
    /// No traces yet; of those that differ in the lengths of axes, `shapeless` keeps the last.
    pub fn new(shapeless: bool) -> Traces<T> {
        Traces {
            entries: Mutex::default(),
            shapeless,
            most: PLANS,
            workspace: Arc::default(),
        }
    }

    /// Keeps the last `most` traces that were used, instead of 256.
    pub fn at_most(self, most: usize) -> Traces<T> {
        Traces { most, ..self }
    }

    /// Traces that are kept.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Entry<T>>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of `f`, which is called if no trace has the signature of `operands`.
    ///
    /// # Errors
    /// As a function that [`compile`] made.
    pub fn call<P: Tree>(&self, operands: &P, f: impl FnOnce(&P) -> Result<T>) -> Result<T> {
        if !ENABLED.load(Relaxed) {
            return f(operands);
        }
        let (arrays, structure) = tree::parts(operands);
        for array in &arrays {
            array.check()?;
        }
        let signature = Signature {
            structure,
            operands: (arrays.iter())
                .map(|a| (a.shape().clone(), a.dtype()))
                .collect(),
            stream: Stream::current(),
        };
        let entry = match self.find(&signature) {
            Some(found) => found,
            None => self.keep(self.trace(operands, &arrays, signature, f)?),
        };
        tree::unflatten(&entry.value, entry.program.call(&arrays)?)
    }

    fn trace<P: Tree>(
        &self,
        operands: &P,
        arrays: &[Array],
        signature: Signature,
        f: impl FnOnce(&P) -> Result<T>,
    ) -> Result<Entry<T>> {
        let stand_in = |a: &Array| Array::placeholder(a.shape().clone(), a.dtype());
        let placeholders: Vec<Array> = arrays.iter().map(stand_in).collect();
        let value = f(&tree::unflatten(operands, placeholders.clone())?)?;
        let outputs = tree::leaves(&value);
        for output in &outputs {
            output.check()?;
        }
        let program = Program::new(
            Trace::record(&placeholders, &outputs),
            self.workspace.clone(),
        );
        // Without the graph, whose place the program takes.
        let value = tree::unflatten(&value, outputs.iter().map(stand_in).collect())?;
        Ok(Entry {
            signature,
            program: Arc::new(program),
            value,
        })
    }

    fn find(&self, signature: &Signature) -> Option<Arc<Entry<T>>> {
        let mut entries = self.lock();
        let at = (entries.iter()).rposition(|e| e.signature == *signature)?;
        entries[at..].rotate_left(1);
        entries.last().cloned()
    }

    fn keep(&self, entry: Entry<T>) -> Arc<Entry<T>> {
        let entry = Arc::new(entry);
        let mut entries = self.lock();
        if self.shapeless {
            entries.retain(|e| !e.signature.is_like(&entry.signature));
        }
        let over = (entries.len() + 1).saturating_sub(self.most.max(1));
        entries.drain(..over);
        entries.push(entry.clone());
        entry
    }
}

impl<T> fmt::Debug for Traces<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        write!(f, "Traces({})", entries.len())
    }
}

/// A function with the values of `f`, run as one plan for each signature of its operand: the tree with
/// its constants, the shapes and dtypes of its arrays, and the current stream.
///
/// # Errors
/// The function fails with the errors of `f`, and with [`crate::Error::Value`] when `f` evaluates an
/// array that depends on its operand.
pub fn compile<P: Tree, T: Tree, F>(f: F) -> impl Fn(&P) -> Result<T>
where
    F: Fn(&P) -> Result<T>,
{
    let traces = Traces::new(false);
    move |operands| traces.call(operands, &f)
}

/// As [`compile`], for operands whose shapes keep changing: only the last plan of each rank is kept.
/// `f` is traced for shapes that are not those of the last call, so that a function which looks at
/// shapes is right too.
///
/// # Errors
/// As [`compile`].
pub fn compile_shapeless<P: Tree, T: Tree, F>(f: F) -> impl Fn(&P) -> Result<T>
where
    F: Fn(&P) -> Result<T>,
{
    let traces = Traces::new(true);
    move |operands| traces.call(operands, &f)
}

/// As [`compile`], for a function that reads and writes a state besides: parameters and an optimizer's
/// moments, say. The state that a call leaves is that of the plan's outputs.
///
/// # Errors
/// As [`compile`]; the state is then as it was.
pub fn compile_with_state<P: Tree, S: Tree, T: Tree, F>(f: F) -> impl Fn(&P, &mut S) -> Result<T>
where
    F: Fn(&P, &mut S) -> Result<T>,
{
    let traces: Traces<(T, S)> = Traces::new(false);
    move |operands, state| {
        let same = |x: &Array| Ok(x.clone());
        let both = (tree::map(operands, same)?, tree::map(state, same)?);
        let (value, next) = traces.call(&both, |(operands, state)| {
            let mut state = tree::map(state, same)?;
            Ok((f(operands, &mut state)?, state))
        })?;
        *state = next;
        Ok(value)
    }
}
