mod solution;
mod start;

exercise!(it_gives_up_in_time, what_comes_too_late_is_dropped);
