"""Pictures inside documents, which a model reads with OCR=all: where they stand, which are too small."""

from __future__ import annotations

import base64
import contextlib
import io
import random
from typing import TYPE_CHECKING, Any

import pytest
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from shared.domain.errors import DocumentError
from shared.parsing import Limits, image, parse, parse_bounded
from shared.runtime.retrying import Deadline
from tests.scans import draw_page, save
from tests.unit.parsing.files import docx_of, saved, write, zipped
from tests.unit.parsing.test_scans import bomb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from shared.domain.models import Picture

ALL = Limits(ocr="all")
LARGE = save(draw_page(["Total 4711"], (640, 480)), "PNG")
OTHER = save(draw_page(["Error 0815"], (800, 300)), "JPEG")
ICON = save(draw_page(["i"], (64, 64), 20), "PNG")


def read(folder: Path, name: str, content: bytes, limits: Limits = ALL) -> list[str | tuple[int, int]]:
    """The texts of the document in order, and the sizes of its pictures between them."""
    found = parse_bounded(write(folder, name, content), name, limits, Deadline.after(120)).blocks
    return [(block.picture.width, block.picture.height) if block.picture else block.text for block in found]


def pictures(folder: Path, name: str, content: bytes) -> list[Picture]:
    return [block.picture for block in parse(write(folder, name, content), name, ALL).blocks if block.picture]


def warnings(folder: Path, name: str, content: bytes, limits: Limits = ALL) -> list[str]:
    document = parse(write(folder, name, content), name, limits)
    list(document.blocks)
    return document.warnings


def docx(*parts: str | tuple[bytes, float, float]) -> bytes:
    """Paragraphs, and pictures with their sides in centimetres."""
    from docx import Document
    from docx.shared import Cm

    document = Document()
    for part in parts:
        if isinstance(part, str):
            document.add_paragraph(part)
        else:
            document.add_picture(io.BytesIO(part[0]), Cm(part[1]), Cm(part[2]))
    return saved(document.save)


def pptx(*slides: Sequence[tuple[bytes, float, float]]) -> bytes:
    from pptx import Presentation
    from pptx.util import Cm

    deck = Presentation()
    for number, shown in enumerate(slides, start=1):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = f"Slide {number}"
        for content, width, height in shown:
            slide.shapes.add_picture(io.BytesIO(content), Cm(1), Cm(5), Cm(width), Cm(height))
    return saved(deck.save)


def data(content: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def html(body: str) -> bytes:
    return f"<!doctype html><html><head><title>t</title></head><body>{body}</body></html>".encode()


def frame(href: str, width: str = "12cm", height: str = "9cm", *others: str) -> str:
    images = "".join(f'<draw:image xlink:href="{name}"/>' for name in (href, *others))
    return f'<draw:frame svg:width="{width}" svg:height="{height}">{images}</draw:frame>'


ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:draw="urn:d" xmlns:svg="urn:s" '
    'xmlns:text="urn:t" xmlns:table="urn:b" xmlns:xlink="http://www.w3.org/1999/xlink"'
)


def odf(body: str, pictures: Mapping[str, bytes], kind: str = "text") -> bytes:
    content = f"<office:document-content {ODF}><office:body><office:{kind}>{body}</office:{kind}></office:body>"
    return zipped(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f"{content}</office:document-content>",
            **{f"Pictures/{name}": picture for name, picture in pictures.items()},
        }
    )


