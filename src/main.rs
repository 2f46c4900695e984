//! The `adjacent` executable: parses the command line, runs the command, reports errors.

use adjacent::cli::Command;
use std::process::ExitCode;

/// Decisions make many small allocations; mimalloc returns memory to the OS and avoids contention.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[actix_web::main]
async fn main() -> ExitCode {
    let command = Command::parse();
    let output = command.output();
    match command.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.report(&failure),
    }
}
