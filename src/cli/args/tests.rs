use std::time::Duration;

use super::*;
use crate::load::{Mix, Order, Plan};
use crate::server::settings::Model;

fn parse(args: &str) -> Result<Cli, clap::Error> {
    try_parse_from(std::iter::once("nbcaser").chain(args.split_whitespace()))
}

fn serve(args: &str) -> ServeArgs {
    let cli = parse(args).unwrap_or_else(|e| panic!("{args}: {e}"));
    let Command::Serve(serve) = cli.command else {
        panic!("{args}: {cli:?}")
    };
    serve
}

/// What the user is told, who wrote `args`.
fn refusal(args: &[&str]) -> String {
    let error = try_parse_from(std::iter::once(&"nbcaser").chain(args)).expect_err("it is taken");
    assert_eq!(error.exit_code(), 2, "{args:?}");
    assert!(error.use_stderr(), "{args:?}");
    in_plain_text(&error)
}

#[test]
fn the_definition_is_sound() {
    Line::command().debug_assert();
}

#[test]
fn nothing_is_serve_with_the_defaults() {
    let want = ServeArgs {
        listen: vec![],
        model: Model::Reactor,
        workers: 1,
        announce_delay: Duration::from_secs(1),
        announce_every: Duration::from_secs(15),
        max_connections: None,
        max_line: 256 * 1024,
        max_memory: 256 * 1024 * 1024,
        idle_timeout: Duration::ZERO,
        drain: Duration::from_secs(5),
        ready_file: None,
        trace: None,
    };
    assert_eq!(serve(""), want);
    assert_eq!(serve("serve"), want);
}

#[test]
fn every_flag_is_read_with_the_command_and_without() {
    let flags = "--listen localhost:1 --listen unix:/x --model reactor --workers 1024 --announce-delay 0 --announce-every 1m \
                 --max-connections 1 --max-line 1 --max-memory 1MiB --idle-timeout 90s --drain 250ms --ready-file f --trace t";
    let want = ServeArgs {
        listen: vec![
            "localhost:1".parse().expect("an address"),
            "unix:/x".parse().expect("an address"),
        ],
        model: Model::Reactor,
        workers: 1024,
        announce_delay: Duration::ZERO,
        announce_every: Duration::from_secs(60),
        max_connections: Some(1),
        max_line: 1,
        max_memory: 1 << 20,
        idle_timeout: Duration::from_secs(90),
        drain: Duration::from_millis(250),
        ready_file: Some("f".into()),
        trace: Some("t".into()),
    };
    assert_eq!(serve(flags), want);
    assert_eq!(serve(&format!("serve {flags}")), want);
}

#[test]
fn the_level_moves() {
    let table = [
        ("", LevelFilter::Info),
        ("-v", LevelFilter::Debug),
        ("-v serve", LevelFilter::Debug),
        ("serve -v", LevelFilter::Debug),
        ("--verbose --verbose", LevelFilter::Trace),
        ("-vvvvvvv", LevelFilter::Trace),
        ("-q", LevelFilter::Warn),
        ("-qq serve", LevelFilter::Error),
        ("-qqq", LevelFilter::Off),
        ("--quiet -qqqqq", LevelFilter::Off),
        ("-vq", LevelFilter::Info),
        ("-v serve -q", LevelFilter::Info),
    ];
    for (args, want) in table {
        assert_eq!(parse(args).expect(args).level, want, "{args}");
    }
    assert_eq!(
        parse(&"-v ".repeat(1000)).expect("many").level,
        LevelFilter::Trace
    );
}