def epub(*chapters: str, **parts: bytes) -> bytes:
    items = "".join(
        f'<item id="c{n}" href="text/{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfile full-path="OPS/book.opf"/></container>',
            "OPS/book.opf": f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>",
            **{f"OPS/text/{n}.xhtml": html(body) for n, body in enumerate(chapters)},
            **{f"OPS/images/{name.replace('_', '.')}": content for name, content in parts.items()},
        }
    )


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.docx", docx("before", (LARGE, 12, 9), "after"), ["before", (640, 480), "after"]),
        ("a.pptx", pptx([(LARGE, 12, 9)], [(OTHER, 16, 6)]), ["Slide 1", (640, 480), "Slide 2", (800, 300)]),
        ("a.html", html(f"<p>before</p><img src='{data(LARGE)}'><p>after</p>"), ["before", (640, 480), "after"]),
        ("a.odt", odf(f"<text:p>before{frame('Pictures/a.png')}</text:p><text:p>after</text:p>", {"a.png": LARGE}),
         ["before", (640, 480), "after"]),
        ("a.odp", odf(f"<draw:page>{frame('Pictures/a.png')}</draw:page>", {"a.png": LARGE}, "presentation"),
         [(640, 480)]),
        ("a.epub", epub("<p>before</p><p><img src='../images/a.png'/></p><p>after</p>", a_png=LARGE),
         ["before", (640, 480), "after"]),
    ],
)  # fmt: skip
def test_a_picture_is_read_where_it_stands(
    tmp_path: Path, name: str, content: bytes, expected: list[str | tuple[int, int]]
) -> None:
    assert read(tmp_path, name, content) == expected
    without = [part for part in expected if isinstance(part, str)]
    if "before" in without:
        assert read(tmp_path, name, content, Limits(ocr="auto")) == without


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.docx", docx("text", (LARGE, 3, 2), (ICON, 12, 12))),
        ("a.pptx", pptx([(LARGE, 4, 3), (ICON, 10, 10)])),
        ("a.html", html(f"<p>text<img src='{data(ICON)}'><img src='{data(LARGE)}' width=64 height=48></p>")),
        ("b.html", html(f"<p>text<img src='{data(LARGE)}' style='height: 1cm; width: 2cm'></p>")),
        ("a.odt", odf(f"<text:p>text{frame('Pictures/a.png', '2cm', '1cm')}</text:p>", {"a.png": LARGE})),
        ("a.epub", epub("<p>text<img src='../images/a.png'/></p>", a_png=ICON)),
    ],
)
def test_icons_and_logos_are_not_read(tmp_path: Path, name: str, content: bytes) -> None:
    assert pictures(tmp_path, name, content) == []
    assert warnings(tmp_path, name, content) == []


def test_logos_of_headers_are_not_read(tmp_path: Path) -> None:
    from docx import Document
    from docx.shared import Cm

    document = Document()
    document.add_paragraph("text")
    document.sections[0].header.paragraphs[0].add_run().add_picture(io.BytesIO(LARGE), Cm(12), Cm(9))
    assert pictures(tmp_path, "a.docx", saved(document.save)) == []


def test_a_picture_in_a_table_follows_its_row(tmp_path: Path) -> None:
    from docx import Document
    from docx.shared import Cm

    document = Document()
    table = document.add_table(3, 2)
    for number, text in enumerate(("Part", "Price", "Pump", "12", "Valve", "7")):
        table.cell(number // 2, number % 2).text = text
    table.cell(1, 0).paragraphs[0].add_run().add_picture(io.BytesIO(LARGE), Cm(8), Cm(6))
    expected = ["Part: Pump; Price: 12", (640, 480), "Part: Valve; Price: 7"]
    assert read(tmp_path, "a.docx", saved(document.save)) == expected
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    rows = [("Part", "Price"), (f"Pump{frame('Pictures/a.png')}", "12"), ("Valve", "7")]
    lines = "".join(f"<table:table-row>{''.join(map(cell.format, row))}</table:table-row>" for row in rows)
    assert read(tmp_path, "a.odt", odf(f"<table:table>{lines}</table:table>", {"a.png": LARGE})) == expected
    cells = [("Part", "Price"), (f"Pump<img src='{data(LARGE)}'>", "12"), ("Valve", "7")]
    page = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in cells)
    assert read(tmp_path, "a.html", html(f"<table>{page}</table>")) == [expected[0], expected[2], expected[1]]


