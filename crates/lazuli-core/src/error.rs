//! Errors as values: what was wrong, where, and what would be right, in one line.
//!
//! Cheap to clone, because a poisoned array hands its first error to everything built from it.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

/// The result of every public function that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation was refused or failed. The variant is the kind; the detail says the rest.
#[derive(Clone)]
pub enum Error {
    /// Shapes, ranks or axes do not fit the operation.
    Shape(Detail),
    /// The operation does not take this element type.
    Dtype(Detail),
    /// An index or a range lies outside its axis.
    Index(Detail),
    /// A parameter has a value that the operation does not take.
    Value(Detail),
    /// Memory could not be had.
    Memory(Detail),
    /// A device failed, or there is none.
    Device(Detail),
    /// The operation has no such rule (a gradient, a batched form, a kernel).
    Unsupported(Detail),
}

/// The operation, the sentence, and the place in the caller's code where the graph was built.
#[derive(Clone)]
pub struct Detail(Arc<DetailInner>);

struct DetailInner {
    op: &'static str,
    message: String,
    place: Option<&'static Location<'static>>,
}

impl Detail {
    fn new(op: &'static str, message: impl Into<String>) -> Detail {
        Detail(Arc::new(DetailInner {
            op,
            message: message.into(),
            place: None,
        }))
    }
}

macro_rules! constructors {
    ($($name:ident => $variant:ident),* $(,)?) => {$(
        #[doc = concat!("An [`Error::", stringify!($variant), "`] of `op`.")]
        pub fn $name(op: &'static str, message: impl Into<String>) -> Error {
            Error::$variant(Detail::new(op, message))
        }
    )*};
}

impl Error {
    constructors! {
        shape => Shape,
        dtype => Dtype,
        index => Index,
        value => Value,
        memory => Memory,
        device => Device,
        unsupported => Unsupported,
    }

    /// The parts that every variant carries.
    pub fn detail(&self) -> &Detail {
        match self {
            Error::Shape(d)
            | Error::Dtype(d)
            | Error::Index(d)
            | Error::Value(d)
            | Error::Memory(d)
            | Error::Device(d)
            | Error::Unsupported(d) => d,
        }
    }

    fn detail_mut(&mut self) -> &mut Detail {
        match self {
            Error::Shape(d)
            | Error::Dtype(d)
            | Error::Index(d)
            | Error::Value(d)
            | Error::Memory(d)
            | Error::Device(d)
            | Error::Unsupported(d) => d,
        }
    }

    /// Name of the operation.
    pub fn op(&self) -> &'static str {
        self.detail().0.op
    }

    /// Where in the caller's code a poisoned array was made, if it was.
    pub fn place(&self) -> Option<&'static Location<'static>> {
        self.detail().0.place
    }

    /// The same error, remembering `place` unless it has one already.
    pub fn at(mut self, place: &'static Location<'static>) -> Error {
        if self.place().is_none() {
            let d = self.detail_mut();
            *d = Detail(Arc::new(DetailInner {
                op: d.0.op,
                message: d.0.message.clone(),
                place: Some(place),
            }));
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let d = &self.detail().0;
        write!(f, "{}: {}", d.op, d.message)?;
        match d.place {
            Some(p) => write!(f, " (at {}:{})", p.file(), p.line()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
