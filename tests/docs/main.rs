//! What the texts say is so: code that they quote stands in the source, links lead somewhere, commands name what there
//! is, sessions are held with the real program, which makes the system calls that are shown.
//!
//! A block of Rust, or of a patch, stands below a line `From [FILE](LINK):`, and in that file word for word but for its indentation. A
//! line `// …` in it stands for lines that were left out.
#![cfg(feature = "cli")]
#![allow(clippy::disallowed_methods)] // tests look at real time

mod calls;
mod commands;
#[path = "../common/mod.rs"]
mod common;
mod text;

use std::collections::BTreeSet;
use std::path::PathBuf;

use common::Setup;
use text::{Text, files, read, root, texts};

const CUT: &str = "// …";

/// What a picture shows takes some words to say.
const ALT: usize = 40;

#[test]
fn code_stands_in_the_file_that_is_named_above_it() {
    let mut count = 0;
    for text in texts() {
        let quotes = |block: &&text::Block| ["rust", "diff"].contains(&&*block.language);
        for block in text.blocks.iter().filter(quotes) {
            let place = text.at(block.number);
            let caption = block.caption.strip_prefix("From [").and_then(|caption| {
                let (name, link) = caption.strip_suffix("):")?.split_once("](")?;
                link.trim_start_matches("../").eq(name).then_some(name)
            });
            let name = caption.unwrap_or_else(|| panic!("{place}: no file is named above it"));
            let file = read(&root().join(name));
            let mut rest: Vec<&str> = file.lines().collect();
            for piece in block.lines.split(|line| line.trim_start() == CUT) {
                let found = (0..rest.len()).find(|&at| stands_at(piece, &rest[at..]));
                let at = found.unwrap_or_else(|| panic!("{place}: not in {name}: {piece:#?}"));
                rest.drain(..at + piece.len());
            }
            count += 1;
        }
    }
    assert!(count > 40, "{count} blocks");
}

/// Whether the piece is the beginning of these lines, but for an indentation that all of them have more.
fn stands_at(piece: &[String], lines: &[&str]) -> bool {
    let Some(first) = piece.first().filter(|first| !first.is_empty()) else {
        return false;
    };
    let Some(indentation) = lines[0].strip_suffix(&**first) else {
        return false;
    };
    let mut pairs = piece.iter().zip(lines);
    indentation.trim().is_empty()
        && piece.len() <= lines.len()
        && pairs.all(|(quoted, line)| match line.strip_prefix(indentation) {
            Some(line) => line.trim_end() == quoted,
            None => line.trim().is_empty() && quoted.is_empty(),
        })
}

#[test]
fn every_break_is_told_with_the_test_that_notices() {
    let chapter = read(&root().join("docs/tutorial/14-break-it.md"));
    let patches = files(&root().join("tests/breaks"), ".patch");
    assert!(patches.len() >= 10);
    for path in patches {
        let name = path.file_stem().expect("a name").to_string_lossy();
        let (patch, link) = (read(&path), format!("](../../tests/breaks/{name}.patch)"));
        let test = patch
            .lines()
            .find_map(|line| line.strip_prefix("Caught by: "));
        let test = test.and_then(|test| test.rsplit([' ', ':']).next());
        let test = test.unwrap_or_else(|| panic!("{name} names no test"));
        let section = chapter.split("\n### ").find(|text| text.contains(&link));
        let section = section.unwrap_or_else(|| panic!("{name} is not told of"));
        assert!(section.contains(&format!("`{test}`")), "{name}: {test}");
    }
}

#[test]
fn every_block_is_of_a_kind_that_is_checked() {
    for text in texts() {
        for block in &text.blocks {
            let is_known = ["rust", "diff", "console", "sh", "text"].contains(&&*block.language);
            let place = text.at(block.number);
            assert!(is_known, "{place}: what is {:?}?", block.language);
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let texts = texts();
    let mut count = 0;
    for text in &texts {
        for (words, target) in text.links() {
            count += 1;
            let place = text.at(target);
            assert!(words.len() > "[]".len(), "{place}: no words");
            if target.starts_with("https://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = text.beside(file);
            let file = file.unwrap_or_else(|error| panic!("{place}: {error}"));
            if !anchor.is_empty() {
                let other = texts.iter().find(|other| other.path == file);
                let other = other.unwrap_or_else(|| panic!("{place}: that is no text"));
                let anchors = other.anchors();
                assert!(anchors.iter().any(|known| known == anchor), "{place}");
            }
        }
    }
    assert!(count > 100, "{count} links");
}

#[test]
fn every_picture_is_shown_and_told_in_words() {
    let mut shown = BTreeSet::new();
    for text in texts() {
        for (words, target) in text.links().filter(|(words, _)| words.starts_with('!')) {
            assert!(words.len() > ALT, "{}: {words}", text.at(target));
            let file = text.beside(target);
            shown.insert(file.unwrap_or_else(|error| panic!("{}: {error}", text.at(target))));
        }
    }
    let drawn = files(&root().join("docs"), ".svg");
    assert_eq!(Vec::from_iter(shown), drawn);
    assert!(drawn.len() >= 4, "{drawn:?}");
}

#[test]
fn every_text_is_in_the_table_of_contents() {
    let docs = root().join("docs");
    let summary = Text::read(docs.join("SUMMARY.md"));
    let mut listed: Vec<PathBuf> = summary
        .links()
        .map(|(_, target)| docs.join(target))
        .collect();
    listed.push(docs.join("SUMMARY.md"));
    listed.sort();
    assert_eq!(listed, files(&docs, ".md"));
}

#[test]
fn tests_that_are_named_are_there() {
    let tests = files(&root().join("tests"), ".rs");
    let source: String = tests.iter().map(|path| read(path)).collect();
    let mut count = 0;
    for text in texts() {
        let name = text.path.to_string_lossy();
        if !name.contains("/tutorial/") && !name.ends_with("/faults.md") {
            continue; // others have names of other things, too
        }
        let is_test = |code: &&str| {
            let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            code.chars().all(is_name) && code.matches('_').count() > 3
        };
        for name in text.code().filter(is_test) {
            assert!(source.contains(&format!("fn {name}(")), "{}", text.at(name));
            count += 1;
        }
    }
    assert!(count > 45, "{count} tests");
}

#[test]
fn sessions_are_what_happens() {
    let mut count = 0;
    for text in texts() {
        for block in &text.blocks {
            let mut lines = block.lines.iter();
            if lines
                .next()
                .is_none_or(|line| line != "$ nc localhost 9600")
            {
                continue;
            }
            println!("{}", text.at(block.number)); // shown if the test fails
            let server = Setup::reactor().start();
            let mut client = server.connect();
            client.expect(format!("{}\n", lines.next().expect("the greeting")));
            while let Some(typed) = lines.next() {
                client.send(format!("{typed}\n"));
                client.expect(format!("{}\r\n", lines.next().expect("a reply")));
            }
            assert_eq!(client.rest(), b"");
            count += 1;
        }
    }
    assert!(count >= 2, "{count} sessions");
}
