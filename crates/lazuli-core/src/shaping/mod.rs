//! Functions of shape, composed from views, joins and picks: gradients and batches come with those.

mod axes;
mod diagonal;
mod join;
mod pad;
mod shift;

pub use pad::Pad;
