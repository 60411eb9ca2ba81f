//! The devices that tests of this crate run over.
#![allow(dead_code)]

use std::sync::OnceLock;

use lazuli_core::{Device, with_device};
use lazuli_cpu::{Isa, Options, register};

/// Every dispatch path of this machine on one and on two threads.
pub fn devices() -> &'static [Device] {
    static DEVICES: OnceLock<Vec<Device>> = OnceLock::new();
    DEVICES.get_or_init(|| {
        let paths = Isa::ALL.into_iter().filter(|isa| isa.available());
        paths
            .flat_map(|isa| [1, 2].map(|threads| register(Options { isa, threads }).unwrap()))
            .collect()
    })
}

/// Runs `f` with each device in turn as the device of what it builds.
pub fn on_each(f: impl Fn(Device)) {
    for &device in devices() {
        with_device(device, || f(device));
    }
}
