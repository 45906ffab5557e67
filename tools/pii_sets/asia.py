"""Greater China, Korea, India, Singapore and Thailand."""

import random
import string

from pii_sets.check import luhn_digit, verhoeff_digit
from pii_sets.kind import (BARE, COMMON, FOLDED, FOURS, LETTER_BY_LETTER, NUMERALS, Kind, Made,
                           at_end, date, digits, escapes, groups)

REGIONS = ["110105", "310115", "440304", "510107", "330106", "650102", "810000"]


def cn_id(draw: random.Random) -> Made:
    body = draw.choice(REGIONS) + "%04d%02d%02d" % date(draw) + digits(draw, 3)
    # The polynomial form of MOD 11-2, not the usual table of weights.
    rest = 0
    for char in body:
        rest = (rest + int(char)) * 2 % 11
    check = (12 - rest) % 11
    return at_end(body + ("X" if check == 10 else str(check)))


def cn_id_15(draw: random.Random) -> Made:
    year, month, day = date(draw, 1940, 1984)
    return at_end(f"{draw.choice(REGIONS)}{year % 100:02d}{month:02d}{day:02d}{digits(draw, 3)}")


def spoil_cn_id(draw: random.Random, made: Made) -> str:
    value, _ = made
    return value[:-1] + draw.choice([c for c in "0123456789X" if c != value[-1]])


