//! The `nbcaser` binary.
fn main() {}