@pytest.mark.parametrize(
    "body",
    [
        "<ul><li>item<img src='{0}'></li></ul>",
        "<h1>item<img src='{0}'></h1>",
        "<figure><img src='{0}'><figcaption>item</figcaption></figure>",
        "<p>item</p><svg viewBox='0 0 9 9'><g><image width='9' xlink:href='{0}'/></g></svg>",
        '<p>item</p><IMG CLASS=a SRC="{0}">',
        "<p>item<img src='{0}'><img src='{0}'></p>",
    ],
)
def test_a_picture_of_a_page_is_found_wherever_it_stands(tmp_path: Path, body: str) -> None:
    found = read(tmp_path, "a.html", html(body.format(data(LARGE))))
    assert sorted(map(str, found)) == ["(640, 480)", "item"]


ALONE = {
    "a.docx": docx((LARGE, 12, 9)),
    "a.html": html(f"<img src='{data(LARGE)}'>"),
    "a.odt": odf(f"<text:p>{frame('Pictures/a.png')}</text:p>", {"a.png": LARGE}),
    "a.odp": odf(f"<draw:page>{frame('Pictures/a.png')}</draw:page>", {"a.png": LARGE}, "presentation"),
    "a.epub": epub("<svg><image xlink:href='../images/a.png'/></svg>", a_png=LARGE),
}


@pytest.mark.parametrize("name", ALONE)
def test_a_document_of_pictures_only_is_read_as_a_scan_is(tmp_path: Path, name: str) -> None:
    found = parse(write(tmp_path, name, ALONE[name]), name, Limits(ocr="auto")).blocks
    assert [block.picture and block.picture.is_inside for block in found] == [False]
    with pytest.raises(DocumentError, match=r"holds pictures and no text\. Set OCR=auto") as caught:
        parse(write(tmp_path, name, ALONE[name]), name)
    assert caught.value.code == "needs_ocr"


def test_titles_of_slides_are_no_text_of_pictures(tmp_path: Path) -> None:
    content = pptx([(LARGE, 12, 9)], [(OTHER, 16, 6)])
    expected = ["Slide 1", "Slide 2", (640, 480), (800, 300)]
    assert read(tmp_path, "a.pptx", content, Limits(ocr="auto")) == expected
    assert read(tmp_path, "a.pptx", content, Limits(ocr="off")) == expected[:2]


def test_pictures_around_a_heading_are_all_read(tmp_path: Path) -> None:
    page = html(f"<img src='{data(LARGE)}'><h1>heading</h1><img src='{data(OTHER, 'jpeg')}'>")
    assert read(tmp_path, "a.html", page, Limits(ocr="auto")) == ["heading", (640, 480), (800, 300)]


def test_a_document_of_icons_only_is_empty(tmp_path: Path) -> None:
    for mode in ("off", "auto", "all"):
        with pytest.raises(DocumentError) as caught:
            parse(write(tmp_path, "a.html", html(f"<img src='{data(ICON)}'>")), "a.html", Limits(ocr=mode))
        assert caught.value.code == "empty_document"


def test_text_around_the_main_part_of_a_page_counts_before_its_pictures(tmp_path: Path) -> None:
    page = html(f"<main><img src='{data(LARGE)}'></main><footer>footer</footer>")
    assert read(tmp_path, "a.html", page, Limits(ocr="auto")) == ["footer"]
    assert read(tmp_path, "a.html", page) == [(640, 480)]


def test_a_picture_in_a_message_leaves_the_message(tmp_path: Path) -> None:
    message = f"Subject: s\nContent-Type: text/html\n\n<img src='{data(LARGE)}'>".encode()
    assert read(tmp_path, "a.eml", message, Limits(ocr="off")) == ["s"]
    assert read(tmp_path, "a.eml", message) == ["s", (640, 480)]


