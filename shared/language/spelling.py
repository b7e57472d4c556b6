"""British spellings as the American ones, in stems of `shared.language.stemming`: colour, organise, metre, catalogue.

A rule may change words that have one spelling only, such as promise: text and query change alike, so they still meet.
"""

from __future__ import annotations

import re

_OUR = """
arbour ardour armour behaviour candour clamour colour demeanour endeavour favour fervour flavour glamour harbour honour
humour labour neighbour odour parlour rancour rigour rumour saviour savour splendour tumour valour vapour vigour
"""
# Parts of stems, each with what it becomes.
_OTHERS = """
anaem/anem anaesth/anesth archaeolog/archeolog diarrhoea/diarrhea encyclopaed/encycloped gynaec/gynec haemo/hemo
leukaem/leukem manoeuvr/maneuver oestro/estro paediatr/pediatr aluminium/aluminum artefact/artifact
fulfilment/fulfillment instalment/installment enrolment/enrollment jeweller/jewelr judgement/judgment
acknowledgement/acknowledgment mould/mold plough/plow pyjama/pajama sceptic/skeptic skilful/skillful sulph/sulf
isation/ization
"""
_PARTS: dict[str, str] = {
    **{word: f"{word[:-2]}r" for word in _OUR.split()},
    **dict(pair.split("/") for pair in _OTHERS.split()),
}
# Whole stems.
_WHOLE = """
centr/center theatr/theater fibr/fiber calibr/caliber lustr/luster meagr/meager licenc/licens defenc/defens
offenc/offens pretenc/pretens practis/practic grey/gray tyr/tir cosi/cozi aging/age whilst/whil amongst/among
"""
_STEMS: dict[str, str] = dict(pair.split("/") for pair in _WHOLE.split())
_PART = re.compile("|".join(_PARTS))
# Of a stem: metre, litre; catalogue; organise, analyse, organiser.
_LAST = re.compile(r"(?:met|lit)r\Z|logu\Z|(?<=..)(?:is|ys)(?:er)?\Z")


def americanize(stem: str) -> str:
    """The American spelling of a stem."""
    if found := _STEMS.get(stem):
        return found
    return _LAST.sub(_change_last, _PART.sub(lambda part: _PARTS[part[0]], stem))


def _change_last(match: re.Match[str]) -> str:
    last = match[0]
    if last == "logu":
        return "log"
    return last.replace("s", "z") if "s" in last else f"{last[:-1]}er"
