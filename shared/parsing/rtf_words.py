"""Words of rich text: where text goes, and characters with names."""

from __future__ import annotations

# Texts beside the main text, read after the paragraph they belong to.
ASIDES = frozenset(
    {
        *("header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf"),
        *("footnote", "annotation", "shptxt", "dptxbxtext"),
    }
)
LABELS = frozenset({"listtext", "pntext"})
# Groups with information that is used.
INFORMATION = frozenset({"fonttbl", "stylesheet", "info", "title"})
# Groups after ``\*``, which a reader may pass over, with text in them.
STARRED = frozenset({"shpinst", "do", "ud", "annotation", "nesttableprops", "shptxt"})
SKIPPED = frozenset(
    {
        *("colortbl", "pict", "objdata", "objclass", "objname", "fldinst", "bkmkstart", "bkmkend", "xe", "tc", "tcn"),
        *("filetbl", "listtable", "listoverridetable", "revtbl", "rsidtbl", "generator", "datafield", "nonesttables"),
        *("template", "xmlnstbl", "pntxta", "pntxtb", "pnseclvl", "ftnsep", "ftnsepc", "ftncn", "aftnsep", "aftnsepc"),
        *("aftncn", "themedata", "colorschememapping", "latentstyles", "datastore", "private", "sp", "shprslt"),
        *("nonshppict", "upr", "atnid", "atnauthor", "atntime", "atnicn", "atnref", "atndate", "atnparent", "keycode"),
        *("author", "operator", "creatim", "revtim", "printim", "buptim", "company", "manager", "category", "keywords"),
        *("doccomm", "hlinkbase", "subject", "comment", "vern", "txe", "rxe", "ffname", "fchars", "lchars"),
    }
)
CHARACTERS = {
    "tab": "\t",
    "line": "\n",
    "softline": "\n",
    "emdash": "—",
    "endash": "–",
    "bullet": "•",
    "lquote": "‘",
    "rquote": "’",
    "ldblquote": "“",
    "rdblquote": "”",
    "emspace": " ",
    "enspace": " ",
    "qmspace": " ",
}