def test_hidden_pictures_are_not_read(tmp_path: Path) -> None:
    page = (
        f"<p>text</p><div style='display:none'><img src='{data(LARGE)}'></div><ul><li>a<b hidden><img src='{{}}'></b>"
    )
    assert pictures(tmp_path, "a.html", html(page.format(data(OTHER, "jpeg")))) == []


def test_chapters_of_a_book_may_name_different_pictures_alike(tmp_path: Path) -> None:
    content = zipped(
        {
            "mimetype": "application/epub+zip",
            "1/a.xhtml": html("<p>one<img src='p.png'></p>"),
            "1/p.png": LARGE,
            "2/a.xhtml": html("<p>two<img src='p.png'><img src='../../../p.png'><img src='https://a.b/p.png'></p>"),
            "2/p.png": OTHER,
        }
    )
    assert read(tmp_path, "a.epub", content) == ["one", (640, 480), "two", (800, 300)]


def test_a_picture_that_is_shown_again_is_read_once(tmp_path: Path) -> None:
    shown = [(LARGE, 12.0, 9.0)]
    assert read(tmp_path, "a.pptx", pptx(shown, shown)) == ["Slide 1", (640, 480), "Slide 2"]


def test_the_page_of_a_picture_is_its_slide(tmp_path: Path) -> None:
    found = parse(write(tmp_path, "a.pptx", pptx([], [(LARGE, 12, 9)])), "a.pptx", ALL).blocks
    assert [(block.location.page, block.location.headings) for block in found if block.picture] == [(2, ("Slide 2",))]


def test_a_picture_is_the_same_in_every_format(tmp_path: Path) -> None:
    odt = odf(f"<text:p>text{frame('Pictures/a.png')}</text:p>", {"a.png": LARGE})
    found = [
        *pictures(tmp_path, "a.docx", docx((LARGE, 12, 9))),
        *pictures(tmp_path, "a.html", html(f"<img src='{data(LARGE)}'>")),
        *pictures(tmp_path, "a.odt", odt),
        *pictures(tmp_path, "a.png", LARGE),
    ]
    assert len({picture.digest for picture in found}) == 1
    assert [picture.is_inside for picture in found] == [True, True, True, False]


def test_drawings_that_come_with_a_picture_need_no_warning(tmp_path: Path) -> None:
    both = f"<text:p>text{frame('Pictures/a.svg', '9cm', '9cm', 'Pictures/a.png')}</text:p>"
    assert warnings(tmp_path, "a.odt", odf(both, {"a.svg": b"<svg/>", "a.png": LARGE})) == []
    (sentence,) = warnings(tmp_path, "b.odt", odf(f"<text:p>text{frame('Pictures/a.emf')}</text:p>", {"a.emf": b"emf"}))
    assert sentence.startswith("Pictures inside the document that were left out: 1 (emf).")


def test_pictures_of_flat_files_are_left_out_with_advice(tmp_path: Path) -> None:
    drawn = "<draw:frame><draw:image><office:binary-data>iVBORw0KGgo=</office:binary-data></draw:image></draw:frame>"
    body = f"<office:body><office:text><text:p>text{drawn}</text:p></office:text></office:body>"
    content = f"<?xml version='1.0'?><office:document {ODF}>{body}</office:document>".encode()
    assert read(tmp_path, "a.fodt", content) == ["text"]
    (sentence,) = warnings(tmp_path, "a.fodt", content)
    assert sentence.endswith("left out: 1 (flat). Save the file as odt or odp to have them read.")
    assert warnings(tmp_path, "a.fodt", content, Limits(ocr="off")) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"nothing", "not supported"),
        (LARGE[:1_500], "damaged"),
        (bomb(60_000, 60_000), "60000 x 60000 pixels"),
        (b"\x89PNG\r\n\x1a\n" + bytes(33 << 20), "more than 32 MiB"),
    ],
)
def test_a_picture_that_cannot_be_read_leaves_the_text(tmp_path: Path, content: bytes, reason: str) -> None:
    part = "<w:p><w:r><w:t>{}</w:t></w:r></w:p>"
    drawn = '<w:p><w:r><w:drawing><a:blip r:embed="r1"/></w:drawing></w:r></w:p>'
    document = (
        '<w:document xmlns:w="urn:w" xmlns:a="urn:a" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/'
        f'relationships"><w:body>{part.format("before")}{drawn}{part.format("after")}</w:body></w:document>'
    )
    relations = '<Relationships><Relationship Id="r1" Type="x/image" Target="media/a.png"/></Relationships>'
    parts: dict[str, bytes | str] = {"word/_rels/document.xml.rels": relations, "word/media/a.png": content}
    file = docx_of(document, **parts)
    assert read(tmp_path, "a.docx", file) == ["before", "after"]
    (sentence,) = warnings(tmp_path, "a.docx", file)
    assert reason in sentence
    assert "1 (png)" in sentence


