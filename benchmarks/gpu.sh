#!/usr/bin/env bash
# Prints what one GPU does here, in under 8 minutes and without a network: its peaks, and what of them unipose-s and the
# paper's network reach in their forward pass, from pictures to poses, in the service and in training.
#
#     benchmarks/gpu.sh                      needs Python with PyTorch, and a GPU that it sees
#     UNIPOSE_DEVICE=cpu benchmarks/gpu.sh   small sizes on the processor, to try the script
#
# Other packages that are missing (requirements.lock names them all) are taken from wheels in benchmarks/wheels/, which
# `pip download --no-deps -d benchmarks/wheels NAME==VERSION` puts there where there is a network. PYTHON: which one.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3} device=${UNIPOSE_DEVICE:-cuda} limit=460 failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
refuse() {
    echo "error: $1" >&2
    exit 2
}

export PYTHONPATH="$scratch:$PWD" COLUMNS=120
if compgen -G 'benchmarks/wheels/*.whl' >/dev/null; then
    "$python" -m pip install -q --no-index --no-deps --target "$scratch" benchmarks/wheels/*.whl
fi
lacking=$("$python" -c 'import torch, unipose.bench, serve.loadtest.load, uvicorn' 2>&1 | tail -n 1) || refuse \
    "$lacking: put wheels of what is missing into benchmarks/wheels/"
if [[ $device != cpu ]]; then
    "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || refuse \
        "PyTorch sees no GPU here; UNIPOSE_DEVICE=cpu measures small sizes on the processor"
fi

# As many seconds as are left, for a part of the measurements; one that is not done by then is left out.
part() {
    echo
    echo "== $1 (after $SECONDS s)"
    shift
    if ((SECONDS >= limit)) || ! timeout $((limit - SECONDS)) "$@"; then
        echo "not measured: it failed, or the $limit s are over"
        failed=1
    fi
}
bench() { part "$1" "$python" -m unipose.cli bench device "${@:2}" --device "$device"; }
serve() { part "$1" "$python" -m serve.loadtest.load "${@:2}" --device "$device"; }

small="model.wasp_channels=128 model.wasp_rates=[1,2,3] model.decoder_channels=96 model.multi_grid=[1,1,1] model.dropout=0.1"
if [[ $device == cpu ]]; then
    bench "unipose-s, small" $small 'model.input_wh=[64,64]' train.batch_size=4 train.workers=0 train.threads=1 \
        --batches 1 4 --seconds 0.1
    serve "the service" --clients 1,2 --seconds 0.2
    exit "$failed"
fi
cores=$("$python" -c 'from unipose.core.hardware import cores; print(cores())')
drawn="data.train=null data.val=null train.workers=$((cores > 1 ? cores - 1 : 1))"
s="configs/unipose-s.yaml $drawn"
paper="configs/paper.yaml $drawn model.pretrained=null train.batch_size=32 augment.appearance=1"
bench "unipose-s" $s --batches 1 8 64 256
serve "the service with unipose-s" --clients 1,32,128 --seconds 2 --model "$("$python" -c 'from unipose.weights import default_weights; print(default_weights())')"
bench "the paper's network" $paper --batches 1 64
if command -v cc >/dev/null; then
    bench "unipose-s against its compiled forward pass" $s --batches 64 --compile
    bench "the paper's network against its compiled forward pass" $paper --batches 64 --compile
else
    echo "torch.compile needs a C compiler (cc): not measured"
fi
exit "$failed"