#[test]
fn wrong_values_are_refused_with_a_hint() {
    let table = [
        ("--workers 0", "1..=1024"),
        ("--workers 1025", "1..=1024"),
        ("--workers -1", "--workers"),
        ("--max-line 0", "less than 1 byte"),
        ("--max-line 65MiB", "more than 64MiB"),
        ("--max-memory 1023KiB", "less than 1MiB"),
        ("--max-memory 18446744073709551615", "more than"),
        ("--max-connections 0", "--max-connections"),
        (
            "--max-connections 99999999999999999999",
            "--max-connections",
        ),
        ("--drain 5", "`5s`"),
        ("--drain -5s", "write it like"),
        ("--max-line -1KiB", "a size is a number"),
        ("--drain=-5s", "--drain"),
        ("--announce-every 18446744073709551615s", "100 years"),
        ("--announce-every 1ns", "shorter than 1ms"),
        ("--idle-timeout forever", "write it like"),
        ("--listen localhost:70000", "65535"),
        ("--listen localhost:-1", "65535"),
        ("--listen -1", "-1"),
        ("--listen=-1", "port is missing"),
        ("--listen ::1", "brackets"),
        ("--listen", "value is required"),
        ("--listen --workers 4", "value is required"),
        ("--drain --workers 4", "value is required"),
        ("--no-such-flag", "--no-such-flag"),
        ("stray", "stray"),
        ("serve stray", "stray"),
        ("--drain 1s serve", "serve --drain"),
        ("--workers 1 --workers 2", "--workers"),
        ("--model threads --workers 2", "--workers are reactors"),
        (
            "--model threads --trace t",
            "--trace is of the reactor's loop",
        ),
        ("--model fibers", "--model"),
    ];
    for (args, hint) in table {
        let words: Vec<&str> = args.split_whitespace().collect();
        let told = refusal(&words);
        assert!(told.contains(hint), "{args:?}: {told:?} lacks {hint:?}");
        assert!(
            told.starts_with("error: ") && told.ends_with('\n'),
            "{told:?}"
        );
    }
}

#[test]
fn a_quoted_argument_draws_nothing() {
    for evil in [
        "\x1b[31m\x07",
        "x\nerror: forged",
        "\u{9b}2J",
        "\u{202e}txt",
        "a\r\u{85}\u{2028}",
        "\x7f",
    ] {
        let flag = format!("--{evil}");
        let joined = format!("--drain={evil}");
        let tries: [&[&str]; 6] = [
            &[evil],
            &[&flag],
            &[&joined],
            &["--listen", evil],
            &["serve", evil],
            &["--workers", evil],
        ];
        for args in tries {
            let told = refusal(args);
            let drawn = told
                .chars()
                .find(|&c| (c.is_control() && c != '\n') || "\u{202e}\u{2028}".contains(c));
            assert_eq!(drawn, None, "{args:?}: {told:?}");
            assert!(!told.contains("\nerror: forged"), "{told:?}");
        }
    }
    assert!(refusal(&["stray\x1b[31m"]).contains("'stray\\x1b[31m'"));
    // Its escaped form would be a path.
    assert!(refusal(&["--listen", "unix:a\0b"]).contains("unix:a\\x00b"));
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_utf8_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(b"\xff\x9b:1".to_vec());
    for args in [
        vec!["nbcaser".into(), "--listen".into(), odd.clone()],
        vec!["nbcaser".into(), odd.clone()],
    ] {
        assert_eq!(
            try_parse_from(args).expect_err("it is taken").exit_code(),
            2
        );
    }
    // But a file may have any name.
    let cli = try_parse_from(["nbcaser".into(), "--ready-file".into(), odd.clone()])
        .expect("a file name");
    let Command::Serve(serve) = cli.command else {
        panic!("{cli:?}")
    };
    assert_eq!(serve.ready_file, Some(odd.into()));
}

#[test]
fn what_is_below_the_flags_fits_a_terminal() {
    let wide: Vec<&str> = MORE
        .lines()
        .filter(|line| line.chars().count() > 80)
        .collect();
    assert!(wide.is_empty(), "{wide:?}");
}

#[test]
fn the_help_has_it_all() {
    for args in [
        "--help",
        "-h",
        "serve --help",
        "help",
        "help serve",
        "serve -h",
    ] {
        let error = parse(args).expect_err("help is no command");
        assert_eq!(error.exit_code(), 0);
        assert!(!error.use_stderr());
        let help = in_plain_text(&error);
        for flag in ServeArgs::augment_args(clap::Command::new("flags")).get_arguments() {
            let flag = flag.get_long().expect("each has a long form");
            assert!(
                help.contains(&format!("--{flag} ")),
                "{args}: {flag} is missing"
            );
        }
        for word in [
            "-v, ",
            "-q, ",
            "--help",
            "nc -U ",
            r"printf 'hello\nquit\n' | nc localhost 9600",
            "SIGTERM",
            "RUST_LOG",
            "143",
        ] {
            assert!(help.contains(word), "{args}: {word} is missing in {help}");
        }
    }
}

fn load(args: &str) -> Order {
    let cli = parse(&format!("load {args}")).unwrap_or_else(|e| panic!("{args}: {e}"));
    let Command::Load(load) = cli.command else {
        panic!("{args}: {cli:?}")
    };
    load.into()
}

