"""Load test: many users at once; prints errors, mixed-up results, memory and response times.

    python benchmarks/page_load.py [--users 20] [--seconds 120]

Every user has a scene of their own, whose landslides were found before by a separate run, and does what the page
does: upload, check, map, sliders. All share one server state with real worker processes. In addition the same number of
websockets to a served page reload it every few seconds. 127.0.0.1 only.
"""

import argparse
import contextlib
import io
import os
import random
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import rasterio
from affine import Affine
from rasterio.io import MemoryFile
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from landslip.detector.detector import DEFAULT, Detector
from landslip.mapping.inventory.files import read_geopackage
from landslip.mapping.job import MapSettings
from landslip.mapping.run import map_scene
from landslip.page.errors import PageError
from landslip.page.jobs.results import Landslides, ReadResult, SceneResult
from landslip.page.jobs.tasks import MapTask, PolygonSettings, PolygonsTask, ReadTask, SceneSource, UploadLimits
from landslip.page.server.server_state import ServerState, Session
from landslip.page.server.settings import PageSettings
from landslip.page.uploads.receive import receive
from landslip.scenes.rasters import open_scene
from page_served import served

EXAMPLE = Path(__file__).parents[1] / "examples" / "wayanad" / "wayanad.tif"
SIDE_PX = 160
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6)


