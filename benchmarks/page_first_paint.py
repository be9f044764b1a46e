"""Time to first paint and time until usable, in headless Chromium, for the first and for later visits.

    python benchmarks/page_first_paint.py [--visits 5]

First paint is the first contentful paint reported by Chromium. The page is usable when it shows the detector's card.
The first visit is to a server just started; every user has an empty cache. 127.0.0.1 only.
"""

import argparse
import os
import shutil
import sys
import time

from playwright.sync_api import Browser, sync_playwright

from landslip.detector.detector import DEFAULT
from landslip.page import messages
from page_served import served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
FIRST_PAINT = """() => new Promise(tell => new PerformanceObserver(
    seen => seen.getEntriesByName('first-contentful-paint').forEach(one => tell(one.startTime))
).observe({type: 'paint', buffered: true}))"""


def visit(browser: Browser, url: str) -> tuple[float, float]:
    """Seconds to the first contentful paint, and until the page can be used."""
    context = browser.new_context(viewport={"width": 1440, "height": 1150})
    page = context.new_page()
    start = time.monotonic()
    page.goto(url, wait_until="commit")
    page.get_by_text(messages.ABOUT_DETECTOR.format(name=DEFAULT)).wait_for(timeout=60_000)
    usable_s = time.monotonic() - start
    paint_s = page.evaluate(FIRST_PAINT) / 1000
    context.close()
    return paint_s, usable_s


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--visits", type=int, default=5)
    arguments = parser.parse_args()
    if CHROMIUM is None:
        print("Chromium is not installed", file=sys.stderr)
        return 1
    with served() as (port, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        times = [visit(browser, f"http://127.0.0.1:{port}") for _ in range(arguments.visits)]
        browser.close()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'visit':<8}{'first paint s':>14}{'usable s':>10}")
    for number, (paint_s, usable_s) in enumerate(times, start=1):
        print(f"{number:<8}{paint_s:>14.2f}{usable_s:>10.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
