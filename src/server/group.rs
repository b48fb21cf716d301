//! What the control group that the process is in may take.

use std::fs;
use std::path::Path;

/// The least limit of our group and of those it is in, by either version of control groups: `controller` and the file
/// that version 1 has it in, and the file of version 2. No limit: the greatest number.
pub(super) fn limit([controller, file]: [&str; 2], unified: &str) -> u64 {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().flat_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, group) = (fields.next(), fields.next());
        let (root, file) = match controllers {
            Some("") => ("/sys/fs/cgroup".to_owned(), unified),
            Some(all) if all.split(',').any(|one| one == controller) => {
                (format!("/sys/fs/cgroup/{controller}"), file)
            }
            _ => (String::new(), ""),
        };
        let groups = Path::new(group.unwrap_or("/")).ancestors();
        groups
            .map(|group| number(format!("{root}{}/{file}", group.display())))
            .collect::<Vec<_>>()
    });
    limits.min().unwrap_or(u64::MAX)
}

/// The number in a file of the system's; if there is none, no limit.
pub(super) fn number(path: impl AsRef<Path>) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.trim().parse().unwrap_or(u64::MAX)
}
