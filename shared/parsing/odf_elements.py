"""Elements of OpenDocument that are not read, and values of attributes."""

from __future__ import annotations

# Elements with text that is not shown, is shown elsewhere, or is deleted.
SKIPPED = frozenset(
    {
        *("tracked-changes", "forms", "sequence-decls", "variable-decls", "user-field-decls", "scripts", "settings"),
        *("font-face-decls", "note-citation", "creator", "date-string", "creator-initials", "sender-initials", "date"),
        *("binary-data", "event-listeners", "ruby-text", "object", "object-ole", "hidden-text", "page-thumbnail"),
        *("page-number", "page-count", "meta", "bookmark-start", "consistency-settings", "annotation-end", "math"),
        *(
            "master-styles",
            "index-title-template",
            "table-of-content-source",
            "user-index-source",
            "dde-connection-decls",
        ),
        *("alphabetical-index-source", "illustration-index-source", "table-index-source", "bibliography-source"),
        *("named-expressions", "database-ranges", "data-pilot-tables", "content-validations", "calculation-settings"),
    }
)
_MOST_REPEATED = 64
_PICTURES = tuple(
    f".{name}" for name in ["png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "svg", "wmf", "emf", "webp"]
)


def names_picture(text: str) -> bool:
    """Whether a description is no more than a picture's file name."""
    return text.lower().endswith(_PICTURES) and not any(mark in text for mark in " \t\n/")


def collapse_spaces(text: str) -> str:
    """Text as it is shown: line breaks and several spaces in the file are one space."""
    if "\n" not in text and "  " not in text and "\t" not in text:
        return text
    words = " ".join(text.split())
    before = " " if text[:1].isspace() else ""
    after = " " if words and text[-1:].isspace() else ""
    return f"{before}{words}{after}"


def read_repeated(given: dict[str, str]) -> int:
    """How often a cell is repeated, within bounds."""
    return max(1, min(read_whole(given.get("number-columns-repeated", "1")), _MOST_REPEATED))


def read_whole(text: str) -> int:
    """A whole number; 1 where the text is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 1
