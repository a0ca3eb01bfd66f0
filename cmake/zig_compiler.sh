#!/bin/sh
# Zig with ARM's architectures in its own words: -march=armv8.2-a+dotprod+fp16 is -mcpu=generic+v8_2a+dotprod+fullfp16 there.
zig=$1
shift
for argument in "$@"; do
  shift
  case $argument in
    -march=armv*) argument=$(echo "$argument" | sed -E 's/^-march=armv([0-9])\.([0-9])-a/-mcpu=generic+v\1_\2a/; s/^-march=armv([0-9])-a/-mcpu=generic+v\1a/; s/\+fp16/+fullfp16/; s/\+no([a-z0-9]+)/-\1/g') ;;
  esac
  set -- "$@" "$argument"
done
exec "$zig" "$@"
