//! Commands as README.md shows them, so that CI runs what a reader copies.

/// The first command inside a fence that starts with `prefix`. A prompt (`$ `) is dropped, and lines
/// that end with a backslash are joined with the next.
pub(crate) fn command(readme: &str, prefix: &str) -> Option<String> {
    let mut fenced = false;
    let mut joined = String::new();
    for line in readme.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            joined.clear();
            continue;
        }
        if !fenced {
            continue;
        }
        let line = line.trim();
        match line.strip_suffix('\\') {
            Some(start) => {
                joined.push_str(start.trim_end());
                joined.push(' ');
            }
            None => {
                joined.push_str(line);
                let command = joined.strip_prefix("$ ").unwrap_or(&joined);
                if command == prefix || command.starts_with(&format!("{prefix} ")) {
                    return Some(command.to_owned());
                }
                joined.clear();
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::command;

    const README: &str = "\
Run `cargo test --workspace` in prose.

cargo test outside a fence

```sh
cargo testing
$ cargo run --release -- generate \\
    --prompt hello
cargo test --release
```
";

    #[test]
    fn a_command_is_found_inside_a_fence_only() {
        let found = command(README, "cargo test");
        assert_eq!(found.as_deref(), Some("cargo test --release"));
        assert_eq!(command(README, "cargo bench"), None);
    }

    #[test]
    fn continued_lines_are_joined_and_prompts_dropped() {
        let found = command(README, "cargo run");
        let whole = "cargo run --release -- generate --prompt hello";
        assert_eq!(found.as_deref(), Some(whole));
    }
}
