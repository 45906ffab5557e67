"""Check digits of several kinds, and the sums of cryptocurrencies' addresses."""

import hashlib


def luhn_digit(body: str) -> str:
    total = 0
    for place, char in enumerate(reversed(body)):
        value = int(char) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return str(-total % 10)


def iso_11_10_digit(body: str) -> str:
    """ISO 7064 MOD 11,10."""
    product = 10
    for char in body:
        product = ((int(char) + product) % 10 or 10) * 2 % 11
    return str((11 - product) % 10)


def weighted(body: str, weights) -> int:
    return sum(int(char) * weight for char, weight in zip(body, weights, strict=True))


def mrz_digit(body: str) -> str:
    """ICAO 9303: weights 7 3 1, letters from A = 10."""
    return str(sum(int(char, 36) * (7, 3, 1)[i % 3] for i, char in enumerate(body)) % 10)


def verhoeff_digit(body: str) -> str:
    """By the dihedral group of the pentagon: 0..4 turn it, 5..9 mirror it."""
    def times(a: int, b: int) -> int:
        turned = (a + b) % 5 if a < 5 else (a - b) % 5
        return turned + 5 * ((a < 5) != (b < 5))

    cycle = (0, 1, 5, 8, 9, 4, 2, 7)  # the permutation; 3 and 6 change places

    def permuted(digit: int, times_: int) -> int:
        if digit in cycle:
            return cycle[(cycle.index(digit) + times_) % 8]
        return 9 - digit if times_ % 2 else digit

    check = 0
    for i, char in enumerate(reversed(body), start=1):
        check = times(check, permuted(int(char), i))
    return next(str(d) for d in range(10) if times(check, d) == 0)


def base58_check(payload: bytes) -> str:
    letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    whole = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, out = int.from_bytes(whole, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        out = letters[rest] + out
    return "1" * (len(whole) - len(whole.lstrip(b"\0"))) + out


def bech32(prefix: str, version: int, program: bytes) -> str:
    """BIP 173 for version 0, BIP 350 for later ones, as a polynomial over GF(32)."""
    def gf(a: int, b: int) -> int:  # modulo x^5 + x^3 + 1
        out = 0
        for bit in range(5):
            out ^= (a << bit) if b >> bit & 1 else 0
        for bit in range(9, 4, -1):
            out ^= (0b101001 << (bit - 5)) if out >> bit & 1 else 0
        return out

    generator = (29, 22, 20, 21, 29, 18)  # x^6 + 29 x^5 + 22 x^4 + 20 x^3 + 21 x^2 + 29 x + 18
    bits = "".join(f"{byte:08b}" for byte in program)
    bits += "0" * (-len(bits) % 5)
    data = [version] + [int(bits[i:i + 5], 2) for i in range(0, len(bits), 5)]
    spread = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    rest = [0, 0, 0, 0, 0, 1]
    for value in spread + data + [0] * 6:
        top, rest = rest[0], rest[1:] + [value]
        rest = [r ^ gf(top, g) for r, g in zip(rest, generator, strict=True)]
    constant = 1 if version == 0 else 0x2bc830a3
    rest = [r ^ (constant >> 5 * (5 - i) & 31) for i, r in enumerate(rest)]
    return prefix + "1" + "".join("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[v] for v in data + rest)


def keccak_256(message: bytes) -> bytes:
    """Keccak as Ethereum has it: SHA-3 with the padding of before the standard."""
    full, rate = (1 << 64) - 1, 136

    def turn(word: int, by: int) -> int:
        return (word << by | word >> (64 - by)) & full if by else word

    def permute(lanes: dict) -> dict:
        register = 1
        for _ in range(24):
            column = [lanes[x, 0] ^ lanes[x, 1] ^ lanes[x, 2] ^ lanes[x, 3] ^ lanes[x, 4]
                      for x in range(5)]
            lanes = {(x, y): lane ^ column[(x - 1) % 5] ^ turn(column[(x + 1) % 5], 1)
                     for (x, y), lane in lanes.items()}
            x, y, current = 1, 0, lanes[1, 0]
            moved = dict(lanes)
            for t in range(24):
                x, y = y, (2 * x + 3 * y) % 5
                current, moved[x, y] = lanes[x, y], turn(current, (t + 1) * (t + 2) // 2 % 64)
            lanes = {(x, y): moved[x, y] ^ (~moved[(x + 1) % 5, y] & moved[(x + 2) % 5, y])
                     for x, y in moved}
            for j in range(7):
                register = (register << 1 ^ (register >> 7) * 0x171) & 0xff
                if register & 2:
                    lanes[0, 0] ^= 1 << ((1 << j) - 1)
        return lanes

    padded = bytearray(message + b"\1" + bytes(-(len(message) + 1) % rate))
    padded[-1] |= 0x80
    lanes = {(x, y): 0 for x in range(5) for y in range(5)}
    for at in range(0, len(padded), rate):
        for i in range(rate // 8):
            word = padded[at + 8 * i:at + 8 * i + 8]
            lanes[i % 5, i // 5] ^= int.from_bytes(word, "little")
        lanes = permute(lanes)
    return b"".join(lanes[i, 0].to_bytes(8, "little") for i in range(4))


def eip_55(address: str) -> str:
    """Forty hexadecimal digits, letters capital where the digest has 8 or more."""
    digest = keccak_256(address.encode()).hex()
    return "".join(c.upper() if int(d, 16) > 7 else c for c, d in zip(address, digest))
