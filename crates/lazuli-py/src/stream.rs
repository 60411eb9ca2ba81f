//! Devices and streams as Python names them.
//!
//! A stream may be used from any thread, unlike the reference's, whose servers broke on it. Work of the
//! CPU's first stream runs on the thread that evaluates, of others in queues beside it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use lazuli_core::Device;
use lazuli_core::stream::{self, Stream as CoreStream};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::argument::{FromArgument, wrong};
use crate::call::{Entry, row};
use crate::error::OrRaise;

/// Kinds of devices.
#[pyclass(
    frozen,
    eq,
    hash,
    name = "DeviceType",
    module = "lazuli.core",
    rename_all = "lowercase"
)]
#[derive(PartialEq, Eq, Hash, Clone, Copy, Debug)]
pub(crate) enum DeviceType {
    Cpu,
    Gpu,
}

impl DeviceType {
    fn name(self) -> &'static str {
        match self {
            DeviceType::Cpu => "cpu",
            DeviceType::Gpu => "gpu",
        }
    }
}

/// A device by kind and number.
#[pyclass(frozen, name = "Device", module = "lazuli.core")]
#[derive(PartialEq, Eq, Hash, Clone, Copy)]
pub(crate) struct PyDevice {
    kind: DeviceType,
    index: usize,
}

const CPU: PyDevice = PyDevice {
    kind: DeviceType::Cpu,
    index: 0,
};

#[pymethods]
impl PyDevice {
    #[new]
    #[pyo3(signature = (r#type, index = 0))]
    fn new(r#type: &Bound<'_, DeviceType>, index: usize) -> PyDevice {
        PyDevice {
            kind: *r#type.get(),
            index,
        }
    }
    #[getter]
    fn r#type(&self) -> DeviceType {
        self.kind
    }
    fn __repr__(&self) -> String {
        format!("Device({}, {})", self.kind.name(), self.index)
    }
    fn __hash__(&self) -> usize {
        self.index * 2 + self.kind as usize
    }
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        match (other.cast::<PyDevice>(), other.cast::<DeviceType>()) {
            (Ok(device), _) => device.get() == self,
            (_, Ok(kind)) => *kind.get() == self.kind,
            _ => false,
        }
    }
}

/// A queue of work on a device.
#[pyclass(frozen, eq, hash, name = "Stream", module = "lazuli.core")]
#[derive(PartialEq, Eq, Hash, Clone, Copy)]
pub(crate) struct Stream(CoreStream);

#[pymethods]
impl Stream {
    #[getter]
    fn device(&self) -> PyDevice {
        CPU
    }
    fn __repr__(&self) -> String {
        format!("Stream({}, {})", CPU.__repr__(), self.0.number())
    }
}

/// A stream that is another on each thread.
#[pyclass(frozen, eq, hash, name = "ThreadLocalStream", module = "lazuli.core")]
#[derive(PartialEq, Eq, Hash, Clone, Copy)]
pub(crate) struct ThreadLocalStream(usize);

thread_local! {
    /// This thread's streams by what they stand for.
    static OWN: RefCell<HashMap<usize, CoreStream>> = RefCell::default();
}

impl ThreadLocalStream {
    fn new() -> ThreadLocalStream {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        ThreadLocalStream(NEXT.fetch_add(1, Relaxed))
    }

    /// The stream of this thread, made when it is first asked for.
    fn here(self) -> PyResult<CoreStream> {
        if let Some(made) = OWN.with_borrow(|own| own.get(&self.0).copied()) {
            return Ok(made);
        }
        let made = CoreStream::new(Device::default()).or_raise()?;
        OWN.with_borrow_mut(|own| own.insert(self.0, made));
        Ok(made)
    }
}

#[pymethods]
impl ThreadLocalStream {
    #[getter]
    fn device(&self) -> PyDevice {
        CPU
    }
    fn __repr__(&self) -> String {
        format!("ThreadLocalStream({}, {})", CPU.__repr__(), self.0)
    }
}

/// Something that names a device, and perhaps a stream of it: a stream, a device or a kind of device.
struct Place(PyDevice, Option<CoreStream>);

impl FromArgument for Place {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(stream) = value.cast::<Stream>() {
            return Ok(Place(CPU, Some(stream.get().0)));
        }
        if let Ok(stream) = value.cast::<ThreadLocalStream>() {
            return Ok(Place(CPU, Some(stream.get().here()?)));
        }
        if let Ok(device) = value.cast::<PyDevice>() {
            return Ok(Place(*device.get(), None));
        }
        match value.cast::<DeviceType>() {
            Ok(kind) => Ok(Place(
                PyDevice {
                    kind: *kind.get(),
                    index: 0,
                },
                None,
            )),
            Err(_) => Err(wrong()),
        }
    }
}

impl Place {
    fn checked(self, op: &str) -> PyResult<Place> {
        match self.0 {
            PyDevice {
                kind: DeviceType::Cpu,
                index: 0,
            } => Ok(self),
            other => Err(PyValueError::new_err(format!(
                "{op}: there is no {}; this build runs on {}",
                other.__repr__(),
                CPU.__repr__()
            ))),
        }
    }

    /// The stream that it names, if there is such a device.
    fn stream(self, op: &str) -> PyResult<CoreStream> {
        let place = self.checked(op)?;
        Ok(place.1.unwrap_or_else(default_stream))
    }
}

/// The stream of a `stream=` argument.
pub(crate) fn stream_of(value: &Bound<'_, PyAny>) -> PyResult<CoreStream> {
    Place::from_argument(value)?.stream("stream")
}

/// That of the innermost `with` block of this thread, else of the process.
fn default_stream() -> CoreStream {
    CoreStream::current()
}

