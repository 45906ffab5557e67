"""The made-up values as programs write them: JSON, CSV, URLs, tables, Markdown, with the names that
fields have. No recogniser was mended with these texts: they show how far the others carry."""

import random
from collections.abc import Iterator

from pii_sets.hard import KINDS
from pii_sets.kind import BARE, Kind

ALONE = ['{"value": "%s"}', "field=%s&x=1", "a,%s,b", "<td>%s</td>", "“%s”", "%s\n", "[%s]",
         "**%s**", "%s。", "x: %s; y", "\t%s\t", "%s/", "#%s", "`%s`", "%s? yes", "ab %s cd 17",
         "3) %s"]
NAMED = ['{"NAME": "%s"}', "NAME=%s&b=2", "NAME: %s", "| NAME | %s |", "NAME,name\n%s,Bob"]
NAMES = {
    "CN_ID": ["身份证号"], "DE_ID_CARD": ["Ausweisnr", "personalausweis", "ausweis_nr"],
    "DE_TAX_ID": ["steuer_id", "tax_id", "Steuernummer (IdNr)"], "HK_ID": ["hkid", "HKID"],
    "IMEI": ["imei", "imei1"], "IN_AADHAAR": ["aadhaar_number", "AadhaarNo", "aadhaar"],
    "KR_RRN": ["rrn", "주민번호"], "MACAO_ID": ["BIR"], "PL_PESEL": ["pesel", "PESEL"],
    "TH_ID": ["thai_id", "national_id"], "UK_NHS": ["nhs_number", "nhsNumber"],
    "ZA_ID": ["rsa id", "id_number"],
}
USABLE = [kind for kind in KINDS if BARE[0] in kind.sentences or kind.type in NAMES]


def frame(draw: random.Random, kind: Kind) -> str:
    if BARE[0] in kind.sentences:
        return draw.choice(ALONE)
    return draw.choice(NAMED).replace("NAME", draw.choice(NAMES[kind.type]), 1)


def field_set(seed: int, count: int) -> Iterator[dict]:
    draw = random.Random(seed)
    for _ in range(count):
        kind = draw.choice(USABLE)
        value = kind.make(draw)[0]
        before, after = frame(draw, kind).split("%s")
        mark = {"type": kind.type, "start": len(before), "end": len(before) + len(value),
                "check": kind.check}
        yield {"text": before + value + after, "entities": [mark]}
