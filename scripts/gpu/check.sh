#!/usr/bin/env bash
# Checks a real GPU with what scripts/gpu/pack.mjs packed, and needs nothing but a driver and a CUDA 12 or 13 runtime.
#   bash check.sh [ARCHIVE] [--out FOLDER] [--only tests,sanitizer,bench] [--short] [--device cpu]
# ARCHIVE is tensorlane-gpu.tar.xz, here or beside this script, unless it is named. It runs the device's tests, compute-sanitizer over
# the kernels where that is present, and the benchmarks, and writes FOLDER/<gpu>.json and .md (by default bench/results).
# --device cpu shows that all of this works where there is no GPU. The last line is the sum: `N passed, N failed`.
set -u

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
archive=
if (($# > 0)) && [[ $1 != --* ]]; then
  archive=$1
  shift
else
  for candidate in ./tensorlane-gpu.tar.xz "$here/tensorlane-gpu.tar.xz" "$here/../../build/gpu/tensorlane-gpu.tar.xz"; do
    if [[ -f $candidate ]]; then archive=$candidate && break; fi
  done
fi
if [[ ! -f $archive ]]; then
  echo "gpu-check: there is no ${archive:-tensorlane-gpu.tar.xz}; npm run gpu:pack makes it" >&2
  exit 1
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
unpack() {
  if command -v xz >/dev/null; then xz -dc "$1" | tar -x -C "$2"; else
    python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1], "r:xz").extractall(sys.argv[2])' "$1" "$2"
  fi
}
if ! unpack "$archive" "$work"; then
  echo "gpu-check: $archive could not be unpacked (it takes tar and xz, or python3)" >&2
  exit 1
fi
root=$work/tensorlane-gpu

# The Node that is here, where it is new enough and runs; else the one that was carried along.
node=$(command -v node || true)
if [[ -z $node ]] || ! "$node" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null; then
  node=$root/bin/node
fi

# OpenBLAS and what it needs, for machines that have none. CUDA's libraries are found by the addon itself.
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$root/libraries
"$node" "$root/scripts/gpu/run.mjs" "$@"
