"""Germany, France, Italy, Spain, Poland and the United Kingdom."""

import random
import string

from pii_sets.check import iso_11_10_digit, mrz_digit
from pii_sets.kind import (BARE, COMMON, FOLDED, LETTER_BY_LETTER, Kind, Made, at_end, date,
                           digits, groups)


def de_tax_id(draw: random.Random) -> Made:
    """Of the first ten digits one stands there twice or thrice, all others once at most."""
    while True:
        often = draw.choice(string.digits)
        times = draw.choice([2, 2, 3])
        others = draw.sample([d for d in string.digits if d != often], 10 - times)
        body = [often] * times + others
        draw.shuffle(body)
        text = "".join(body)
        if text[0] != "0" and often * 3 not in text:
            return at_end(text + iso_11_10_digit(text))


def de_id_card_number(draw: random.Random) -> str:
    """The office's four places and five more, none of them a vowel or a letter like a digit."""
    letters = "CFGHJKLMNPRTVWXYZ"
    any_ = string.digits + letters
    return draw.choice("CFGHJKLMNPRTVWXYZ") + "".join(draw.choice(any_) for _ in range(8))


def de_id_card(draw: random.Random) -> Made:
    """With the check digit of the machine-readable zone, which the card's face leaves out."""
    body = de_id_card_number(draw)
    return at_end(body + mrz_digit(body))


def de_id_card_face(draw: random.Random) -> Made:
    while True:
        value = de_id_card_number(draw)
        if sum(c.isdigit() for c in value) > 2:
            return at_end(value)


def fr_nir(draw: random.Random) -> Made:
    month = draw.randint(1, 12)
    department = draw.choice([f"{draw.randint(1, 95):02d}", f"{draw.randint(21, 95):02d}", "2A",
                              "2B", "99", "97"])
    if department == "20":
        department = "2A"
    body = f"{draw.choice('12')}{digits(draw, 2)}{month:02d}{department}{digits(draw, 6)}"
    # Corsica's places count as 19 and 18.
    number = int(body[:5] + {"2A": "19", "2B": "18"}.get(department, department) + body[7:])
    return at_end(f"{body}{97 - number % 97:02d}")


IT_ODD = "BAKPLCQDREVOSFTGUHMINJWZYX"  # the letter that counts 0 in an odd place, 1, …


def it_fiscal_code(draw: random.Random) -> Made:
    consonants = "BCDFGLMNPRSTVZ"
    body = "".join(draw.choice(consonants) for _ in range(5)) + draw.choice("AEIOUXBCDLM")
    year, month, day = date(draw, 1930, 2015)
    day += draw.choice([0, 40])
    body += f"{year % 100:02d}{'ABCDEHLMPRST'[month - 1]}{day:02d}"
    body += draw.choice("ABCDEFGHILMZ") + digits(draw, 3)
    if draw.random() < 0.2:  # two people with one code: digits from the right become letters
        at = draw.choice([[14], [14, 13]])
        body = "".join("LMNPQRSTUV"[int(c)] if i in at else c for i, c in enumerate(body))
    total = 0
    for i, char in enumerate(body):
        letter = chr(ord("A") + int(char)) if char.isdigit() else char
        total += IT_ODD.index(letter) if i % 2 == 0 else ord(letter) - ord("A")
    return at_end(body + chr(ord("A") + total % 26))


NIF_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def es_dni(draw: random.Random) -> Made:
    number = digits(draw, 8)
    return at_end(number + NIF_LETTERS[int(number) % 23])


def es_nie(draw: random.Random) -> Made:
    letter, number = draw.choice("XYZ"), digits(draw, 7)
    return at_end(letter + number + NIF_LETTERS[int(str("XYZ".index(letter)) + number) % 23])


def spoil_nif(draw: random.Random, made: Made) -> str:
    return made[0][:-1] + draw.choice([c for c in NIF_LETTERS if c != made[0][-1]])


def pl_pesel(draw: random.Random) -> Made:
    year, month, day = date(draw, 1900, 2019)
    body = f"{year % 100:02d}{month + (20 if year >= 2000 else 0):02d}{day:02d}{digits(draw, 4)}"
    total = sum(int(c) * (1, 3, 7, 9)[i % 4] for i, c in enumerate(body))
    return at_end(body + str(-total % 10))


def uk_nhs(draw: random.Random) -> Made:
    """Of the ranges in use: England and Wales, Northern Ireland, Scotland (a date of birth)."""
    while True:
        body = draw.choice("4667733") + digits(draw, 8)
        if body[0] == "3":
            body = f"{draw.randint(320, 399)}{body[3:]}"
        elif draw.random() < 0.15:
            year, month, day = date(draw)
            body = f"{day:02d}{month:02d}{year % 100:02d}{body[:3]}"
        check = -sum(int(c) * (10 - i) for i, c in enumerate(body)) % 11
        if check < 10 and len(set(body)) > 1:
            return at_end(f"{body}{check}")


KINDS = [
    Kind("DE_TAX_ID", de_tax_id,
         ["Steuer-ID {}", "德国税号{}已登记", "Meine IdNr lautet {}.", "German tax ID: {}"],
         disguises=(*COMMON, groups(2, 3, 3), LETTER_BY_LETTER)),
    Kind("DE_ID_CARD", de_id_card,
         ["Personalausweis {}", "德国身份证{}号", "German ID card {}", "Ausweisnummer: {}"],
         disguises=(*COMMON, FOLDED, str.lower)),
    Kind("DE_ID_CARD", de_id_card_face,
         ["Personalausweis {}", "德国身份证{}号", "German ID card {}", "Ausweisnummer: {}"],
         spoil=None),
    Kind("FR_NIR", fr_nir, ["numéro de sécurité sociale {}", "NIR {}", "法国社保号{}号", *BARE],
         disguises=(*COMMON, groups(1, 2, 2, 2, 3, 3), groups(13))),
    Kind("IT_FISCAL_CODE", it_fiscal_code,
         ["codice fiscale {}", "意大利税号{}号", "Il mio codice: {}.", *BARE],
         disguises=(*COMMON, FOLDED, str.lower)),
    Kind("ES_NIF", es_dni,
         ["DNI {}", "con DNI {} y domicilio", "His NIF was {}.", "西班牙身份证{}号", *BARE],
         spoil=spoil_nif, disguises=(*COMMON, FOLDED, groups(8, mark="-"), str.lower)),
    Kind("ES_NIF", es_nie, ["NIE {}", "con NIE {} y domicilio", "居留证NIE：{}号", *BARE],
         spoil=spoil_nif, disguises=(*COMMON, FOLDED, groups(1, 7, mark="-"), str.lower)),
    Kind("PL_PESEL", pl_pesel, ["Her PESEL is {}.", "PESEL: {}", "波兰身份证{}号"],
         disguises=COMMON),
    Kind("UK_NHS", uk_nhs, ["NHS number {}", "The patient's NHS no is {}.", "英国NHS号码{}号"],
         disguises=(*COMMON, groups(3, 3), groups(3, 3), groups(3, 3, mark="-"))),
]