def test_pictures_beyond_the_limit_are_left_out_with_a_warning(tmp_path: Path) -> None:
    several = [save(draw_page([f"picture {number}"], (400, 300)), "PNG") for number in range(4)]
    content = docx("text", *((picture, 8.0, 6.0) for picture in several))
    document = parse(write(tmp_path, "a.docx", content), "a.docx", Limits(ocr="all", max_scans=2))
    assert sum(block.picture is not None for block in document.blocks) == 2
    assert document.warnings == [
        "Pictures inside the document that were left out: 2 (png). At most OCR_MAX_PAGES are read."
    ]


@pytest.mark.parametrize("name", ["a.odt", "a.html"])
def test_pictures_of_a_table_are_unpacked_one_after_the_other(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked: list[int] = []
    read_first = image.read_first

    def count(*arguments: Any) -> Picture | None:
        unpacked.append(1)
        return read_first(*arguments)

    monkeypatch.setattr(image, "read_first", count)
    several = {f"{number}.png": save(draw_page([str(number)], (400, 300)), "PNG") for number in range(5)}
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    rows = (f"{cell.format(key)}{cell.format(frame(f'Pictures/{key}'))}" for key in several)
    lines = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    page = "".join(f"<tr><td>{key}<td><img src='{data(content)}'>" for key, content in several.items())
    content = {"a.odt": odf(f"<table:table>{lines}</table:table>", several), "a.html": html(f"<table>{page}</table>")}
    blocks = parse(write(tmp_path, name, content[name]), name, ALL).blocks
    before = len(unpacked)
    assert before < 5
    assert sum(block.picture is not None for block in blocks) == 5
    assert len(unpacked) == 5


def test_damaged_documents_with_pictures_end_in_blocks_or_a_refusal(tmp_path: Path) -> None:
    chance = random.Random(11)
    for round_ in range(20):
        page = bytearray(html(f"<p>text</p><img src='{data(LARGE)}'><img src='{data(OTHER, 'jpeg')}'>"))
        for _ in range(chance.choice((1, 5, 40))):
            page[chance.randrange(len(page))] = chance.randrange(32, 127)
        # Any other error fails the test.
        with contextlib.suppress(DocumentError):
            read(tmp_path, f"{round_}.html", bytes(page))


def test_large_pictures_on_a_page_of_a_pdf_are_inside_it(tmp_path: Path) -> None:
    def draw(canvas: Canvas) -> None:
        for line in range(6):
            canvas.drawString(50, 780 - 20 * line, "The pump is inspected every week, and the inspection is noted.")
        canvas.drawImage(ImageReader(io.BytesIO(LARGE)), 100, 100, 400, 300)

    assert [picture.is_inside for picture in pictures(tmp_path, "a.pdf", pdf(draw))] == [True]


def pdf(draw: Callable[[Canvas], None]) -> bytes:
    stream = io.BytesIO()
    canvas = Canvas(stream, pagesize=(595, 842))
    draw(canvas)
    canvas.save()
    return stream.getvalue()
