//! What is compared, how often, under which loads.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::load::Plan;

/// What stands for the port in a peer's command.
const PORT: &str = "{port}";

/// A server that is compared with others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contender {
    /// How it is called in the report. No two have the same name.
    pub name: String,
    /// How it is started.
    pub start: Start,
}

/// How a server is started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Start {
    /// As this very program, with `serve --model` and this.
    Model(String),
    /// As a program of its own: its words, in which `{port}` stands for the port of 127.0.0.1 that it shall listen on.
    Peer(Vec<String>),
}

impl Contender {
    /// One of our own models.
    pub fn model(name: impl Into<String>) -> Contender {
        let name = name.into();
        Contender {
            start: Start::Model(name.clone()),
            name,
        }
    }

    /// The same contenders, a number behind the name of each one whose name was taken.
    pub fn with_names_apart(contenders: impl IntoIterator<Item = Contender>) -> Vec<Contender> {
        let mut apart: Vec<Contender> = Vec::new();
        for mut contender in contenders {
            let name = contender.name.clone();
            let mut number = 2;
            while apart.iter().any(|other| other.name == contender.name) {
                contender.name = format!("{name}#{number}");
                number += 1;
            }
            apart.push(contender);
        }
        apart
    }

    /// The words of a peer's command for this port.
    pub(super) fn words(command: &[String], port: u16) -> Vec<String> {
        let port = port.to_string();
        command
            .iter()
            .map(|word| word.replace(PORT, &port))
            .collect()
    }
}

/// A peer, as it stands on the command line: `[NAME=]COMMAND`, its words split like a shell does.
impl FromStr for Contender {
    type Err = String;

    fn from_str(text: &str) -> Result<Contender, String> {
        let is_name = |name: &&str| {
            let in_names = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
            !name.is_empty() && name.chars().all(in_names)
        };
        let (name, command) = match text.split_once('=') {
            Some((name, command)) if is_name(&name) => (Some(name), command),
            _ => (None, text),
        };
        let words = shlex::split(command).ok_or("a quote or a backslash stands alone")?;
        let program = words.first().ok_or("it is empty")?;
        if !command.contains(PORT) {
            return Err(format!(
                "it has no {PORT}, which stands for the port of 127.0.0.1 that it shall listen on"
            ));
        }
        // A program is called by what stands behind its last slash.
        let file = program.rsplit('/').next().unwrap_or(program);
        Ok(Contender {
            name: name.unwrap_or(file).to_owned(),
            start: Start::Peer(words),
        })
    }
}

/// Which CPUs the server and the load tester run on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cpus {
    /// Both on the same one.
    Same,
    /// The load tester on one, the server on all the others.
    Apart,
}

impl Cpus {
    /// Its name, for programs.
    pub const fn key(self) -> &'static str {
        match self {
            Cpus::Same => "same",
            Cpus::Apart => "apart",
        }
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cpus::Same => "server and load tester on one CPU",
            Cpus::Apart => "server and load tester on different CPUs",
        })
    }
}

/// A comparison.
#[derive(Clone, PartialEq, Debug)]
pub struct Setup {
    /// Who is compared. Ratios are to the first one.
    pub contenders: Vec<Contender>,
    /// The load. Its target and its server are set for each run, and so are its connections if there is a `sweep`.
    pub plan: Plan,
    /// How often each is measured, at least once.
    pub rounds: usize,
    /// Where the two sides run, one after the other.
    pub cpus: Vec<Cpus>,
    /// Numbers of connections, each of which is a load of its own.
    pub sweep: Option<Vec<usize>>,
    /// How long a server may take from its start to its first greeting.
    pub start_timeout: Duration,
}

impl Setup {
    /// The numbers of connections that are measured.
    pub fn loads(&self) -> Vec<usize> {
        self.sweep
            .clone()
            .unwrap_or_else(|| vec![self.plan.connections])
    }

    /// How many runs there are.
    pub fn runs(&self) -> usize {
        self.rounds * self.contenders.len() * self.cpus.len() * self.loads().len()
    }

    /// About how long it will take, starts and connects apart.
    pub fn length(&self) -> Option<Duration> {
        let each = self.plan.warmup + self.plan.duration?;
        Some(each * self.runs() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_split_as_a_shell_does_and_named() {
        let peer = |text: &str| {
            text.parse::<Contender>().map(|peer| {
                let Start::Peer(words) = peer.start else {
                    panic!("a model")
                };
                (peer.name, words.join("|"))
            })
        };
        let table = [
            ("server {port}", "server", "server|{port}"),
            (
                "/usr/bin/env A=1 'my server' --at=127.0.0.1:{port}",
                "env",
                "env|A=1|my server|--at=127.0.0.1:{port}",
            ),
            (
                "tokio=cargo run -q -- {port}",
                "tokio",
                "cargo|run|-q|--|{port}",
            ),
            (
                "py-3.11=python3 \"a b.py\" {port}",
                "py-3.11",
                "python3|a b.py|{port}",
            ),
            ("./a/b=c/d {port}", "d", "./a/b=c/d|{port}"),
        ];
        for (text, name, words) in table {
            let (got, split) = peer(text).expect(text);
            assert_eq!(
                (got.as_str(), split.trim_start_matches("/usr/bin/")),
                (name, words)
            );
        }
        for (text, hint) in [
            ("", "empty"),
            ("name=", "empty"),
            ("server", "{port}"),
            ("server '{port}", "quote"),
        ] {
            let error = peer(text).expect_err(text);
            assert!(error.contains(hint), "{text}: {error}");
        }
    }

    #[test]
    fn names_are_kept_apart() {
        let names = ["a", "b", "a", "a", "a#2"].map(Contender::model);
        let names = Contender::with_names_apart(names);
        let names: Vec<_> = names.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "a#2", "a#3", "a#2#2"]);
    }

    #[test]
    fn the_port_is_set_wherever_it_stands() {
        let command = ["a", "--listen=[::1]:{port}", "{port}{port}"].map(String::from);
        assert_eq!(
            Contender::words(&command, 99),
            ["a", "--listen=[::1]:99", "9999"]
        );
    }
}
