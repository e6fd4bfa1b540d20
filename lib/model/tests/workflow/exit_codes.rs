//! Exit codes in the file.

use emboflow_model::workflow::{self, ExitAction, Workflow, code};

fn read(defaults: &str, task: &str) -> Result<Workflow, Vec<workflow::Problem>> {
    workflow::parse(&format!(
        "version: 1\nname: codes\ndefaults: {{ image: i{defaults} }}\ntasks:\n  a: {{ {task} }}\n"
    ))
}

fn codes(defaults: &str, task: &str) -> Vec<&'static str> {
    read(defaults, task).err().unwrap_or_default().into_iter().map(|problem| problem.code).collect()
}

#[test]
fn a_code_means_what_its_list_says() {
    let lists =
        "retry: { attempts: 3 }, exit_codes: { complete: [3, 20-29], retry: [75, \"80\"], fail_run: [99] }";
    let meaning = read("", lists).unwrap().exit_codes("a");
    let actions = [3, 20, 29, 75, 80, 99, 1, 30, 255].map(|code| meaning.action(code));
    use ExitAction::*;
    let expected = [Complete, Complete, Complete, Retry, Retry, FailRun, Fail, Fail, Fail];
    assert_eq!(actions, expected.map(Some));
}

#[test]
fn a_file_that_names_no_code_to_retry_leaves_that_to_retry() {
    let meaning = read("", "exit_codes: { complete: [3] }").unwrap().exit_codes("a");
    assert_eq!([3, 4].map(|code| meaning.action(code)), [Some(ExitAction::Complete), None]);
    assert_eq!(read("", "").unwrap().exit_codes("a").action(1), None);
}

#[test]
fn what_a_task_says_replaces_the_defaults() {
    let defaults = ", exit_codes: { complete: [3], fail_run: [4] }";
    let own = read(defaults, "exit_codes: { complete: [5] }").unwrap().exit_codes("a");
    assert_eq!([3, 4, 5].map(|code| own.action(code)), [None, None, Some(ExitAction::Complete)]);
    let of_defaults = read(defaults, "").unwrap().exit_codes("a");
    assert_eq!(of_defaults.action(4), Some(ExitAction::FailRun));
}

#[test]
fn what_is_no_exit_code_is_refused() {
    for bad in ["0", "256", "-1", "9-3", "1-", "x", "\"\"", "1-2-3", "0-9"] {
        assert_eq!(codes("", &format!("exit_codes: {{ complete: [{bad}] }}")), [code::BAD_VALUE], "{bad}");
    }
    assert_eq!(codes("", "exit_codes: { complete: [1.5] }"), [code::WRONG_TYPE]);
    assert_eq!(codes("", "exit_codes: { complete: 3 }"), [code::WRONG_TYPE]);
    assert_eq!(codes("", "exit_codes: { succeed: [3] }"), [code::UNKNOWN_FIELD]);
    assert_eq!(codes("", "exit_codes: { complete: [\"${{ inputs.x }}\"] }"), [code::EXPRESSION_NOT_ALLOWED]);
    let many: Vec<String> = (1..=65).map(|code| code.to_string()).collect();
    assert_eq!(codes("", &format!("exit_codes: {{ complete: [{}] }}", many.join(", "))), [code::BAD_VALUE]);
}

#[test]
fn a_code_that_means_two_things_is_refused() {
    assert_eq!(codes("", "exit_codes: { complete: [3-9], fail_run: [9-12] }"), [code::CONFLICT]);
    assert_eq!(codes(", exit_codes: { complete: [3], fail_run: [3] }", ""), [code::CONFLICT]);
    assert_eq!(codes("", "exit_codes: { complete: [3, 1-5] }"), [""; 0], "twice in one list is no harm");
}

#[test]
fn a_list_of_codes_to_retry_wants_more_than_one_attempt() {
    assert_eq!(codes("", "exit_codes: { retry: [75] }"), [code::CONFLICT]);
    assert_eq!(codes(", retry: { attempts: 2 }", "exit_codes: { retry: [75] }"), [""; 0]);
    assert_eq!(codes(", exit_codes: { retry: [75] }", ""), [""; 0], "defaults are for tasks that try again");
}
