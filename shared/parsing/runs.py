"""The runs of the paragraphs of a Word document: their text as people see it, and what their properties say.

Left out are hidden text, instructions of fields, and placeholders of content controls but those of templates. Element
names are those of ECMA-376 part 1, 17.3, 17.5 and 17.16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.numbering import is_on
from shared.parsing.paragraph_graphics import enter_graphic
from shared.parsing.styles import BODY_LEVEL
from shared.parsing.symbols import is_symbol_font, show, symbol

if TYPE_CHECKING:
    from shared.parsing.paragraph import Paragraph
    from shared.parsing.styles import Styles
    from shared.parsing.xml_events import Event

_CHECKED, _UNCHECKED = "☑", "☐"
_SPACING = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_PAGE_FIELDS = frozenset({"PAGE", "NUMPAGES", "SECTIONPAGES", "SECTION"})
_LONGEST_INSTRUCTION = 500
_MAX_FIELDS = 64
_MAX_CHOICES = 1000


class _Field(Struct):
    """An open field; text within its instruction is not shown."""

    instruction: str = ""
    has_result: bool = False
    box: bool | None = None
    choices: list[str] = []
    choice: int = 0

    @property
    def name(self) -> str:
        return next(iter(self.instruction.split()), "").upper()


class _Control(Struct):
    """An open content control (sdt)."""

    in_properties: bool = False
    is_placeholder: bool = False
    box: bool | None = None
    is_shown: bool = False


class Runs:
    """Reads the runs of a story's paragraphs; fields and content controls may reach over several of them."""

    def __init__(self, styles: Styles, *, is_marginal: bool, is_template: bool = False) -> None:
        """Begin a story.

        Args:
            is_marginal: whether it is a header or footer, of which page numbers are left out.
            is_template: whether it is of a template, whose placeholders say what belongs there.
        """
        self._is_template = is_template
        self._styles = styles
        self._is_marginal = is_marginal
        self._fields: list[_Field] = []
        self._controls: list[_Control] = []
        self._in_instruction = False

    def read(self, event: Event, paragraph: Paragraph) -> None:
        """Take an event inside ``paragraph``."""
        if event.kind == "text":
            self._read_text(event.name, paragraph)
        elif event.kind == "close":
            self._leave(event.name, paragraph)
        elif not self.read_control(event):
            self._enter(event.name, event.attributes, paragraph)

    def end_paragraph(self) -> None:
        """Forget fields that are still without a result: one that never ends must not hide the rest of the text."""
        self._fields = [field for field in self._fields if field.has_result]
        self._in_instruction = False

    def read_control(self, event: Event) -> bool:
        """Take an event that may open or describe a content control; whether it did."""
        if event.kind == "close":
            self._leave_control(event.name)
            return False
        if event.name == "sdt":
            self._controls.append(_Control())
        elif event.name == "sdtPr" and self._controls:
            self._controls[-1].in_properties = True
        elif self._controls and self._controls[-1].in_properties:
            self._describe(self._controls[-1], event)
        else:
            return False
        return True

    def _leave_control(self, name: str) -> None:
        if name == "sdtPr" and self._controls:
            self._controls[-1].in_properties = False
        elif name == "sdt" and self._controls:
            self._controls.pop()

    def _describe(self, control: _Control, event: Event) -> None:
        value = is_on(event.attributes.get("val", "1"))
        if event.name == "showingPlcHdr":
            control.is_placeholder = value and not self._is_template
        elif event.name == "checkbox":
            control.box = False
        elif event.name == "checked" and control.box is not None:
            control.box = value

    def _read_text(self, text: str, paragraph: Paragraph) -> None:
        if self._in_instruction and self._fields:
            field = self._fields[-1]
            field.instruction = (field.instruction + text)[:_LONGEST_INSTRUCTION]
        elif paragraph.is_in_text:
            self.add(show(paragraph.font, text), paragraph)

    def add(self, text: str, paragraph: Paragraph) -> None:
        """Append ``text`` where people see it."""
        if paragraph.is_hidden or any(control.is_placeholder for control in self._controls):
            return
        if any(not field.has_result for field in self._fields):
            return
        if self._is_marginal and any(field.name in _PAGE_FIELDS for field in self._fields):
            paragraph.has_page_number = True
            return
        control = next((control for control in self._controls if control.box is not None), None)
        if control is not None:
            text = "" if control.is_shown else _CHECKED if control.box else _UNCHECKED
            control.is_shown = True
        paragraph.parts.append(text)
        paragraph.size += len(text)

    def _enter(self, name: str, attributes: dict[str, str], paragraph: Paragraph) -> None:
        value = attributes.get("val", "")
        if paragraph.is_in_properties:
            # A large first letter is a paragraph of its own, which the text next to it continues.
            paragraph.joins |= attributes.get("dropCap", "none") != "none"
            self._set_property(name, value, paragraph)
        elif name == "t":
            paragraph.is_in_text = True
        elif name == "pPr":
            paragraph.is_in_properties = True
        elif name == "r":
            paragraph.is_hidden = self._styles.is_hidden(paragraph.style or self._styles.default)
            paragraph.font = ""
        elif name in _SPACING:
            self.add(_SPACING[name], paragraph)
        elif name in ("vanish", "rStyle", "rFonts"):
            self._set_run(name, attributes, paragraph)
        elif name == "sym":
            self.add(symbol(attributes.get("font", ""), attributes.get("char", "")), paragraph)
        else:
            self._enter_field(name, attributes, paragraph)
            enter_graphic(name, attributes, paragraph)

    def _set_property(self, name: str, value: str, paragraph: Paragraph) -> None:
        if name == "pStyle":
            paragraph.style = value
        elif name == "outlineLvl" and value.isdecimal():
            paragraph.level = int(value) + 1 if int(value) < BODY_LEVEL else 0
        elif name == "numId":
            paragraph.number = value
        elif name == "ilvl" and value.isdecimal():
            paragraph.place = int(value)
        elif name == "del":
            paragraph.joins = True

    def _set_run(self, name: str, attributes: dict[str, str], paragraph: Paragraph) -> None:
        if name == "vanish":
            paragraph.is_hidden = is_on(attributes.get("val", "1"))
        elif name == "rStyle":
            paragraph.is_hidden = paragraph.is_hidden or self._styles.is_hidden(attributes.get("val", ""))
        else:
            font = attributes.get("ascii") or attributes.get("hAnsi") or ""
            paragraph.font = font if is_symbol_font(font) else ""

    def _enter_field(self, name: str, attributes: dict[str, str], paragraph: Paragraph) -> None:
        if name == "fldSimple":
            self._fields.append(_Field(attributes.get("instr", "")[:_LONGEST_INSTRUCTION], has_result=True))
        elif name == "fldChar":
            self._step_field(attributes.get("fldCharType", ""), paragraph)
        elif name == "instrText":
            self._in_instruction = True
        elif self._fields:
            _set_form_field(self._fields[-1], name, attributes)
        if len(self._fields) > _MAX_FIELDS:
            # More than any document nests: fields that never end.
            self._fields = []

    def _step_field(self, kind: str, paragraph: Paragraph) -> None:
        if kind == "begin":
            self._fields.append(_Field())
        elif kind == "separate" and self._fields:
            self._fields[-1].has_result = True
        elif kind == "end" and self._fields:
            field = self._fields.pop()
            if field.box is not None:
                self.add(_CHECKED if field.box else _UNCHECKED, paragraph)
            elif field.choice < len(field.choices) and not field.has_result:
                self.add(field.choices[field.choice], paragraph)

    def _leave(self, name: str, paragraph: Paragraph) -> None:
        if name == "t":
            paragraph.is_in_text = False
        elif name == "pPr":
            paragraph.is_in_properties = False
        elif name == "instrText":
            self._in_instruction = False
        elif name == "fldSimple" and self._fields:
            self._fields.pop()
        elif name == "sdt" and self._controls and self._controls[-1].box is not None:
            self.add("", paragraph)
            self._leave_control(name)
        else:
            self._leave_control(name)


def _set_form_field(field: _Field, name: str, attributes: dict[str, str]) -> None:
    """Settings of a field of an old form: a check box or a list to choose from."""
    value = attributes.get("val", "1")
    if name == "checkBox":
        field.box = False
    elif name in ("checked", "default") and field.box is not None:
        field.box = is_on(value)
    elif name == "listEntry" and len(field.choices) < _MAX_CHOICES:
        field.choices.append(value)
    elif name == "result" and value.isdecimal():
        field.choice = int(value[:4])
