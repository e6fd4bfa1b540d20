# The real programs of others, from Debian's packages and from those that the build context brings: images for machines
# where no registry answers, made by `ops/images/build standins` under the names that compose/ uses. Never for production.

FROM debian:bookworm-slim AS base
ARG MIRROR=
RUN if [ -n "$MIRROR" ]; then echo "deb $MIRROR bookworm main" > /etc/apt/sources.list; rm -f /etc/apt/sources.list.d/*; fi
# The health checks of compose/ use wget where the real image has busybox.
COPY busybox /usr/local/bin/
RUN ln -s busybox /usr/local/bin/wget

FROM base AS nats
COPY nats-server /usr/local/bin/
ENTRYPOINT ["nats-server"]

# SecantusDB speaks MongoDB's protocol; the script does with it what the real image's entry point does.
FROM base AS mongo
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-minimal libpython3-stdlib && rm -rf /var/lib/apt/lists/*
COPY mongo-packages/ /usr/local/lib/python3.11/dist-packages/
RUN python3 -m compileall -q -j 0 /usr/local/lib/python3.11/dist-packages
COPY --chmod=755 mongod mongosh /usr/local/bin/
ENTRYPOINT ["mongod"]

FROM base AS nginx
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends nginx-light && rm -rf /var/lib/apt/lists/*
ENTRYPOINT []
CMD ["nginx", "-g", "daemon off;"]

# An engine in a container. The real image is started privileged; where that is not to be had, the script opens the
# control groups by itself.
FROM base AS docker
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends docker.io iptables && rm -rf /var/lib/apt/lists/*
COPY --chmod=755 dockerd-entrypoint.sh /usr/local/bin/
ENTRYPOINT ["dockerd-entrypoint.sh"]

# Debian's Podman runs on runc here, with limits that a container without all rights may set.
FROM base AS podman
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends podman runc containers-storage iptables netavark aardvark-dns uidmap fuse-overlayfs && \
    rm -rf /var/lib/apt/lists/*
COPY --chmod=755 podman-entrypoint.sh /usr/local/bin/
COPY containers.conf /etc/containers/containers.conf
ENTRYPOINT ["podman-entrypoint.sh"]

FROM base AS minio
COPY weed /usr/local/bin/
COPY --chmod=755 minio mc /usr/local/bin/
ENTRYPOINT ["minio"]

FROM base AS prometheus
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus && rm -rf /var/lib/apt/lists/*
ENTRYPOINT ["prometheus"]

FROM base AS alertmanager
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends prometheus-alertmanager && rm -rf /var/lib/apt/lists/* && \
    ln -s /usr/bin/prometheus-alertmanager /usr/local/bin/alertmanager
ENTRYPOINT ["alertmanager"]
