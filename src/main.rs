//! The `adjacent` executable: parse the command line, run it, say what failed.

fn main() {}
