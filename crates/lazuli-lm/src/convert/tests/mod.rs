//! Conversions of models made for the test and of the family fixtures.

mod logits;
mod raw;
mod refusals;
mod results;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Once;

use lazuli_core::ops::quantized::Affine;
use lazuli_io::safetensors::Checkpoint;

use super::{Conversion, Progress, Recipe, Report, Result, Weights};

/// A folder for a model and its conversions.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        static DEVICE: Once = Once::new();
        DEVICE.call_once(|| {
            let options = lazuli_cpu::Options::from_environment().unwrap();
            lazuli_cpu::register(options).unwrap();
        });
        Place {
            root: tempfile::tempdir().unwrap(),
        }
    }

    fn with(raw: &raw::Raw) -> Place {
        let place = Place::new();
        fs::create_dir(place.at("raw")).unwrap();
        raw.write(&place.at("raw"));
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn convert(&self, conversion: Conversion, from: &str, to: &str) -> Result<Report> {
        convert(conversion, &self.at(from), &self.at(to))
    }

    /// Names in the folder of all models, hidden ones included.
    fn entries(&self) -> Vec<String> {
        listed(self.root.path())
    }
}

fn convert(conversion: Conversion, from: &Path, to: &Path) -> Result<Report> {
    conversion.run(from, to, |_: Progress<'_>| ControlFlow::Continue(()))
}

fn listed(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn fixture(family: &str) -> PathBuf {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_root
        .join("../../tests/fixtures/families")
        .join(family)
}

fn quantize(bits: usize, group: usize) -> Conversion {
    Conversion {
        weights: Weights::Quantize(Affine::new(bits, group).unwrap()),
        dtype: None,
    }
}

fn dequantize() -> Conversion {
    Conversion {
        weights: Weights::Dequantize,
        dtype: None,
    }
}

fn mixed(recipe: Recipe) -> Conversion {
    Conversion {
        weights: Weights::Mixed { recipe, group: 64 },
        dtype: None,
    }
}

/// `name dtype shape` of each tensor.
fn inventory(folder: &Path) -> Vec<String> {
    let checkpoint = Checkpoint::open(folder).unwrap();
    let line = |(name, t): (&str, &lazuli_io::safetensors::Tensor)| {
        format!("{name} {} {:?}", t.stored_as, t.shape)
    };
    checkpoint.iter().map(line).collect()
}

fn config(folder: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(folder.join("config.json")).unwrap()).unwrap()
}
