"""Raw XML of Word documents, for what python-docx does not write."""

from __future__ import annotations

from html import escape
from typing import Final

_W: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_R: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_M: Final = "http://schemas.openxmlformats.org/officeDocument/2006/math"
_DRAWING: Final = "http://schemas.openxmlformats.org/drawingml/2006"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OFFICE: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_CHUNK, _CHART = "aFChunk", "chart"
# Relation and type of a part inside the document, by the ending of its name.
_INCLUDED: Final = {
    "html": (_CHUNK, "text/html"),
    "txt": (_CHUNK, "text/plain"),
    "mht": (_CHUNK, "message/rfc822"),
    "docx": (_CHUNK, f"{_OFFICE}.document.main+xml"),
    "xml": (_CHART, "application/vnd.openxmlformats-officedocument.drawingml.chart+xml"),
}


def document(
    body: str, *, numbering: str = "", footnotes: str = "", included: tuple[str, bytes] | None = None
) -> dict[str, bytes | str]:
    """The parts of a document with this body."""
    parts: dict[str, bytes | str] = {}
    relations, types = [], [f'<Override PartName="/word/document.xml" ContentType="{_OFFICE}.document.main+xml"/>']
    for name, content in (("numbering", numbering), ("footnotes", footnotes)):
        if content:
            parts[f"word/{name}.xml"] = content
            relations.append(_relation(name, f"{_R}/{name}", f"{name}.xml"))
            types.append(f'<Override PartName="/word/{name}.xml" ContentType="{_OFFICE}.{name}+xml"/>')
    if included:
        kind, inner = included
        parts[f"word/inner.{kind}"] = inner
        relation, type_ = _INCLUDED[kind]
        relations.append(_relation("included", f"{_R}/{relation}", f"inner.{kind}"))
        types.append(f'<Override PartName="/word/inner.{kind}" ContentType="{type_}"/>')
    spaces = f'xmlns:w="{_W}" xmlns:r="{_R}" xmlns:m="{_M}" xmlns:v="urn:schemas-microsoft-com:vml"'
    defaults = (
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
    )
    return {
        "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">{defaults}{"".join(types)}</Types>',
        "_rels/.rels": _relations(_relation("main", f"{_R}/officeDocument", "word/document.xml")),
        "word/document.xml": f"{_HEAD}<w:document {spaces}><w:body>{body}<w:sectPr/></w:body></w:document>",
        "word/_rels/document.xml.rels": _relations(*relations),
        **parts,
    }


def paragraph(*content: str) -> str:
    """A paragraph of texts and runs; what begins with a tag is taken as XML."""
    return f"<w:p>{''.join(part if part.startswith('<w:') else run(part) for part in content)}</w:p>"


def run(text: str, properties: str = "", tag: str = "t") -> str:
    """A run of text."""
    return f'<w:r><w:rPr>{properties}</w:rPr><w:{tag} xml:space="preserve">{escape(text)}</w:{tag}></w:r>'


def numbered(text: str, level: int) -> str:
    """A paragraph that Word puts a number in front of."""
    return f'<w:p><w:pPr><w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="1"/></w:numPr></w:pPr>{run(text)}</w:p>'


def numbering(*, is_chinese: bool) -> str:
    """The numbers of `numbered`: 1 and 1.1, or 第一条."""
    levels = [("chineseCounting", "第%1条")] if is_chinese else [("decimal", "%1"), ("decimal", "%1.%2")]
    made = "".join(
        f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{form}"/><w:lvlText w:val="{text}"/></w:lvl>'
        for at, (form, text) in enumerate(levels)
    )
    return (
        f'{_HEAD}<w:numbering xmlns:w="{_W}"><w:abstractNum w:abstractNumId="0">{made}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>'
    )


def symbol(font: str, code: str) -> str:
    """A character of a symbol font."""
    return f'<w:r><w:sym w:font="{font}" w:char="{code}"/></w:r>'


def control(text: str, is_placeholder: bool = False) -> str:
    """A content control."""
    shown = "<w:showingPlcHdr/>" if is_placeholder else ""
    return f"<w:sdt><w:sdtPr>{shown}<w:text/></w:sdtPr><w:sdtContent>{paragraph(text)}</w:sdtContent></w:sdt>"


def fraction(above: str, below: str) -> str:
    """An equation that is a fraction."""
    parts = (f"<m:{name}><m:r><m:t>{text}</m:t></m:r></m:{name}>" for name, text in (("num", above), ("den", below)))
    return f"<w:p><m:oMathPara><m:oMath><m:f>{''.join(parts)}</m:f></m:oMath></m:oMathPara></w:p>"


def inserted(text: str) -> str:
    """Text that was inserted while changes were tracked."""
    return f'<w:p><w:ins w:id="1" w:author="a">{run(text)}</w:ins></w:p>'


def deleted(text: str) -> str:
    """Text that was deleted while changes were tracked."""
    return f'<w:p><w:del w:id="2" w:author="a">{run(text, tag="delText")}</w:del></w:p>'


def hidden(text: str) -> str:
    """Text that is not shown."""
    return f"<w:p>{run(text, '<w:vanish/>')}</w:p>"


def text_box(text: str) -> str:
    """A text box."""
    content = f"<v:textbox><w:txbxContent>{paragraph(text)}</w:txbxContent></v:textbox>"
    return f"<w:p><w:r><w:pict><v:shape>{content}</v:shape></w:pict></w:r></w:p>"


def footnote() -> str:
    """The mark of the footnote of `footnotes`."""
    return '<w:r><w:footnoteReference w:id="2"/></w:r>'


def footnotes(text: str) -> str:
    """The part with one footnote."""
    return f'{_HEAD}<w:footnotes xmlns:w="{_W}"><w:footnote w:id="2">{paragraph(text)}</w:footnote></w:footnotes>'


def inclusion() -> str:
    """Where the included file of `document` stands."""
    return '<w:altChunk r:id="included"/>'


def chart() -> str:
    """Where the included chart of `document` stands."""
    place = f'<c:chart xmlns:c="{_DRAWING}/chart" r:id="included"/>'
    data = f'<a:graphicData uri="{_DRAWING}/chart">{place}</a:graphicData>'
    graphic = f'<a:graphic xmlns:a="{_DRAWING}/main">{data}</a:graphic>'
    inline = f'<wp:inline xmlns:wp="{_DRAWING}/wordprocessingDrawing">{graphic}</wp:inline>'
    return f"<w:p><w:r><w:drawing>{inline}</w:drawing></w:r></w:p>"


def _relation(name: str, type_: str, target: str) -> str:
    return f'<Relationship Id="{name}" Type="{type_}" Target="{target}"/>'


def _relations(*relations: str) -> str:
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{"".join(relations)}</Relationships>'
