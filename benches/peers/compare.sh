#!/bin/sh
# llama.cpp's llama-bench and `lazuli bench model` in turn, A B A B, on a random model of the same shape.
#   benches/peers/compare.sh            after setup.sh; writes benches/results/DATE-cpu-peers.md
# Variables: PEERS (see setup.sh), LAZULI (the binary; default: built in release from this checkout), ROUNDS (3),
# PP (512), TG (64), THREADS ("1 2", as far as there are cores), KINDS ("4:Q4_0 8:Q8_0": bits of ours, format of
# theirs), DEPTH (0), OUT (the results file).
# Each round runs every setting of both once; ours also reads the memory's bandwidth between its repeats. The order
# within a pair changes from round to round, so that neither has the warmer machine.
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
PEERS=${PEERS:-${TMPDIR:-/tmp}/lazuli-peers}
ROUNDS=${ROUNDS:-3}
PP=${PP:-512}
TG=${TG:-64}
DEPTH=${DEPTH:-0}
KINDS=${KINDS:-4:Q4_0 8:Q8_0}
[ -n "${THREADS:-}" ] || { [ "$(nproc)" -gt 1 ] && THREADS="1 2" || THREADS=1; }
SHAPE=qwen3-0.6b
OUT=${OUT:-$ROOT/benches/results/$(date +%F)-cpu-peers.md}

[ -x "$PEERS/bin/llama-bench" ] || { echo "no $PEERS/bin/llama-bench: run $HERE/setup.sh first" >&2; exit 1; }
# Of a binary that was given nobody knows the commit.
COMMIT="unknown commit"
if [ -z "${LAZULI:-}" ]; then
  COMMIT=$(git -C "$ROOT" rev-parse --short HEAD)
  [ -z "$(git -C "$ROOT" status --porcelain --untracked-files=no)" ] || COMMIT="$COMMIT with local changes"
  LAZULI=$(cd "$ROOT" && cargo build --release -p lazuli-cli --message-format=json-render-diagnostics |
    python3 "$HERE/report.py" executable)
fi

ROWS=$(mktemp -d)
trap 'rm -rf "$ROWS"' EXIT
theirs() { # kind threads file
  "$PEERS/bin/llama-bench" -m "$PEERS/gguf/$SHAPE-$1.gguf" -p "$PP" -n "$TG" -d "$DEPTH" -t "$2" -r 1 -o json \
    >"$3" 2>"$ROWS/stderr" || { cat "$ROWS/stderr" >&2; exit 1; }
}
ours() { # bits threads file
  "$LAZULI" bench model --config "$ROOT/tests/fixtures/configs/$SHAPE.json" --random --bits "$1" -p "$PP" -n "$TG" -d "$DEPTH" -t "$2" \
    -r 3 --json >"$3"
}

round=1
while [ "$round" -le "$ROUNDS" ]; do
  for pair in $KINDS; do
    bits=${pair%%:*} kind=${pair#*:}
    for threads in $THREADS; do
      name=$kind-$bits-$threads-$round
      if [ $((round % 2)) = 1 ]; then
        theirs "$kind" "$threads" "$ROWS/theirs-$name.json"
        ours "$bits" "$threads" "$ROWS/ours-$name.json"
      else
        ours "$bits" "$threads" "$ROWS/ours-$name.json"
        theirs "$kind" "$threads" "$ROWS/theirs-$name.json"
      fi
      echo "round $round of $ROUNDS: $kind, $threads thread(s); load $(cut -d' ' -f1 /proc/loadavg 2>/dev/null)" >&2
    done
  done
  round=$((round + 1))
done

mkdir -p "$(dirname "$OUT")"
echo "$COMMIT" >"$ROWS/commit"
cp "$PEERS/version" "$ROWS/peer-version"
"$LAZULI" devices --full --json >"$ROWS/devices.json"
python3 "$HERE/report.py" write "$ROWS" "$OUT" "ROUNDS=$ROUNDS PP=$PP TG=$TG DEPTH=$DEPTH THREADS='$THREADS' KINDS='$KINDS' benches/peers/compare.sh"
cat "$OUT"
echo "written: $OUT (fill in the notes)" >&2
