//! The `nbcaser` binary.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use nbcaser::cli::args::{self, Command, CompareArgs, LoadArgs, ServeArgs, TraceArgs};
use nbcaser::cli::logging::{self, Log};
use nbcaser::load::compare;
use nbcaser::{load, server, timeline};

fn main() -> ExitCode {
    let cli = args::parse();
    let log = match Log::init(cli.level) {
        Ok(log) => log,
        Err(error) => return logging::die(&format_args!("cannot start the log: {error}")),
    };
    match cli.command {
        Command::Serve(arguments) => serve(arguments, &log),
        Command::Load(arguments) => load(arguments, &log),
        Command::Compare(arguments) => compare(arguments, &log),
        Command::Trace(arguments) => trace(arguments, &log),
    }
}

fn serve(arguments: ServeArgs, log: &Log) -> ExitCode {
    let ended = match server::run(arguments.into()) {
        Ok(ended) => ended,
        Err(error) => return log.die(&error),
    };
    log::info!("{}, {} log lines lost", ended.totals, log.dropped());
    log.finish();
    match ended.second_signal {
        Some(signal) => ExitCode::from(128 + u8::try_from(signal).unwrap_or(0)),
        None if ended.totals.cut_off > 0 => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
    }
}

fn load(arguments: LoadArgs, log: &Log) -> ExitCode {
    match load::execute(&arguments.into()) {
        Ok(status) => ExitCode::from(status),
        Err(error) => log.die(&error),
    }
}

fn compare(arguments: CompareArgs, log: &Log) -> ExitCode {
    match compare::execute(&arguments.into()) {
        Ok(status) => ExitCode::from(status),
        Err(error) => log.die(&error),
    }
}

fn trace(arguments: TraceArgs, log: &Log) -> ExitCode {
    match timeline::execute(&arguments.into()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => log.die(&error),
    }
}
