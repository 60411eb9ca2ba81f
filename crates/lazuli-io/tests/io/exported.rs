//! Functions written and read: the same bits, the lengths that are allowed, and files that lie.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lazuli_core::export::export_to_dot;
use lazuli_core::op::{CustomOp, Outs};
use lazuli_core::{Array, Dtype, Error as CoreError, Family, Op, Result};
use lazuli_io::arrays::{load_safetensors, save_safetensors};
use lazuli_io::exported::{Exporter, Imported, export_function, import_function};

fn numbers(shape: &[usize]) -> Array {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| (i as f32 * 0.7).sin()).collect();
    Array::from_slice(&values, shape).unwrap()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        crate::with_cpu();
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("f.lazuli")
    }

    fn round_trip(
        &self,
        operands: &[Array],
        shapeless: bool,
        f: impl Fn(&[Array]) -> Result<Vec<Array>>,
    ) -> Imported {
        export_function(self.path(), operands, shapeless, f).unwrap();
        import_function(self.path()).unwrap()
    }
}

fn assert_same(
    imported: &Imported,
    operands: &[Array],
    f: impl Fn(&[Array]) -> Result<Vec<Array>>,
) {
    let (got, wanted) = (imported.call(operands).unwrap(), f(operands).unwrap());
    assert_eq!(got.len(), wanted.len());
    for (got, wanted) in got.iter().zip(&wanted) {
        assert_eq!((got.shape(), got.dtype()), (wanted.shape(), wanted.dtype()));
        assert_eq!(got.to_bytes().unwrap(), wanted.to_bytes().unwrap());
    }
}

#[test]
fn a_text_and_the_steps_of_the_graph_are_kept() {
    let folder = Folder::new();
    let mut exporter = Exporter::new(folder.path());
    exporter.describe("{\"layers\": 2}");
    let operands = [numbers(&[2, 3])];
    let f = |x: &[Array]| Ok(vec![x[0].exp()?.sum(-1, false)?, x[0].clone()]);
    exporter.add(&operands, &BTreeMap::new(), false, f).unwrap();
    exporter.finish().unwrap();
    let imported = import_function(folder.path()).unwrap();
    assert_eq!(imported.text(), Some("{\"layers\": 2}"));
    let graph = imported.functions()[0].graph();
    let (name, inputs, outs) = graph.steps().next().unwrap();
    assert_eq!((name, inputs), ("exp", &[0][..]));
    assert_eq!(outs, [([2usize, 3].into(), Dtype::F32)]);
    assert_eq!(graph.outputs().last(), Some(&0));
    let plain = folder.round_trip(&operands, false, f);
    assert_eq!(plain.text(), None);
}

#[test]
fn a_function_comes_back_with_its_constants_and_every_kind_of_payload() {
    let folder = Folder::new();
    let w = numbers(&[6, 4]);
    let f = |x: &[Array]| {
        let h = x[0].matmul(&w)?.add(&x[1])?;
        let top = h.slice(&[0, 1], &[1, 2], [3, 2])?;
        let parts = h.softmax(-1)?.sum(.., false)?;
        Ok(vec![
            h.transpose([1, 0])?,
            top,
            parts,
            h.astype(Dtype::BF16)?,
        ])
    };
    let operands = [numbers(&[3, 6]), numbers(&[4])];
    let imported = folder.round_trip(&operands, false, f);
    assert_same(&imported, &operands, f);
    let error = imported
        .call(&[numbers(&[5, 6]), numbers(&[4])])
        .unwrap_err();
    assert!(error.to_string().contains("no trace takes"), "{error}");
}

#[test]
fn lengths_may_differ_where_the_function_says_the_same() {
    let folder = Folder::new();
    let w = numbers(&[6, 4]);
    let f = |x: &[Array]| {
        let h = x[0].matmul(&w)?.add(&Array::scalar(1.0f32))?;
        let h = h.narrow(1, 0, 4)?.narrow(0, 0, h.dim(0))?;
        let flat = h.reshape([h.dim(0) * 4])?;
        Ok(vec![h.sum(0, false)?, flat, h.exp()?.multiply(&h)?])
    };
    let imported = folder.round_trip(&[numbers(&[3, 6])], true, f);
    for rows in [1, 3, 8] {
        assert_same(&imported, &[numbers(&[rows, 6])], f);
    }
    imported.call(&[numbers(&[3, 7])]).unwrap_err();
}

#[test]
fn a_length_that_the_trace_depends_on_is_refused_and_not_wrong() {
    let folder = Folder::new();
    // The mean divides by the length that it was traced at.
    let f = |x: &[Array]| Ok(vec![x[0].mean(0, false)?, x[0].exp()?]);
    let imported = folder.round_trip(&[numbers(&[3, 6])], true, f);
    assert_same(&imported, &[numbers(&[3, 9])], f);
    imported.call(&[numbers(&[4, 6])]).unwrap_err();
}

