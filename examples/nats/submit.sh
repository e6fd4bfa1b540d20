#!/usr/bin/env bash
# Runs a workflow with nothing but NATS, bash and jq: submit.sh FILE [UP_JSON]
#
# NATS' protocol is lines of text, so bash speaks it by itself; with the `nats` program the same is
#   nats pub emboflow.request.default.submit -H Emboflow-Idempotency-Key:KEY -H Emboflow-Reply-To:emboflow.reply.default.ME "$body"
# UP_JSON is what `emboflow up` writes into its data directory; .emboflow/up.json when not given.
# Ends with 0 when the run succeeded, 5 when it ended otherwise, 1 when it was rejected.
set -euo pipefail
export LC_ALL=C # lengths are in bytes

file=${1:?usage: submit.sh FILE [UP_JSON]}
up=$(cat "${2:-.emboflow/up.json}")
project=default
reply_to=emboflow.reply.$project.shell$$

# shellcheck disable=SC2059  # the first argument is the format
send() { printf "$@" >&3; }

# Reads one message into $subject and $payload, and answers the server's pings on the way.
receive() {
  local -a words
  local header=0
  while IFS=$' \r' read -r -u 3 -a words; do
    case ${words[0]} in
      MSG | HMSG)
        subject=${words[1]}
        [ "${words[0]}" = MSG ] || header=${words[-2]}
        IFS= read -r -u 3 -N "${words[-1]}" payload
        payload=${payload:header}
        read -r -u 3 _
        return
        ;;
      PING) send 'PONG\r\n' ;;
      -ERR)
        echo "the server says: ${words[*]}" >&2
        exit 1
        ;;
    esac
  done
  echo 'the connection ended before the run did' >&2
  exit 1
}

address=$(jq -r '.nats_url | ltrimstr("nats://")' <<< "$up")
exec 3<> "/dev/tcp/${address%:*}/${address##*:}"
send 'CONNECT %s\r\n' "$(jq -c '{user: .nats_user, pass: .nats_password, verbose: false, headers: true}' <<< "$up")"
# Before the request, so that no answer and no event is missed.
send 'SUB %s 1\r\nSUB emboflow.event.%s.> 2\r\n' "$reply_to" "$project"

body=$(jq -Rs '{source: .}' "$file")
headers=$(printf 'NATS/1.0\r\nEmboflow-Idempotency-Key: %s\r\nEmboflow-Reply-To: %s\r\n\r\nx' "$(cat /proc/sys/kernel/random/uuid)" "$reply_to")
headers=${headers%x}
send 'HPUB emboflow.request.%s.submit %d %d\r\n%s%s\r\n' "$project" "${#headers}" "$((${#headers} + ${#body}))" "$headers" "$body"

# The answer says which run it is; events of any run may come before it.
run=
declare -A state
while [[ ! ${state[${run:-none}]:-} =~ ^(succeeded|failed|timed_out|cancelled)$ ]]; do
  receive
  if [ "$subject" != "$reply_to" ]; then
    IFS=' ' read -r id now < <(jq -r '.data.run | "\(.id) \(.state)"' <<< "$payload")
    if [ "$id" = "$run" ] && [ "$now" != "${state[$id]:-}" ]; then echo "$run $now"; fi
    state[$id]=$now
  elif [ "$(jq -r .status <<< "$payload")" = accepted ]; then
    run=$(jq -r .run_id <<< "$payload")
    echo "$run accepted"
  else
    jq -r '"rejected:", (.errors[] | "  \(.code): \(.message)")' <<< "$payload"
    exit 1
  fi
done
[ "${state[$run]}" = succeeded ] || exit 5
