"""Everything that can be wrong with a Landslide4Sense folder, made on purpose."""

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from l4s_made import ELEVATION, SLOPE, truth, whole, write_h5, write_image
from landslip.datasets.hdf5 import MAX_FILE_BYTES
from landslip.datasets.l4s_values import DIVISORS

IMAGE, MASK = "TrainData/img/image_2.h5", "TrainData/mask/mask_2.h5"


def image_with(change: Callable[[np.ndarray], None]) -> Callable[[Path], None]:  # type: ignore[type-arg] # any numbers
    def make(folder: Path) -> None:
        numbers = whole(2).astype(float)
        change(numbers)
        write_image(folder / IMAGE, numbers)

    return make


def put(where: object, value: float) -> Callable[[Path], None]:
    return image_with(lambda numbers: numbers.__setitem__(where, value))  # type: ignore[arg-type] # any index


def without_terrain(numbers: np.ndarray) -> None:  # type: ignore[type-arg] # any numbers
    numbers[..., SLOPE] = 0
    numbers[..., ELEVATION] = 12


def cut_short(folder: Path) -> None:
    os.truncate(folder / IMAGE, 700_000)


def empty(folder: Path) -> None:
    (folder / IMAGE).write_bytes(b"")


def a_picture(folder: Path) -> None:
    (folder / IMAGE).write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1000))


def a_folder(folder: Path) -> None:
    (folder / IMAGE).unlink()
    (folder / IMAGE).mkdir()


def a_pipe(folder: Path) -> None:
    (folder / IMAGE).unlink()
    os.mkfifo(folder / IMAGE)


def a_link_to_nowhere(folder: Path) -> None:
    (folder / IMAGE).unlink()
    (folder / IMAGE).symlink_to(folder / "nowhere.h5")


def huge_file(folder: Path) -> None:
    os.truncate(folder / IMAGE, MAX_FILE_BYTES + 1)


def other_name(folder: Path) -> None:
    write_h5(folder / IMAGE, "image", whole(2) / DIVISORS)


def a_group(folder: Path) -> None:
    with h5py.File(folder / IMAGE, "w") as file:
        file.create_group("img")


def external_link(folder: Path) -> None:
    with h5py.File(folder / IMAGE, "w") as file:
        file["img"] = h5py.ExternalLink(str(folder / "TrainData/img/image_1.h5"), "/img")


def soft_link(folder: Path) -> None:
    with h5py.File(folder / IMAGE, "w") as file:
        file["img"] = h5py.SoftLink("/img")


def huge_shape(folder: Path) -> None:
    with h5py.File(folder / IMAGE, "w") as file:
        file.create_dataset("img", (1 << 20, 1 << 20, 14), "f8", chunks=(128, 128, 14))


def huge_chunks(folder: Path) -> None:
    with h5py.File(folder / IMAGE, "w") as file:
        chunks = (1 << 12, 1 << 12, 14)
        file.create_dataset("img", (128, 128, 14), "f8", maxshape=(None, None, 14), chunks=chunks)


def many_chunks(folder: Path) -> None:
    with h5py.File(folder / IMAGE, "w") as file:
        file.create_dataset("img", (128, 128, 14), "f8", chunks=(1, 1, 1))


def bands_first(folder: Path) -> None:
    write_h5(folder / IMAGE, "img", np.moveaxis(whole(2) / DIVISORS, -1, 0))


def float32(folder: Path) -> None:
    write_h5(folder / IMAGE, "img", (whole(2) / DIVISORS).astype(np.float32))


def compound(folder: Path) -> None:
    write_h5(folder / IMAGE, "img", np.zeros((128, 128, 14), [("a", "f8"), ("b", "f8")]))


def values_elsewhere(folder: Path) -> None:
    with h5py.File(folder / IMAGE, "w") as file:
        size = 128 * 128 * 14 * 8
        file.create_dataset("img", (128, 128, 14), "f8", external=[("/etc/hostname", 0, size)])


def virtual(folder: Path) -> None:
    layout = h5py.VirtualLayout((128, 128, 14), "f8")
    layout[:] = h5py.VirtualSource(folder / "TrainData/img/image_1.h5", "img", (128, 128, 14))
    with h5py.File(folder / IMAGE, "w") as file:
        file.create_virtual_dataset("img", layout)


def never_written(folder: Path) -> None:
    with h5py.File(folder / IMAGE, "w") as file:
        file.create_dataset("img", (128, 128, 14), "f8")


def bomb(folder: Path) -> None:
    """128 KB that unpack to 128 MB."""
    with h5py.File(folder / IMAGE, "w") as file:
        dataset = file.create_dataset("img", (128, 128, 14), "f8", chunks=(128, 128, 14), compression="gzip")
        dataset.id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(1 << 27), 9))


def short_chunk(folder: Path) -> None:
    with h5py.File(folder / IMAGE, "w") as file:
        dataset = file.create_dataset("img", (128, 128, 14), "f8", chunks=(128, 128, 14), compression="gzip")
        dataset.id.write_direct_chunk((0, 0, 0), zlib.compress(bytes(1000), 9))


