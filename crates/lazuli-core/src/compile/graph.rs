//! A lazy graph as a function: to compute it again on other operands, on another device, or compiled.

use super::trace::Trace;
use crate::array::Array;
use crate::device::Device;
use crate::error::Result;

/// What arrays are made of by operations that nobody has evaluated.
pub struct Graph {
    /// Without operands: they are what it captured.
    trace: Trace,
}

impl Graph {
    /// The function whose values at [`Graph::operands`] are `outputs`.
    pub fn of(outputs: &[Array]) -> Graph {
        Graph {
            trace: Trace::of_graph(outputs),
        }
    }

    /// Where the graph begins: arrays that are given or were evaluated before.
    pub fn operands(&self) -> &[Array] {
        &self.trace.captured
    }

    /// The same function with every operation on `device`.
    pub fn on(mut self, device: Device) -> Graph {
        let stream = device.default_stream();
        self.trace.steps.iter_mut().for_each(|s| s.stream = stream);
        self
    }

    /// The values at `operands`, which have the shapes and dtypes of [`Graph::operands`].
    ///
    /// # Errors
    /// [`crate::Error::Value`] for another number of operands; else what an operation says of its own.
    pub fn call(&self, operands: &[Array]) -> Result<Vec<Array>> {
        self.trace.replay(&[], operands)
    }
}
