#!/bin/sh
# Builds the peers (llama.cpp, mlx-lm) and the models that they are measured with, from public packages.
#   benches/peers/setup.sh      into $PEERS (default: lazuli-peers in the temporary folder), about 20 minutes on 2 cores
# Needs a C++ compiler, Python 3 and 25 GB of disk while it runs. What is there already is kept, so it can be run again.
# llama.cpp comes inside the source package of llama-cpp-python: a pinned version from an ordinary registry,
# without a checkout. Nothing third-party is kept in this repository.
# SHAPES chooses among qwen3-0.6b, moe-small and hybrid-small.
# LLAMA_FLAGS adds options for cmake, where its own choice does not run: on a virtual machine with AMX its native
# build crashed, and "-DGGML_NATIVE=OFF -DGGML_AVX512=ON ..." did not.
set -eu
HERE=$(cd "$(dirname "$0")" && pwd)
CONFIGS=$HERE/../../tests/fixtures/configs
PEERS=${PEERS:-${TMPDIR:-/tmp}/lazuli-peers}
VERSION=${LLAMA_CPP_PYTHON:-0.3.36}
MLX=${MLX:-0.32.4}
MLX_LM=${MLX_LM:-0.32.2}
JOBS=${JOBS:-$(nproc)}
SHAPES=${SHAPES:-qwen3-0.6b moe-small hybrid-small}

mkdir -p "$PEERS/sdist" "$PEERS/src" "$PEERS/gguf"
[ -x "$PEERS/venv/bin/python" ] || python3 -m venv "$PEERS/venv"
PY=$PEERS/venv/bin/python
# pip asks a source package for its metadata before it hands it over, hence scikit-build-core.
"$PY" -m pip install -q cmake ninja scikit-build-core numpy gguf "mlx[cpu]==$MLX" "mlx-lm==$MLX_LM"

SOURCE=$PEERS/src/llama_cpp_python-$VERSION/vendor/llama.cpp
if [ ! -d "$SOURCE" ]; then
  "$PY" -m pip download -q --no-binary llama-cpp-python --no-deps --no-build-isolation \
    -d "$PEERS/sdist" "llama-cpp-python==$VERSION"
  tar xzf "$PEERS/sdist/llama_cpp_python-$VERSION.tar.gz" -C "$PEERS/src"
fi

PATH=$PEERS/venv/bin:$PATH
BUILD=$PEERS/build-$VERSION
[ -f "$BUILD/build.ninja" ] || cmake -S "$SOURCE" -B "$BUILD" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DGGML_NATIVE=ON -DBUILD_SHARED_LIBS=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_TESTS=OFF \
  -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF ${LLAMA_FLAGS:-}
ninja -C "$BUILD" -j "$JOBS" llama-bench llama-quantize
ln -sfn "$BUILD/bin" "$PEERS/bin"
echo "$VERSION" >"$PEERS/version"

# A file gets its name when it is whole, so that an interrupted run is not mistaken for a finished one. The
# wide one is what the others are made from, and takes as much disk as both: it goes when they are there.
for shape in $SHAPES; do
  WIDE=$PEERS/gguf/$shape-BF16.gguf
  for kind in Q4_0 Q8_0; do
    FILE=$PEERS/gguf/$shape-$kind.gguf
    [ ! -f "$FILE" ] || continue
    if [ ! -f "$WIDE" ]; then
      "$PY" "$HERE/random_gguf.py" "$CONFIGS/$shape.json" "$WIDE.part"
      mv "$WIDE.part" "$WIDE"
    fi
    LOG=$PEERS/gguf/$shape-$kind.log
    "$PEERS/bin/llama-quantize" "$WIDE" "$FILE.part" "$kind" "$JOBS" >"$LOG" 2>&1 ||
      { tail -n 5 "$LOG" >&2; exit 1; }
    mv "$FILE.part" "$FILE"
  done
  rm -f "$WIDE"
done
echo "ready: PEERS=$PEERS $HERE/compare.sh"
