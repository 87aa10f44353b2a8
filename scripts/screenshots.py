"""Pictures of each page in both languages and both themes, into docs/img: the estate of the tests, served by the real application.

`--only NAME` takes those of one page. The palette is cut to what a screen shows anyway, so that the folder stays small.
"""

from __future__ import annotations

import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Page  # noqa: E402  # the checkout is the path

from collector.store.engine import open_database  # noqa: E402
from collector.store.migrate import migrate_database  # noqa: E402
from tests.support.chromium import make_context, open_browser  # noqa: E402
from tests.support.estate_fixture import fill_estate  # noqa: E402
from tests.support.page_server import PageServer, serving  # noqa: E402

FOLDER = ROOT / "docs" / "img"
SIZE = "1366x768"
LANGUAGES = {"en": "en", "zh-Hans": "zh"}
THEMES = ("light", "dark")
# name → path; `{ci}` and the like are numbers of the estate.
PAGES = {
    "overview": "/",
    "review": "/review",
    "cases": "/cases",
    "items": "/cis",
    "item": "/cis/{ci}",
    "item-contents": "/cis/{ci}/contents",
    "item-metrics": "/cis/{ci}/metrics",
    "item-history": "/cis/{ci}/history?at=2026-02-01T10:00",
    "item-why": "/cis/{ci}/why",
    "services": "/services",
    "service": "/services/shop",
    "incidents": "/incidents",
    "incident": "/incidents/{incident}",
    "sources": "/sources",
    "source": "/sources/{source}",
    "keys": "/keys",
    "sign-in": "/sign-in",
}
NARROW = {"overview-narrow": "/", "review-narrow": "/review"}


def numbers(server: PageServer) -> dict[str, int]:
    reader = server.reader
    sources = {f"{each.source.kind}/{each.source.name}": each.source.id for each in reader.list_sources().items}
    return {
        "ci": reader.list_cis("class:server name=web-01").items[0].number,
        "incident": reader.list_incidents().items[0].number,
        "source": sources["ssh/site-berlin"],
    }


def pictures(only: str | None) -> Iterator[tuple[str, str, str, str, str]]:
    """File name, path, language, theme and size of each."""
    for name, path in PAGES.items():
        for language, short in LANGUAGES.items():
            for theme in THEMES:
                if only in (None, name):
                    yield f"{name}-{short}-{theme}.png", path, language, theme, SIZE
    for name, path in NARROW.items():
        if only in (None, name):
            yield f"{name}-en-light.png", path, "en", "light", "390x844"


def prepare(page: Page) -> None:
    """What a reader would have opened: a fact's sources, another group."""
    if page.locator(".fact-table details").count():
        page.locator(".fact-table details").first.evaluate("each => { each.open = true; }")
    if page.locator("[data-group]").count() > 2:
        page.locator("[data-group]").nth(2).click()
        page.wait_for_url("**/review?group=*")
        page.wait_for_load_state("networkidle")
        page.evaluate("window.scrollTo(0, 0)")


def quantise(png: bytes) -> bytes:
    """The picture with an adaptive palette of at most 256 colours (PNG colour type 3)."""
    width, height, pixels = read_rgb(png)
    counts: dict[bytes, int] = {}
    for at in range(0, len(pixels), 3):
        colour = pixels[at : at + 3]
        counts[colour] = counts.get(colour, 0) + 1
    kept = choose_palette(counts)
    nearest = {colour: place for place, colour in enumerate(kept)}
    for colour in counts.keys() - nearest.keys():
        nearest[colour] = min(range(len(kept)), key=lambda place: sum((a - b) ** 2 for a, b in zip(kept[place], colour, strict=True)))
    rows = bytearray()
    for row in range(height):
        start = row * width * 3
        rows.append(0)
        rows += bytes(nearest[pixels[at : at + 3]] for at in range(start, start + width * 3, 3))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"PLTE", b"".join(kept))
        + _chunk(b"IDAT", zlib.compress(bytes(rows), 9))
        + _chunk(b"IEND", b"")
    )


def choose_palette(counts: dict[bytes, int]) -> list[bytes]:
    """At most 256 colours: the commonest of each region of the colour space, so that a small red badge stays red, then the commonest."""
    ordered = sorted(counts, key=lambda each: -counts[each])
    regions: dict[tuple[int, ...], bytes] = {}
    for colour in ordered:
        regions.setdefault(tuple(part >> 5 for part in colour), colour)
    return list(dict.fromkeys([*list(regions.values())[:200], *ordered]))[:256]


def read_rgb(png: bytes) -> tuple[int, int, bytes]:
    """Width, height and RGB bytes of an 8-bit RGB or RGBA picture as Chromium writes it."""
    width, height, _, kind = struct.unpack(">IIBB", png[16:26])
    channels = 4 if kind == 6 else 3
    at, packed = 8, b""
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            packed += png[at + 8 : at + 8 + length]
        at += 12 + length
    raw, stride = zlib.decompress(packed), width * channels
    before, out = bytearray(stride), bytearray()
    for row in range(height):
        start = row * (stride + 1)
        line = bytearray(raw[start + 1 : start + 1 + stride])
        _unfilter(raw[start], line, before, channels)
        before = line
        if channels == 4:
            rgb = bytearray(width * 3)
            rgb[0::3], rgb[1::3], rgb[2::3] = line[0::4], line[1::4], line[2::4]
            out += rgb
        else:
            out += line
    return width, height, bytes(out)


def _unfilter(kind: int, line: bytearray, before: bytearray, channels: int) -> None:
    """Take a row's filter back in place (PNG specification, section 9)."""
    for at in range(len(line)):
        left = line[at - channels] if at >= channels else 0
        up, corner = before[at], before[at - channels] if at >= channels else 0
        if kind == 1:
            line[at] = (line[at] + left) & 255
        elif kind == 2:
            line[at] = (line[at] + up) & 255
        elif kind == 3:
            line[at] = (line[at] + (left + up) // 2) & 255
        elif kind == 4:
            near = left + up - corner
            distances = (abs(near - left), abs(near - up), abs(near - corner))
            line[at] = (line[at] + (left, up, corner)[distances.index(min(distances))]) & 255


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def main() -> int:
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv[:-1] else None
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{Path(folder) / 'estate.db'}")
        migrate_database(database)
        with serving(fill_estate(database, stranger="nuc-77"), Path(folder)) as server, open_browser() as browser:
            known = numbers(server)
            for file, path, language, theme, size in pictures(only):
                cookie = None if path == "/sign-in" else server.cookies["kim"]
                context = make_context(browser, server.url, cookie=cookie, language=language, theme=theme, size=size)
                context.add_cookies(
                    [{"name": "muster_zone", "value": "Asia/Shanghai" if language == "zh-Hans" else "Europe/Berlin", "url": server.url}]
                )
                page = context.new_page()
                page.goto(server.url + path.format(**known), wait_until="networkidle")
                prepare(page)
                (FOLDER / file).write_bytes(quantise(page.screenshot()))
                context.close()
        database.close()
    total = sum(path.stat().st_size for path in FOLDER.glob("*.png"))
    print(f"screenshots: {len(list(FOLDER.glob('*.png')))} pictures, {total / 1e6:.1f} MB in {FOLDER.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
