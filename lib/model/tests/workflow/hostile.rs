use emboflow_model::workflow::{code, limits, parse};

use crate::{TRAJECTORY, bad, one_task};

#[test]
fn an_oversized_file_is_refused_by_its_size() {
    let problems = bad(&"x".repeat(10 * 1024 * 1024));
    assert_eq!((problems[0].code, problems.len()), (code::TOO_LARGE, 1));
    let just_fits = format!("{TRAJECTORY}#{}", "x".repeat(limits::MAX_SOURCE_BYTES - TRAJECTORY.len() - 1));
    assert_eq!(just_fits.len(), limits::MAX_SOURCE_BYTES);
    assert!(parse(&just_fits).is_ok());
    assert_eq!(bad(&(just_fits + "x"))[0].code, code::TOO_LARGE);
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut source = String::from("version: 1\nname: w\nx0: &x0 [a, a, a, a, a, a, a, a, a, a]\n");
    for level in 1..12 {
        let refs = vec![format!("*x{}", level - 1); 10].join(", ");
        source.push_str(&format!("x{level}: &x{level} [{refs}]\n"));
    }
    assert_eq!(bad(&source)[0].code, code::ALIAS_BOMB);
    assert_eq!(bad("a: &a [*a]")[0].code, code::ALIAS_BOMB);
}

#[test]
fn deep_nesting_is_refused() {
    for source in [
        "[".repeat(100_000),
        "{a: ".repeat(50_000),
        "- ".repeat(10_000),
        "? ".repeat(10_000),
        "[".repeat(70) + &"]".repeat(70),
    ] {
        let problems = bad(&source);
        assert!(
            [code::TOO_DEEP, code::YAML_SYNTAX, code::YAML_KEY].contains(&problems[0].code),
            "{:?}",
            problems[0]
        );
    }
    assert_eq!(bad(&("[".repeat(70) + &"]".repeat(70)))[0].code, code::TOO_DEEP);
    let mut source = String::from("version: 1\nname: w\na0: &a0 [x]\n");
    for level in 1..70 {
        source.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    assert_eq!(bad(&source)[0].code, code::TOO_DEEP);
}

#[test]
fn many_problems_are_cut_to_a_readable_number() {
    let fields: String = (0..10_000).map(|index| format!("x{index}: 1\n")).collect();
    assert_eq!(bad(&one_task(&fields)).len(), limits::MAX_PROBLEMS);
    let needs: Vec<String> = (0..10_000).map(|index| format!("x{index}")).collect();
    assert_eq!(bad(&one_task(&format!("needs: [{}]", needs.join(", ")))).len(), limits::MAX_PROBLEMS);
}

#[test]
fn a_script_or_argument_that_no_kernel_takes_is_refused() {
    let long = "x".repeat(limits::MAX_TEXT_BYTES + 1);
    assert_eq!(bad(&one_task(&format!("args: [\"{long}\"]")))[0].code, code::TEXT_TOO_LONG);
    assert_eq!(bad(&one_task(&format!("run: \"{long}\"")))[0].code, code::TEXT_TOO_LONG);
}

#[test]
fn a_snippet_of_a_very_long_line_is_short() {
    let source = format!(
        "{{\"version\": 1, \"name\": \"w\", \"description\": \"{}\", \"tasks\": {{\"t\": {{\"imge\": 1}}}}}}",
        "é".repeat(50_000)
    );
    for problem in bad(&source) {
        assert!(problem.snippet.unwrap().chars().count() < 300);
    }
}

#[test]
fn every_prefix_and_every_damaged_byte_is_handled() {
    let whole = TRAJECTORY.replace("timeout: 30m", "timeout: 30m, resources: &r { cpu: 0.5, memory: 1Gi }");
    for end in 0..=whole.len() {
        let _ = parse(&whole[..end]);
        let _ = parse(&whole[end..]);
    }
    let mut seed: u64 = 0x5eed;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    let alphabet: Vec<char> = "{}[]:,-?&*!|>'\"%@`#$ \n\t\\\u{0}é\u{feff}\u{2028}0x.~<".chars().collect();
    for _ in 0..1000 {
        let mut damaged: Vec<char> = whole.chars().collect();
        for _ in 0..=next() % 4 {
            let at = next() % damaged.len();
            match next() % 3 {
                0 => damaged[at] = alphabet[next() % alphabet.len()],
                1 => damaged.insert(at, alphabet[next() % alphabet.len()]),
                _ => {
                    damaged.remove(at);
                }
            }
        }
        if let Err(problems) = parse(&damaged.into_iter().collect::<String>()) {
            for problem in problems {
                assert!(problem.line >= 1 && problem.column >= 1, "{problem:?}");
                assert!(code::ALL.contains(&problem.code));
            }
        }
    }
}
