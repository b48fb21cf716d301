mod solution;
mod start;

exercise!(
    urgent_tasks_go_first_whenever_they_are_ready,
    the_others_get_a_turn_all_the_same,
);
