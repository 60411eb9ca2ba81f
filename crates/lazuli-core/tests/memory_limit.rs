//! The limit of memory and of the cache. One test: the counters are the process's.
#![allow(clippy::unwrap_used)]

use lazuli_core::Error;
use lazuli_core::host::HostMemory;
use lazuli_core::memory;

const MIB: usize = 1 << 20;

#[test]
fn what_would_pass_the_limit_is_refused_and_the_cache_gives_way_first() {
    assert_eq!(memory::set_memory_limit(8 * MIB), usize::MAX);
    let first = HostMemory::allocate(5 * MIB).unwrap();
    assert_eq!(memory::active(), 5 * MIB);
    let Err(error @ Error::Memory(_)) = HostMemory::allocate(4 * MIB) else {
        panic!("4 MiB more than 5 MiB pass a limit of 8 MiB");
    };
    let wanted = "allocate: 4194304 bytes asked for, 5242880 in use, the limit is 8388608";
    assert_eq!(error.to_string(), wanted);
    assert_eq!(memory::active(), 5 * MIB, "a refusal takes nothing");

    drop(first);
    assert_eq!((memory::active(), memory::cached()), (0, 5 * MIB));
    let second = HostMemory::allocate(4 * MIB).unwrap();
    assert_eq!(
        memory::cached(),
        0,
        "the cache and the buffer together pass the limit"
    );
    assert_eq!(memory::peak(), 5 * MIB);
    memory::reset_peak();
    assert_eq!(memory::peak(), 4 * MIB);

    assert_eq!(memory::set_memory_limit(usize::MAX), 8 * MIB);
    drop(second);
    assert_eq!(memory::cached(), 4 * MIB);
    let before = memory::set_cache_limit(MIB);
    assert_eq!(memory::cached(), 0, "more was kept than may be");
    drop(HostMemory::allocate(2 * MIB).unwrap());
    assert_eq!(memory::cached(), 0);
    drop(HostMemory::allocate(MIB / 2).unwrap());
    assert_eq!(memory::cached(), MIB / 2);
    memory::clear_cache();
    assert_eq!(memory::cached(), 0);
    assert_eq!(memory::set_cache_limit(before), MIB);
}
