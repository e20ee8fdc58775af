#!/usr/bin/env bash
# Builds and runs the image, with Docker or Podman where their engine works, else with buildah and no engine at all.
#
#   scripts/container.sh available          whether it can work here: prints the tool, exit code 1 if there is none
#   scripts/container.sh build              builds the image, prints its size
#   scripts/container.sh config             the image's configuration as JSON (User, Env, Cmd, Healthcheck …)
#   scripts/container.sh run [--env NAME=VALUE]… [--volume DIRECTORY] [-- COMMAND…]
#                                           runs it as its user, root file system read-only, on the host's network
#
# Without an engine the base image is made here, under the name the Dockerfile gives: Debian by mmdebstrap from the
# machine's mirror, Node from node_modules/node, npm from the machine. `run` then is a mount and a process namespace.
set -euo pipefail
cd "$(dirname "$0")/.."

IMAGE=${CELLSTEP_IMAGE:-cellstep:test}
# A target of the Dockerfile, where it is not the last one.
TARGET=${CELLSTEP_IMAGE_TARGET:-}
# Where buildah has the image mounted.
MOUNTED=cellstep-run-${IMAGE//[^a-zA-Z0-9]/-}
CACHE=${CELLSTEP_CONTAINER_CACHE:-/var/tmp/cellstep-container}
# The base image that is made here has another digest.
BASE=docker.io/library/$(sed -n 's/^ARG NODE_IMAGE=\([^@]*\).*/\1/p' Dockerfile)
NODE=node_modules/node/bin/node
SCRATCH=$(mktemp -d)
trap 'rm -rf "$SCRATCH"' EXIT

engine() {
  local tool
  for tool in docker podman; do
    if command -v "$tool" >/dev/null && timeout 20 "$tool" info >/dev/null 2>&1; then echo "$tool"; return; fi
  done
  if [ "$(id -u)" = 0 ] && command -v buildah >/dev/null && command -v mmdebstrap >/dev/null; then echo buildah; return; fi
  return 1
}

# A storage of our own: the user's images are left alone, and the base image is kept for the next time. vfs copies
# whole layers, but needs nothing of the kernel and leaves nothing mounted.
bud() {
  BUILDAH_ISOLATION=chroot buildah --storage-driver vfs --root "$CACHE/storage" --runroot "$CACHE/run" "$@"
}

# npm's settings of this machine that a build needs to reach the registry. They go in as secrets.
secrets() {
  local ca
  ca=$(npm config get cafile)
  [ -s "$ca" ] || ca=${NODE_EXTRA_CA_CERTS:-}
  : >"$SCRATCH/ca"
  if [ -s "$ca" ]; then cat "$ca" >"$SCRATCH/ca"; fi
  echo "registry=$(npm config get registry)" >"$SCRATCH/npmrc"
  if [ -s "$SCRATCH/ca" ]; then echo 'cafile=/run/secrets/ca' >>"$SCRATCH/npmrc"; fi
}

base_recipe() {
  { "$NODE" --version; sha256sum <scripts/container.sh; } | sha256sum | cut -c1-16
}

# Official Debian and Node images differ from this one in what the Dockerfile doesn't use (yarn, corepack).
make_base() {
  local recipe made container root npm_cli sources=()
  [ "v${BASE##*node:}" = "$("$NODE" --version)-bookworm-slim" ] || {
    echo "container.sh: the Dockerfile's $BASE is not on the Node of node_modules, $("$NODE" --version)" >&2
    return 1
  }
  recipe=$(base_recipe)
  made=$(bud inspect --type image --format '{{index .OCIv1.Config.Labels "cellstep.recipe"}}' "$BASE" 2>/dev/null || true)
  [ "$made" = "$recipe" ] && return
  echo "Making the base image $BASE"
  if grep -q '^VERSION_CODENAME=bookworm$' /etc/os-release && grep -q '^ID=debian$' /etc/os-release; then
    for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
      if [ -s "$file" ]; then sources=("$file"); break; fi
    done
  fi
  mmdebstrap --quiet --variant=minbase --include=libstdc++6,libatomic1 --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    bookworm "$SCRATCH/base.tar" "${sources[@]}"
  bud rm --all >/dev/null 2>&1 || true
  container=$(bud from scratch)
  root=$(bud mount "$container")
  tar --extract --file "$SCRATCH/base.tar" --directory "$root" --exclude=./dev/*
  rm "$SCRATCH/base.tar"
  mkdir -p "$root/usr/local/lib/node_modules"
  install -m 755 "$NODE" "$root/usr/local/bin/node"
  # Not `npm root --global`: below `npm run` that is the Node of node_modules, which has no npm.
  npm_cli=$(readlink -f "${npm_execpath:-$(command -v npm)}")
  cp -rL "${npm_cli%/bin/*}" "$root/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  printf '#!/bin/sh\nexec "$@"\n' >"$root/usr/local/bin/docker-entrypoint.sh"
  chmod 755 "$root/usr/local/bin/docker-entrypoint.sh"
  bud config --entrypoint '["docker-entrypoint.sh"]' --cmd node --label "cellstep.recipe=$recipe" \
    --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  bud commit --quiet --rm "$container" "$BASE" >/dev/null
}

build() {
  local tool revision
  tool=$(engine)
  # Builds share a storage and the base image: one at a time.
  mkdir -p "$CACHE"
  exec 7>"$CACHE/lock"
  flock 7
  secrets
  revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
  local arguments=(--secret "id=npmrc,src=$SCRATCH/npmrc" --secret "id=ca,src=$SCRATCH/ca"
    --build-arg "VERSION=$("$NODE" -p 'require("./package.json").version')" --build-arg "REVISION=$revision"
    --tag "$IMAGE")
  if [ -n "$TARGET" ]; then arguments+=(--target "$TARGET"); fi
  case $tool in
    docker) DOCKER_BUILDKIT=1 docker build "${arguments[@]}" . ;;
    podman) podman build --format docker "${arguments[@]}" . ;;
    buildah)
      make_base
      bud rm "$MOUNTED" >/dev/null 2>&1 || true
      bud build --format docker --quiet --pull=never --layers=false --build-arg "NODE_IMAGE=$BASE" "${arguments[@]}" . >/dev/null
      bud from --pull=never --name "$MOUNTED" "localhost/$IMAGE" >/dev/null
      bud prune --force >/dev/null 2>&1 || true
      local root
      root=$(bud mount "$MOUNTED")
      echo "$IMAGE: $(du -sm "$root" | cut -f1) MB, of it /app $(du -sm "$root/app" | cut -f1) MB"
      ;;
  esac
  if [ "$tool" != buildah ]; then "$tool" image inspect --format '{{.Size}} bytes' "$IMAGE"; fi
}

config() {
  case $(engine) in
    docker) docker image inspect --format '{{json .Config}}' "$IMAGE" ;;
    podman) podman image inspect --format '{{json .Config}}' "$IMAGE" ;;
    buildah) bud inspect --type image "localhost/$IMAGE" | "$NODE" -p \
      'JSON.stringify(JSON.parse(require("fs").readFileSync(0, "utf8")).Docker.config)' ;;
  esac
}

run() {
  local tool volume='' variables=() command=()
  tool=$(engine)
  while [ $# -gt 0 ]; do
    case $1 in
      --env) variables+=("$2"); shift 2 ;;
      --volume) volume=$2; shift 2 ;;
      --) shift; command=("$@"); break ;;
      *) echo "container.sh: unknown option $1" >&2; return 64 ;;
    esac
  done
  if [ "$tool" != buildah ]; then
    local arguments=(--rm --read-only --network host --security-opt no-new-privileges --cap-drop ALL) variable
    for variable in "${variables[@]}"; do arguments+=(--env "$variable"); done
    if [ -n "$volume" ]; then arguments+=(--volume "$volume:/data"); fi
    rm -rf "$SCRATCH"
    exec "$tool" run "${arguments[@]}" "$IMAGE" "${command[@]}"
  fi
  run_without_engine
}

# What an engine does with `run`: the image's user, environment and command; a read-only root; /proc and /dev; the
# volume; process 1 of its own namespace, so that signals reach it only if it handles them, as in a container.
run_without_engine() {
  local root user group image_variables image_command inner child=''
  root=$(bud mount "$MOUNTED")
  config >"$SCRATCH/config.json"
  read_config() { "$NODE" -e "const c = JSON.parse(require('fs').readFileSync('$SCRATCH/config.json', 'utf8')); for (const line of [$1].flat()) console.log(line)"; }
  IFS=: read -r user group <<<"$(read_config 'c.User')"
  mapfile -t image_variables < <(read_config 'c.Env')
  mapfile -t image_command < <(read_config '[...(c.Entrypoint ?? []), ...c.Cmd]')
  if [ ${#command[@]} -gt 0 ]; then image_command=("${command[@]}"); fi
  if [ -z "$volume" ]; then
    volume=$SCRATCH/volume
    mkdir "$volume"
    chown --reference="$root/data" "$volume"
    chmod --reference="$root/data" "$volume"
  fi
  inner='
    set -e
    root=$1 volume=$2 user=$3 group=$4 directory=$5; shift 5
    mount --bind "$root" "$root"
    mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
    mount -t tmpfs -o nosuid,mode=755 tmpfs "$root/dev"
    for device in null zero full random urandom; do
      : >"$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"
    done
    mount --bind "$volume" "$root/data"
    mount -o remount,bind,ro "$root"
    mount -o remount,ro "$root/dev"
    exec setpriv --no-new-privs unshare --root="$root" --wd="$directory" --setgid="$group" --setuid="$user" -- "$@"
  '
  env --ignore-environment "${image_variables[@]}" "${variables[@]}" \
    unshare --mount --propagation private --pid --fork --kill-child \
    /bin/sh -c "$inner" sh "$root" "$volume" "$user" "$group" "$(read_config 'c.WorkingDir')" "${image_command[@]}" &
  local outer=$! status=0
  # The namespace's process 1 is the child of unshare, which itself keeps SIGTERM from it.
  forward() { child=$(cat "/proc/$outer/task/$outer/children"); kill -s "$1" $child 2>/dev/null || true; }
  trap 'forward TERM' TERM
  trap 'forward INT' INT
  while :; do
    status=0
    wait "$outer" || status=$?
    kill -0 "$outer" 2>/dev/null || break
  done
  return "$status"
}

case ${1:-} in
  available) engine ;;
  build) build ;;
  config) config ;;
  run) shift; run "$@" ;;
  *) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 64 ;;
esac
