use std::sync::mpsc::{self, Receiver, Sender};

use super::*;

/// A disk that takes what it is let take.
struct Disk {
    written: Arc<Mutex<Vec<u8>>>,
    /// A write waits until somebody lets it go on, with or without an error.
    gate: Receiver<io::Result<()>>,
    waits: Sender<()>,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.waits.send(());
        // Who has gone lets all through.
        self.gate.recv().unwrap_or(Ok(()))?;
        self.written.lock().expect("no panic").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Bench {
    file: TraceFile,
    written: Arc<Mutex<Vec<u8>>>,
    gate: Sender<io::Result<()>>,
    waits: Receiver<()>,
}

fn bench(limit: usize) -> Bench {
    let written = Arc::new(Mutex::new(Vec::new()));
    let ((gate, is_let), (waits, is_waiting)) = (mpsc::channel(), mpsc::channel());
    let disk = Disk {
        written: Arc::clone(&written),
        gate: is_let,
        waits,
    };
    let file = TraceFile::start(Path::new("t"), disk, limit).expect("a thread");
    Bench {
        file,
        written,
        gate,
        waits: is_waiting,
    }
}

impl Bench {
    /// What stands in the file at the end, an event a line, with the last.
    fn end(self) -> Vec<String> {
        drop(self.gate);
        drop(self.file);
        let text = String::from_utf8(self.written.lock().expect("no panic").clone());
        let text = text.expect("UTF-8");
        let lines = text.strip_prefix("[\n").expect("its start");
        let lines = lines.strip_suffix("\n]\n").expect("its end");
        lines.split(",\n").map(str::to_owned).collect()
    }
}

#[test]
fn what_is_pushed_stands_in_it_in_order() {
    let bench = bench(LIMIT);
    let (a, b) = (bench.file.inlet(), bench.file.inlet());
    assert!(a.push(b"1,\n2,\n") && b.push(b"3,\n") && a.push(b"4,\n"));
    let lines = bench.end();
    assert_eq!(lines[1..5], ["1", "2", "3", "4"]);
    assert_eq!((&lines[0][..], lines.len()), (FIRST, 6));
    assert!(
        lines[5].contains(r#""lost":0,"full":false"#),
        "{}",
        lines[5]
    );
}

#[test]
fn at_the_limit_it_ends_and_says_so() {
    let bench = bench(10);
    let inlet = bench.file.inlet();
    assert!(inlet.push(b"123,\n") && inlet.push(b"456,\n"));
    assert!(!inlet.has_ended());
    assert!(!inlet.push(b"7,\n"));
    assert!(inlet.has_ended());
    assert!(!inlet.push(b""), "nor anything later");
    let lines = bench.end();
    assert_eq!(lines[1..3], ["123", "456"]);
    assert!(lines[3].contains(r#""full":true"#), "{}", lines[3]);
}

#[test]
fn while_the_disk_hangs_nobody_waits_and_what_finds_no_room_is_counted() {
    let bench = bench(LIMIT);
    let inlet = bench.file.inlet();
    bench.waits.recv().expect("the first line is being written");
    let event = [vec![b'x'; (1 << 20) - 2], b",\n".to_vec()].concat();
    let taken = (0..10).filter(|_| inlet.push(&event)).count();
    assert_eq!(
        taken,
        (QUEUE >> 20) - 1,
        "all that is held, with what is in flight"
    );
    assert!(!inlet.has_ended());
    let lines = bench.end();
    assert_eq!(lines.len(), 2 + taken);
    assert!(
        lines[1 + taken].contains(r#""lost":7"#),
        "{}",
        lines[1 + taken]
    );
}

#[test]
fn an_error_ends_it_for_all() {
    let bench = bench(LIMIT);
    let inlet = bench.file.inlet();
    bench.waits.recv().expect("the first line is being written");
    let full = io::Error::from(io::ErrorKind::StorageFull);
    bench.gate.send(Err(full)).expect("it waits");
    // Its end drops the disk, and with it this channel's other end.
    assert!(bench.waits.recv().is_err());
    assert!(inlet.has_ended());
    assert!(!inlet.push(b"1,\n"));
    drop(bench.file);
    assert_eq!(bench.written.lock().expect("no panic").len(), 0);
}
