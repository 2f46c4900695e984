//! The `adjacent` executable: parse the command line, run it, say what failed.

use adjacent::cli::Command;
use std::process::ExitCode;

/// Decisions allocate little and often: this one gives memory back and does not contend.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[actix_web::main]
async fn main() -> ExitCode {
    let command = Command::parse();
    let voice = command.voice();
    match command.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => voice.report(&failure),
    }
}
