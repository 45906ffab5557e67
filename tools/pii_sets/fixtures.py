"""Other projects' sets in the form of marked texts."""

import json
import pathlib
import re
import sys
from collections.abc import Iterator

# Presidio's names for the types that are looked for; what is not here is left out of the count.
PRESIDIO = {
    "PERSON": "PERSON", "ADDRESS": "ADDRESS", "STREET_ADDRESS": "ADDRESS", "PHONE_NUMBER": "PHONE",
    "CREDIT_CARD": "CREDIT_CARD", "EMAIL_ADDRESS": "EMAIL", "IBAN_CODE": "IBAN",
    "IP_ADDRESS": "IP", "US_SSN": "US_SSN",
}


def presidio_set(path: str):
    with open(path, encoding="utf-8") as file:
        for item in json.load(file):
            marked = [{"type": PRESIDIO.get(s["entity_type"], s["entity_type"]),
                       "start": s["start_position"], "end": s["end_position"]}
                      for s in item["spans"]]
            yield {"text": item["full_text"], "entities": marked}


# Tables of values, by file: the types that are looked for in them. The first names the marks.
TABLES = {
    "presidio_credit_card": ["CREDIT_CARD", "BANK_CARD"], "presidio_crypto": ["CRYPTO"],
    "presidio_de_id_card": ["DE_ID_CARD"], "presidio_email": ["EMAIL"], "presidio_iban": ["IBAN"],
    "presidio_in_aadhaar": ["IN_AADHAAR"], "presidio_ip": ["IP"], "presidio_kr_rrn": ["KR_RRN"],
    "presidio_mac": ["MAC"], "presidio_ph_mobile_number": ["PHONE"],
    "presidio_phone": ["PHONE", "MOBILE", "LANDLINE"], "presidio_pl_pesel": ["PL_PESEL"],
    "presidio_sg_fin": ["SG_NRIC"], "presidio_th_tnin": ["TH_ID"],
    "presidio_tr_phone_number": ["PHONE"], "presidio_uk_nhs": ["UK_NHS"],
    "presidio_uk_nino": ["UK_NINO"], "presidio_us_ssn": ["US_SSN"],
    "presidio_za_id_number": ["ZA_ID"],
    "pii_manager_any_bitcoin_address": ["CRYPTO"],
    "pii_manager_any_credit_card": ["CREDIT_CARD", "BANK_CARD"],
    "pii_manager_any_email": ["EMAIL"], "pii_manager_any_ip_address": ["IP"],
    "pii_manager_en_in_aadhaar": ["IN_AADHAAR"], "pii_manager_en_us_ssn": ["US_SSN"],
    "pii_manager_es_any_ipn_es": ["PHONE"], "piisa_any_credit_card": ["CREDIT_CARD", "BANK_CARD"],
    "piisa_any_email": ["EMAIL"], "piisa_en_any_ipn_en": ["PHONE"],
}
# Tables that are left out, and why.
NO_TYPE = {
    "presidio_url": "plain URLs are no type here, only URLs with a password",
    "presidio_us_bank": "account numbers without country or check are no type here",
    "presidio_ph_tin": "the Philippines' tax number is no type here",
}
BARE_SCORE = 0.15  # values that no word announces: from a low score on, as Presidio's own tests do


def presidio_row(row: dict) -> tuple[str, list] | None:
    """Text and spans; None: the row is about another function than the recogniser."""
    for key in ("number", "pesel", "id_number", "input_number"):
        if key in row:
            text, good = str(row[key]), row.get("expected", row.get("is_verhoeff"))
            return None if good is None else (text, [(0, len(text))] if good else [])
    if "text" not in row and "iban" not in row:
        return None
    text = row.get("text", row.get("iban"))
    if row.get("expected_len") == 0:
        return text, []
    spans = row.get("expected_positions") or row.get("expected_res")
    if "expected_position" in row:
        spans = [row["expected_position"]]
    return text, spans or [(0, len(text))]  # none given: the text is the value


def masked_row(row: dict) -> tuple[str, list]:
    """From a text and the same text with <TYPE> or <TYPE:value> in the values' places."""
    text, spans, at = row["input"], [], 0
    parts = re.split(r"<[A-Z_]+(?::[^<>]*)?>", row["expected"])
    for i, part in enumerate(parts):
        begin = len(text) - len(part) if i == len(parts) - 1 else text.index(part, at)
        if i > 0:
            spans.append((at, begin))
        at = begin + len(part)
    return text, spans


def table_set(directory: str) -> Iterator[dict]:
    """Each table's texts, looked through for the table's own type alone."""
    for name, types in TABLES.items():
        path = pathlib.Path(directory) / f"{name}.jsonl"
        if not path.exists():
            print(f"left out: {name}: no such file", file=sys.stderr)
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        bare = name.startswith("presidio_")
        for number, line in enumerate(lines, start=1):
            found = (presidio_row if bare else masked_row)(json.loads(line))
            if found is None:
                continue
            marks = [{"type": types[0], "start": s[0], "end": s[1]} for s in found[1]]
            item = {"id": f"{name}:{number}", "text": found[0], "entities": marks, "types": types}
            yield {**item, "score_min": BARE_SCORE} if bare else item


# Types of Presidio's sentences beyond PRESIDIO's; what is in neither is no type here.
SENTENCES = {**PRESIDIO, "US_ITIN": "US_ITIN", "US_PASSPORT": "PASSPORT", "IN_PASSPORT": "PASSPORT",
             "FIN": "SG_NRIC", "CRYPTO": "CRYPTO"}


def sentence_set(directory: str) -> Iterator[dict]:
    """Presidio's sentences with a word that speaks for a number (a mark is the whole sentence,
    since the file does not say where the number stands); its demonstration with what it masks."""
    folder = pathlib.Path(directory)
    lines = (folder / "context_sentences_tests.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    for number, (type_, text) in enumerate(zip(lines[::2], lines[1::2], strict=True), start=1):
        if type_ in SENTENCES:
            mark = {"type": SENTENCES[type_], "start": 0, "end": len(text)}
            yield {"id": f"context_sentences:{number}", "text": text, "entities": [mark]}
    masked = (folder / "demo_anonymized.txt").read_text(encoding="utf-8")
    text, spans = masked_row({"input": (folder / "demo.txt").read_text(encoding="utf-8"),
                              "expected": masked})
    types = re.findall(r"<([A-Z_]+)>", masked)
    marks = [{"type": SENTENCES[type_], "start": span[0], "end": span[1]}
             for type_, span in zip(types, spans, strict=True) if type_ in SENTENCES]
    yield {"id": "demo:1", "text": text, "entities": marks}
