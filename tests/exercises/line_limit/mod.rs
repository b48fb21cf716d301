mod solution;
mod start;

exercise!(
    after_a_long_line_the_next_is_answered,
    a_long_line_is_told_before_it_ends,
);
