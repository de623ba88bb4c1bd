#!/usr/bin/env bash
# Checks a real GPU with what scripts/gpu/pack.mjs packed, and needs nothing but a driver and a CUDA 12 or 13 runtime.
#   bash check.sh [ARCHIVE] [--only tests,sanitizer,bench] [--minutes 9] [--out FOLDER] [--short] [--device cpu]
# ARCHIVE is tensorlane-gpu.tar.xz, here or beside this script, unless it is named. It runs the device's tests, compute-sanitizer over
# the kernels where that is present, and the benchmarks, and writes FOLDER/<gpu>.json and .md (by default bench/results). Each
# part takes at most its minutes, and can be run by itself, one after the other: the report keeps what the others found.
# The archive is unpacked once, into TENSORLANE_GPU_FOLDER (a folder of yours in /tmp unless that is set), and stays there.
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

unpack() {
  if command -v xz >/dev/null; then xz -dc "$1" | tar -x -C "$2"; else
    python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1], "r:xz").extractall(sys.argv[2])' "$1" "$2"
  fi
}
work=${TENSORLANE_GPU_FOLDER:-${TMPDIR:-/tmp}/tensorlane-gpu-$(id -u)}
mkdir -p -m 700 "$work" || exit 1
if [[ ! -O $work ]]; then
  echo "gpu-check: $work is somebody else's; name another folder in TENSORLANE_GPU_FOLDER" >&2
  exit 1
fi
sum=$(cksum <"$archive") || exit 1
if [[ $(cat "$work/.unpacked" 2>/dev/null) != "$sum" ]]; then
  rm -rf "$work/.unpacked" "$work/tensorlane-gpu"
  if ! unpack "$archive" "$work"; then
    echo "gpu-check: $archive could not be unpacked (it takes tar and xz, or python3)" >&2
    exit 1
  fi
  echo "$sum" >"$work/.unpacked"
fi
root=$work/tensorlane-gpu

# The Node that is here, where it is new enough and runs; else the one that was carried along.
node=$(command -v node || true)
if [[ -z $node ]] || ! "$node" -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null; then
  node=$root/bin/node
fi

# OpenBLAS and what it needs, for machines that have none. CUDA's libraries are found by the addon itself.
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$root/libraries
exec "$node" "$root/scripts/gpu/run.mjs" "$@"
