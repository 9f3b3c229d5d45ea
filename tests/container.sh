#!/usr/bin/env bash
# Proof of the container without a Docker engine: builds the images with podman on a base made by debootstrap, and runs
# them for real. As root on Debian 12, with a network:
#   apt-get install podman buildah runc uidmap debootstrap iptables netavark aardvark-dns conmon catatonit \
#     golang-github-containers-common curl
#   tests/container.sh          # target cpu: built, measured, served, stopped, a video made
#   tests/container.sh gpu      # target gpu: built, measured, served on the CPU where there is no GPU
# VIDEO names the video to take, else one is drawn. BASE names another base image. BUILD_OPTIONS are further ones of
# `podman build`, such as mounts of certificates and pip's configuration; podman itself reads CONTAINERS_CONF.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${1:-cpu}
image=unipose:$target
base=${BASE:-localhost/unipose-base:bookworm}
url=http://127.0.0.1:${PORT:-8123}
folder=$(mktemp -d)
server=unipose-proof-$$

finish() {
  podman rm --force --ignore "$server" > /dev/null 2>&1
  rm -rf "$folder"
}
trap finish EXIT

say() { printf '%4d s  %s\n' "$SECONDS" "$*"; }
fail() { echo "error: $*" >&2; exit 1; }
size() { podman image inspect --format '{{.Size}}' "$1"; }
# Health checks are asked for below: podman would have systemd time them, and says on stderr where there is none.
run() { podman run --read-only --tmpfs /tmp --cap-drop all --security-opt no-new-privileges --memory 2g "$@"; }
python() { run --rm --volume "$folder:/data" --entrypoint python "$image" -c "$1" 2> /dev/null; }

# The base stands for python:3.11-slim: Debian's Python with venv, without caches, manuals and translations.
if ! podman image exists "$base"; then
  mkdir "$folder/root"
  debootstrap --variant=minbase --include=python3-venv,ca-certificates bookworm "$folder/root" > "$folder/log" \
    || fail "debootstrap: $(tail -3 "$folder/log")"
  rm -rf "$folder"/root/{var/lib/apt/lists,var/cache/apt,usr/share/{doc,man,info,locale}}/*
  tar -C "$folder/root" -c . | podman import - "$base" > /dev/null 2>&1
  rm -rf "$folder/root"
fi
say "base $base: $(($(size "$base") / 1000000)) MB"

# shellcheck disable=SC2086
podman build --pull=never --format docker --network host ${BUILD_OPTIONS:-} --build-arg BASE="$base" \
  --target "$target" --tag "$image" . > "$folder/log" 2>&1 || fail "the build: $(tail -20 "$folder/log")"
megabytes=$(($(size "$image") / 1000000))
layers=$(podman history --format '{{.Size}}' "$image" | grep -v '^0 B' | paste -sd,)
say "built $image: $megabytes MB; its layers, code, dependencies and base: $layers"
[ "$target" != cpu ] || [ $megabytes -lt 700 ] || fail "the image has 700 MB or more"

# As `docker run -p 8000:8000 IMAGE` serves, with all that can be taken away taken away, the shell included.
command=()
[ "$target" = cpu ] || [ -e /dev/nvidia0 ] || command=(serve --device cpu)
run --detach --name "$server" --network bridge --publish "${url#http://}:8000" --volume /dev/null:/bin/sh:ro \
  "$image" "${command[@]}" > "$folder/log" 2>&1 || fail "the start: $(cat "$folder/log")"
for _ in $(seq 120); do
  curl --silent --fail "$url/readyz" > /dev/null && break
  sleep 0.5
done
curl --silent --fail "$url/readyz" > /dev/null || fail "not ready: $(podman logs "$server" 2>&1 | tail -5)"
say "ready"
[[ $(curl --silent --form image=@docs/sample.jpg "$url/pose") == *'"keypoints":[{'* ]] || fail "no pose"
[[ $(curl --silent "$url/") == *'<html'* ]] || fail "no page"
say "answers: a pose and the page"
podman healthcheck run "$server" || fail "the health check"
say "healthy"
[ "$(podman exec "$server" python -c 'import os; print(os.getuid(), os.getgid())')" = "1000 1000" ] || fail "the user"
[[ $(podman exec "$server" python -c 'open("/data/x", "w")' 2>&1) == *'Read-only file system'* ]] || fail "writable"
! podman exec "$server" sh -c true 2> /dev/null || fail "there is a shell"
say "not root, read-only, without a shell"
began=$(date +%s%N)
podman stop --time 10 "$server" > /dev/null 2>&1
status=$(podman inspect --format '{{.State.ExitCode}}' "$server")
[ "$status" = 0 ] || fail "stopped with $status: $(podman logs "$server" 2>&1 | tail -3)"
say "stopped by SIGTERM with 0 in $((($(date +%s%N) - began) / 1000000)) ms"

# `docker run -v DIR:/data IMAGE video /data/in.mp4 -o /data/out.mp4`, in a folder of the first user of a machine.
chown 1000:1000 "$folder"
if [ -n "${VIDEO:-}" ]; then
  install --owner 1000 --group 1000 "$VIDEO" "$folder/in.mp4"
else
  python '
import av, numpy
with av.open("/data/in.mp4", "w") as file:
    stream = file.add_stream("libx264", rate=25, width=320, height=240, pix_fmt="yuv420p")
    for x in range(50):
        picture = numpy.full((240, 320, 3), 90, numpy.uint8)
        picture[60:200, 100 + x : 150 + x] = 200
        file.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
    file.mux(stream.encode())'
fi
began=$(date +%s%N)
run --rm --volume "$folder:/data" "$image" video /data/in.mp4 -o /data/out.mp4 > "$folder/log" 2>&1 \
  || fail "the video: $(tail -5 "$folder/log")"
took=$((($(date +%s%N) - began) / 1000000))
[ "$(stat --format %u "$folder/out.mp4")" = 1000 ] || fail "the video belongs to another user"
frames='import av; print(*(sum(1 for _ in av.open(f"/data/{name}.mp4").decode(video=0)) for name in ("in", "out")))'
read -r given written <<< "$(python "$frames")"
[ "$written" -gt 0 ] && [ "$given" = "$written" ] || fail "the video has $written frames of $given"
say "a video of $written frames made in $took ms"
install --owner 4321 --group 4321 docs/sample.jpg "$folder/photo.jpg"
chown 4321:4321 "$folder"
run --rm --user 4321:4321 --volume "$folder:/data" "$image" predict /data/photo.jpg --out /data > "$folder/log" 2>&1 \
  || fail "another user: $(tail -5 "$folder/log")"
[ "$(stat --format %u "$folder/photo.pose.json")" = 4321 ] || fail "the joints belong to another user"
say "joints written for another user with --user"
