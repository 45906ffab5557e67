"""VAT numbers of the European Union's members: each country's check as its authority words it.

A country's function gives what follows its letters, and the place of the check in that.
"""

import random
import string

from pii_sets.check import iso_11_10_digit, luhn_digit, weighted
from pii_sets.europe import es_dni, es_nie
from pii_sets.kind import COMMON, FOLDED, Kind, Made, at_end, digits, groups, other_check


def drawn_until(draw: random.Random, length: int, check, first: str = "123456789") -> Made:
    """Digits drawn until `check` gives them a digit; it gives None where no number is allotted."""
    while True:
        body = draw.choice(first) + digits(draw, length - 1)
        digit = check(body)
        if digit is not None:
            return at_end(f"{body}{digit}")


def down(body: str, last: int = 2) -> int:
    """Weights that fall by one a place, to `last` under the last digit."""
    return weighted(body, range(last + len(body) - 1, last - 1, -1))


def austria(draw):
    body = digits(draw, 7)  # Luhn, moved by four
    return at_end(f"U{body}{(int(luhn_digit(body + '0')) - 4) % 10}")


def belgium(draw):
    body = draw.choice("01") + draw.choice(string.digits[2:]) + digits(draw, 6)
    return at_end(f"{body}{97 - int(body) % 97:02d}")


def bulgaria(draw):
    def check(body):
        rest = weighted(body, range(1, 9)) % 11
        return rest if rest < 10 else weighted(body, range(3, 11)) % 11 % 10
    return drawn_until(draw, 8, check)


def cyprus(draw):
    turned = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21]
    body = draw.choice(["10", "30", "90", "60"]) + digits(draw, 6)
    total = sum(turned[int(c)] for c in body[::2]) + sum(int(c) for c in body[1::2])
    return at_end(body + string.ascii_uppercase[total % 26])


def czechia(draw):
    return drawn_until(draw, 7, lambda b: (11 - down(b) % 11) % 10, "12345678")


def germany(draw):
    return drawn_until(draw, 8, iso_11_10_digit)


def drawn_by_eleven(draw, weights):
    """A digit for each weight, and the one that makes their sum a multiple of eleven."""
    def check(body):
        rest = -weighted(body, weights) % 11
        return rest if rest < 10 else None
    return drawn_until(draw, len(weights), check)


def denmark(draw):
    return drawn_by_eleven(draw, (2, 7, 6, 5, 4, 3, 2))


def estonia(draw):
    body = "10" + digits(draw, 6)
    return at_end(f"{body}{-weighted(body, (3, 7, 1, 3, 7, 1, 3, 7)) % 10}")


def greece(draw):
    return drawn_until(draw, 8, lambda b: int(b, 10) and sum(
        int(c) << (8 - i) for i, c in enumerate(b)) % 11 % 10, string.digits)


def spain(draw):
    sort = draw.randrange(3)
    if sort == 0:
        return es_dni(draw)
    if sort == 1:
        return es_nie(draw)
    letter, body = draw.choice("ABCDEFGHJNPQRSUVW"), digits(draw, 7)
    check = int(luhn_digit(body))
    as_letter = letter in "NPQRSW"
    return at_end(letter + body + ("JABCDEFGHI"[check] if as_letter else str(check)))


def finland(draw):
    return drawn_by_eleven(draw, (7, 9, 10, 5, 8, 4, 2))


def france(draw):
    body = digits(draw, 8)
    siren = body + luhn_digit(body)
    return f"{int(siren + '12') % 97:02d}{siren}", 1


def croatia(draw):
    return drawn_until(draw, 10, iso_11_10_digit)


def hungary(draw):
    return drawn_until(draw, 7, lambda b: -weighted(b, (9, 7, 3, 1, 9, 7, 3)) % 10)


def ireland(draw):
    body, second = digits(draw, 7), draw.choice(["", "", "A", "H"])
    total = down(body) + (ord(second) - 64) * 9 if second else down(body)
    return body + ("W" + string.ascii_uppercase)[total % 23] + second, 7


def italy(draw):
    body = digits(draw, 7) + f"{draw.randint(1, 100):03d}"
    return at_end(body + luhn_digit(body))


