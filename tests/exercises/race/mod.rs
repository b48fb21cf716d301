mod solution;
mod start;

exercise!(the_first_of_many_wins, the_others_are_dropped);