#[test]
fn lengths_that_belong_together_change_together() {
    let folder = Folder::new();
    let f = |x: &[Array]| Ok(vec![x[0].add(&x[1])?]);
    let imported = folder.round_trip(&[numbers(&[3]), numbers(&[3])], true, f);
    assert_same(&imported, &[numbers(&[7]), numbers(&[7])], f);
    imported.call(&[numbers(&[7]), numbers(&[3])]).unwrap_err();
}

#[test]
fn one_file_holds_several_signatures_and_shares_constants() {
    let folder = Folder::new();
    let w = numbers(&[6, 4]);
    let mut exporter = Exporter::new(folder.path());
    let none = BTreeMap::new();
    let f = |x: &[Array]| Ok(vec![x[0].matmul(&w)?]);
    exporter.add(&[numbers(&[3, 6])], &none, false, f).unwrap();
    exporter
        .add(&[numbers(&[2, 3, 6])], &none, false, f)
        .unwrap();
    let named = BTreeMap::from([("scale".to_owned(), numbers(&[4]))]);
    let scaled = |x: &[Array]| Ok(vec![x[0].matmul(&w)?.multiply(&x[1])?]);
    exporter
        .add(&[numbers(&[3, 6])], &named, false, scaled)
        .unwrap();
    let error = exporter
        .add(&[numbers(&[3, 6])], &none, false, f)
        .unwrap_err();
    assert!(
        error.to_string().contains("there is a trace for"),
        "{error}"
    );
    exporter.finish().unwrap();
    let (constants, _) = load_safetensors(folder.path()).unwrap();
    assert_eq!(constants.len(), 1);
    let imported = import_function(folder.path()).unwrap();
    for shape in [&[3, 6][..], &[2, 3, 6]] {
        assert_same(&imported, &[numbers(shape)], f);
    }
    let got = imported.call_named(&[numbers(&[3, 6])], &named).unwrap();
    let wanted = scaled(&[numbers(&[3, 6]), numbers(&[4])]).unwrap();
    assert_eq!(got[0].to_bytes().unwrap(), wanted[0].to_bytes().unwrap());
}

/// An operation of a test's own, with or without a decomposition.
struct Twice(bool);

impl Family for Twice {
    fn name(&self) -> &'static str {
        "twice"
    }

    fn infer(&self, inputs: &[Array]) -> Result<Outs> {
        Ok(std::iter::once((inputs[0].shape().clone(), inputs[0].dtype())).collect())
    }

    fn decompose(&self, inputs: &[Array]) -> Option<Result<Vec<Array>>> {
        self.0.then(|| Ok(vec![inputs[0].add(&inputs[0])?]))
    }
}

impl CustomOp for Twice {
    fn key(&self) -> Option<u64> {
        Some(1)
    }
}

fn twice(x: &Array, decomposes: bool) -> Result<Vec<Array>> {
    let op = lazuli_core::op::Custom(std::sync::Arc::new(Twice(decomposes)));
    Array::outputs_of(Op::Custom(op), &[x])
}

#[test]
fn an_operation_of_somebody_elses_is_kept_as_what_it_is_made_of_or_refused_by_name() {
    let folder = Folder::new();
    let x = numbers(&[3]);
    let imported = folder.round_trip(std::slice::from_ref(&x), false, |x| twice(&x[0], true));
    assert_same(&imported, std::slice::from_ref(&x), |x| {
        Ok(vec![x[0].add(&x[0])?])
    });
    let error = export_function(folder.path(), &[x], false, |x| twice(&x[0], false)).unwrap_err();
    let wanted = "twice: is somebody else's and has no decomposition: it cannot be written";
    assert!(error.to_string().ends_with(wanted), "{error}");
}

#[test]
fn the_error_of_the_function_is_the_error_of_its_export() {
    let folder = Folder::new();
    let f = |_: &[Array]| Err(CoreError::value("f", "not today"));
    let error = export_function(folder.path(), &[], false, f).unwrap_err();
    assert!(error.to_string().ends_with("f: not today"), "{error}");
    assert!(!folder.path().exists());
}