#[test]
fn load_has_the_defaults_of_a_plan() {
    let order = load("");
    assert_eq!(order.plan, Plan::default());
    assert_eq!(
        (order.conditions.len(), order.json, order.html),
        (0, None, None)
    );
    // A number of lines is an end in itself, and all of them count.
    let counted = load("-n 5").plan;
    assert_eq!((counted.duration, counted.warmup), (None, Duration::ZERO));
    let both = load("-n 5 --duration 2s --warmup 1s").plan;
    assert_eq!(
        (both.duration, both.warmup),
        (Some(Duration::from_secs(2)), Duration::from_secs(1))
    );
}

#[test]
fn every_flag_of_load_is_read() {
    let order = load(
        "unix:/x -c 2 --rate 20k --duration 1m --requests 7 --warmup 250ms --line-length 1-9 --title-share 30% \
         --unicode-share 0.25 --plain --seed 9 --ramp 0.5 --idle 3 --slow-readers 4 --timeout 1s --max-in-flight 8 \
         --server-pid 1 --json - --html h --fail-if p99>5ms --fail-if errors>0",
    );
    let want = Plan {
        target: "unix:/x".parse().expect("an address"),
        mix: Mix {
            length: 1..=9,
            title_share: 0.3,
            unicode_share: 0.25,
            plain: true,
            seed: 9,
        },
        connections: 2,
        pipeline: 1,
        rate: Some(20_000.0),
        churn: false,
        idle: 3,
        slow_readers: 4,
        ramp: Some(0.5),
        warmup: Duration::from_millis(250),
        duration: Some(Duration::from_secs(60)),
        requests: Some(7),
        timeout: Duration::from_secs(1),
        max_in_flight: Some(8),
        server_pid: Some(1),
    };
    assert_eq!(order.plan, want);
    assert_eq!(
        (order.json, order.html),
        (Some("-".into()), Some("h".into()))
    );
    assert_eq!(order.conditions.len(), 2);
    assert_eq!(
        load("--churn").plan,
        Plan {
            churn: true,
            ..Plan::default()
        }
    );
    assert_eq!(
        load("-p 8").plan,
        Plan {
            pipeline: 8,
            ..Plan::default()
        }
    );
}

#[test]
fn wrong_values_for_load_are_refused_with_a_hint() {
    let table = [
        ("fd:3", "a descriptor is nothing to connect to"),
        ("localhost", "a port is missing"),
        ("--rate 0", "above 0"),
        ("--rate -5", "above 0"),
        ("--rate -5k", "above 0"),
        ("--rate 2000M", "up to 1000000000"),
        ("--rate inf", "up to 1000000000"),
        ("--rate nan", "above 0"),
        ("--rate fast", "20k"),
        ("--title-share 1.1", "from 0 to 1"),
        ("--title-share -1", "from 0 to 1"),
        ("--title-share -5%", "from 0 to 1"),
        ("--unicode-share 101%", "0% to 100%"),
        ("--line-length 9-1", "1-1000"),
        ("--line-length 16777217", "16777216"),
        ("--line-length -1", "1-1000"),
        ("--connections -1", "--connections"),
        ("--pipeline 0", "--pipeline"),
        ("--duration 0", "no time at all"),
        ("--timeout 0", "no time at all"),
        ("--duration 5", "`5s`"),
        ("-n 0", "--requests"),
        ("-c 0", "nothing to do"),
        ("-c 0 --idle 5 --rate 5", "need --connections"),
        ("--churn --rate 5", "--churn has no schedule"),
        ("--churn --ramp 2", "--churn connects all the time"),
        ("--churn -p 2", "--pipeline is for the closed loop"),
        ("--rate 5 -p 2", "--pipeline is for the closed loop"),
        ("--max-in-flight 5", "it needs --rate"),
        ("--fail-if p98>5ms", "p99.99"),
        ("--drain 5s", "--drain"),
    ];
    for (args, hint) in table {
        let words: Vec<&str> = std::iter::once("load")
            .chain(args.split_whitespace())
            .collect();
        let told = refusal(&words);
        assert!(told.contains(hint), "{args}: {told:?} lacks {hint:?}");
    }
    assert!(refusal(&["--drain", "5s", "load"]).contains("--drain is for serve, and not for load"));
}
