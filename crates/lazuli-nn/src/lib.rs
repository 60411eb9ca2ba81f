//! Layers: plain structs of arrays with a `forward`.
//!
//! A layer holds its weights in the form in which they were stored, floats or packed groups, and takes
//! part in nothing global: no registry, no modes, no names of its own. Whoever owns it says where it
//! stands when its parameters are visited.
//!
//! Not chosen: a `Module` trait object with string-keyed children, which makes every access fallible
//! and hides shapes from the compiler. The price is a `visit` written by hand in each layer.
#![forbid(unsafe_code)]

mod embedding;
mod linear;
mod matrix;
mod norm;
mod parameter;
mod switch;

pub use embedding::Embedding;
pub use linear::Linear;
pub use matrix::Matrix;
pub use norm::RmsNorm;
pub use parameter::{Parameter, Parameters, Visitor, join};
pub use switch::SwitchLinear;
