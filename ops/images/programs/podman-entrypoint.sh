#!/bin/sh
# What `--privileged` would have given: control groups that can be written. Then Podman, as it was asked for.
set -eu
awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts | while read -r mount; do
  mount -o remount,bind,rw "$mount"
done
exec "$@"
