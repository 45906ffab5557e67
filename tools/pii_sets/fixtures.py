"""Other projects' sets in the form of marked texts."""

import json
import pathlib
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


TABLES = {
    "credit_card": ["CREDIT_CARD", "BANK_CARD"], "crypto": ["CRYPTO"], "de_id_card": ["DE_ID_CARD"],
    "email": ["EMAIL"], "iban": ["IBAN"], "in_aadhaar": ["IN_AADHAAR"], "ip": ["IP"],
    "kr_rrn": ["KR_RRN"], "mac": ["MAC"], "pl_pesel": ["PL_PESEL"], "sg_fin": ["SG_NRIC"],
    "th_tnin": ["TH_ID"], "uk_nhs": ["UK_NHS"], "uk_nino": ["UK_NINO"], "us_ssn": ["US_SSN"],
    "za_id_number": ["ZA_ID"], "phone": ["PHONE", "MOBILE", "LANDLINE"],
    "ph_mobile_number": ["PHONE"], "tr_phone_number": ["PHONE"],
}


def table_set(directory: str):
    """Each table's values bare, for its own type alone, from a low score on, as its tests do it."""
    for name, types in TABLES.items():
        path = pathlib.Path(directory) / f"presidio_{name}.jsonl"
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            spans = row.get("expected_positions") or row.get("expected_res") or []
            if "expected_position" in row:
                spans = [row["expected_position"]]
            if row.get("expected_len") == 0:
                spans = []
            marks = [{"type": types[0], "start": s[0], "end": s[1]} for s in spans]
            yield {"text": row.get("text") or row.get("iban") or "", "entities": marks,
                   "types": types, "score_min": 0.15}
