//! Host memory: aligned blocks of our own, and bytes that belong to somebody else.
//!
//! The only file of this crate with `unsafe`, apart from `trim.rs`. Blocks are 64-byte aligned, sized by
//! class and zero-extended to it, so a kernel may load whole vectors at the end of an array. Large ones
//! are mapped one by one: their pages are zero without having been written, so what is never used takes
//! no memory, and what is given back is the system's at once.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::memory;

const ALIGN: usize = 64;
/// Blocks at least this large are asked for in huge pages where the system gives them.
const HUGE: usize = 4 << 20;
/// A huge page, and what blocks of them are aligned to.
const HUGE_PAGE: usize = 2 << 20;
/// Blocks at least this large are mapped, where the system can.
const MAPPED: usize = if cfg!(unix) { 128 << 10 } else { usize::MAX };

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
        HostMemory::of_class(class, bytes, |class| {
            CACHE.take(class).or_else(|| fresh(class))
        })
    }

    /// A block of `bytes` zeros. Of a large one, pages take memory when they are written.
    ///
    /// # Errors
    /// As [`HostMemory::allocate`].
    pub fn zeroed(bytes: usize) -> Result<HostMemory> {
        let class = size_class(bytes).ok_or_else(|| out_of_memory(bytes))?;
        if class < MAPPED {
            let mut memory = HostMemory::allocate(bytes)?;
            memory.as_mut_slice().unwrap_or_default().fill(0);
            return Ok(memory);
        }
        // Not from the cache, whose blocks have been written.
        HostMemory::of_class(class, bytes, fresh)
    }

    fn of_class(
        class: usize,
        bytes: usize,
        block: impl FnOnce(usize) -> Option<NonNull<u8>>,
    ) -> Result<HostMemory> {
        memory::take(class)?;
        let ptr = block(class).ok_or_else(|| {
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

/// A block of zeros, so that every later read of its tail is defined.
fn fresh(class: usize) -> Option<NonNull<u8>> {
    if class >= MAPPED {
        return map(class);
    }
    let layout = Layout::from_size_align(class, ALIGN).ok()?;
    // SAFETY: the layout has a non-zero size.
    NonNull::new(unsafe { alloc_zeroed(layout) })
}

fn release(class: usize, ptr: NonNull<u8>) {
    if class >= MAPPED {
        return unmap(ptr, class);
    }
    if let Ok(layout) = Layout::from_size_align(class, ALIGN) {
        // SAFETY: the block came from `fresh` with the layout of the same class.
        unsafe { dealloc(ptr.as_ptr(), layout) };
    }
}

#[cfg(unix)]
fn map(class: usize) -> Option<NonNull<u8>> {
    // Mappings start at a page: for more, map more and give back what is too much.
    let spare = if class >= HUGE { HUGE_PAGE } else { 0 };
    let (access, kind) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANON,
    );
    // SAFETY: asks for new memory at a place of the system's choice.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), class + spare, access, kind, -1, 0) };
    if start == libc::MAP_FAILED {
        return None;
    }
    let start = NonNull::new(start.cast::<u8>())?;
    if spare == 0 {
        return Some(start);
    }
    let before = (start.as_ptr() as usize).wrapping_neg() % HUGE_PAGE;
    // SAFETY: `before` is below `spare`, so block and rest are inside what was mapped.
    let (block, rest) = unsafe { (start.add(before), start.add(before + class)) };
    unmap(start, before);
    unmap(rest, spare - before);
    #[cfg(target_os = "linux")]
    // SAFETY: the range is a block that we have just been given; the advice changes no contents.
    unsafe {
        libc::madvise(block.as_ptr().cast(), class, libc::MADV_HUGEPAGE)
    };
    Some(block)
}

/// Gives back `bytes` that [`map`] mapped and nobody refers to.
#[cfg(unix)]
fn unmap(start: NonNull<u8>, bytes: usize) {
    // SAFETY: callers give a range of their own mapping, at whole pages. Of no bytes the system refuses it,
    // which does no harm.
    unsafe { libc::munmap(start.as_ptr().cast(), bytes) };
}

#[cfg(not(unix))]
fn map(_: usize) -> Option<NonNull<u8>> {
    None
}

#[cfg(not(unix))]
fn unmap(_: NonNull<u8>, _: usize) {}

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

/// As [`memory::trim`], but for backends.
pub(crate) fn trim() {
    clear_cache();
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: may be called at any time.
        unsafe { libc::malloc_trim(0) };
        crate::trim::forget_file_pages();
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
    fn fresh_blocks_of_every_kind_are_zero_aligned_and_can_be_given_back() {
        for class in [64, 100 << 10, 128 << 10, HUGE, 3 * HUGE] {
            let class = size_class(class).unwrap();
            let block = fresh(class).unwrap();
            let align = if class >= HUGE { HUGE_PAGE } else { ALIGN };
            assert_eq!(block.as_ptr() as usize % align, 0, "{class}");
            // SAFETY: the block has that many bytes, and nobody else has it.
            let bytes = unsafe { std::slice::from_raw_parts_mut(block.as_ptr(), class) };
            assert!(bytes.iter().all(|&byte| byte == 0));
            bytes.fill(1);
            release(class, block);
            drop(HostMemory::allocate(class).map(|mut m| m.as_mut_slice().unwrap().fill(1)));
            let zeroed = HostMemory::zeroed(class - 3).unwrap();
            assert!(zeroed.as_slice().iter().all(|&byte| byte == 0));
        }
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
