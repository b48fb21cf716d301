//! The `nbcaser` binary.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use nbcaser::cli::args::{self, Command};
use nbcaser::cli::logging::{self, Log};

fn main() -> ExitCode {
    let cli = args::parse();
    let log = match Log::init(cli.level) {
        Ok(log) => log,
        Err(error) => return logging::die(&format_args!("no log: {error}")),
    };
    match cli.command {
        Command::Serve(serve) => log::info!("{serve:?}"),
    }
    log.finish();
    ExitCode::SUCCESS
}
