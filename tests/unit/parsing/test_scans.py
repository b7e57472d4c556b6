"""Which pages and pictures a model has to read, and how it gets them."""

from __future__ import annotations

import contextlib
import io
import random
import resource
import struct
import zlib
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from shared.domain.errors import DocumentError
from shared.parsing import Limits, parse, parse_bounded, pdf_file
from shared.parsing.pictures import MAX_PIXELS, make_picture
from shared.parsing.pool import shared_pool
from shared.runtime.retrying import Deadline
from tests.profile import slow
from tests.scans import draw_page, save, save_pdf
from tests.unit.parsing.files import write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shared.domain.models import Block

AUTO = Limits(ocr="auto")
PROSE = "The pump has to be inspected every week, and each inspection is written down and signed by the shift leader. "


def blocks_of(folder: Path, name: str, content: bytes, limits: Limits = AUTO) -> list[Block]:
    return list(parse_bounded(write(folder, name, content), name, limits, Deadline.after(120)).blocks)


def pdf(*pages: Callable[[Canvas], object], size: tuple[float, float] = (595, 842)) -> bytes:
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=size)
    for page in pages:
        page(canvas)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def text(*lines: str) -> Callable[[Canvas], object]:
    return lambda canvas: [canvas.drawString(50, 780 - 20 * n, line) for n, line in enumerate(lines)]


def picture(place: tuple[float, float, float, float]) -> Callable[[Canvas], object]:
    image = ImageReader(draw_page(["scan"], (620, 877)))
    return lambda canvas: canvas.drawImage(image, *place)


WHOLE = (0.0, 0.0, 595.0, 842.0)


def on_both(*parts: Callable[[Canvas], object]) -> Callable[[Canvas], object]:
    return lambda canvas: [part(canvas) for part in parts]


def test_only_pages_without_text_are_left_to_a_model(tmp_path: Path) -> None:
    found = blocks_of(tmp_path, "a.pdf", pdf(text(PROSE, PROSE), picture(WHOLE), text(PROSE, "third"), picture(WHOLE)))
    assert [(block.location.page, block.picture is not None) for block in found if block.picture or block.text] == [
        (1, False),
        (2, True),
        (3, False),
        (4, True),
    ]


def test_a_scan_with_the_name_of_its_scanner_is_a_scan(tmp_path: Path) -> None:
    stamp = text("Scanned by CamScanner")
    image = ImageReader(draw_page(["text"], (620, 877)))
    scan = on_both(lambda canvas: canvas.drawImage(image, *WHOLE), stamp)
    found = blocks_of(tmp_path, "a.pdf", pdf(scan, scan))
    assert [(block.location.page, block.picture is not None) for block in found] == [(1, True), (2, True)]


def test_a_page_with_text_keeps_it_whatever_its_background(tmp_path: Path) -> None:
    image = ImageReader(draw_page(["background"], (620, 877)))
    page = on_both(lambda canvas: canvas.drawImage(image, *WHOLE), text(PROSE, PROSE))
    assert all(block.picture is None for block in blocks_of(tmp_path, "a.pdf", pdf(page)))


def test_large_pictures_on_pages_with_text_are_read_on_request(tmp_path: Path) -> None:
    image, logo = ImageReader(draw_page(["diagram"], (620, 877))), ImageReader(draw_page(["logo"], (60, 60), 12))
    page = on_both(
        text(PROSE, PROSE),
        lambda canvas: canvas.drawImage(image, 100, 100, 300, 400),
        lambda canvas: canvas.drawImage(logo, 500, 10, 40, 40),
    )
    content = pdf(page)
    assert all(block.picture is None for block in blocks_of(tmp_path, "a.pdf", content))
    found = [block.picture for block in blocks_of(tmp_path, "a.pdf", content, Limits(ocr="all")) if block.picture]
    assert [picture.is_page for picture in found] == [False]
    assert found[0].width / found[0].height == pytest.approx(300 / 400, rel=0.02)


