"""Map a scene with terratorch: python run_terratorch.py NETWORK-FOLDER SCENE.tif PROBABILITY.tif."""

import sys
from pathlib import Path

import numpy as np
import rasterio
import torch
from network import Network

if __name__ == "__main__":
    from terratorch.tasks.tiled_inference import tiled_inference

    folder, scene, out = sys.argv[1:]
    network = Network(Path(folder))
    with rasterio.open(scene) as source:
        image, profile = torch.from_numpy(source.read().astype(np.float32))[None], source.profile
    probability = tiled_inference(network, image, crop=128, stride=96, batch_size=16)[0].numpy()
    profile.update(count=1, dtype="float32", nodata=None, compress="lzw", predictor=1)
    with rasterio.open(out, "w", **profile) as target:
        target.write(probability)
