//! zip archives, as far as npz needs them: stored and deflated members, of any size.
//!
//! Members are found by the central directory alone, which is where their true sizes are, and each size
//! and offset is checked before it is used. A stored member is a view of the mapped file; our own writer
//! places it so that its elements are aligned. Not chosen: the `zip` crate, which brings six crates for
//! encryption, dates and methods that npz does not have, and copies stored members; what is left of the
//! format is two hundred lines over an inflater that the downloads have brought already.

mod read;
mod write;

pub(crate) use read::Archive;
pub(crate) use write::Writer;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;

/// The extra field that holds sizes and offsets of more than 32 bits.
const EXTRA_64: u16 = 1;
/// The extra field that only takes room, to move what follows it to a multiple of something.
const EXTRA_PADDING: u16 = 0xd935;

/// Names are UTF-8.
const FLAG_UTF8: u16 = 1 << 11;
/// Members are encrypted.
const FLAG_ENCRYPTED: u16 = 1;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Lengths of the records before their names.
const LOCAL_LENGTH: usize = 30;
const CENTRAL_LENGTH: usize = 46;
const END_LENGTH: usize = 22;
const END_64_LENGTH: usize = 56;
const LOCATOR_64_LENGTH: usize = 20;

/// What our own stored members begin at a multiple of: what npy elements are aligned to.
const ALIGNMENT: u64 = 64;
