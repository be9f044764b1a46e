"""Search of a catalogue: a STAC API with pystac-client, or a static catalogue with pystac."""

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import shapely
import shapely.affinity
import shapely.geometry
from shapely.geometry.base import BaseGeometry

from landslip.errors import RunError, SettingsError, require_extra
from landslip.scenes.catalogue.area_grid import join_antimeridian
from landslip.scenes.catalogue.presets import EXTRA, Catalogue
from landslip.scenes.catalogue.signing import without_query

_TIMEOUT_S: Final = 60.0
_ATTEMPTS: Final = 5
_RETRIED_STATUS: Final = (408, 429, 500, 502, 503, 504)
_PAGE: Final = 100
MAX_ITEMS: Final = 1000
"""An area and a time with more images is too large for one scene."""


def search_items(
    catalogue: Catalogue, collection: str, area: BaseGeometry, first: date | None = None, last: date | None = None
) -> list[dict[str, Any]]:
    """Find the items of a collection that meet an area, as JSON.

    Args:
        catalogue: to be searched.
        collection: its name.
        area: polygons in degrees.
        first: first day, UTC; any where None.
        last: last day.

    Raises:
        RunError: the catalogue cannot be reached, or its answer is no list of items.
        SettingsError: there are too many items.
        MissingExtraError: the extra ``scenes`` is not installed.
    """
    pages = (
        _on_disk(catalogue, collection, area) if catalogue.on_disk else _api(catalogue, collection, area, first, last)
    )
    found: list[dict[str, Any]] = []
    for item in pages:
        # Not every server heeds the time it is asked for.
        if _in_time(item, first, last):
            found.append(item)
        if len(found) > MAX_ITEMS:
            raise SettingsError(
                f"{catalogue.name} lists more than {MAX_ITEMS:,} images: give a smaller area or fewer days",
                parameter="days_after",
            )
    return found


def _api(
    catalogue: Catalogue, collection: str, area: BaseGeometry, first: date | None, last: date | None
) -> Iterator[dict[str, Any]]:
    client = require_extra("pystac_client", EXTRA)
    api_io = require_extra("pystac_client.stac_api_io", EXTRA)
    client_errors = require_extra("pystac_client.exceptions", EXTRA)
    pystac_errors = require_extra("pystac.errors", EXTRA)
    requests = require_extra("requests", EXTRA)
    retry = require_extra("urllib3.util", EXTRA).Retry(
        # A search that is sent again by POST changes nothing.
        total=_ATTEMPTS,
        connect=2,
        backoff_factor=0.5,
        status_forcelist=_RETRIED_STATUS,
        allowed_methods=None,
        raise_on_status=False,
    )
    when = None if first is None or last is None else f"{first.isoformat()}T00:00:00Z/{last.isoformat()}T23:59:59Z"
    logging.getLogger("pystac_client").addHandler(logging.NullHandler())
    try:
        opened = client.Client.open(catalogue.location, stac_io=api_io.StacApiIO(max_retries=retry, timeout=_TIMEOUT_S))
        search = opened.search(
            collections=[collection],
            intersects=shapely.geometry.mapping(area),
            datetime=when,
            limit=_PAGE,
            max_items=MAX_ITEMS + 1,
        )
        for page in search.pages_as_dicts():
            features = page["features"]
            yield from (one for one in features if isinstance(one, dict))
    except (requests.RequestException, client_errors.APIError) as error:
        raise _unreachable(catalogue, error) from error
    # pystac raises any of these for JSON that is no answer of a STAC API, and NotImplementedError without a search.
    except (pystac_errors.STACError, LookupError, TypeError, ValueError, AttributeError, NotImplementedError) as error:
        raise RunError(
            f"the answer of {catalogue.name} is not that of a STAC API that can be searched ({_brief(error)}): check "
            "the URL, or choose another catalogue"
        ) from error


def _on_disk(catalogue: Catalogue, collection: str, area: BaseGeometry) -> Iterator[dict[str, Any]]:
    """Yield the items of a static catalogue, of a collection or of a GeoJSON file of items."""
    pystac = require_extra("pystac", EXTRA)
    path = Path(catalogue.location)
    where = join_antimeridian(area)
    try:
        content = json.loads(path.read_text("utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it is no JSON object")
        kind = content.get("type")
        if kind in ("Catalog", "Collection"):
            items = (
                one.to_dict(transform_hrefs=False) for one in pystac.read_file(str(path)).get_items(recursive=True)
            )
        else:
            items = (one for one in (content["features"] if kind == "FeatureCollection" else [content]))
        for item in items:
            if item.get("collection") == collection and _meets(item, where):
                yield _with_own_link(item, path)
    except (OSError, pystac.errors.STACError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{path} cannot be read as a STAC catalogue ({_brief(error)}): check the file") from error


def _with_own_link(item: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return an item whose link to itself is a path; in a list of items it is that of the list."""
    links = [one for one in item.get("links", []) if isinstance(one, dict)]
    own = next((str(one.get("href", "")) for one in links if one.get("rel") == "self"), "")
    if not own or (own.startswith("s3://") or ("://" not in own and not Path(own).is_absolute())):
        links = [one for one in links if one.get("rel") != "self"] + [{"rel": "self", "href": str(path)}]
    return {**item, "links": links}


def _meets(item: Mapping[str, Any], area: BaseGeometry) -> bool:
    try:
        footprint = join_antimeridian(shapely.geometry.shape(item["geometry"]))
    except (LookupError, TypeError, ValueError, AttributeError, shapely.errors.ShapelyError):
        return False
    # One of them may be given with longitudes above 180.
    turns = (shapely.affinity.translate(footprint, by) for by in (-360, 0, 360))
    return any(turned.intersects(area) for turned in turns)


def _in_time(item: Mapping[str, Any], first: date | None, last: date | None) -> bool:
    if first is None or last is None:
        return True
    properties = item.get("properties")
    try:
        moment = datetime.fromisoformat(str(properties["datetime"]))  # type: ignore[index]  # of JSON
    except (LookupError, TypeError, ValueError):
        # It is named later as an item without date.
        return True
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    start = datetime.combine(first, time(), UTC)
    return start <= moment < datetime.combine(last, time(), UTC) + timedelta(days=1)


def _unreachable(catalogue: Catalogue, error: Exception) -> RunError:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None) or getattr(error, "status_code", None)
    cause = f"HTTP status {status}" if status else type(error).__name__
    return RunError(
        f"{catalogue.name} cannot be searched ({cause}): check the internet connection and the URL "
        f"{without_query(catalogue.location)}, and repeat the call"
    )


def _brief(error: Exception) -> str:
    return without_query(" ".join(f"{type(error).__name__}: {error}".split()))[:160]
