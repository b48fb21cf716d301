mod solution;
mod start;

exercise!(ticks_do_not_drift, missed_ticks_are_skipped);
