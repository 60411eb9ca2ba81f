//! What most programs use: `use lazuli::prelude::*`.

pub use lazuli_core::index::{Ellipsis, NewAxis, step};
pub use lazuli_core::{
    Array, Device, Dtype, Element, Shape, array, async_eval, eval, grad, jvp, value_and_grad, vjp,
    vmap, with_device,
};
