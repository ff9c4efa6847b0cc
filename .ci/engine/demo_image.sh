#!/usr/bin/env bash
# Makes the image chronos-demo:local: the base image of images.sh with what the demo's programs import, in the versions
# of the virtual environment. Needs images.sh to have run, and `make demo` or `make test` to have made .venv.
# Exit status: 0 the image exists, 3 this machine cannot build it, 1 anything else.
set -euo pipefail
# shellcheck source=.ci/engine/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly IMAGE=chronos-demo:local BASE=cwl-debian-python:local
readonly LABEL=org.chronos.demo.packages
venv=${CHRONOS_VENV:-.venv}

engine_answers || cannot "no container engine answers (start.sh starts one)"
docker image inspect "$BASE" >/dev/null 2>&1 || cannot "there is no image $BASE (images.sh makes it)"
[ -x "$venv/bin/uv" ] || cannot "there is no $venv/bin/uv (make test makes it)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$venv/bin/uv" pip freeze --python "$venv/bin/python" --exclude-editable >"$work/versions.txt"
"$venv/bin/python" - >"$work/wanted.txt" <<'PYTHON'
import tomllib

with open("pyproject.toml", "rb") as file:
    print("\n".join(tomllib.load(file)["project"]["optional-dependencies"]["demo"]))
PYTHON
version=$(docker run --rm "$BASE" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
packages=$(sha256sum "$work/versions.txt" "$work/wanted.txt" | sha256sum | cut -c1-16)
if [ "$(docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "$IMAGE" 2>/dev/null)" = "$packages" ]; then
    say "image $IMAGE is there"
    exit 0
fi
say "building the image $IMAGE"
"$venv/bin/uv" pip install --quiet --target "$work/packages" --python-version "$version" --only-binary :all: \
    --constraint "$work/versions.txt" --requirement "$work/wanted.txt"
container=$(docker create "$BASE" true)
tar -C "$work/packages" --owner=0 --group=0 -c . | docker cp - "$container:/usr/lib/python3/dist-packages"
docker commit -c "LABEL $LABEL=$packages" -c 'CMD ["python3"]' "$container" "$IMAGE" >/dev/null
docker rm "$container" >/dev/null
say "image $IMAGE is built"
