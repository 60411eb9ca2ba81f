//! Host memory: aligned blocks of our own, and bytes that belong to somebody else.
//!
//! The only file of this crate with `unsafe`. Blocks are 64-byte aligned, sized by class and
//! zero-extended to it, so a kernel may load whole vectors at the end of an array.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::memory;

const ALIGN: usize = 64;
/// Blocks at least this large are asked for in huge pages where the system gives them.
const HUGE: usize = 4 << 20;

/// Bytes that outlive the arrays that show them: a mapped file, a static, another library's array.
pub trait Bytes: Send + Sync + 'static {
    /// The bytes; the same slice at each call.
    fn bytes(&self) -> &[u8];
}

impl<T: AsRef<[u8]> + Send + Sync + 'static> Bytes for T {
    fn bytes(&self) -> &[u8] {
        self.as_ref()
    }
}

/// A range of host memory.
pub struct HostMemory {
    ptr: NonNull<u8>,
    bytes: usize,
    owner: Owner,
}

enum Owner {
    Block { class: usize },
    Foreign { _bytes: Arc<dyn Bytes> },
}

// SAFETY: the memory is plain bytes with no thread affinity; who may write it when is decided by
// `Buffer`, which hands out writable memory only while no published array refers to it.
unsafe impl Send for HostMemory {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for HostMemory {}

impl HostMemory {
    /// An uninitialised block of at least `bytes` bytes (its tail up to the size class is ours too).
    ///
    /// # Errors
    /// [`Error::Memory`] when the system refuses, or the limit that was set would be passed.
    pub fn allocate(bytes: usize) -> Result<HostMemory> {
        let class = size_class(bytes).ok_or_else(|| out_of_memory(bytes))?;
        memory::take(class)?;
        let ptr = CACHE.take(class).or_else(|| fresh(class));
        let ptr = ptr.ok_or_else(|| {
            memory::gave(class);
            out_of_memory(bytes)
        })?;
        Ok(HostMemory {
            ptr,
            bytes,
            owner: Owner::Block { class },
        })
    }

    /// The bytes of `owner`, not copied.
    pub fn foreign(owner: Arc<dyn Bytes>) -> HostMemory {
        let slice = owner.bytes();
        HostMemory {
            ptr: NonNull::from(slice).cast(),
            bytes: slice.len(),
            owner: Owner::Foreign { _bytes: owner },
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether the block is ours, so that a kernel may be given it to write.
    pub fn is_writable(&self) -> bool {
        matches!(self.owner, Owner::Block { .. })
    }

    /// First byte. Writing through it needs [`Self::is_writable`] and that no array shows the memory.
    pub fn as_ptr(&self) -> *mut u8 {
        self.ptr.as_ptr()
    }

    /// The bytes, for reading once published.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `ptr` is valid for `bytes` bytes for the life of `self`, and a block is fully
        // initialised (zeroed when fresh); published memory is not written (see `Buffer`).
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), self.bytes) }
    }

    /// Writes what a device's copy brought. The block is one that [`crate::buffer::Buffer`] allocated
    /// as the copy's target and shows to nobody before the copy's event.
    pub(crate) fn receive(&self, bytes: &[u8]) {
        assert!(self.is_writable() && bytes.len() <= self.bytes);
        // SAFETY: the block has that many bytes and is shown to nobody yet, as said above.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.ptr.as_ptr(), bytes.len()) }
    }

    /// The bytes of a block that nobody else refers to.
    pub fn as_mut_slice(&mut self) -> Option<&mut [u8]> {
        // SAFETY: `&mut self` is the only handle to the block, which is ours and initialised.
        self.is_writable()
            .then(|| unsafe { std::slice::from_raw_parts_mut(self.ptr.as_ptr(), self.bytes) })
    }
}

impl Drop for HostMemory {
    fn drop(&mut self) {
        if let Owner::Block { class } = self.owner {
            memory::gave(class);
            CACHE.give(class, self.ptr);
        }
    }
}

fn out_of_memory(bytes: usize) -> Error {
    Error::memory(
        "allocate",
        format!("{bytes} bytes of host memory were refused"),
    )
}

