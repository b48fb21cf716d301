//! What is said in the log from time to time.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Says that the server is running, in the words and by the clock of the place where it does.
pub(super) struct Announcement {
    zone: TimeZone,
}

impl Announcement {
    pub(super) fn new() -> Announcement {
        // Asked for once: it reads files, which a loop had better not wait for.
        let zone = TimeZone::system();
        Announcement { zone }
    }

    pub(super) fn log(&self) {
        // The wall clock, for people to read; nothing is computed from it.
        let now = Timestamp::now().to_zoned(self.zone.clone());
        log::info!(
            "The event loop is still running at: {}",
            now.strftime("%a %b %e %H:%M:%S %Y")
        );
    }
}
