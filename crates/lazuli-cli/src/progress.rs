//! How far long work is: a bar when stderr is a terminal, and for downloads a line per file otherwise.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that is shown when stderr is a terminal; whoever made it clears it.
pub(crate) fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// The progress of a model's download. Gone when the work is done.
#[cfg(feature = "hub")]
pub(crate) struct Download<'a> {
    name: &'a str,
    bar: Option<ProgressBar>,
    /// The file that was reported last, and whether it was waited for.
    last: (usize, bool),
}

#[cfg(feature = "hub")]
impl<'a> Download<'a> {
    pub(crate) fn new(name: &'a str) -> Download<'a> {
        Download {
            name,
            bar: None,
            last: (0, false),
        }
    }

    pub(crate) fn show(&mut self, step: &lazuli::io::hub::Step<'_>) {
        let bar = self.bar.get_or_insert_with(|| {
            bar("{msg} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left {wide_bar}")
        });
        if self.last != (step.number, step.waiting) {
            self.last = (step.number, step.waiting);
            let doing = match step.waiting {
                true => "waiting for another process that downloads",
                false => "downloading",
            };
            let (file, number, files) = (step.file, step.number, step.files);
            let what = format!("{doing} {file} ({number} of {files})");
            if bar.is_hidden() {
                let size = crate::output::size(step.total);
                crate::output::note(&format!("{}: {what}, {size}", self.name));
            }
            bar.set_length(step.total);
            bar.set_position(step.bytes);
            bar.set_message(what);
            // What an earlier run fetched says nothing about the speed of this one.
            bar.reset_eta();
        }
        bar.set_position(step.bytes);
    }
}

#[cfg(feature = "hub")]
impl Drop for Download<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
