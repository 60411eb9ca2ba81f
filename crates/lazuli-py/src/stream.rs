//! Devices and streams as Python names them.
//!
//! A stream may be used from any thread, unlike the reference's, whose servers broke on it. On the CPU
//! evaluation runs on the calling thread, so all streams of it are one queue; their names are kept
//! apart because programs compare them.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use lazuli_core::Device;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::argument::{FromArgument, wrong};
use crate::call::{Entry, row};

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
pub(crate) struct Stream {
    device: PyDevice,
    index: usize,
}

#[pymethods]
impl Stream {
    #[getter]
    fn device(&self) -> PyDevice {
        self.device
    }
    fn __repr__(&self) -> String {
        format!("Stream({}, {})", self.device.__repr__(), self.index)
    }
}

/// A stream that is another on each thread.
#[pyclass(frozen, eq, hash, name = "ThreadLocalStream", module = "lazuli.core")]
#[derive(PartialEq, Eq, Hash, Clone, Copy)]
pub(crate) struct ThreadLocalStream {
    device: PyDevice,
    index: usize,
}

#[pymethods]
impl ThreadLocalStream {
    #[getter]
    fn device(&self) -> PyDevice {
        self.device
    }
    fn __repr__(&self) -> String {
        format!(
            "ThreadLocalStream({}, {})",
            self.device.__repr__(),
            self.index
        )
    }
}

/// Something that names a device: a stream, a device or a kind of device.
struct Place(PyDevice, Option<Stream>);

impl FromArgument for Place {
    fn from_argument(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(stream) = value.cast::<Stream>() {
            return Ok(Place(stream.get().device, Some(*stream.get())));
        }
        if let Ok(stream) = value.cast::<ThreadLocalStream>() {
            return Ok(Place(stream.get().device, None));
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
}

/// The device of a `stream=` argument.
pub(crate) fn device_of(value: &Bound<'_, PyAny>) -> PyResult<Device> {
    Place::from_argument(value)?.checked("stream")?;
    Ok(Device::current())
}

/// The default stream of the process.
static DEFAULT: Mutex<Stream> = Mutex::new(Stream {
    device: CPU,
    index: 0,
});
/// Number of the next stream.
static NEXT: AtomicUsize = AtomicUsize::new(1);

fn swap_default(stream: Stream) -> Stream {
    let mut default = DEFAULT.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut default, stream)
}

fn default_stream() -> Stream {
    *DEFAULT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A default stream for the length of a `with` block.
#[pyclass(name = "StreamContext", module = "lazuli.core")]
pub(crate) struct StreamContext {
    inside: Stream,
    outside: Option<Stream>,
}

#[pymethods]
impl StreamContext {
    #[new]
    fn new(s: &Bound<'_, PyAny>) -> PyResult<StreamContext> {
        let place = Place::from_argument(s)
            .map_err(|_| {
                pyo3::exceptions::PyTypeError::new_err("stream: needs a stream or a device")
            })?
            .checked("stream")?;
        let inside = place.1.unwrap_or_else(default_stream);
        Ok(StreamContext {
            inside,
            outside: None,
        })
    }
    fn __enter__(&mut self) {
        self.outside = Some(swap_default(self.inside));
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
        if let Some(outside) = self.outside.take() {
            swap_default(outside);
        }
    }
}

fn object<T: pyo3::PyClass + Into<pyo3::PyClassInitializer<T>>>(value: T) -> PyResult<Py<PyAny>> {
    Python::attach(|py| Ok(Py::new(py, value)?.into_any()))
}

fn new_stream(place: Place) -> PyResult<Stream> {
    let device = place.checked("new_stream")?.0;
    Ok(Stream {
        device,
        index: NEXT.fetch_add(1, Relaxed),
    })
}

fn device_info() -> PyResult<Py<PyAny>> {
    Python::attach(|py| {
        let dict = PyDict::new(py);
        dict.set_item("architecture", std::env::consts::ARCH)?;
        let backend = crate::error::OrRaise::or_raise(Device::current().backend())?;
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
                object(default_stream())
            }
        ),
        row!(
            "set_default_stream",
            "(stream: Stream) -> None",
            "Sets the stream that operations go to when none is named.",
            |place: Place| match place.checked("set_default_stream")?.1 {
                Some(stream) => {
                    swap_default(stream);
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
                let Stream { device, index } = new_stream(place)?;
                object(ThreadLocalStream { device, index })
            }
        ),
        row!(
            "clear_streams",
            "() -> None",
            "Forgets the streams that were made.",
            || ()
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
            |place: Option<Place>| {
                place.map(|p| p.checked("synchronize")).transpose()?;
                crate::array::synchronize()
            }
        ),
    ]
}
