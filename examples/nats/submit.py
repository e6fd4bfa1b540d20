"""Runs a workflow with nothing but a NATS client: python submit.py FILE [UP_JSON]

UP_JSON is what `emboflow up` writes into its data directory; .emboflow/up.json when not given.
Ends with 0 when the run succeeded, 5 when it ended otherwise, 1 when it was rejected.
"""

import asyncio
import json
import sys
import uuid
from pathlib import Path

import nats

PROJECT = "default"
FINAL = {"succeeded", "failed", "timed_out", "cancelled"}


async def submit(client: nats.NATS, source: str) -> dict:
    """Publishes the request and waits for the scheduler's answer."""
    reply_to = f"emboflow.reply.{PROJECT}.{uuid.uuid4().hex}"
    replies = await client.subscribe(reply_to)
    # The same key and body again gives the same run again, so a request may be repeated when in doubt.
    headers = {"Emboflow-Idempotency-Key": str(uuid.uuid4()), "Emboflow-Reply-To": reply_to}
    # From JetStream's acknowledgement on, the request cannot be lost.
    await client.jetstream().publish(f"emboflow.request.{PROJECT}.submit", json.dumps({"source": source}).encode(), headers=headers)
    return json.loads((await replies.next_msg(timeout=30)).data)


async def follow(events, run_id: str) -> str:
    """Prints the run's states as they change; the last one is the result."""
    state = None
    async for message in events.messages:
        run = json.loads(message.data)["data"]["run"]
        if run["id"] != run_id or run["state"] == state:
            continue
        state = run["state"]
        print(f"{run_id} {state}", flush=True)
        if state in FINAL:
            return state
    raise SystemExit("the connection ended before the run did")


async def main() -> int:
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    up = json.loads(Path(sys.argv[2] if len(sys.argv) == 3 else ".emboflow/up.json").read_text())
    login = {"user_credentials": up["nats_creds_file"]} if "nats_creds_file" in up else {
        "user": up["nats_user"], "password": up["nats_password"]}
    client = await nats.connect(up["nats_url"], **login)
    try:
        # Before the request, so that no event is missed.
        events = await client.subscribe(f"emboflow.event.{PROJECT}.>")
        answer = await submit(client, Path(sys.argv[1]).read_text())
        if answer["status"] == "rejected":
            print("rejected:")
            for error in answer["errors"]:
                print(f"  {error['code']}: {error['message']}")
            return 1
        print(f"{answer['run_id']} accepted", flush=True)
        return 0 if await follow(events, answer["run_id"]) == "succeeded" else 5
    finally:
        await client.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
