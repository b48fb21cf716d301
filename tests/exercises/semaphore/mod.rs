mod solution;
mod start;

exercise!(
    no_more_than_so_many_have_a_permit,
    they_get_it_in_the_order_in_which_they_came,
    who_gives_up_hands_his_turn_on,
);
