mod solution;
mod start;

exercise!(
    a_burst_is_answered_at_once_and_the_rest_slowly,
    who_was_silent_has_saved_up_one_burst,
);
