//! `nbcaser load`, against our server and against servers that do wrong.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod common;

use std::time::Duration;

use common::Setup;
use nbcaser::load::{self, Ended, Mix, Plan};

#[test]
fn smoke() {
    let server = Setup::reactor().start();
    for (rate, churn) in [(None, false), (Some(5000.0), false), (None, true)] {
        let plan = Plan {
            target: server.addresses[0].parse().unwrap(),
            connections: 8,
            rate,
            churn,
            idle: 20,
            slow_readers: 2,
            warmup: Duration::from_millis(200),
            duration: Some(Duration::from_secs(2)),
            server_pid: Some(server.pid().as_raw_nonzero().get() as u32),
            mix: Mix {
                length: 1..=100,
                title_share: 0.3,
                unicode_share: 0.3,
                seed: 1,
            },
            ..Plan::default()
        };
        let out = load::run(&plan, |tick| println!("{tick:?}")).unwrap();
        println!(
            "{:?} {:?} {} {} rate {} p99 {} {} share {} {:?} {:?} pings {} slow {} {:?}",
            out.ended,
            out.elapsed,
            out.requests,
            out.replies,
            out.rate(),
            out.intended.value_at_percentile(99.),
            out.sent.value_at_percentile(99.),
            out.own_share(),
            out.troubles,
            out.mismatches,
            out.pings.len(),
            out.slow_replies,
            out.server
        );
        assert!(out.is_clean());
        assert_eq!(out.ended, Ended::Time);
    }
}
