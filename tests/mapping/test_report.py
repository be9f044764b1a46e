"""Report: self-contained, with escaped text and the values of the map."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from landslip.detector.card import Confidence
from landslip.errors import OutputError
from landslip.figures.formatting import (
    format_area,
    format_date,
    format_duration,
    format_length,
    format_lonlat,
    format_number,
    format_percent,
    to_sentence,
)
from landslip.figures.frequency_area import frequency
from landslip.mapping.report.report import write_report
from map_records import TERRAIN, card_of, landslides_of, summary_of

OVERVIEW = Image.new("RGB", (60, 40), "green")
VOID = {"meta", "img", "br", "hr", "line", "circle", "rect"}


class Page(HTMLParser):
    """What a browser would see of a page: its elements, its text, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.held: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in {"style", "script"}:
            self.held[self._open[-1]] = data
        else:
            self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


def report_of(folder: Path, areas_m2: list[float], *, has_crs: bool = True, terrain: bool = False, **changes) -> str:
    card = changes.pop("card", card_of())
    path = folder / "report.html"
    landslides = landslides_of(sorted(areas_m2, reverse=True)[:100], has_crs=has_crs, terrain=terrain)
    changes = {"landslides": len(areas_m2), "landslide_area_m2": float(sum(areas_m2))} | changes
    write_report(path, OVERVIEW, landslides, np.array(areas_m2), summary_of(**changes), card)
    assert sorted(folder.iterdir()) == [path]
    return path.read_text(encoding="utf-8")


