//! Headers changed at random: an error or a checkpoint that holds together, never a panic.

use lazuli_io::npy;
use lazuli_io::safetensors::Checkpoint;
use proptest::prelude::*;

use crate::safetensors;

const JSON: &str = r#"{"__metadata__":{"format":"mlx"},
    "a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},
    "b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},
    "c":{"dtype":"U8","shape":[],"data_offsets":[32,33]}}"#;

/// Bytes that mean something to either parser, more often than chance would bring them.
const TELLING: &[u8] = br#"0123456789-+.eE"'\,:[]{}() LTrueFalsnBC<>|=UIVO"#;

#[derive(Debug, Clone)]
enum Edit {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Copy(prop::sample::Index, prop::sample::Index, u8),
    Cut(prop::sample::Index),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    use proptest::arbitrary::any;
    let byte = || prop_oneof![4 => prop::sample::select(TELLING), 1 => any::<u8>()];
    let edit = prop_oneof![
        6 => (any::<prop::sample::Index>(), byte()).prop_map(|(at, b)| Edit::Set(at, b)),
        3 => (any::<prop::sample::Index>(), byte()).prop_map(|(at, b)| Edit::Insert(at, b)),
        3 => any::<prop::sample::Index>().prop_map(Edit::Remove),
        2 => any::<(prop::sample::Index, prop::sample::Index, u8)>()
            .prop_map(|(from, to, n)| Edit::Copy(from, to, n)),
        1 => any::<prop::sample::Index>().prop_map(Edit::Cut),
    ];
    prop::collection::vec(edit, 1..6)
}

fn edited(mut file: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        if file.is_empty() {
            break;
        }
        let len = file.len();
        match edit {
            Edit::Set(at, byte) => file[at.index(len)] = *byte,
            Edit::Insert(at, byte) => file.insert(at.index(len), *byte),
            Edit::Remove(at) => drop(file.remove(at.index(len))),
            Edit::Copy(from, to, n) => {
                let from = from.index(len);
                let piece = file[from..len.min(from + *n as usize)].to_vec();
                let to = to.index(len);
                file.splice(to..to, piece);
            }
            Edit::Cut(at) => file.truncate(at.index(len)),
        }
    }
    file
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]

    #[test]
    fn a_changed_safetensors_file_is_an_error_or_holds_together(
        edits in edits(), keep_length in any::<bool>(),
    ) {
        // With its length kept right, more of the changed header gets past the first check.
        let file = if keep_length {
            let json = edited(JSON.as_bytes().to_vec(), &edits);
            let mut file = (json.len() as u64).to_le_bytes().to_vec();
            file.extend(json);
            file.extend([0; 33]);
            file
        } else {
            edited(safetensors(JSON, 33), &edits)
        };
        match Checkpoint::from_bytes(file) {
            Err(e) => prop_assert_eq!(e.to_string().lines().count(), 1),
            Ok(checkpoint) => for (_, tensor) in checkpoint.iter() {
                let elements: usize = tensor.shape.iter().product();
                prop_assert_eq!(tensor.bytes.len(), elements * tensor.dtype.size());
            },
        }
    }

    #[test]
    fn a_changed_npy_file_is_an_error_or_holds_together(edits in edits(), keep_length in any::<bool>()) {
        let header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
        let header = if keep_length { edited(header.to_vec(), &edits) } else { header.to_vec() };
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16).to_le_bytes());
        file.extend(header);
        file.extend([0; 24]);
        if !keep_length {
            file = edited(file, &edits);
        }
        match npy::read(file, "x.npy") {
            Err(e) => prop_assert_eq!(e.to_string().lines().count(), 1),
            Ok(array) => {
                let elements: usize = array.shape.iter().product();
                prop_assert_eq!(array.bytes.len(), elements * array.dtype.size());
            }
        }
    }
}
