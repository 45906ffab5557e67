"""The generator's arithmetic (tools/pii_sets) against published numbers, and its near misses."""

import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))

from pii_sets import check  # noqa: E402
from pii_sets.fields import field_set  # noqa: E402
from pii_sets.hard import KINDS, hard_set  # noqa: E402


# Types whose near misses fail by their check alone: `pii_quality` holds each of them to its bounds.
CHECKED = {"BANK_CARD", "CN_ID", "COMPANY_CODE", "CREDIT_CARD", "CRYPTO", "DE_ID_CARD", "DE_TAX_ID",
           "ES_NIF", "EU_VAT", "FR_NIR", "HK_ID", "IBAN", "IMEI", "IN_AADHAAR", "IT_FISCAL_CODE",
           "KR_RRN", "PL_PESEL", "SG_NRIC", "TH_ID", "TW_ID", "UK_NHS", "ZA_ID"}
OTHERS = {"EMAIL", "IP", "MACAO_ID", "MOBILE", "PLATE"}


class Published(unittest.TestCase):
    def test_digits(self):
        self.assertEqual(check.luhn_digit("7992739871"), "3")
        self.assertEqual(check.iso_11_10_digit("8609574271"), "9")  # German tax number
        self.assertEqual(check.iso_11_10_digit("13669597"), "6")  # German VAT
        self.assertEqual(check.verhoeff_digit("236"), "3")
        self.assertEqual(check.verhoeff_digit("23412341234"), "6")  # Aadhaar
        self.assertEqual(check.mrz_digit("L01X00T47"), "1")  # specimen of the German card
        self.assertEqual(check.mrz_digit("T22000129"), "3")

    def test_wallets(self):
        witness = bytes.fromhex("751e76e8199196d454941c45d1b3a323f1433bd6")
        self.assertEqual(check.bech32("bc", 0, witness),
                         "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")
        point = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
        self.assertEqual(check.bech32("bc", 1, bytes.fromhex(point)),
                         "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0")
        self.assertEqual(
            check.base58_check(bytes.fromhex("00010966776006953d5567439e5e39f86a0d273bee")),
            "16UwLL9Risc3QfPqBUvKofHmBQ7wMtjvM")
        for address in ("5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
                        "fB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"):
            self.assertEqual(check.eip_55(address.lower()), address)


class NearMisses(unittest.TestCase):
    def test_differ_in_their_check(self):
        draw = random.Random(3)
        for kind in KINDS:
            for _ in range(20):
                made = kind.make(draw)
                if kind.check:
                    self.assertTrue(made[0][made[1]].isalnum(), (kind.type, made))
                if kind.spoil:
                    self.assertNotEqual(kind.spoil(draw, made), made[0])

    def test_marks_are_the_values(self):
        types = set()
        for item in [*hard_set(5, 3000), *field_set(5, 1000)]:
            for mark in item["entities"]:
                value = item["text"][mark["start"]:mark["end"]]
                self.assertEqual(value.strip(), value)
                self.assertGreaterEqual(len(value), 5)
                types.add(mark["type"])
        self.assertEqual(types, CHECKED | OTHERS)
        self.assertEqual({kind.type for kind in KINDS if kind.check}, CHECKED)


if __name__ == "__main__":
    unittest.main()