def test_no_other_file_is_loaded(tmp_path: Path) -> None:
    text = report_of(tmp_path, [900.0, 400.0], scene={"name": "http://example.org/x.tif"})
    page = Page(text)
    for _, attributes in page.elements:
        for name in ("src", "href", "action", "data", "srcset", "poster", "background", "xlink:href"):
            assert (attributes.get(name) or "data:").startswith("data:")
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    assert not {"link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.elements}
    assert not re.search(r"url\(|@import|fetch|XMLHttpRequest|import\(|eval|innerHTML", text)


def test_the_policy_allows_only_the_own_style_and_script(tmp_path: Path) -> None:
    page = Page(report_of(tmp_path, [900.0]))
    policy = next(meta["content"] for meta in page.of("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    for kind in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.held[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;"


def test_external_text_is_escaped(tmp_path: Path) -> None:
    card = card_of(
        title=EVIL,
        trained_on=EVIL,
        licence=EVIL,
        architecture=EVIL,
        threshold_selection=EVIL,
        not_good_for=(EVIL,),
        attribution=(EVIL,),
        confidence=Confidence(intercept=0, probability_mean=1, log10_area_px=1, description=EVIL),
    )
    page = Page(
        report_of(
            tmp_path,
            [900.0],
            card=card,
            scene={"name": EVIL, "sources": {EVIL: EVIL}},
            warnings=(EVIL,),
            versions={EVIL: EVIL},
            attribution=(EVIL,),
            files={"landslides.gpkg": EVIL},
            detector=EVIL,
            detector_sha256=EVIL,
            engine=EVIL,
            engine_version=EVIL,
        )
    )
    assert len(page.of("script")) == 1
    assert len(page.of("img")) == 1
    assert "alert" not in page.held["script"]
    assert page.text.count(" ".join(EVIL.split())) >= 12


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=60))
def test_any_name_is_shown_as_it_is(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    page = Page(report_of(tmp_path_factory.mktemp("report"), [], scene={"name": name}))
    assert " ".join(name.split()) in page.text


def test_the_table_has_the_values_and_leaves_out_unknown_columns(tmp_path: Path) -> None:
    areas_m2 = [123_456.7, 5000.0, 400.4]
    page = Page(report_of(tmp_path, areas_m2))
    heads = [text for text in page.texts if text.endswith((")", "No.", "Confidence", "probability"))]
    assert "Area (m²)" in heads
    assert "Latitude (°)" in heads
    assert not any("slope" in head.lower() for head in heads)
    assert "The scene has no elevation" in page.text
    values = [float(cell["data-value"] or 0) for cell in page.of("td") if "data-value" in cell]
    columns = len([head for head in page.of("th") if head.get("class") == "number"])
    assert values[1::columns] == areas_m2
    assert "123,457" in page.text
    assert "nan" not in page.text.lower().split()


def test_terrain_is_shown_where_it_is_known(tmp_path: Path) -> None:
    page = Page(report_of(tmp_path, [900.0, 700.0], terrain=True))
    assert "Mean slope (°)" in page.text
    assert "The scene has no elevation" not in page.text
    assert len([head for head in page.of("th") if head.get("class") == "number"]) == 10 + len(TERRAIN)


def test_one_unknown_value_is_a_dash(tmp_path: Path) -> None:
    table = landslides_of([900.0, 700.0], terrain=True)
    table.loc[1, "aspect_deg"] = np.nan
    write_report(tmp_path / "r.html", OVERVIEW, table, np.array([900.0, 700.0]), summary_of(), card_of())
    assert (tmp_path / "r.html").read_text().count('<td class="number">–</td>') == 1


def test_a_map_without_a_crs_has_no_longitude(tmp_path: Path) -> None:
    page = Page(report_of(tmp_path, [900.0], has_crs=False, scene={"crs": None, "date": None}))
    assert "Longitude" not in page.text
    assert "none (pixel coordinates)" in page.text
    assert "This image has no CRS" in page.text


def test_a_map_without_landslides_has_a_report(tmp_path: Path) -> None:
    text = Page(report_of(tmp_path, [], valid_fraction=0.0, valid_area_m2=0.0)).text
    assert "No valid pixels" in text
    assert "No landslides were detected." in text


def test_the_report_has_caveat_warnings_and_scores(tmp_path: Path) -> None:
    text = Page(report_of(tmp_path, [900.0], warnings=("the sky was cloudy",))).text
    assert "were not verified in the field" in text
    assert "The sky was cloudy." in text
    for shown in (
        "scene-out",
        "F1 of the landslide class, pooled over all pixels",
        "0.594 (0.550 to 0.630 over patches)",
        "1, 2, 3",
    ):
        assert shown in text
    assert "Contains modified Copernicus Sentinel data" in text
    assert "1" * 64 in text
    without = Page(report_of(tmp_path, [900.0], card=card_of(scores=()))).text
    assert "its accuracy has not been measured" in without


def test_only_the_largest_are_listed_but_all_are_counted(tmp_path: Path) -> None:
    areas_m2 = list(np.geomspace(300, 90_000, 250))
    page = Page(report_of(tmp_path, areas_m2))
    assert "The 100 largest of 250" in page.text
    assert page.texts[page.texts.index("Landslides") + 1] == "250"


def test_a_report_that_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"report\.html"):
        write_report(tmp_path / "no" / "report.html", OVERVIEW, landslides_of([]), np.zeros(0), summary_of(), card_of())
    assert not list(tmp_path.iterdir())


@given(st.lists(st.floats(1, 1e8), min_size=1, max_size=200))
def test_every_landslide_is_counted_once_and_probability_adds_up_to_one(areas_m2: list[float]) -> None:
    found = frequency(np.array(areas_m2))
    assert found.count.sum() == len(areas_m2)
    assert (found.density_per_m2 * (found.high_m2 - found.low_m2)).sum() == pytest.approx(1)
    for low, high, count in zip(found.low_m2, found.high_m2, found.count, strict=True):
        inside = sum(low * (1 - 1e-6) <= area < high * (1 + 1e-6) for area in areas_m2)
        assert inside >= count


def test_a_power_law_is_a_straight_line_of_its_slope() -> None:
    # Areas at the quantiles of a Pareto law: p(A) falls with the power -(1 + 1.4).
    fraction = (np.arange(200_000) + 0.5) / 200_000
    found = frequency(300 * fraction ** (-1 / 1.4))
    many = found.count > 500
    slope = np.polyfit(np.log10(found.middle_m2[many][1:]), np.log10(found.density_per_m2[many][1:]), 1)[0]
    assert slope == pytest.approx(-2.4, abs=0.05)


def test_formatted_numbers_have_units() -> None:
    assert [format_area(area_m2) for area_m2 in (0, 350.2, 9_999.4, 10_000, 350_288.8, 84_659_426)] == [
        *("0 m²", "350 m²", "9,999 m²", "1 ha", "35 ha", "84.7 km²")
    ]
    assert [format_length(length_m) for length_m in (0.5, 9.25, 999, 1000, 12_345)] == [
        *("0.5 m", "9.25 m", "999 m", "1 km", "12.3 km")
    ]
    assert [format_percent(fraction) for fraction in (0, 1e-6, 0.00414, 0.39, 0.9999, 1)] == [
        *("0 %", "under 0.01 %", "0.414 %", "39 %", "over 99.9 %", "100 %")
    ]
    assert [format_duration(seconds) for seconds in (0.25, 4.2, 185, 7800)] == [
        "0.25 s",
        "4.2 s",
        "3 min 5 s",
        "2 h 10 min",
    ]
    assert format_date(summary_of().scene.date) == "19 February 2020"
    assert format_date(None) == "unknown"
    assert format_lonlat(-91.8092, 22.4005) == "22.4005° N, 91.8092° W"
    assert to_sentence("the sky is grey") == "The sky is grey."
    assert to_sentence("red.tif is grey.") == "red.tif is grey."


@given(st.floats(1e-6, 1e9))
def test_a_number_keeps_three_digits_and_no_exponent(value: float) -> None:
    text = format_number(value)
    assert re.fullmatch(r"[\d,]+(\.\d+)?", text)
    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.0051)
