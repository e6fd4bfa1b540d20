//! Backup, loss of everything, restore, and proof: SQLite with directories, and MongoDB with S3.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad;
mod cases;
mod installation;

/// Makes a test of each case for each kind of installation.
macro_rules! drills {
    ($($case:ident)*) => {
        mod on_this_machine {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                crate::cases::$case(crate::installation::Installation::on_this_machine()).await;
            })*
        }
        mod on_servers {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                crate::cases::$case(crate::installation::Installation::on_servers(stringify!($case)).await).await;
            })*
        }
    };
}

drills! {
    what_was_lost_comes_back_equal_and_decisions_go_on_in_a_new_epoch
    a_backup_beside_running_writers_is_of_one_moment
    holds_of_backups_that_were_killed_go_with_the_next_backup
    a_second_backup_copies_only_what_is_new
    a_target_that_holds_something_is_left_alone_unless_it_is_to_be_replaced
    what_no_backup_needs_any_more_is_pruned
    a_run_that_is_removed_meanwhile_does_not_come_back_in_part
}