def chunk_without_its_checksum(folder: Path) -> None:
    with h5py.File(folder / IMAGE, "w") as file:
        dataset = file.create_dataset("img", (128, 128, 14), "f8", chunks=(128, 128, 14), compression="gzip")
        dataset.id.write_direct_chunk((0, 0, 0), zlib.compress((whole(2) / DIVISORS).tobytes())[:-4])


def unknown_filter(folder: Path) -> None:
    """A filter that only a plug-in knows (its number is that of Zstandard)."""
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((128, 128, 14))
    plan.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ())
    with h5py.File(folder / IMAGE, "w") as file:
        h5py.h5d.create(file.id, b"img", h5py.h5t.IEEE_F64LE, h5py.h5s.create_simple((128, 128, 14)), plan)


def lzf(folder: Path) -> None:
    write_image(folder / IMAGE, whole(2), compression="lzf")


def mask_of_255(folder: Path) -> None:
    write_h5(folder / MASK, "mask", truth(2) * np.uint8(255))


def mask_of_floats(folder: Path) -> None:
    write_h5(folder / MASK, "mask", truth(2).astype(float))


def damaged_mask(folder: Path) -> None:
    (folder / MASK).write_bytes((folder / MASK).read_bytes()[:1000])


def copy_to(path: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes((folder / IMAGE).read_bytes())

    return make


def remove(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()


def stray_of_the_mirror(folder: Path) -> None:
    write_h5(folder / "TrainData/mask/image_2.h5", "img", truth(2))


FAULTS = [
    (stray_of_the_mirror, {"stray file"}, "TrainData/mask/image_2.h5"),
    (copy_to("TrainData/img/readme.txt"), {"stray file"}, "TrainData/img/readme.txt"),
    (copy_to("TrainData/img/image_02.h5"), {"one number twice"}, "TrainData/img/image_02.h5"),
    (copy_to("TrainData/img/image_4.h5"), {"duplicate", "no mask"}, "TrainData/img/image_4.h5"),
    (copy_to("ValidData/img/image_3.h5"), {"leak"}, "ValidData/img/image_3.h5"),
    (remove(MASK), {"no mask"}, IMAGE),
    (remove(IMAGE), {"mask without image", "numbers missing"}, MASK),
    (remove("ValidData/img/image_1.h5"), {"numbers missing"}, "ValidData/img"),
    (cut_short, {"unreadable"}, IMAGE),
    (empty, {"not HDF5"}, IMAGE),
    (a_picture, {"not HDF5"}, IMAGE),
    (a_folder, {"unreadable"}, IMAGE),
    (a_pipe, {"unreadable"}, IMAGE),
    (a_link_to_nowhere, {"unreadable"}, IMAGE),
    (huge_file, {"too large"}, IMAGE),
    (other_name, {"key"}, IMAGE),
    (a_group, {"key"}, IMAGE),
    (external_link, {"link"}, IMAGE),
    (soft_link, {"link"}, IMAGE),
    (huge_shape, {"shape"}, IMAGE),
    (bands_first, {"shape"}, IMAGE),
    (float32, {"dtype"}, IMAGE),
    (compound, {"dtype"}, IMAGE),
    (huge_chunks, {"storage"}, IMAGE),
    (many_chunks, {"storage"}, IMAGE),
    (values_elsewhere, {"storage"}, IMAGE),
    (virtual, {"storage"}, IMAGE),
    (never_written, {"storage"}, IMAGE),
    (bomb, {"storage"}, IMAGE),
    (short_chunk, {"storage"}, IMAGE),
    (chunk_without_its_checksum, {"storage"}, IMAGE),
    (unknown_filter, {"filter"}, IMAGE),
    (lzf, {"filter"}, IMAGE),
    (put((3, 4, 5), np.nan), {"not finite"}, IMAGE),
    (put((3, 4, 5), -np.inf), {"not finite"}, IMAGE),
    (put((3, 4, 5), 1234.5), {"not DN / divisor"}, IMAGE),
    (put((3, 4, 5), -0.0), {"not DN / divisor"}, IMAGE),
    (image_with(lambda numbers: numbers.__imul__(1.0001)), {"not DN / divisor"}, IMAGE),
    (put((3, 4, 5), 65_536), {"out of range"}, IMAGE),
    (put((3, 4, 5), -1), {"out of range"}, IMAGE),
    (put((3, 4, 5), 1e300), {"out of range"}, IMAGE),
    (put((3, 4, ELEVATION), -1001), {"out of range"}, IMAGE),
    (put((3, 4, SLOPE), 91), {"impossible slope"}, IMAGE),
    (image_with(without_terrain), {"flat terrain"}, IMAGE),
    (mask_of_255, {"mask values"}, MASK),
    (mask_of_floats, {"dtype"}, MASK),
    (damaged_mask, {"unreadable"}, MASK),
]
"""A fault made on purpose, the kinds of finding it must give, and a file that must be named."""
