//! The `adjacent` executable: parse the command line, run it, say what failed.

use adjacent::cli::Command;
use std::process::ExitCode;

#[actix_web::main]
async fn main() -> ExitCode {
    let command = Command::parse();
    let voice = command.voice();
    match command.run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => voice.report(&failure),
    }
}
