# The service on the Node that `npm start` uses too (see devDependencies.node).
#
#   docker build -t cellstep .
#   docker run --read-only -p 8080:8080 -v cellstep:/data -e CELLSTEP_API_KEYS=<key> cellstep
#
# With ONNX Runtime for whole graphs (docs/models.md), which needs 1,440 MiB of memory:
#   docker build --target onnx -t cellstep:onnx .
#
# Behind a proxy or a registry of your own, hand npm its settings as secrets, which stay out of the image:
#   docker build --secret id=npmrc,src=$HOME/.npmrc --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt -t cellstep .

# The tag is for people; the digest decides (how to renew it: docs/dependencies.md).
ARG NODE_IMAGE=node:26.10.0-bookworm-slim@sha256:662933cf47f013bc8e4beb31a6116448427a82057ba7c42c97e4c5ba766504c2

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# lmdb loads its prebuilt binary, an optional package of the platform, without its install script.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca,target=/run/secrets/ca \
    if [ -s /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi; \
    npm ci --omit=dev --ignore-scripts --no-audit --no-fund --no-update-notifier --cache /tmp/npm
# What the image is made of: docker run --rm cellstep cat sbom.cdx.json
# Of what is installed; npm would miss the tools of development.
RUN cp package.json /tmp/package.json && npm pkg delete devDependencies \
 && npm sbom --sbom-format=cyclonedx --sbom-type=application > sbom.cdx.json && mv /tmp/package.json package.json
COPY scripts/trim-dependencies.ts scripts/
RUN node scripts/trim-dependencies.ts && rm -rf node_modules/.bin node_modules/.package-lock.json \
 && find node_modules -type d -empty -delete
COPY . .
# Every dependency still loads, the native one included.
RUN node --input-type=module -e "await Promise.all(Object.keys(JSON.parse(await (await import('node:fs/promises')).readFile('package.json')).dependencies).map((name) => import(name)))" \
 && rm -rf package-lock.json .npmrc scripts

FROM ${NODE_IMAGE} AS service
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="cellstep" \
      org.opencontainers.image.description="Evaluates recurrent cells over HTTP and keeps their hidden states" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10001 cellstep \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin cellstep \
 && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /app /app
WORKDIR /app
ENV NODE_ENV=production CELLSTEP_STORE=lmdb:/data CELLSTEP_HOST=0.0.0.0 CELLSTEP_PORT=8080
# The allocator gives large buffers back to the system at once, as with `npm start` (docs/adr/0117-freed-memory-is-given-back.md).
ENV MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=1048576 MALLOC_TRIM_THRESHOLD_=1048576
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "const { CELLSTEP_HOST: host, CELLSTEP_PORT: port } = process.env; fetch(`http://${host.includes(':') ? `[${host}]` : host}:${port}/healthz`, { signal: AbortSignal.timeout(4000) }).then((reply) => process.exit(reply.ok ? 0 : 1), () => process.exit(1))"]
# The base image's entry point is a shell script; without it node is process 1 and gets the signals.
ENTRYPOINT []
CMD ["node", "bin/cellstep.cjs"]

# ONNX Runtime with the files of this platform only, and without what its install script needs.
FROM ${NODE_IMAGE} AS onnxruntime
WORKDIR /runtime
COPY package.json package-lock.json /tmp/cellstep/
COPY scripts/onnx-image.ts /tmp/cellstep/scripts/
COPY .npmrc ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca,target=/run/secrets/ca \
    if [ -s /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi; \
    node /tmp/cellstep/scripts/onnx-image.ts lock . && \
    npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --cache /tmp/npm
COPY --from=build /app/sbom.cdx.json /kept-bill/
RUN npm sbom --package-lock-only --sbom-format=cyclonedx > onnx.cdx.json && node /tmp/cellstep/scripts/onnx-image.ts sbom /kept-bill/sbom.cdx.json onnx.cdx.json
RUN set -eu; cd node_modules; mkdir /kept; mv onnxruntime-node onnxruntime-common /kept; cd /kept/onnxruntime-node; \
    arch=$(node -p process.arch); mv bin/napi-v6/linux/"$arch" /tmp/binaries; rm -rf bin script lib README.md; \
    mkdir -p bin/napi-v6/linux; mv /tmp/binaries bin/napi-v6/linux/"$arch"; \
    find /kept -type f \( -name '*.ts' -o -name '*.map' \) -delete; rm -rf /kept/onnxruntime-common/dist/esm /kept/onnxruntime-common/lib; \
    ln -s /kept /node_modules; node -e 'require("/kept/onnxruntime-node")'

FROM service AS onnx
COPY --from=onnxruntime /kept /app/node_modules
COPY --from=onnxruntime /kept-bill /app

# What is built where no target is named.
FROM service
