#!/bin/sh
# llama.cpp's llama-bench, mlx-lm on the CPU and `lazuli bench model` in turn, A B A B, on random models of the
# same shapes.
#   benches/peers/compare.sh            after setup.sh; writes benches/results/DATE-cpu-peers.md
# Variables: PEERS (see setup.sh), LAZULI (the binary; default: built in release from this checkout), ROUNDS (3),
# SHAPES ("qwen3-0.6b moe-small hybrid-small"), DEPTHS ("0 8192"), PP (512), TG (64), THREADS ("1 2", as far as there
# are cores), KINDS ("4:Q4_0 8:Q8_0": bits of ours, format of theirs), MLX_TOKENS ("4 2": of prompt and decoded, in
# each call of mlx-lm, which takes a second for each; "": without it), OUT (the results file).
# Each round runs every setting of all once; ours also reads the memory's bandwidth between its repeats. The order
# within a pair changes from round to round, so that neither has the warmer machine. mlx-lm computes on the threads
# that it chooses, so it has a turn for each shape, depth and width only.
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
PEERS=${PEERS:-${TMPDIR:-/tmp}/lazuli-peers}
ROUNDS=${ROUNDS:-3}
SHAPES=${SHAPES:-qwen3-0.6b moe-small hybrid-small}
DEPTHS=${DEPTHS:-0 8192}
PP=${PP:-512}
TG=${TG:-64}
KINDS=${KINDS:-4:Q4_0 8:Q8_0}
MLX_TOKENS=${MLX_TOKENS-4 2}
[ -n "${THREADS:-}" ] || { [ "$(nproc)" -gt 1 ] && THREADS="1 2" || THREADS=1; }
OUT=${OUT:-$ROOT/benches/results/$(date +%F)-cpu-peers.md}

[ -x "$PEERS/bin/llama-bench" ] || { echo "no $PEERS/bin/llama-bench: run $HERE/setup.sh first" >&2; exit 1; }
for shape in $SHAPES; do
  for pair in $KINDS; do
    FILE=$PEERS/gguf/$shape-${pair#*:}.gguf
    [ -f "$FILE" ] || { echo "no $FILE: run $HERE/setup.sh with SHAPES=$shape first" >&2; exit 1; }
  done
done
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
or_say_why() { # file command..
  file=$1
  shift
  "$@" >"$file" 2>"$ROWS/stderr" || { cat "$ROWS/stderr" >&2; exit 1; }
}
theirs() {
  or_say_why "$ROWS/llama@$NAME.json" "$PEERS/bin/llama-bench" -m "$PEERS/gguf/$shape-$kind.gguf" \
    -p "$PP" -n "$TG" -d "$depth" -t "$threads" -r 1 -o json
}
ours() {
  or_say_why "$ROWS/ours@$NAME.json" "$LAZULI" bench model --config "$ROOT/tests/fixtures/configs/$shape.json" \
    --random --bits "$bits" -p "$PP" -n "$TG" -d "$depth" -t "$threads" -r 3 --json
}
mlx() {
  # shellcheck disable=SC2086 # two numbers
  or_say_why "$ROWS/mlx@$NAME.json" "$PEERS/venv/bin/python" "$HERE/mlx_speed.py" \
    "$ROOT/tests/fixtures/configs/$shape.json" "$bits" $MLX_TOKENS "$depth"
}

round=1
while [ "$round" -le "$ROUNDS" ]; do
  for shape in $SHAPES; do
    for depth in $DEPTHS; do
      for pair in $KINDS; do
        bits=${pair%%:*} kind=${pair#*:}
        for threads in $THREADS; do
          NAME=$shape@$depth@$kind@$bits@$threads@$round
          if [ $((round % 2)) = 1 ]; then
            theirs
            ours
          else
            ours
            theirs
          fi
          echo "round $round of $ROUNDS: $shape, depth $depth, $kind, $threads thread(s); load" \
            "$(cut -d' ' -f1 /proc/loadavg 2>/dev/null)" >&2
        done
        # The name has the most threads, which it is compared with.
        [ -z "$MLX_TOKENS" ] || mlx
      done
    done
  done
  round=$((round + 1))
done

mkdir -p "$(dirname "$OUT")"
echo "$COMMIT" >"$ROWS/commit"
cp "$PEERS/version" "$ROWS/peer-version"
"$LAZULI" devices --full --json >"$ROWS/devices.json"
python3 "$HERE/report.py" write "$ROWS" "$OUT" "SHAPES='$SHAPES' DEPTHS='$DEPTHS' ROUNDS=$ROUNDS PP=$PP TG=$TG THREADS='$THREADS' KINDS='$KINDS' MLX_TOKENS='$MLX_TOKENS' benches/peers/compare.sh"
cat "$OUT"
echo "written: $OUT (fill in the notes)" >&2
