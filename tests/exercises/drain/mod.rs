mod solution;
mod start;

exercise!(
    replies_that_wait_are_delivered,
    at_the_deadline_the_rest_is_cut_off,
);
