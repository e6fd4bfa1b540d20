//! Workflow files that do the same in a container and in the simulated runtime.

pub(crate) const IMAGE: &str = "emboflow/examples-hello:1";

/// One task, `t`, with these fields, each a line of YAML; its image is the examples' small one.
pub fn task(fields: &str) -> String {
    let fields: String = fields.lines().map(|line| format!("    {line}\n")).collect();
    format!("version: 1\nname: single\ndefaults: {{ image: {IMAGE} }}\ntasks:\n  t:\n{fields}")
}

/// A file with these lines for the whole and for its tasks, whose image is the examples' small one.
pub fn workflow_of(name: &str, whole: &str, tasks: &str) -> String {
    format!("version: 1\nname: {name}\ndefaults: {{ image: {IMAGE} }}\n{whole}\ntasks:\n{tasks}")
}

/// One task that says `hello` and makes the artifact `note/note.txt` with the text `noted`.
pub fn one_task() -> String {
    format!(
        "version: 1
name: one
tasks:
  note:
    image: {IMAGE}
    env: {{ SIMULATE: \"line=hello write=note.txt:noted\" }}
    run: |
      echo hello
      printf noted > note.txt
    outputs: {{ note: {{ path: note.txt }} }}
"
    )
}

/// Two tasks, one after the other, each with an artifact; each runs for `ms` milliseconds.
pub fn pair(ms: u64) -> String {
    let seconds = format!("{}.{:03}", ms / 1_000, ms % 1_000);
    format!(
        "version: 1
name: pair
tasks:
  first:
    image: {IMAGE}
    env: {{ SIMULATE: \"line=one ms={ms} write=out.txt:one\" }}
    run: |
      echo one
      sleep {seconds}
      printf one > out.txt
    outputs: {{ out: {{ path: out.txt }} }}
  second:
    image: {IMAGE}
    inputs: {{ first: \"${{{{ tasks.first.outputs.out }}}}\" }}
    env: {{ SIMULATE: \"line=two ms={ms} write=out.txt:two\" }}
    run: |
      echo two
      sleep {seconds}
      printf two > out.txt
    outputs: {{ out: {{ path: out.txt }} }}
"
    )
}

/// `start`, then `work` for each of three letters, then `join`; every task has an artifact and a line of log.
pub fn fan_out() -> String {
    format!(
        "version: 1
name: fan
tasks:
  start:
    image: {IMAGE}
    env: {{ SIMULATE: \"line=start write=out.txt:start\" }}
    run: |
      echo start
      printf start > out.txt
    outputs: {{ out: {{ path: out.txt }} }}
  work:
    matrix: {{ letter: [a, b, c] }}
    image: {IMAGE}
    inputs: {{ start: \"${{{{ tasks.start.outputs.out }}}}\" }}
    env:
      LETTER: \"${{{{ matrix.letter }}}}\"
      SIMULATE: \"line=${{{{ matrix.letter }}}} write=out.txt:${{{{ matrix.letter }}}}\"
    run: |
      echo $LETTER
      printf $LETTER > out.txt
    outputs: {{ out: {{ path: out.txt }} }}
  join:
    image: {IMAGE}
    inputs: {{ parts: \"${{{{ tasks.work.outputs.out }}}}\" }}
    env: {{ SIMULATE: \"line=joined write=out.txt:abc\" }}
    run: |
      echo joined
      cat \"$INPUT_PARTS\"/*/out.txt > out.txt
    outputs: {{ out: {{ path: out.txt }} }}
"
    )
}

/// `split` finds these parts, one `work` follows for each, and `join` puts their artifacts together and says how many
/// there are.
pub fn found(parts: &str) -> String {
    format!(
        "version: 1
name: found
tasks:
  split:
    image: {IMAGE}
    env: {{ SIMULATE: 'line=split write=parts.json:{parts}' }}
    run: |
      echo split
      printf '%s' '{parts}' > parts.json
    outputs: {{ parts: {{ path: parts.json, value: true }} }}
  work:
    matrix: {{ part: \"${{{{ tasks.split.values.parts }}}}\" }}
    image: {IMAGE}
    env:
      PART: \"${{{{ matrix.part }}}}\"
      SIMULATE: \"line=${{{{ matrix.part }}}} write=out.txt:${{{{ matrix.part }}}}\"
    run: |
      echo $PART
      printf $PART > out.txt
    outputs: {{ out: {{ path: out.txt }} }}
  join:
    needs: [work]
    image: {IMAGE}
    inputs: {{ parts: \"${{{{ tasks.work.outputs.out }}}}\" }}
    env:
      COUNT: \"${{{{ size(tasks.split.values.parts) }}}}\"
      SIMULATE: \"line=${{{{ size(tasks.split.values.parts) }}}} write=out.txt:joined\"
    run: |
      echo $COUNT
      cat \"$INPUT_PARTS\"/*/out.txt > all.txt || true
      printf joined > out.txt
    outputs: {{ out: {{ path: out.txt }} }}
"
    )
}

/// One task that runs for a minute and does not end by itself before.
pub fn long_task() -> String {
    format!(
        "version: 1
name: long
tasks:
  wait:
    image: {IMAGE}
    env: {{ SIMULATE: \"line=waiting ms=60000\" }}
    run: |
      echo waiting
      sleep 60
"
    )
}
