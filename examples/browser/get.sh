#!/bin/sh
# Fetches what the page needs: two pinned packages from npm (of which three files each are kept), and a detector exported by landslip.
#   sh examples/browser/get.sh [DETECTOR] [float32|int8]
set -eu
cd "$(dirname "$0")"
DETECTOR=${1:-s2-rgb}
PRECISION=${2:-float32}
rm -rf vendor detector
mkdir vendor detector
for package in onnxruntime-web@1.22.0 geotiff@2.1.3; do
    # npm checks the integrity of the archive.
    archive=$(cd vendor && npm pack --silent "$package")
    tar -xzf "vendor/$archive" -C vendor
    case $package in
        onnxruntime-web*) files="dist/ort.wasm.min.js dist/ort-wasm-simd-threaded.mjs dist/ort-wasm-simd-threaded.wasm" ;;
        *) files="dist-browser/geotiff.js LICENSE" ;;
    esac
    for file in $files; do mv "vendor/package/$file" vendor/; done
    rm -rf vendor/package "vendor/$archive"
done
landslip detector export "$DETECTOR" --to onnx --precision "$PRECISION" -o detector
mv detector/*.onnx detector/detector.onnx
mv detector/*.card.json detector/card.json
echo "next: python -m http.server --bind 127.0.0.1 --directory examples/browser 8000, then open http://127.0.0.1:8000"