@pytest.mark.parametrize(("size", "count"), [((430, 90), 1), ((150, 140), 1), ((140, 130), 0), ((500, 30), 0)])
def test_a_picture_of_25_square_centimetres_is_large(tmp_path: Path, size: tuple[int, int], count: int) -> None:
    image = ImageReader(draw_page(["error 4711"], (860, 180)))
    page = on_both(text(PROSE, PROSE), lambda canvas: canvas.drawImage(image, 50, 100, *size))
    found = blocks_of(tmp_path, "a.pdf", pdf(page), Limits(ocr="all"))
    assert sum(block.picture is not None for block in found) == count


def test_blank_pages_are_not_sent(tmp_path: Path) -> None:
    found = blocks_of(tmp_path, "a.pdf", pdf(picture(WHOLE), lambda _: None, picture(WHOLE)))
    assert [block.location.page for block in found] == [1, 3]
    with pytest.raises(DocumentError, match="blank") as caught:
        blocks_of(tmp_path, "b.pdf", pdf(lambda _: None, lambda _: None))
    assert caught.value.code == "empty_document"


@pytest.mark.parametrize(
    ("size", "pixels"),
    [
        ((595, 842), (1240, 1754)),
        ((2384, 3370), (2060, 2913)),
        ((200, 300), (800, 1200)),
        ((14400, 14400), (2449, 2449)),
    ],
)
def test_the_resolution_follows_the_size_of_the_page(
    tmp_path: Path, size: tuple[float, float], pixels: tuple[int, int]
) -> None:
    image = ImageReader(draw_page(["text"], (620, 877)))
    content = pdf(lambda canvas: canvas.drawImage(image, 0, 0, *size), size=size)
    (block,) = blocks_of(tmp_path, "a.pdf", content)
    assert block.picture is not None
    assert (block.picture.width, block.picture.height) == pytest.approx(pixels, abs=2)
    assert block.picture.width * block.picture.height <= MAX_PIXELS * 1.01


def test_a_page_has_the_same_hash_wherever_it_is(tmp_path: Path) -> None:
    pages = [draw_page([f"page {number}"]) for number in range(3)]
    first = blocks_of(tmp_path, "a.pdf", save_pdf(pages))
    second = blocks_of(tmp_path, "b.pdf", save_pdf([draw_page(["new"]), *pages]))
    digests = [[block.picture.digest for block in found if block.picture] for found in (first, second)]
    assert digests[1][1:] == digests[0]
    assert len({*digests[0], *digests[1]}) == 4


def test_pages_beyond_the_limit_are_named_in_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path, "a.pdf", save_pdf([draw_page([f"page {number}"]) for number in range(4)]))
    document = parse(path, "a.pdf", Limits(ocr="auto", max_scans=2))
    assert [block.location.page for block in document.blocks] == [1, 2]
    assert document.warnings == ["Pages 3, 4 hold pictures beyond OCR_MAX_PAGES; they were left out."]


def test_each_picture_adds_to_the_time_that_reading_may_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed: list[int] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (sum(allowed), resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: allowed.append(limits[0] - sum(allowed)))
    list(parse(write(tmp_path, "a.pdf", save_pdf([draw_page(["a"]), draw_page(["b"])])), "a.pdf", AUTO).blocks)
    assert allowed == [AUTO.seconds_per_picture] * 2


# -- pictures ---------------------------------------------------------------------------------------------------------

PAGE = draw_page(["hello world 123"] * 8, (800, 600))
KINDS = {
    "a.png": save(PAGE, "PNG"),
    "a.jpg": save(PAGE, "JPEG"),
    "a.webp": save(PAGE, "WEBP"),
    "a.bmp": save(PAGE, "BMP"),
    "a.gif": save(PAGE.convert("P"), "GIF"),
    "a.tif": save(PAGE, "TIFF"),
    "lzw.tif": save(PAGE, "TIFF", compression="tiff_lzw"),
    "fax.tif": save(PAGE.convert("1"), "TIFF", compression="group4"),
    "alpha.png": save(PAGE.convert("RGBA"), "PNG"),
    "grey-alpha.png": save(PAGE.convert("LA"), "PNG"),
    "palette.png": save(PAGE.convert("P"), "PNG"),
    "deep.png": save(PAGE.convert("I").point(lambda value: value * 256).convert("I;16"), "PNG"),
    "print.jpg": save(PAGE.convert("CMYK"), "JPEG"),
    "real.tif": save(PAGE.convert("F"), "TIFF"),
}


