"""Count the processor seconds that a map takes in one process, and in client and workers of a cluster.

    python benchmarks/cluster_processor.py [--side 2560] [--block 512] [--workers 2]

Other load on the machine changes these less than wall times. One process has loaded everything before it is counted;
the workers' figures include loading landslip and the engine.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import rasterio
from distributed import Client, LocalCluster

import whole_tile
from landslip.cluster.connection import Cluster
from landslip.cluster.runner import ClusterRequest, ClusterRunner
from landslip.cluster.worker import MapperPlugin
from landslip.detector.detector import Detector
from landslip.files.progress import no_progress
from landslip.mapping.job import MapSettings
from landslip.mapping.run import map_scene
from landslip.scenes.rasters import open_scene
from landslip.scenes.scene_list import SceneFiles


def used_s() -> float:
    """Processor seconds of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=2560)
    parser.add_argument("--block", type=int, default=512)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    detector = Detector.open()
    settings = MapSettings(block_px=given.block, precision="float32", engine="openvino", threads=1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = folder / "scene.tif"
        with rasterio.open(whole_tile.EXAMPLE) as file:
            values = file.read([1, 2, 3])
        whole_tile.write_tile(path, values, given.side)
        map_scene(open_scene(path), detector, folder / "first", settings)
        before = used_s()
        summary = map_scene(open_scene(path), detector, folder / "one", settings).summary
        print(f"one process: {used_s() - before:.1f} s, {summary.network_s:.1f} s of wall time in the network")
        with (
            LocalCluster(
                n_workers=given.workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
            ) as started,
            Client(started) as client,
        ):
            cluster = Cluster("local", client, MapperPlugin(detector), own=True)
            cluster.prepare()
            scene = SceneFiles("scene", (path,))
            request = ClusterRequest(detector, folder / "many", settings, {})
            runner = ClusterRunner(cluster, request, [scene], folders=False, say=print)
            earlier, before = client.run(used_s), used_s()
            summary = runner.map(scene, runner.open(scene), time.perf_counter(), no_progress)
            spent, later = used_s() - before, client.run(used_s)
            workers = ", ".join(f"{later[worker] - earlier[worker]:.1f}" for worker in earlier)
            print(f"client: {spent:.1f} s; workers: {workers} s, {summary.network_s:.1f} s in the network")


if __name__ == "__main__":
    main()
