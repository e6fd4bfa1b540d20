//! What needs what: unknown tasks, cycles, and an order in which everything comes after what it needs.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use crate::workflow::code;
use crate::workflow::document::{Document, Problems, join};
use crate::workflow::expression::Template;
use crate::workflow::file::WorkflowFile;
use crate::workflow::suggest::{self, shown};

/// The needs of every task: those it lists, then those that its expressions mention.
pub(super) fn needs(
    document: &Document,
    file: &WorkflowFile,
    mut mentioned: HashMap<String, Vec<String>>,
    problems: &mut Problems,
) -> IndexMap<String, Vec<String>> {
    let mut all = IndexMap::new();
    for (name, task) in &file.tasks {
        let mut seen = HashSet::new();
        let mut needs = Vec::new();
        for (index, need) in task.needs.iter().enumerate() {
            let pointer = format!("{}/needs/{index}", join("/tasks", name));
            if problems.is_full() || Template::is_in(need) {
                // An expression here is refused with the other expressions.
            } else if !file.tasks.contains_key(need) {
                let message = format!("`{name}` needs `{}`, but there is no such task", shown(need));
                let others = file.tasks.keys().map(String::as_str).filter(|other| other != name);
                let hint = suggest::hint(need, others);
                problems.push(document.at_value(code::UNKNOWN_TASK, &pointer, message).with_some_hint(hint));
            } else if seen.insert(need.clone()) {
                needs.push(need.clone());
            }
        }
        for need in mentioned.remove(name).into_iter().flatten() {
            if file.tasks.contains_key(&need) && seen.insert(need.clone()) {
                needs.push(need);
            }
        }
        all.insert(name.clone(), needs);
    }
    all
}

/// The tasks that need each task, in the order of the file.
pub(super) fn dependents(needs: &IndexMap<String, Vec<String>>) -> IndexMap<String, Vec<String>> {
    let mut all: IndexMap<String, Vec<String>> =
        needs.keys().map(|name| (name.clone(), Vec::new())).collect();
    for (name, needs) in needs {
        for need in needs {
            if let Some(dependents) = all.get_mut(need) {
                dependents.push(name.clone());
            }
        }
    }
    all
}

/// The tasks, each after all that it needs; in the order of the file where the needs leave a choice.
pub(super) fn order(
    document: &Document,
    file: &WorkflowFile,
    needs: &IndexMap<String, Vec<String>>,
    problems: &mut Problems,
) -> Vec<String> {
    let mut dependents: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut missing: HashMap<&str, usize> = HashMap::new();
    for (name, needs) in needs {
        missing.insert(name, needs.len());
        for need in needs {
            dependents.entry(need).or_default().push(name);
        }
    }
    let mut order: Vec<&str> =
        needs.iter().filter(|(_, needs)| needs.is_empty()).map(|(name, _)| &**name).collect();
    let mut next = 0;
    while let Some(name) = order.get(next).copied() {
        next += 1;
        for dependent in dependents.get(name).into_iter().flatten().copied() {
            if let Some(count) = missing.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    order.push(dependent);
                }
            }
        }
    }
    if order.len() < needs.len() {
        let done: HashSet<&str> = order.iter().copied().collect();
        report_cycle(document, file, needs, &done, problems);
    }
    order.into_iter().map(str::to_owned).collect()
}

/// Every task that is not done has a need that is not done: following them leads into a cycle.
fn report_cycle(
    document: &Document,
    file: &WorkflowFile,
    needs: &IndexMap<String, Vec<String>>,
    done: &HashSet<&str>,
    problems: &mut Problems,
) {
    let stuck = |name: &str| {
        needs.get(name).and_then(|needs| needs.iter().find(|need| !done.contains(need.as_str())))
    };
    let Some(start) = needs.keys().find(|name| !done.contains(name.as_str())) else { return };
    let mut path: Vec<&str> = vec![start];
    let mut places: HashMap<&str, usize> = HashMap::from([(start.as_str(), 0)]);
    let mut current = start.as_str();
    while let Some(need) = stuck(current) {
        if let Some(first) = places.get(need.as_str()) {
            let mut cycle = path.split_off(*first);
            // The same cycle reads the same wherever the search began.
            let earliest = cycle.iter().enumerate().min_by_key(|(_, name)| needs.get_index_of(**name));
            let turn = earliest.map_or(0, |(at, _)| at);
            cycle.rotate_left(turn);
            return push_cycle(document, file, &cycle, problems);
        }
        places.insert(need, path.len());
        path.push(need);
        current = need;
    }
}

fn push_cycle(document: &Document, file: &WorkflowFile, cycle: &[&str], problems: &mut Problems) {
    let Some(first) = cycle.first() else { return };
    let second = cycle.get(1).unwrap_or(first);
    let task = join("/tasks", first);
    let listed = file.tasks.get(*first).and_then(|task| task.needs.iter().position(|need| need == second));
    let message = match cycle.len() {
        1 => format!("`{first}` needs itself"),
        length => {
            let mut names: Vec<&str> = cycle.iter().copied().take(20).collect();
            if length > names.len() {
                names.push("…");
            }
            names.push(first);
            format!("these tasks wait for each other, so none can start: {}", names.join(" → "))
        }
    };
    let problem = match listed {
        Some(index) => document.at_value(code::CYCLE, &format!("{task}/needs/{index}"), message),
        None => document.at_key(code::CYCLE, &task, message),
    };
    problems.push(problem.with_hint("take one of the needs out"));
}