/// Within a `with` block of this thread it holds until the block's end, else for the process.
fn set_default_stream(stream: CoreStream) {
    if stream::enter(Some(stream)).is_none() {
        stream::enter(None);
        stream.set_default();
    }
}

fn synchronize(place: Option<Place>) -> PyResult<()> {
    let stream = match place {
        Some(place) => place.stream("synchronize")?,
        None => default_stream(),
    };
    crate::array::synchronize()?;
    Python::attach(|py| py.detach(|| stream.synchronize())).or_raise()
}

fn clear_streams() -> PyResult<()> {
    Python::attach(|py| py.detach(stream::clear_streams)).or_raise()
}

/// A default stream for the length of a `with` block.
#[pyclass(name = "StreamContext", module = "lazuli.core")]
pub(crate) struct StreamContext {
    inside: CoreStream,
    /// What each block that has been entered goes back to.
    outside: Vec<Option<CoreStream>>,
}

#[pymethods]
impl StreamContext {
    #[new]
    fn new(s: &Bound<'_, PyAny>) -> PyResult<StreamContext> {
        let place = Place::from_argument(s).map_err(|_| {
            pyo3::exceptions::PyTypeError::new_err("stream: needs a stream or a device")
        })?;
        Ok(StreamContext {
            inside: place.stream("stream")?,
            outside: Vec::new(),
        })
    }
    fn __enter__(&mut self) {
        self.outside.push(stream::enter(Some(self.inside)));
    }
    #[pyo3(signature = (exc_type = None, exc_value = None, traceback = None))]
    fn __exit__(
        &mut self,
        exc_type: Option<Bound<'_, PyAny>>,
        exc_value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) {
        // An exception goes on: the stream is put back either way.
        let _ = (exc_type, exc_value, traceback);
        if let Some(outside) = self.outside.pop() {
            stream::enter(outside);
        }
    }
}

fn object<T: pyo3::PyClass + Into<pyo3::PyClassInitializer<T>>>(value: T) -> PyResult<Py<PyAny>> {
    Python::attach(|py| Ok(Py::new(py, value)?.into_any()))
}

fn new_stream(place: Place) -> PyResult<Stream> {
    place.checked("new_stream")?;
    Ok(Stream(CoreStream::new(Device::default()).or_raise()?))
}

fn device_info() -> PyResult<Py<PyAny>> {
    Python::attach(|py| {
        let dict = PyDict::new(py);
        dict.set_item("architecture", std::env::consts::ARCH)?;
        let backend = Device::current().backend().or_raise()?;
        dict.set_item("device_name", backend.name())?;
        Ok(dict.into_any().unbind())
    })
}

/// Functions of devices and streams.
pub(crate) fn functions() -> Vec<Entry> {
    vec![
        row!(
            "default_device",
            "() -> Device",
            "The device that operations run on when none is named.",
            || object(CPU)
        ),
        row!(
            "set_default_device",
            "(device: Device | DeviceType) -> None",
            "Sets the device that operations run on when none is named.",
            |place: Place| place.checked("set_default_device").map(|_| ())
        ),
        row!(
            "is_available",
            "(device: Device | DeviceType) -> bool",
            "Whether there is such a device.",
            |place: Place| place.checked("is_available").is_ok()
        ),
        row!(
            "device_count",
            "(device_type: DeviceType) -> int",
            "How many devices of a kind there are.",
            |place: Place| place.checked("device_count").is_ok() as usize
        ),
        row!(
            "device_info",
            "(d: Device | DeviceType | None = None) -> dict[str, str | int]",
            "What a device says of itself.",
            |place: Option<Place>| {
                place.map(|p| p.checked("device_info")).transpose()?;
                device_info()
            }
        ),
        row!(
            "default_stream",
            "(device: Device | DeviceType) -> Stream",
            "The stream of a device that operations go to when none is named.",
            |place: Place| {
                place.checked("default_stream")?;
                object(Stream(default_stream()))
            }
        ),
        row!(
            "set_default_stream",
            "(stream: Stream) -> None",
            "Sets the stream that operations go to when none is named.",
            |place: Place| match place.checked("set_default_stream")?.1 {
                Some(stream) => {
                    set_default_stream(stream);
                    Ok(())
                }
                None => Err(wrong()),
            }
        ),
        row!(
            "new_stream",
            "(device: Device | DeviceType) -> Stream",
            "A new stream on a device, for any thread.",
            |place: Place| object(new_stream(place)?)
        ),
        row!(
            "new_thread_unsafe_stream",
            "(device: Device | DeviceType) -> Stream",
            "A new stream on a device; every stream here may be used from any thread.",
            |place: Place| object(new_stream(place)?)
        ),
        row!(
            "new_thread_local_stream",
            "(device: Device | DeviceType) -> ThreadLocalStream",
            "A stream that is another on each thread.",
            |place: Place| {
                place.checked("new_thread_local_stream")?;
                object(ThreadLocalStream::new())
            }
        ),
        row!(
            "clear_streams",
            "() -> None",
            "Waits for the streams that were made and ends their threads.",
            clear_streams
        ),
        row!(
            "stream",
            "(s: Stream | ThreadLocalStream | Device | DeviceType) -> StreamContext",
            "A default stream for the length of a `with` block.",
            |s: Py<PyAny>| Python::attach(|py| {
                Ok::<_, PyErr>(Py::new(py, StreamContext::new(s.bind(py))?)?.into_any())
            })
        ),
        row!(
            "synchronize",
            "(stream: Stream | ThreadLocalStream | Device | DeviceType | None = None) -> None",
            "Waits for the work that was started.",
            synchronize
        ),
    ]
}