def lithuania(draw):
    length = draw.choice([7, 7, 10])  # organisations; the others, for a time, have three more

    def check(body):
        rest = weighted(body, [1 + i % 9 for i in range(len(body))]) % 11
        return rest if rest < 10 else weighted(
            body, [1 + (i + 2) % 9 for i in range(len(body))]) % 11 % 10
    while True:
        body = digits(draw, length) + "1"
        if body[0] != "0":
            return at_end(f"{body}{check(body)}")


def luxembourg(draw):
    body = draw.choice("12") + digits(draw, 5)
    return at_end(f"{body}{int(body) % 89:02d}")


def latvia(draw):
    def check(body):
        rest = (3 - weighted(body, (9, 1, 4, 8, 3, 10, 2, 5, 7, 6))) % 11
        return rest if rest < 10 else None
    return drawn_until(draw, 10, check, "456789")


def malta(draw):
    body = draw.choice("12") + digits(draw, 5)
    return at_end(f"{body}{37 - weighted(body, (3, 4, 6, 7, 8, 9)) % 37:02d}")


def netherlands(draw):
    while True:
        body = draw.choice("01238") + digits(draw, 7)
        if draw.random() < 0.5:  # organisations: modulo 11
            check = down(body) % 11
            if check < 10:
                return f"{body}{check}B{draw.randint(1, 3):02d}", 8
        else:  # since 2020 for sole traders: the whole modulo 97
            for end in range(2, 99):
                whole = f"{body}{digits(draw, 1)}B{end:02d}"
                if int("".join(str(int(c, 36)) for c in "NL" + whole)) % 97 == 1:
                    return at_end(whole)


def poland(draw):
    def check(body):
        rest = weighted(body, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11
        return rest if rest < 10 else None
    return drawn_until(draw, 9, check)


def portugal(draw):
    return drawn_until(draw, 8, lambda b: max(11 - down(b) % 11, 0) % 11 % 10, "12356")


def romania(draw):
    length = draw.choice([9, 8, 7, 6])
    return drawn_until(draw, length, lambda b: 10 * weighted(
        b, (7, 5, 3, 2, 1, 7, 5, 3, 2)[9 - len(b):]) % 11 % 10)


def sweden(draw):
    body = draw.choice("125679") + digits(draw, 8)
    return f"{body}{luhn_digit(body)}01", 9


def slovenia(draw):
    def check(body):
        rest = 11 - down(body) % 11
        return rest % 10 if rest < 11 else None
    return drawn_until(draw, 7, check)


def slovakia(draw):
    def check(body):
        rest = -int(body + "0") % 11
        return rest if rest < 10 else None
    return drawn_until(draw, 9, lambda b: check(b) if b[2] in "234789" else None)


COUNTRIES = {
    "AT": austria, "BE": belgium, "BG": bulgaria, "CY": cyprus, "CZ": czechia, "DE": germany,
    "DK": denmark, "EE": estonia, "EL": greece, "ES": spain, "FI": finland, "FR": france,
    "HR": croatia, "HU": hungary, "IE": ireland, "IT": italy, "LT": lithuania, "LU": luxembourg,
    "LV": latvia, "MT": malta, "NL": netherlands, "PL": poland, "PT": portugal, "RO": romania,
    "SE": sweden, "SI": slovenia, "SK": slovakia,
}


def vat(draw: random.Random) -> Made:
    country = draw.choice(list(COUNTRIES))
    value, at = COUNTRIES[country](draw)
    return country + value, at + 2


def dutch_sums_hold(value: str) -> bool:
    whole = int("".join(str(int(c, 36)) for c in value))
    return down(value[2:10]) % 11 == int(value[10]) or whole % 97 == 1


def spoil_vat(draw: random.Random, made: Made) -> str:
    """Another check character; two sums may bear a Dutch number out, so neither must hold."""
    if not made[0].startswith("NL"):
        return other_check(draw, made)
    while True:
        value = f"NL{digits(draw, 9)}B{draw.randint(1, 99):02d}"
        if not dutch_sums_hold(value):
            return value


KINDS = [
    Kind("EU_VAT", vat,
         ["VAT {}", "USt-IdNr. {}", "our VAT number: {}", "欧盟增值税号{}号", "TVA {}", "{}是他们的税号",
          "{}", "（{}）", "see {}, thanks"],
         spoil=spoil_vat, disguises=(*COMMON, FOLDED, groups(2), str.lower)),
]
