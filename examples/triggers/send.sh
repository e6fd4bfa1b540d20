#!/bin/sh
# Sends a signed request to a webhook: send.sh URL SECRET BODY
set -eu
url=$1 secret=$2 body=$3
id="msg_$(date +%s)_$$"
now=$(date +%s)
signature=$(printf '%s.%s.%s' "$id" "$now" "$body" | openssl dgst -sha256 -hmac "$secret" -binary | base64)
curl --fail-with-body --silent --show-error "$url" \
  --header "Content-Type: application/json" \
  --header "webhook-id: $id" --header "webhook-timestamp: $now" --header "webhook-signature: v1,$signature" \
  --data "$body"