def company_code(draw: random.Random) -> Made:
    letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    office = draw.choice(["91", "91", "92", "52", "12", "93"])
    body = office + draw.choice(["310115", "440300", "110108"])
    if draw.random() < 0.3:  # of before 2015: the nine characters of GB 11714, mostly digits
        own = digits(draw, 8)
        total = sum(int(c) * w for c, w in zip(own, (3, 7, 9, 10, 5, 8, 4, 2)))
        body += own + "0123456789X0"[-total % 11]
    else:
        body += "MA" + "".join(draw.choice(letters) for _ in range(7))
    total = sum(letters.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return at_end(body + letters[-total % 31])


def hk_id(draw: random.Random) -> Made:
    letters = draw.choice(string.ascii_uppercase)
    if draw.random() < 0.2:
        letters = draw.choice(["WX", "XA", "XE"])
    body = digits(draw, 6)
    # Eight places before the check, an empty first one counts as 36; weights 9 to 2.
    places = [36, *(int(c, 36) for c in letters + body)][-8:]
    check = "0123456789A"[-sum(p * (9 - i) for i, p in enumerate(places)) % 11]
    value = letters + body + draw.choice(["({})", "({})", "（{}）", "{}"]).format(check)
    return value, value.rindex(check)


def spoil_hk_id(draw: random.Random, made: Made) -> str:
    value, at = made
    return value[:at] + draw.choice([c for c in "0123456789A" if c != value[at]]) + value[at + 1:]


def macao_id(draw: random.Random) -> Made:
    return at_end(f"{draw.choice('157')}{digits(draw, 6)}({digits(draw, 1)})")


TW_LETTERS = {"A": 10, "B": 11, "C": 12, "D": 13, "E": 14, "F": 15, "G": 16, "H": 17, "I": 34,
              "J": 18, "K": 19, "L": 20, "M": 21, "N": 22, "O": 35, "P": 23, "Q": 24, "R": 25,
              "S": 26, "T": 27, "U": 28, "V": 29, "W": 32, "X": 30, "Y": 31, "Z": 33}


def tw_id(draw: random.Random) -> Made:
    letter, body = draw.choice(list(TW_LETTERS)), draw.choice("1289") + digits(draw, 7)
    spread = f"{TW_LETTERS[letter]}{body}"
    total = int(spread[0]) + sum(int(c) * (9 - i) for i, c in enumerate(spread[1:]))
    return at_end(f"{letter}{body}{-total % 10}")


def kr_rrn(draw: random.Random) -> Made:
    year, month, day = date(draw, 1940, 2019)
    kind = draw.choice("12" if year < 2000 else "34")
    foreign = draw.random() < 0.2
    if foreign:
        kind = str(int(kind) + 4)
    body = f"{year % 100:02d}{month:02d}{day:02d}{kind}{digits(draw, 5)}"
    total = sum(int(c) * (2 + i % 8) for i, c in enumerate(body))
    value = f"{body}{((13 if foreign else 11) - total % 11) % 10}"
    return at_end(value[:6] + draw.choice(["-", "-", ""]) + value[6:])


def spoil_kr_rrn(draw: random.Random, made: Made) -> str:
    """Numbers since 2020 have no check digit; a month that is none makes it no such number."""
    return made[0][:2] + f"{draw.randint(13, 99)}" + made[0][4:]


def aadhaar(draw: random.Random) -> Made:
    body = draw.choice("23456789") + digits(draw, 10)
    return at_end(body + verhoeff_digit(body))


def sg_nric(draw: random.Random) -> Made:
    series = draw.choice("STFGM")
    body = digits(draw, 7)
    total = {"T": 4, "G": 4, "M": 3}.get(series, 0)
    total += sum(int(c) * w for c, w in zip(body, (2, 7, 6, 5, 4, 3, 2)))
    letters = {"M": "KLJNPQRTUWX", "F": "KLMNPQRTUWX", "G": "KLMNPQRTUWX"}
    # The check is counted down from eleven, as the authority's own description does.
    return at_end(series + body + letters.get(series, "ABCDEFGHIZJ")[10 - total % 11])


def th_id(draw: random.Random) -> Made:
    body = f"{draw.randint(1, 8)}{draw.randint(10, 96)}{digits(draw, 9)}"
    total = sum(int(c) * (13 - i) for i, c in enumerate(body))
    return at_end(f"{body}{(11 - total % 11) % 10}")


def bank_card(draw: random.Random) -> Made:
    length = draw.choice([16, 19, 19, 17, 18])
    start = draw.choice(["622202", "621700", "622848", "625965", "628888"])
    body = start + digits(draw, length - 7)
    return at_end(body + luhn_digit(body))


KINDS = [
    Kind("CN_ID", cn_id, ["我的身份证号是{}，请核对", "身份证{}", "His identity number is {}.", *BARE],
         spoil=spoil_cn_id,
         disguises=(*COMMON, *FOURS, groups(6, 8), LETTER_BY_LETTER, NUMERALS, escapes, str.lower)),
    Kind("CN_ID", cn_id_15, ["老身份证号{}", "身份证：{}，十五位的", "identity card {} (old)"], spoil=None),
    Kind("COMPANY_CODE", company_code,
         ["统一社会信用代码{}", "The code of the firm is {}.", "税号{}开票", *BARE],
         disguises=(*COMMON, FOLDED, *FOURS, str.lower)),
    Kind("HK_ID", hk_id, ["香港身份证{}", "HKID {}", "identity card {} was lost", "港人身份證{}號"],
         spoil=spoil_hk_id, disguises=(*COMMON, FOLDED, str.lower)),
    Kind("MACAO_ID", macao_id, ["澳门身份证{}", "Macau BIR {}", "澳門居民身份證號碼{}"], check=False,
         spoil=None),
    Kind("TW_ID", tw_id, ["台湾身份证{}", "身分證字號{}謝謝", "Taiwan ID {}", *BARE],
         disguises=(*COMMON, FOLDED, groups(4, 3), str.lower)),
    Kind("KR_RRN", kr_rrn, ["韩国身份证{}", "주민등록번호 {}", "resident registration number {}"],
         spoil=spoil_kr_rrn),
    Kind("IN_AADHAAR", aadhaar,
         ["Aadhaar number {}", "印度身份证{}号", "UIDAI {} is linked", "my aadhar: {}"],
         disguises=(*COMMON, *FOURS, LETTER_BY_LETTER)),
    Kind("SG_NRIC", sg_nric, ["NRIC {}", "新加坡身份证{}丢了", "my FIN is {}", *BARE],
         disguises=(*COMMON, FOLDED, str.lower)),
    Kind("TH_ID", th_id, ["Thai ID {}", "泰国身份证{}号", "บัตรประชาชน {}", "identity number {}"],
         disguises=(*COMMON, groups(1, 4, 5, 2), groups(1, 4, 5, 2, mark="-"))),
    Kind("BANK_CARD", bank_card, ["请转到银行卡{}", "卡号：{}，谢谢", "My bank card is {}", *BARE],
         disguises=(*COMMON, *FOURS, groups(6), LETTER_BY_LETTER, NUMERALS, escapes)),
]