@pytest.mark.parametrize("name", KINDS)
def test_pictures_of_every_kind_look_alike(tmp_path: Path, name: str) -> None:
    (block,) = blocks_of(tmp_path, name, KINDS[name])
    assert block.picture is not None
    seen = Image.open(io.BytesIO(block.picture.data)).convert("L")
    assert seen.size == (800, 600)
    # White paper, and about as much ink as there was.
    dark, white = sum(seen.histogram()[:128]), sum(seen.histogram()[240:])
    expected = sum(PAGE.histogram()[:128])
    assert dark == pytest.approx(expected, rel=0.2)
    assert white > 0.8 * 800 * 600


def test_pages_of_a_fax_are_numbered_and_a_film_shows_its_first_frame(tmp_path: Path) -> None:
    pages = [draw_page([f"page {number}"], (300, 400)) for number in range(3)]
    fax = save(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert [block.location.page for block in blocks_of(tmp_path, "fax.tiff", fax)] == [1, 2, 3]
    film = save(pages[0].convert("P"), "GIF", save_all=True, append_images=[page.convert("P") for page in pages[1:]])
    assert len(blocks_of(tmp_path, "film.gif", film)) == 1


def test_a_photograph_is_turned_as_it_was_held(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    (block,) = blocks_of(tmp_path, "a.jpg", save(PAGE, "JPEG", exif=exif))
    assert block.picture is not None
    assert (block.picture.width, block.picture.height) == (600, 800)


@slow
def test_large_pictures_are_reduced_within_the_memory_of_a_parser(tmp_path: Path) -> None:
    large = Image.new("L", (12_000, 9_000), 255)
    ImageDraw.Draw(large).rectangle((1_000, 1_000, 9_000, 2_000), fill=0)
    for name, content in {"a.jpg": save(large, "JPEG"), "a.png": save(large, "PNG")}.items():
        (block,) = blocks_of(tmp_path, name, content)
        assert block.picture is not None
        assert block.picture.width * block.picture.height <= MAX_PIXELS * 1.01


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few kilobytes that unpacks to as many pixels as it says."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(3 * width + 1)) for _ in range(min(height, 200))) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("bomb.png", bomb(60_000, 60_000), "too_large"),
        ("cut.jpg", KINDS["a.jpg"][:3_000], "broken_file"),
        ("cut.png", KINDS["a.png"][:1_500], "broken_file"),
        ("cut.tif", KINDS["a.tif"][:90_000], "broken_file"),
        ("header.png", KINDS["a.png"][:20], "broken_file"),
        ("sign.png", b"\x89PNG\r\n\x1a\n", "broken_file"),
        ("tiny.png", save(Image.new("RGB", (5, 5)), "PNG"), "empty_document"),
        ("blank.png", save(Image.new("RGB", (500, 500), "white"), "PNG"), "empty_document"),
        ("text.png", b"any text at all", "format_mismatch"),
        ("picture.pdf", KINDS["a.png"], "format_mismatch"),
    ],
)
def test_hostile_and_damaged_pictures_are_refused(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    with pytest.raises(DocumentError) as caught:
        blocks_of(tmp_path, name, content)
    assert caught.value.code == code


def test_damaged_pictures_end_in_a_picture_or_a_refusal(tmp_path: Path) -> None:
    chance = random.Random(7)
    for round_ in range(60):
        name = chance.choice(list(KINDS))
        content = bytearray(KINDS[name])
        for _ in range(chance.choice((1, 3, 20))):
            content[chance.randrange(min(len(content), chance.choice((64, 400, 1 << 30))))] = chance.randrange(256)
        # Any other error fails the test: a parser may raise nothing else.
        with contextlib.suppress(DocumentError):
            blocks_of(tmp_path, f"{round_}-{name}", bytes(content))


def test_pictures_in_an_archive_are_read_with_its_other_files(tmp_path: Path) -> None:
    from tests.unit.parsing.files import zipped

    found = blocks_of(tmp_path, "a.zip", zipped({"a.txt": "words", "b.png": KINDS["a.png"]}))
    assert [(block.text, block.picture is not None) for block in found] == [
        ("a.txt", False),
        ("words", False),
        ("b.png", False),
        ("", True),
    ]


@slow
def test_pictures_of_earlier_pages_are_not_kept(tmp_path: Path) -> None:
    """pdfium keeps them until a file is closed; all of them would be more than a new process may use."""
    shared_pool().close()
    pages = 150
    noise = save(Image.frombytes("L", (1_024, 1_024), random.Random(3).randbytes(1 << 20)), "JPEG", quality=90)
    kids = " ".join(f"{3 * number + 4} 0 R" for number in range(pages))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {pages}/Kids[{kids}]>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number in range(pages):
        first = 3 * number + 4
        drawn = f"BT /F 12 Tf 50 700 Td (Report {number} of the pump) Tj ET q 300 0 0 300 50 50 cm /I Do Q".encode()
        resources = f"/Resources<</Font<</F 3 0 R>>/XObject<</I {first + 2} 0 R>>>>"
        page = f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]{resources}/Contents {first + 1} 0 R>>"
        image = f"<</Subtype/Image/Width 1024/Height 1024/Filter/DCTDecode/Length {len(noise)}>>".encode()
        objects += [page.encode(), pdf_stream(f"<</Length {len(drawn)}>>".encode(), drawn), pdf_stream(image, noise)]
    found = blocks_of(tmp_path, "a.pdf", assemble_pdf(objects), Limits(max_memory_bytes=136 << 20))
    assert [block.location.page for block in found] == list(range(1, pages + 1))


