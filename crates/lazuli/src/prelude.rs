//! What most programs use: `use lazuli::prelude::*`.

pub use lazuli_core::index::{Ellipsis, NewAxis, step};
pub use lazuli_core::{
    Array, Axes, Device, Dtype, Element, Shape, Stream, Tree, array, async_eval, checkpoint,
    compile, custom_function, depends, eval, grad, jvp, stop_gradient, value_and_grad, vjp, vmap,
    vmap_axes, with_device, with_stream,
};
pub use lazuli_derive::Tree;
