#!/bin/bash
# Fuzzes every reader of outside input, or those that are named: fuzz.sh [SECONDS] [TARGET...]
#
# Under libFuzzer where the compiler links it (-sanitize=fuzzer; no flag for it is in Package.swift), with the inputs
# that reached something new kept in .build/fuzz/corpus; else with the mutator of hone-fuzz alone. What was found lies
# in .build/fuzz/findings, and `hone-fuzz read TARGET FILE` shows it again.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
swift=${SWIFT:-swift}
hostile=Tests/Fixtures/hostile
work=.build/fuzz
mkdir -p "$work/corpus" "$work/findings"

# Whether the toolchain has libFuzzer is tried with a reader that reads nothing.
probe="$work/probe"
mkdir -p "$probe"
echo '@_cdecl("LLVMFuzzerTestOneInput") public func read(_: UnsafePointer<UInt8>?, _: Int) -> Int32 { 0 }' > "$probe/probe.swift"
if ! "${swift}c" -parse-as-library -sanitize=fuzzer -use-ld=lld "$probe/probe.swift" -o "$probe/probe" 2> "$probe/log"; then
  echo "fuzz: this toolchain links no libFuzzer ($probe/log); going on with hone-fuzz's own mutator"
  "$swift" build -c release --product hone-fuzz
  exec .build/release/hone-fuzz run "$@" --seconds "$seconds" --seed "${SEED:-$RANDOM}" --findings "$work/findings"
fi

# A scratch folder of its own: every target is compiled with the counters of the fuzzer. lld, because gold cannot read
# the debugging information of libFuzzer's archive.
"$swift" build -c release --product hone-fuzz --scratch-path "$work/build" -Xswiftc -sanitize=fuzzer \
  -Xswiftc -DHONE_LIBFUZZER -Xswiftc -Xclang-linker -Xswiftc -fuse-ld=lld
fuzzer="$work/build/release/hone-fuzz"
"$swift" build -c release --product hone-fuzz
plain=.build/release/hone-fuzz
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <("$plain" list)
"$plain" write --corpus "$work/samples"

status=0
for target in "${targets[@]}"; do
  corpus="$work/corpus/$target"
  mkdir -p "$corpus"
  seeds=()
  folder=$("$plain" folder "$target")
  for place in "$hostile/$folder" "$work/samples/$folder"; do [ -d "$place" ] && seeds+=("$place"); done
  echo "== $target"
  # A reader that takes a second, or half a gigabyte for a small input, is as much a finding as one that traps.
  SWIFT_BACKTRACE=enable=no "$fuzzer" "$target" "$corpus" "${seeds[@]}" -max_total_time="$seconds" -timeout=5 \
    -rss_limit_mb=1024 -max_len=65536 -artifact_prefix="$work/findings/$target-" -print_final_stats=1 \
    -verbosity=0 || status=1
done
exit $status
