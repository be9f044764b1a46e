"""Acquisition dates from tags, STAC items and names."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from affine import Affine

from landslip.errors import SettingsError
from landslip.scenes.catalogue.request import parse_day
from landslip.scenes.dates import date_in_name
from landslip.scenes.rasters import open_scene
from rasters import NORTH_UP, write_raster

VALUES = np.full((1, 4, 4), 900, np.uint16)


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("T33TWM_20230818T100031_B04_10m", datetime(2023, 8, 18, 10, 0, 31, tzinfo=UTC)),
        ("scene_2023-08-18", datetime(2023, 8, 18, tzinfo=UTC)),
        ("2023_08_18", datetime(2023, 8, 18, tzinfo=UTC)),
        (
            "S2A_MSIL2A_20200219T112111_N0214_R037_T29RKH_20200220T123947",
            datetime(2020, 2, 19, 11, 21, 11, tzinfo=UTC),
        ),
        ("2024-07-31T04:00:00.5+09:00", datetime(2024, 7, 30, 19, 0, 0, tzinfo=UTC)),
        ("2024-07-30T18:45:00-0530", datetime(2024, 7, 31, 0, 15, 0, tzinfo=UTC)),
        ("scene_20240731T040000-0800-1", datetime(2024, 7, 31, 4, 0, 0, tzinfo=UTC)),
        ("0001-01-01T00:00:00+05:00", None),
        ("before_20200101_after_20200301", None),
        ("tile_20231399", None),
        ("id_1202308181", None),
        ("20230231", None),
        ("2023-0818", None),
        ("B04", None),
    ],
)
def test_a_name_tells_one_day_or_none(name, date):
    assert date_in_name(name) == date


def opened(tmp_path, name="B04", tags=None):
    return open_scene(write_raster(tmp_path / f"{name}.tif", VALUES, descriptions=["B04"], tags=tags))


def test_the_date_and_its_source_are_noted(tmp_path):
    scene = opened(tmp_path, "T33TWM_20230818T100031_B04_10m")
    assert scene.date == datetime(2023, 8, 18, 10, 0, 31, tzinfo=UTC)
    assert scene.notes == ("date 2023-08-18: from the file names",)


def test_a_tag_of_acquisition_goes_before_names(tmp_path):
    scene = opened(tmp_path, "B04_20200101", {"ACQUISITION_DATE": "2018-06-12"})
    assert scene.date == datetime(2018, 6, 12, tzinfo=UTC)


def test_a_time_of_another_time_zone_is_converted(tmp_path):
    scene = opened(tmp_path, tags={"ACQUISITION_DATE": "2024-07-31T04:00:00+09:00"})
    assert scene.date == datetime(2024, 7, 30, 19, tzinfo=UTC)
    assert scene.notes == ("date 2024-07-30: from the files' tags",)


def test_tifftag_datetime_is_the_last_source_of_a_date(tmp_path):
    tags = {"TIFFTAG_DATETIME": "2021:03:04 05:06:07"}
    scene = opened(tmp_path, tags=tags)
    assert scene.date == datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert "may be the time of writing" in scene.notes[0]
    assert opened(tmp_path, "B04_20200101", tags).date == datetime(2020, 1, 1, tzinfo=UTC)


def test_without_a_source_there_is_no_date(tmp_path):
    assert opened(tmp_path).date is None


def test_tiles_of_several_days_give_no_date_and_a_warning(tmp_path):
    for number, day in enumerate((18, 20)):
        place = NORTH_UP @ Affine.translation(4 * number, 0)
        write_raster(tmp_path / f"T46QCK_202308{day}_B04.tif", VALUES, transform=place)
    scene = open_scene(tmp_path)
    assert scene.date is None
    assert scene.warnings == (
        "the file names contain several dates (2023-08-18, 2023-08-20): the acquisition date is unknown",
    )


FUTURE = (datetime.now(UTC) + timedelta(days=400)).date().isoformat()


@pytest.mark.parametrize(("name", "tags"), [(f"B04_{FUTURE}", None), ("B04", {"ACQUISITION_DATE": FUTURE})])
def test_a_date_in_the_future_is_unknown_and_reported(tmp_path, name, tags):
    scene = opened(tmp_path, name, tags)
    assert scene.date is None
    assert f"the acquisition date {FUTURE} lies in the future" in scene.warnings[0]


def test_a_date_of_today_is_kept(tmp_path):
    today = datetime.now(UTC).date()
    assert opened(tmp_path, f"B04_{today.isoformat()}").date.date() == today


def test_images_of_the_future_are_not_searched():
    with pytest.raises(SettingsError, match=f"an event that has happened, got {FUTURE}"):
        parse_day(FUTURE)


def test_a_stac_item_in_the_folder_tells_the_date(tmp_path):
    write_raster(tmp_path / "B04.tif", VALUES)
    item = {"stac_version": "1.0.0", "properties": {"datetime": "2020-02-19T11:34:25.405000Z"}}
    (tmp_path / "item.json").write_text(json.dumps(item))
    (tmp_path / "other.json").write_text("not JSON")
    (tmp_path / "list.json").write_text("[]")
    assert open_scene(tmp_path).date == datetime(2020, 2, 19, 11, 34, 25, tzinfo=UTC)
