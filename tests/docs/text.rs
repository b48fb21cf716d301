//! A text of Markdown, taken apart.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::{fs, io};

pub(crate) struct Text {
    pub(crate) path: PathBuf,
    /// What is outside of blocks, a paragraph a line.
    prose: String,
    pub(crate) blocks: Vec<Block>,
}

pub(crate) struct Block {
    pub(crate) language: String,
    /// The line of text above it.
    pub(crate) caption: String,
    /// Where it begins.
    pub(crate) number: usize,
    pub(crate) lines: Vec<String>,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below a folder whose names end so.
pub(crate) fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub(crate) fn texts() -> Vec<Text> {
    let mut paths = files(&root().join("docs"), ".md");
    paths.extend(["README.md", "CHANGELOG.md", "SECURITY.md"].map(|name| root().join(name)));
    paths.into_iter().map(Text::read).collect()
}

impl Text {
    pub(crate) fn read(path: PathBuf) -> Text {
        let whole = read(&path);
        let (mut prose, mut blocks, mut caption) = (String::new(), Vec::new(), "");
        let mut lines = whole.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            if let Some(language) = line.trim_start().strip_prefix("```") {
                let inside = lines.by_ref().map(|(_, line)| line);
                let inside = inside.take_while(|line| line.trim() != "```");
                blocks.push(Block {
                    language: language.to_owned(),
                    caption: caption.to_owned(),
                    number: number + 1,
                    lines: inside.map(|line| line.trim_end().to_owned()).collect(),
                });
            } else {
                if !line.is_empty() {
                    caption = line;
                }
                let ends = line.is_empty() || line.starts_with('#');
                prose += if ends { "\n" } else { " " };
                prose += line;
                prose += if line.starts_with('#') { "\n" } else { "" };
            }
        }
        Text {
            path,
            prose,
            blocks,
        }
    }

    pub(crate) fn at(&self, place: impl Display) -> String {
        let path = self.path.strip_prefix(root()).expect("below the root");
        format!("{}: {place}", path.display())
    }

    /// The file that a link of it leads to; its own, if the link names none.
    pub(crate) fn beside(&self, link: &str) -> io::Result<PathBuf> {
        if link.is_empty() {
            return Ok(self.path.clone());
        }
        let folder = self.path.parent().expect("a folder");
        folder.join(link).canonicalize()
    }

    /// Links and pictures: what stands in the brackets, and where they lead.
    pub(crate) fn links(&self) -> impl Iterator<Item = (&str, &str)> {
        let starts = self.prose.match_indices("](");
        starts.map(|(middle, _)| {
            let text = &self.prose[..middle];
            // A picture may be a link's text, and a link no other link's.
            let start = text.rfind('[').expect("the begin of a link");
            let start = start - usize::from(text[..start].ends_with('!'));
            let (target, _) = self.prose[middle + 2..].split_once(')').expect("its end");
            (&text[start..], target)
        })
    }

    /// The headings, as links name them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let headings = self.prose.lines().filter(|line| line.starts_with('#'));
        headings
            .map(|heading| {
                let heading = heading.trim_start_matches(['#', ' ']).to_lowercase();
                let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
                let kept: String = heading.chars().filter(kept).collect();
                kept.replace(' ', "-")
            })
            .collect()
    }

    /// What stands in backquotes.
    pub(crate) fn code(&self) -> impl Iterator<Item = &str> {
        self.prose.split('`').skip(1).step_by(2)
    }
}
