mod solution;
mod start;

exercise!(
    everybody_hears_everything_in_order,
    who_is_slow_misses_the_oldest_and_is_told,
);
