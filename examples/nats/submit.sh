#!/usr/bin/env bash
# Runs a workflow with nothing but NATS, bash and jq: submit.sh FILE [UP_JSON]
#
# NATS' protocol is lines of text, so bash speaks it by itself; with the `nats` program the same is
#   nats pub emboflow.request.default.submit -H Emboflow-Idempotency-Key:KEY -H Emboflow-Reply-To:emboflow.reply.default.ME "$body"
# UP_JSON is what `emboflow up` writes into its data directory; .emboflow/up.json when not given.
# Ends with 0 when the run succeeded, 5 when it ended otherwise, 1 when it was rejected, 8 when nobody decided in time.
set -euo pipefail
export LC_ALL=C # lengths are in bytes

file=${1:?usage: submit.sh FILE [UP_JSON]}
up=$(cat "${2:-.emboflow/up.json}")
project=default
uuid() { cat /proc/sys/kernel/random/uuid; }
key=$(uuid)
reply_to=emboflow.reply.$project.$(uuid) inbox=_INBOX.$(uuid)
# How long the request may take to be decided; a run takes as long as it wants.
deadline=$((SECONDS + 30)) silence=300
run=

# shellcheck disable=SC2059  # the first argument is the format
send() { printf "$@" >&3; }

undecided() {
  echo "$1; published again with the key $key the same request gives the same run" >&2
  exit 8
}

# The server pings, so this is looked at also when nothing is said.
in_time() { [ -n "$run" ] || [ "$SECONDS" -lt "$deadline" ] || undecided 'nobody has decided in time'; }

# Reads one message into $subject and $payload, and answers the server's pings on the way.
receive() {
  local -a words
  local header=0
  in_time
  while IFS=$' \r' read -r -t "$silence" -u 3 -a words; do
    case ${words[0]} in
      MSG | HMSG)
        subject=${words[1]}
        [ "${words[0]}" = MSG ] || header=${words[-2]}
        IFS= read -r -u 3 -N "${words[-1]}" payload
        payload=${payload:header}
        read -r -u 3 _
        return
        ;;
      PING) send 'PONG\r\n' && in_time ;;
      -ERR)
        echo "the server says: ${words[*]}" >&2
        exit 1
        ;;
    esac
  done
  undecided 'the connection ended before the run did'
}

address=$(jq -r '.nats_url | ltrimstr("nats://")' <<< "$up")
exec 3<> "/dev/tcp/${address%:*}/${address##*:}"
send 'CONNECT %s\r\n' "$(jq -c '{user: .nats_user, pass: .nats_password, verbose: false, headers: true, no_responders: true}' <<< "$up")"
# Before the request, so that no answer and no event is missed.
send 'SUB %s 1\r\nSUB emboflow.event.%s.> 2\r\nSUB %s 3\r\n' "$reply_to" "$project" "$inbox"

body=$(jq -Rs '{source: .}' "$file")
headers=$(printf 'NATS/1.0\r\nEmboflow-Idempotency-Key: %s\r\nEmboflow-Reply-To: %s\r\n\r\nx' "$key" "$reply_to")
headers=${headers%x}
# With a subject for the answer, JetStream acknowledges: from then on the request cannot be lost.
send 'HPUB emboflow.request.%s.submit %s %d %d\r\n%s%s\r\n' "$project" "$inbox" "${#headers}" "$((${#headers} + ${#body}))" "$headers" "$body"

# The answer says which run it is; events of any run may come before it.
declare -A state
while [[ ! ${state[${run:-none}]:-} =~ ^(succeeded|failed|timed_out|cancelled)$ ]]; do
  receive
  if [ "$subject" = "$inbox" ]; then
    stored=$(jq -r 'select(.error == null) | .stream // empty' <<< "$payload")
    [ -n "$stored" ] || undecided "the request is not stored: ${payload:-no stream takes it}"
  elif [ "$subject" != "$reply_to" ]; then
    IFS=' ' read -r id now < <(jq -r '.data.run | "\(.id) \(.state)"' <<< "$payload")
    if [ "$id" = "$run" ] && [ "$now" != "${state[$id]:-}" ]; then echo "$run $now"; fi
    state[$id]=$now
  elif [ "$(jq -r .status <<< "$payload")" = accepted ]; then
    run=$(jq -r .run_id <<< "$payload")
    echo "$run accepted"
    # Its events may have come before the answer.
    state[$run]=${state[$run]:-$(jq -r '.run.state // "queued"' <<< "$payload")}
    echo "$run ${state[$run]}"
  else
    jq -r '"rejected:", (.errors[] | "  \(.code): \(.message)")' <<< "$payload"
    exit 1
  fi
done
[ "${state[$run]}" = succeeded ] || exit 5
