"""Cards, accounts, telephones' own numbers, wallets; and South Africa."""

import random
import string

from pii_sets.check import base58_check, bech32, eip_55, luhn_digit
from pii_sets.kind import (BARE, COMMON, FOLDED, FOURS, LETTER_BY_LETTER, Kind, Made, at_end, date,
                           digits, groups)

# ISO/IEC 7812 issuers: beginning and lengths.
CARDS = [("4", (16, 16, 19)), ("51", (16,)), ("55", (16,)), ("2221", (16,)), ("2720", (16,)),
         ("34", (15,)), ("37", (15,)), ("301", (14,)), ("36", (14,)), ("6011", (16, 19)),
         ("65", (16,)), ("3528", (16,)), ("3589", (16,)), ("6759", (16, 18)), ("2202", (16,))]


def credit_card(draw: random.Random) -> Made:
    start, lengths = draw.choice(CARDS)
    body = start + digits(draw, draw.choice(lengths) - 1 - len(start))
    return at_end(body + luhn_digit(body))


def embossed(value: str, mark: str = " ") -> str:
    """Groups as cards have them: 4-6-4 and 4-6-5, else fours."""
    return groups(*((4, 6) if len(value) in (14, 15) else (4, 4, 4, 4)), mark=mark)(value)


def visa_13(draw: random.Random) -> Made:
    body = "4" + digits(draw, 11)
    return at_end(body + luhn_digit(body))


# The registry's structures behind country and check digits: n digits, a capitals, c either.
IBANS = {
    "AE": "n19", "AT": "n16", "AZ": "a4c20", "BE": "n12", "BG": "a4n6c8", "BR": "n23a1c1",
    "CH": "n5c12", "CY": "n8c16", "CZ": "n20", "DE": "n18", "DK": "n14", "EE": "n16", "ES": "n20",
    "FI": "n14", "FR": "n10c11n2", "GB": "a4n14", "GE": "a2n16", "GI": "a4c15", "GR": "n7c16",
    "HR": "n17", "HU": "n24", "IE": "a4n14", "IL": "n19", "IS": "n22", "IT": "a1n10c12",
    "KW": "a4c22", "KZ": "n3c13", "LC": "a4c24", "LT": "n16", "LU": "n3c13", "LV": "a4c13",
    "MC": "n10c11n2", "MT": "a4n5c18", "MU": "a4n19a3", "NL": "a4n10", "NO": "n11", "PK": "a4c16",
    "PL": "n24", "PT": "n21", "QA": "a4c21", "RO": "a4c16", "RS": "n18", "SA": "n2c18",
    "SC": "a4n20a3", "SE": "n20", "SI": "n15", "SK": "n20", "SM": "a1n10c12", "TN": "n20",
    "TR": "n6c16", "UA": "n6c19", "VA": "n18", "XK": "n16",
}


def iban(draw: random.Random) -> Made:
    country = draw.choice(list(IBANS))
    sorts = {"n": string.digits, "a": string.ascii_uppercase,
             "c": string.digits + string.ascii_uppercase}
    body, structure = "", IBANS[country]
    while structure:
        sort, structure = structure[0], structure[1:]
        count = "".join(c for c in structure[:2] if c.isdigit())
        structure = structure[len(count):]
        body += "".join(draw.choice(sorts[sort]) for _ in range(int(count)))
    number = "".join(str(int(c, 36)) for c in body + country + "00")
    return f"{country}{98 - int(number) % 97:02d}{body}", 3


def imei(draw: random.Random) -> Made:
    body = draw.choice(["35", "86", "01"]) + digits(draw, 12)
    return at_end(body + luhn_digit(body))


def za_id(draw: random.Random) -> Made:
    year, month, day = date(draw, 1940, 2009)
    body = f"{year % 100:02d}{month:02d}{day:02d}{digits(draw, 4)}{draw.choice('001')}"
    body += draw.choice("89")
    return at_end(body + luhn_digit(body))


def bitcoin(draw: random.Random) -> Made:
    kind = draw.randrange(5)
    if kind < 2:
        return at_end(base58_check(bytes([5 * kind]) + draw.randbytes(20)))
    if kind == 4:
        return at_end(bech32("bc", 1, draw.randbytes(32)))
    made = bech32("bc", 0, draw.randbytes(20 if kind == 2 else 32))
    return at_end(made.upper() if draw.random() < 0.1 else made)


def spoil_bitcoin(draw: random.Random, made: Made) -> str:
    value = made[0]
    is_bech32 = value[:3].lower() == "bc1"
    letters = "023456789acdefghjklmnpqrstuvwxyz" if is_bech32 else "23456789ABCDEFGH"
    if value.isupper():
        letters = letters.upper()
    return value[:-1] + draw.choice([c for c in letters if c != value[-1]])


def ethereum(draw: random.Random) -> Made:
    return at_end("0x" + eip_55(draw.randbytes(20).hex()))


def spoil_ethereum(draw: random.Random, made: Made) -> str:
    """Another letter's case: all in one case would have no check."""
    value = made[0]
    at = draw.choice([i for i, c in enumerate(value) if i > 1 and c.isalpha()])
    return value[:at] + value[at].swapcase() + value[at + 1:]


def ethereum_plain(draw: random.Random) -> Made:
    return at_end("0x" + draw.randbytes(20).hex())


WALLETS = ["send it to {}", "比特币地址{}", "钱包：{}，别转错", "wallet {}.", *BARE]
KINDS = [
    Kind("CREDIT_CARD", credit_card, ["Charge {} please", "信用卡{}过期了", "card no. {}", *BARE],
         disguises=(*COMMON, embossed, embossed, lambda v: embossed(v, "-"), LETTER_BY_LETTER)),
    Kind("CREDIT_CARD", visa_13, ["Charge my card {}", "信用卡{}过期了", "visa {}"]),
    Kind("IBAN", iban, ["Please pay to {} today", "IBAN {}", "请汇款到{}", *BARE],
         disguises=(*COMMON, FOLDED, *FOURS, str.lower)),
    Kind("IMEI", imei, ["IMEI {}", "手机串号{}", "the handset's IMEI was {}"],
         disguises=(*COMMON, groups(2, 6, 6, mark="-"), groups(2, 6, 6))),
    Kind("ZA_ID", za_id, ["South African ID {}", "南非身份证{}号", "her SA ID number is {}."],
         disguises=(*COMMON, groups(6, 4, 2))),
    Kind("CRYPTO", bitcoin, WALLETS, spoil=spoil_bitcoin, disguises=()),
    Kind("CRYPTO", ethereum, WALLETS, spoil=spoil_ethereum, disguises=()),
    Kind("CRYPTO", ethereum_plain, WALLETS, spoil=None, disguises=()),
]
