"""Map a scene with geoai: python run_geoai.py NETWORK-FOLDER SCENE.tif PROBABILITY.tif."""

import sys
from pathlib import Path

import numpy as np
from network import Network

if __name__ == "__main__":
    from geoai.inference import predict_geotiff

    folder, scene, out = sys.argv[1:]
    predict_geotiff(
        Network(Path(folder)),
        scene,
        out,
        tile_size=128,
        overlap=32,
        batch_size=16,
        blend_mode="cosine",
        preprocess_fn=lambda tile: tile.astype(np.float32),
        device="cpu",
        verbose=False,
    )
