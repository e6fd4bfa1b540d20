#!/bin/sh
# What `--privileged` would have given: control groups that can be written. Then the engine, as it was asked for.
set -eu
awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/mounts | while read -r mount; do
  mount -o remount,bind,rw "$mount"
done
# A pid of the container's life before this one may be anybody's now.
find /run -name '*.pid' -delete 2> /dev/null || true
exec "$@"
