#!/bin/sh
# Runs nvcc, as a compiler launcher, and keeps what ptxas -v says of the kernels in OBJECT.ptxas, beside what it makes. All else that
# nvcc says it prints.
for argument; do
  [ "$previous" = -o ] && object=$argument
  previous=$argument
done
"$@" 2>"$object.ptxas"
status=$?
grep -v -e '^ptxas info' -e '^ *[0-9]* bytes ' "$object.ptxas" >&2
exit $status
