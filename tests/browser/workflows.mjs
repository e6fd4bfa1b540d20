// The workflow files that the checks run; they need only the image of examples/hello.
export const IMAGE = 'emboflow/examples-hello:1';

/** Two tasks and a fan-out that end well, with artifacts to look at. */
export const good = `version: 1
name: browser-good
description: Ends well
inputs:
  word: { type: string, description: What is said, default: hello }
  times: { type: integer, default: 2, minimum: 1, maximum: 5 }
tasks:
  say:
    image: ${IMAGE}
    env: { WORD: "\${{ inputs.word }}" }
    run: |
      printf '\\033[32m%s\\033[0m <b>not bold</b>\\n' "$WORD"
      mkdir out
      echo "model,accuracy" > out/scores.csv
      echo "tree,0.91" >> out/scores.csv
      echo '{"accuracy": 0.91, "folds": [1, 2]}' > out/metrics.json
      echo '<h1>Report</h1><script>document.title = "broken out"</script>' > out/report.html
    outputs:
      report: { path: out/, preview: true }
  repeat:
    needs: [say]
    matrix: { voice: [loud, quiet, low] }
    image: ${IMAGE}
    env: { VOICE: "\${{ matrix.voice }}" }
    run: echo "$VOICE"
`;

/** Fails in one task, so that another never starts. */
export const bad = `version: 1
name: browser-bad
tasks:
  break:
    image: ${IMAGE}
    run: |
      for line in 1 2 3 4 5; do echo "working on $line"; done
      echo "the last words before the end"
      exit 3
  after:
    needs: [break]
    image: ${IMAGE}
    run: echo never
`;

/** Writes a line again and again for some seconds, and ends well. */
export const ticking = `version: 1
name: browser-ticking
tasks:
  tick:
    image: ${IMAGE}
    run: |
      number=0
      while [ $number -lt 20 ]; do number=$((number + 1)); echo "tick $number"; sleep 0.3; done
`;

/** Goes on until somebody ends it, and writes a line again and again. */
export const endless = `version: 1
name: browser-endless
tasks:
  tick:
    image: ${IMAGE}
    run: |
      number=0
      while true; do number=$((number + 1)); echo "tick $number"; sleep 0.3; done
    stop: { grace: 1s }
    resources: { cpu: 0.1, memory: 32Mi }
`;

/** A fan-out of a thousand that waits: nothing here has so many processors. */
export const wide = `version: 1
name: browser-wide
tasks:
  many:
    matrix: { number: "\${{ range(1000) }}" }
    image: ${IMAGE}
    resources: { cpu: 4096 }
    run: echo never
`;

/** Waits for an executor of a pool that has none. */
export const stranded = `version: 1
name: browser-stranded
tasks:
  train:
    pool: nowhere
    image: ${IMAGE}
    run: echo never
`;

/** Asks a person, who has to choose, and says what was chosen. */
export const asking = `version: 1
name: browser-asking
tasks:
  review:
    approval:
      message: Release it to whom?
      inputs:
        audience: { type: string, enum: [team, everybody] }
  release:
    needs: [review]
    image: ${IMAGE}
    env: { AUDIENCE: "\${{ tasks.review.values.audience }}" }
    run: echo "released to $AUDIENCE"
`;

/** Has as many tasks as its first one finds. */
export const finding = `version: 1
name: browser-finding
tasks:
  find:
    image: ${IMAGE}
    run: |
      sleep 2
      echo '["left", "right", "rear"]' > found.json
    outputs: { found: { path: found.json, value: true } }
  check:
    matrix: { camera: "\${{ tasks.find.values.found }}" }
    image: ${IMAGE}
    env: { CAMERA: "\${{ matrix.camera }}" }
    run: echo "$CAMERA"
`;

/** Gives a number and a file. */
export const giver = `version: 1
name: browser-giver
tasks:
  work:
    image: ${IMAGE}
    run: |
      echo 42 > n.json
      echo made > made.txt
    outputs:
      n: { path: n.json, value: true }
      made: { path: made.txt }
outputs:
  n: "\${{ tasks.work.values.n }}"
  note: "\${{ tasks.work.outputs.made }}"
`;

/** A run of `giver` carries its first task out, and the second one reads what that gives. */
export const taker = `version: 1
name: browser-taker
tasks:
  part: { uses: { workflow: browser-giver } }
  then:
    image: ${IMAGE}
    inputs: { note: "\${{ tasks.part.outputs.note }}" }
    env: { N: "\${{ tasks.part.values.n }}" }
    run: |
      sleep 2
      cat "$INPUT_NOTE/made.txt"
outputs:
  all: "\${{ tasks.part.values.n }}"
`;

/** Ends badly. */
export const falls = `version: 1
name: browser-falls
tasks:
  fall: { image: ${IMAGE}, run: exit 3 }
`;

/** A run of `falls` carries its task out. */
export const faller = `version: 1
name: browser-faller
tasks:
  part: { uses: { workflow: browser-falls } }
`;