def own_scene(number: int) -> bytes:
    """A different crop of the example for each user."""
    with rasterio.open(EXAMPLE) as source:
        row, col = 20 + 37 * (number % 5), 20 + 53 * (number // 5 % 8)
        window = rasterio.windows.Window(col, row, SIDE_PX, SIDE_PX)
        values = source.read(window=window)
        profile = source.profile | {"height": SIDE_PX, "width": SIDE_PX, "tiled": False}
        for name in ("blockxsize", "blockysize"):
            profile.pop(name, None)
        profile["transform"] = source.window_transform(window) @ Affine.identity()
        with MemoryFile() as memory:
            with memory.open(**profile) as piece:
                piece.write(values)
                for band, text in enumerate(source.descriptions, start=1):
                    piece.set_band_description(band, text)
            return bytes(memory.read())


class Arriving(io.BytesIO):
    """An uploaded file as Streamlit passes it on."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(content)
        self.name, self.size = name, len(content)


class Tally:
    """Times and errors of all threads."""

    def __init__(self) -> None:
        self.times_s: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []
        self.mixed = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def timing(self, what: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        with self._lock:
            self.times_s[what].append(time.monotonic() - start)

    def add_error(self, text: str) -> None:
        with self._lock:
            self.errors.append(text)

    def add_mixed(self) -> None:
        with self._lock:
            self.mixed += 1


def expected_outlines(folder: Path, content: bytes, number: int) -> dict[float, bytes]:
    """The outlines of a scene at each threshold, by a separate run."""
    path = folder / f"expected-{number}.tif"
    path.write_bytes(content)
    detector, found = Detector.open(DEFAULT), {}
    for threshold in THRESHOLDS:
        out = folder / f"expected-{number}-{threshold}"
        map_scene(open_scene(path), detector, out, MapSettings(threshold=threshold, threads=1))
        found[threshold] = outlines_of(out / "landslides.gpkg")
    return found


def outlines_of(path: Path) -> bytes:
    return b"".join(geometry.wkb for table in read_geopackage(path) for geometry in table.geometry)


def visit(
    server: ServerState, session: Session, content: bytes, wanted: dict[float, bytes], until: float, tally: Tally
) -> None:
    """Upload, check, map and move the slider until the time is over."""
    chance = random.Random(session.owner)
    limits = UploadLimits(megapixels=150, patches=500, members=640, unpacked_mb=2000)
    while time.monotonic() < until:
        try:
            folder = session.new_folder("upload")
            uploads = receive([Arriving("scene.tif", content)], folder, server.settings)
            with tally.timing("check an upload"):
                job = session.submit("read", ReadTask(folder=folder, uploads=uploads, limits=limits))
                progress = job.wait(600)
            if progress.state != "done":
                tally.add_error(f"read {progress.state}: {progress.error}")
                continue
            source = ReadResult.model_validate(job.result).sources[0]
            assert isinstance(source, SceneSource)
            with tally.timing("map"):
                task = MapTask(source=source, detector=DEFAULT, out=session.new_folder("map"), threads=1)
                job = session.submit("map", task)
                progress = job.wait(600)
            if progress.state != "done":
                tally.add_error(f"map {progress.state}: {progress.error}")
                continue
            result = SceneResult.model_validate(job.result)
            for threshold in chance.sample(THRESHOLDS, 3):
                settings = PolygonSettings(threshold=threshold)
                out = session.cache_path("landslides", result.folder, settings)
                with tally.timing("move the slider"):
                    polygons = PolygonsTask(
                        source=source, detector=DEFAULT, map_folder=result.folder, settings=settings, out=out
                    )
                    landslides = Landslides.model_validate(session.run(polygons, 600))
                if outlines_of(landslides.geopackage) != wanted[threshold]:
                    tally.add_mixed()
        except PageError as error:
            tally.add_error(str(error))


def reload_page(port: int, until: float, tally: Tally) -> None:
    """Hold a websocket open and reload the page every few seconds."""
    with connect(f"ws://127.0.0.1:{port}/_stcore/stream", subprotocols=["streamlit"], max_size=None) as pipe:  # type: ignore[list-item] # a plain str
        while time.monotonic() < until:
            request = BackMsg()
            request.rerun_script.query_string = "detectors=s2-rgb"
            with tally.timing("show the page"):
                pipe.send(request.SerializeToString())
                while True:
                    message = ForwardMsg()
                    message.ParseFromString(pipe.recv(120))  # type: ignore[arg-type] # bytes
                    if message.WhichOneof("type") == "delta" and message.delta.new_element.HasField("exception"):
                        tally.add_error("page: " + message.delta.new_element.exception.message)
                    if message.WhichOneof("type") == "script_finished":
                        break
            time.sleep(3)


def resident_mb(root: psutil.Process) -> float:
    total = 0
    for one in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            total += one.memory_info().rss
    return total / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=120)
    arguments = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder, served() as (port, process):
        scenes = [own_scene(number) for number in range(arguments.users)]
        wanted = [expected_outlines(Path(folder), content, number) for number, content in enumerate(scenes)]
        server = ServerState(PageSettings(threads=1))
        sessions = [server.open_session() for _ in scenes]
        until = time.monotonic() + arguments.seconds
        threads = [
            *(
                threading.Thread(target=visit, args=(server, one, content, found, until, tally))
                for one, content, found in zip(sessions, scenes, wanted, strict=True)
            ),
            *(threading.Thread(target=reload_page, args=(port, until, tally)) for _ in scenes),
        ]
        for thread in threads:
            thread.start()
        # The worker processes are children of this one, which also holds the users.
        server_mb, workers_mb, me = [0.0], [0.0], psutil.Process()
        while any(thread.is_alive() for thread in threads):
            served_mb = resident_mb(process)
            server_mb.append(served_mb)
            workers_mb.append(resident_mb(me) - me.memory_info().rss / 1e6 - served_mb)
            time.sleep(1)
        server.close()
        left = list(server.root.glob("*")) if server.root.exists() else []
        alone = len({found for one in wanted for found in one.values()})
    print(
        f"{arguments.users} users and as many browsers for {arguments.seconds:g} s, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}; {alone} different results"
    )
    print(f"{'':<18}{'times':>7}{'median s':>10}{'95 % s':>9}{'longest s':>11}")
    for what, times_s in sorted(tally.times_s.items()):
        median, most = np.percentile(times_s, (50, 95))
        print(f"{what:<18}{len(times_s):>7}{median:>10.2f}{most:>9.2f}{max(times_s):>11.2f}")
    print(f"errors {len(tally.errors)}, results of another user {tally.mixed}, files left {len(left)}")
    print(f"resident at most: server and idle workers {max(server_mb):,.0f} MB, busy workers {max(workers_mb):,.0f} MB")
    for error in sorted(set(tally.errors))[:10]:
        print("  " + error)
    return bool(tally.errors or tally.mixed or left)


if __name__ == "__main__":
    sys.exit(main())
