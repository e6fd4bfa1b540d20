//! One suite for every implementation of the records: each case runs on SQLite and on a real MongoDB-wire server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod kept;
mod list;
mod log;
mod place;
mod projection;
mod results;
mod retention;
mod sample;
mod transfer;
mod workflows;

/// Makes a test of each case for each implementation.
macro_rules! conformance {
    ($($group:ident: $($case:ident),+ $(,)?;)+) => {
        mod sqlite {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                crate::$group::$case(&crate::place::Place::sqlite()).await;
            })+)+
        }

        mod mongo {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                crate::$group::$case(&crate::place::Place::mongo().await).await;
            })+)+
        }
    };
}

conformance! {
    log:
        entries_are_read_back_unchanged_and_in_order,
        logs_of_shards_are_apart,
        a_taken_place_is_a_conflict_that_names_it,
        a_taken_number_of_a_run_is_a_conflict,
        a_batch_that_conflicts_half_way_leaves_a_prefix,
        a_disordered_batch_is_refused_whole,
        of_two_racing_writers_one_gets_each_place,
        a_conflict_harms_no_other_batch,
        a_cursor_only_moves_forward,
        what_was_written_is_there_after_reopening,
        several_may_open_the_same_new_records_at_once;
    projection:
        an_older_document_never_replaces_a_newer_one,
        what_stood_for_a_fan_out_is_hidden_however_late_its_document_comes,
        open_runs_are_those_that_have_not_ended,
        a_request_is_found_by_its_key,
        a_request_is_found_in_the_log_before_it_has_a_document,
        many_requests_are_found_in_the_order_asked,
        a_rebuild_makes_the_same_documents,
        following_the_log_in_pieces_makes_the_same_documents,
        a_run_of_a_thousand_tasks_is_read_in_pages,
        a_run_is_found_before_it_is_projected,
        newer_transitions_are_folded_on_top_of_documents;
    list:
        pages_through_equal_values_lose_and_double_nothing,
        every_filter_keeps_only_what_it_names,
        the_runs_that_wait_for_people_are_found,
        counts_follow_the_states,
        a_cursor_of_another_order_is_refused;
    results:
        the_newest_result_of_an_earlier_run_is_found_by_its_key,
        a_result_goes_with_its_run_which_stays_while_another_one_uses_it;
    retention:
        a_removed_run_leaves_nothing_but_the_note_until_its_objects_are_gone,
        a_run_is_not_removed_while_another_one_repeats_it,
        a_run_is_not_removed_while_the_one_is_there_whose_task_it_carried_out,
        runs_to_remove_are_those_that_ended_long_ago,
        a_half_removed_run_can_be_removed_again_and_harms_no_rebuild,
        old_requests_are_forgotten_with_the_entries_of_rejected_ones,
        a_removed_place_stays_taken,
        a_removed_request_of_a_newer_decision_stays;
    kept:
        a_document_is_changed_only_from_the_version_that_was_read,
        a_document_made_again_has_none_of_its_former_versions,
        of_many_that_make_or_change_one_document_one_is_first,
        pages_go_through_one_scope_or_all_of_them_and_lose_nothing;
    audit:
        the_audit_is_read_from_its_newest_line_in_pages_that_lose_nothing,
        every_filter_of_the_audit_keeps_only_what_it_names,
        a_line_of_the_audit_is_written_once_and_never_changed,
        old_lines_are_dropped_and_no_other;
    transfer:
        what_is_read_out_and_put_in_is_the_same,
        items_may_be_put_in_again,
        lines_of_the_audit_are_read_out,
        a_copied_log_may_have_gaps_and_goes_on_after_its_end,
        staged_records_take_the_place_of_the_others_in_one_step,
        staged_records_that_are_given_up_change_nothing;
    workflows:
        a_new_text_is_a_new_version_and_the_same_text_is_not,
        racing_texts_get_different_versions,
        the_newest_version_of_each_workflow_is_listed,
        a_dropped_workflow_is_gone_with_all_its_versions,
        the_first_value_of_a_setting_stays;
}