def test_a_file_that_is_opened_again_reads_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [text(PROSE, PROSE, f"page {number}") for number in range(4)]
    content = pdf(*pages, picture(WHOLE), form_field, picture(WHOLE))
    path = write(tmp_path, "a.pdf", content)
    before = list(parse(path, "a.pdf", AUTO).blocks)
    assert any("Valve 4711" in block.text for block in before)
    monkeypatch.setattr(pdf_file, "_MOST_KEPT_BYTES", -(1 << 40))
    assert list(parse(path, "a.pdf", AUTO).blocks) == before


def form_field(canvas: Canvas) -> None:
    canvas.drawString(50, 700, "Part")
    canvas.acroForm.textfield(value="Valve 4711", x=120, y=690, width=200, name="part")


def pdf_stream(dictionary: bytes, content: bytes) -> bytes:
    return dictionary + b"\nstream\n" + content + b"\nendstream"


def assemble_pdf(objects: list[bytes]) -> bytes:
    """A PDF with these objects, of which the first is the catalog."""
    parts = [b"%PDF-1.4\n"]
    places: list[int] = []
    size = len(parts[0])
    for number, content in enumerate(objects, start=1):
        places.append(size)
        parts.append(b"%d 0 obj\n%s\nendobj\n" % (number, content))
        size += len(parts[-1])
    entries = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, size)
    return b"".join([*parts, b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1), entries, trailer])


@pytest.mark.parametrize("size", [(60, 60_000), (60_000, 60), (20, 290_000), (16, 4_000)])
def test_a_long_strip_is_padded_within_the_bound_on_pixels(size: tuple[int, int]) -> None:
    strip = Image.new("L", size, "white")
    strip.paste("black", (0, 0, size[0] // 2 + 1, size[1] // 2 + 1))
    picture = make_picture(strip, is_page=True)
    assert strip.size == size
    if picture is None:  # nothing of it could be read
        assert max(size) > 1_000 * min(size)
    else:
        assert picture.width * picture.height <= 1.05 * MAX_PIXELS
        assert max(picture.width, picture.height) <= 101 * min(picture.width, picture.height)