/// The notes of a written function, changed and written again.
fn changed(folder: &Folder, change: impl Fn(&mut serde_json::Value)) -> String {
    let w = numbers(&[4]);
    let f = |x: &[Array]| Ok(vec![x[0].add(&w)?.exp()?]);
    export_function(folder.path(), &[numbers(&[4])], false, f).unwrap();
    let (constants, notes) = load_safetensors(folder.path()).unwrap();
    let mut notes: BTreeMap<String, String> = notes
        .iter()
        .map(|(key, value)| (key.clone(), value.text().unwrap().to_owned()))
        .collect();
    let mut json = serde_json::from_str(&notes["lazuli.functions"]).unwrap();
    change(&mut json);
    notes.insert("lazuli.functions".to_owned(), json.to_string());
    let path = folder.0.path().join("changed.safetensors");
    let named = constants.iter().map(|(name, array)| (name.as_str(), array));
    save_safetensors(&path, named, &notes).unwrap();
    let message = import_function(&path).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

#[test]
fn each_lie_has_its_message() {
    use serde_json::json;
    let folder = Folder::new();
    type Change = fn(&mut serde_json::Value);
    let cases: [(Change, &str); 7] = [
        (
            |f| f[0]["graph"]["steps"][0]["op"] = json!({"Frobnicate": 1}),
            "unknown variant `Frobnicate`",
        ),
        (
            |f| f[0]["graph"]["steps"][0]["inputs"] = json!([0]),
            "add: takes 2 operands, not 1",
        ),
        (
            |f| f[0]["graph"]["steps"][0]["inputs"] = json!([0, 9]),
            "value 9 is used before it is computed",
        ),
        (
            |f| f[0]["graph"]["steps"][1]["outs"][0][0] = json!([5]),
            "step 1: exp gives",
        ),
        (
            |f| f[0]["graph"]["operands"][0][0] = json!([1u64 << 62]),
            "does not fit in memory",
        ),
        (
            |f| f[0]["constants"] = json!(["7"]),
            "tensor `7`: is a constant that is not there",
        ),
        (
            |f| f[0]["graph"]["outputs"] = json!([77]),
            "value 77 is used before it is computed",
        ),
    ];
    for (change, wanted) in cases {
        let got = changed(&folder, change);
        assert!(got.contains(wanted), "{got}\nwanted: {wanted}");
    }
    let path = folder.0.path().join("plain.safetensors");
    save_safetensors(&path, [("x", &numbers(&[2]))], &BTreeMap::new()).unwrap();
    let message = import_function(&path).unwrap_err().to_string();
    assert!(
        message.ends_with("this is not a file of functions"),
        "{message}"
    );
}

#[test]
fn a_graph_with_another_digit_is_refused_in_one_line_or_computed() {
    let folder = Folder::new();
    let w = numbers(&[6, 4]);
    let f = |x: &[Array]| {
        let h = x[0].matmul(&w)?.narrow(1, 1, 3)?.softmax(-1)?;
        let picked = h.take(&Array::from_slice(&[2u32, 0], [2])?, 0)?;
        let joined = Array::concatenate(&[h, picked.clone()], 0)?;
        Ok(vec![
            joined.sum(0, false)?,
            picked.transpose([1, 0])?.reshape([4])?,
        ])
    };
    let operand = numbers(&[3, 6]);
    export_function(folder.path(), std::slice::from_ref(&operand), true, f).unwrap();
    let file = std::fs::read(folder.path()).unwrap();
    let end = 8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let (mut read, mut refused) = (0, 0);
    for at in (8..end).filter(|&at| file[at].is_ascii_digit()) {
        for digit in [b'0', b'1', b'2', b'7'] {
            let mut changed = file.clone();
            changed[at] = digit;
            match lazuli_io::exported::read(changed, "x.lazuli") {
                Ok(imported) => {
                    read += 1;
                    for output in imported
                        .call(std::slice::from_ref(&operand))
                        .unwrap_or_default()
                    {
                        let _ = output.to_bytes();
                    }
                }
                Err(error) => {
                    refused += 1;
                    assert_eq!(error.to_string().lines().count(), 1, "{error}");
                }
            }
        }
    }
    assert!(read > 0 && refused > read, "{read} read, {refused} refused");
}

#[test]
fn a_graph_is_drawn_with_the_names_that_it_is_given() {
    let _folder = Folder::new();
    let (x, y) = (numbers(&[2]), numbers(&[2]));
    let sum = x.add(&y).unwrap().exp().unwrap();
    let dot = export_to_dot(&[sum], &[("x", &x)]);
    let wanted = "digraph {\n  \"x\" [label=\"x\\n[2] float32\"];\n  \"A\" [label=\"A\\n[2] float32\"];\n  \
        2 [label=\"add\", shape=rectangle];\n  \"x\" -> 2;\n  \"A\" -> 2;\n  \"B\" [label=\"B\\n[2] float32\"];\n  \
        2 -> \"B\";\n  3 [label=\"exp\", shape=rectangle];\n  \"B\" -> 3;\n  \"C\" [label=\"C\\n[2] float32\"];\n  \
        3 -> \"C\";\n}\n";
    assert_eq!(dot, wanted);
}