/// Rounds up to one of four sizes per power of two, at least one cache line.
fn size_class(bytes: usize) -> Option<usize> {
    let bytes = bytes.max(ALIGN);
    if bytes > isize::MAX as usize / 2 {
        return None;
    }
    let step = (bytes.next_power_of_two() / 8).max(ALIGN);
    Some(bytes.next_multiple_of(step))
}

fn block_layout(class: usize) -> Option<Layout> {
    let align = if class >= HUGE { 2 << 20 } else { ALIGN };
    Layout::from_size_align(class, align).ok()
}

fn fresh(class: usize) -> Option<NonNull<u8>> {
    let layout = block_layout(class)?;
    // SAFETY: the layout has a non-zero size.
    let ptr = NonNull::new(unsafe { alloc(layout) })?;
    #[cfg(target_os = "linux")]
    if class >= HUGE {
        // SAFETY: the range is a block that we have just been given; the advice changes no contents.
        unsafe { libc::madvise(ptr.as_ptr().cast(), class, libc::MADV_HUGEPAGE) };
    }
    // SAFETY: the block has `class` bytes. Zeroing makes every later read of the tail defined.
    unsafe { ptr.as_ptr().write_bytes(0, class) };
    Some(ptr)
}

struct Block(NonNull<u8>);
// SAFETY: a cached block is plain memory that nobody refers to.
unsafe impl Send for Block {}

/// Freed blocks, newest last, by size class.
struct Cache(Mutex<Vec<(usize, Vec<Block>)>>);

static CACHE: Cache = Cache(Mutex::new(Vec::new()));

impl Cache {
    fn take(&self, class: usize) -> Option<NonNull<u8>> {
        let mut classes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = classes.binary_search_by_key(&class, |c| c.0).ok()?;
        let block = classes[at].1.pop()?;
        memory::cache_shrank(class);
        Some(block.0)
    }

    fn give(&self, class: usize, ptr: NonNull<u8>) {
        if memory::cached() + class > memory::cache_limit() {
            return release(class, ptr);
        }
        let mut classes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = match classes.binary_search_by_key(&class, |c| c.0) {
            Ok(at) => at,
            Err(at) => {
                classes.insert(at, (class, Vec::new()));
                at
            }
        };
        classes[at].1.push(Block(ptr));
        memory::cache_grew(class);
    }
}

fn release(class: usize, ptr: NonNull<u8>) {
    if let Some(layout) = block_layout(class) {
        // SAFETY: the block came from `fresh` with the layout of the same class.
        unsafe { dealloc(ptr.as_ptr(), layout) };
    }
}

/// As [`memory::clear_cache`].
pub(crate) fn clear_cache() {
    let mut classes = CACHE.0.lock().unwrap_or_else(PoisonError::into_inner);
    for (class, blocks) in classes.drain(..) {
        memory::cache_shrank(class * blocks.len());
        for block in blocks {
            release(class, block.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_waste_at_most_a_quarter() {
        for bytes in [
            1usize,
            64,
            65,
            1000,
            4097,
            1 << 20,
            (1 << 20) + 1,
            12_345_678,
        ] {
            let class = size_class(bytes).unwrap();
            assert!(class >= bytes && class.is_multiple_of(ALIGN));
            assert!(
                bytes < 512 || class <= bytes + bytes / 4,
                "{bytes} -> {class}"
            );
        }
        assert!(size_class(usize::MAX).is_none());
    }

    #[test]
    fn foreign_bytes_are_shown_and_not_writable() {
        let mut m = HostMemory::foreign(Arc::new(vec![1u8, 2, 3]));
        assert_eq!(m.as_slice(), &[1, 2, 3]);
        assert!(m.as_mut_slice().is_none());
        let mut own = HostMemory::allocate(10).unwrap();
        assert_eq!(own.as_ptr() as usize % ALIGN, 0);
        own.as_mut_slice().unwrap()[9] = 7;
        assert_eq!(own.as_slice()[9], 7);
    }
}
