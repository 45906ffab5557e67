"""What the tokenizers package makes of many texts: expectations for the tests of text/tokenizer.

Writes src/hearth/text/tokenizer/testdata/. Needs the deepseek_v3.tiktoken file (--tiktoken) for
deepseek_v3.json; without it that file is left as it is.
"""

import argparse
import base64
import json
import random
import unicodedata
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers as pre
from tokenizers import processors, trainers

ROOT = Path(__file__).resolve().parents[2]
TESTDATA = ROOT / "src/hearth/text/tokenizer/testdata"

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}DIGITS"
         r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK3 = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"""
             r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CASED = (
    "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚ"
    "Ḁ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1f7dᾀ-ᾴᾶ-ᾼ\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ"
    "\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ"
    "𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃")
CJK = "[一-龥\u0800-一가-\ud7ff]+"

PRE_TOKENIZERS = {
    "gpt-2": [GPT2],
    "llama-bpe": [WORDS.replace("DIGITS", "{1,3}")],
    "qwen2": [WORDS.replace("DIGITS", "")],
    "deepseek-v3": [r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+", DEEPSEEK3],
    "deepseek-llm": [r"[\r\n]", rf"\s?[{CASED}]+", "\\s?[!-/:-~！-／：-～‘-‟\u3000-。]+", r"\s+$",
                     CJK, r"\p{N}"],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", CJK, r"\p{N}"],
}

SENTENCES = [
    "The quick brown fox jumps over 13 lazy dogs, doesn't it? I'LL say WE'VE 'd 'S seen.",
    "  leading, trailing   \n\n\tand\r\n inner  spaces\u00a0here\u3000there \n",
    "def f(x: int) -> str:\n    return f\"{x:>08.3f}\"  # comment\n\n\nclass A(B): pass\n",
    "for (int i = 0; i < n; ++i) { a[i] += b[i] * 0x1F; } // done\r\n",
    "Let $x^2 + y^2 = r^2$; then \\frac{a}{b} \\approx 3.14159265 and 10^{-12}.",
    "你好，世界！今天是2025年1月20日，气温－3℃。答案是：「四十二」。",
    "日本語のテキスト、カタカナ・ひらがな。コーヒーを２杯、３００円です。",
    "한국어 문장입니다. 숫자 12345와 함께.", "Привет, мир! Ёжик 2024 г. — «кавычки».",
    "Ελληνικά: Καλημέρα κόσμε. Ὀδυσσεύς", "مرحبا بالعالم ١٢٣٤ نص عربي", "שלום עולם 5784",
    "हिन्दी में नमस्ते १२३", "สวัสดีชาวโลก ๑๒๓", "Tiếng Việt có dấu: Cửa Việt, cà phê sữa đá",
    "cafe\u0301 ré\u0301sume\u0301 a\u030a\u0323 \u1e9b\u0323 \uac00\u11a8 \u1100\u1161\u11a8",
    "😀👍🏽👩‍👩‍👧‍👦🇨🇳 emoji ✅ ©®™ 🦙.cpp", "½ ¾ Ⅷ ① ² ₃ ٣ 𝟙𝟚𝟛 1,234,567.89 3333333333",
    "https://example.org/a?b=c&d=%20e#f user@mail.example", "'''```\"\"\"......!!!???===---",
    "'\u017f '\u017fo I'\u017f", "K\u212a \u2126 \u03a9 ǅ ʔ ﬁ ﬆ ｆｕｌｌ", "", " ", "\n", "\u0000\u0001\u007f\u200b\u200d\ufeff\ufffe\uffff",
    "<｜User｜>hi<｜Assistant｜><think>\nhm</think>ok<｜end▁of▁sentence｜>", "▁ literal bars ▁▁",
]


def assigned(first: int, last: int) -> str:
    """Code points that Unicode 14 (Python 3.11's) has assigned; every later one agrees on them."""
    return "".join(chr(c) for c in range(first, last + 1)
                   if unicodedata.category(chr(c)) not in ("Cn", "Cs"))


POOLS = [
    "abcdefgstmdlrvSTMDLRVE", "0123456789", " ", " ", "  ", "\t \u00a0\u3000\u2003\u2028\u0085\u000b",
    "\n", "\r\n", "'", "'\u2019\"", "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~", assigned(0xA1, 0x24F),
    assigned(0x300, 0x36F), assigned(0x370, 0x52F), assigned(0x590, 0x6FF), assigned(0x900, 0xDFF),
    assigned(0xE00, 0x10FF), assigned(0x1100, 0x13FF), assigned(0x1C90, 0x1FFF),
    assigned(0x2000, 0x2BFF), assigned(0x2C00, 0x2E7F), assigned(0x3000, 0x30FF),
    assigned(0x4E00, 0x4F00) + "龥龦一", assigned(0xA640, 0xABFF), assigned(0xAC00, 0xAC80),
    assigned(0xD7B0, 0xD7FF), assigned(0xFB00, 0xFFEF), assigned(0x10000, 0x10FFF),
    assigned(0x11000, 0x118FF), assigned(0x1D400, 0x1D7FF), assigned(0x1E900, 0x1E95F),
    assigned(0x1F300, 0x1F6FF), assigned(0x20000, 0x20040), "\u200d\ufe0f\u0000\u0007\ue000",
]


def random_text(rng: random.Random) -> str:
    """A few runs, each from one pool, as scanners care for borders between classes."""
    text = ""
    for _ in range(rng.randint(1, 9)):
        pool = rng.choice(POOLS)
        text += "".join(rng.choice(pool) for _ in range(rng.choice([1, 1, 2, 3, 5])))
        if rng.random() < 0.15:
            text += rng.choice(["'s", "'T", "'re", "'VE", "'m", "'lL", "'d", "'\u017f"])
    return text


def texts(seed: int, count: int) -> list[str]:
    rng = random.Random(seed)
    return SENTENCES + [random_text(rng) for _ in range(count)]


def write(name: str, value) -> None:
    path = TESTDATA / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")


def splits(patterns: list[str]) -> list:
    return [pre.Split(Regex(p), "isolated") for p in patterns]


def write_pre_tokenizers() -> None:
    """Ends of the pieces, in code points."""
    cases = []
    for i, name in enumerate(PRE_TOKENIZERS):
        splitter = pre.Sequence(splits(PRE_TOKENIZERS[name]))
        for text in texts(100 + i, 420):
            ends = [end for _, (_, end) in splitter.pre_tokenize_str(text)] if text else []
            cases.append([name, text, ends])
    write("pre_tokenizers.json", {"patterns": PRE_TOKENIZERS, "cases": cases})


def byte_level(name: str, vocab_size: int) -> Tokenizer:
    """A byte-level BPE trained on the sentences."""
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre.Sequence(
        [*splits(PRE_TOKENIZERS[name]), pre.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(SENTENCES * 3, trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=pre.ByteLevel.alphabet(), show_progress=False))
    return tok


def edited(tok: Tokenizer, **changes) -> Tokenizer:
    """The tokenizer with members of its `model` replaced."""
    tree = json.loads(tok.to_str())
    tree["model"].update(changes)
    return Tokenizer.from_str(json.dumps(tree))


def llama3() -> Tokenizer:
    """Pieces that are tokens stay whole, though no merge leads to them."""
    tok = byte_level("llama-bpe", 420)
    vocab = json.loads(tok.to_str())["model"]["vocab"]
    for word in ["Ġjumps", "ĠÙħØ±", "Ġquixotic", "fox", "123", "ĠÐ¼Ð¸Ñ", "ĊĊĊ"]:
        vocab.setdefault(word, len(vocab))
    tok = edited(tok, vocab=vocab, ignore_merges=True)
    tok.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"])
    bos = ("<|begin_of_text|>", tok.token_to_id("<|begin_of_text|>"))
    tok.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", pair="$A $B",
                                      special_tokens=[bos])])
    return tok


def qwen2() -> Tokenizer:
    tok = byte_level("qwen2", 380)
    tok.normalizer = normalizers.NFC()
    tok.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tok.add_tokens([AddedToken("<tool_call>", normalized=False)])
    return tok


def added() -> Tokenizer:
    """Every flag of an added token."""
    tok = byte_level("deepseek-v3", 340)
    tok.add_special_tokens([AddedToken("[L]", lstrip=True), AddedToken("[R]", rstrip=True),
                            AddedToken("[LR]", lstrip=True, rstrip=True)])
    tok.add_tokens([AddedToken("fox", single_word=True, normalized=False),
                    AddedToken("brown fox", normalized=True), AddedToken("世", normalized=False),
                    AddedToken("quick", normalized=True), AddedToken("quick br", normalized=False),
                    AddedToken("<think>", normalized=False), AddedToken("ö", normalized=True)])
    return tok


def spm_like(fuse_unk: bool, fallback: bool, prepend: str) -> Tokenizer:
    """Llama 2's kind: characters, ▁ for the space, unknown ones as bytes or unk."""
    learner = Tokenizer(models.BPE(unk_token="<unk>"))
    learner.pre_tokenizer = pre.Metaspace(prepend_scheme="always")
    learner.train_from_iterator(SENTENCES * 3, trainers.BpeTrainer(
        vocab_size=360, limit_alphabet=120, special_tokens=["<unk>", "<s>", "</s>"],
        show_progress=False))
    model = json.loads(learner.to_str())["model"]
    vocab = dict(model["vocab"])
    if fallback:
        for byte in range(256):
            vocab[f"<0x{byte:02X}>"] = len(vocab)
    tok = edited(learner, vocab=vocab, byte_fallback=fallback, fuse_unk=fuse_unk)
    if prepend == "normalizer":
        tok.pre_tokenizer = None
        tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"),
                                               normalizers.Replace(" ", "▁")])
        tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(),
                                         decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    else:
        tok.pre_tokenizer = pre.Metaspace(prepend_scheme=prepend, split=prepend == "always")
        tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(),
                                         decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tok.add_special_tokens([AddedToken(t, normalized=False) for t in ["<unk>", "<s>", "</s>"]])
    tok.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="$A $B",
        special_tokens=[("<s>", tok.token_to_id("<s>")), ("</s>", tok.token_to_id("</s>"))])
    return tok


def write_small_tokenizers() -> None:
    """Whole tokenizers: ids with everything parsed, and what decoding gives."""
    extra = ["a fox, foxy brown fox quick brown fox the quick br", " [L] [R] [LR]  x[R]\n[L]世界ö",
             "<s>a <s> b</s>", "<|begin_of_text|>hi<|eot_id|>", "<think>x</think> foxfox fox_",
             "<|im_start|>user\nhi<|im_end|>\n<tool_call>", " jumps 123 fox 12345\n\n\n", "ö o\u0308"]
    toks = {
        "llama3": llama3(), "qwen2": qwen2(), "added": added(),
        "gpt2": byte_level("gpt-2", 330), "deepseek-llm": byte_level("deepseek-llm", 330),
        "deepseek-coder": byte_level("deepseek-coder", 330),
        "spm-normalizer": spm_like(True, True, "normalizer"),
        "spm-first": spm_like(False, True, "first"),
        "spm-always": spm_like(True, False, "always"),
        "spm-never": spm_like(False, False, "never"),
    }
    out = []
    for i, (name, tok) in enumerate(toks.items()):
        cases = []
        for text in extra + texts(200 + i, 60):
            ids = tok.encode(text).ids
            decoded = tok.decode(ids, skip_special_tokens=True)
            # The package decodes the added token "ö" as a byte; ours gives its text.
            cases.append([text, ids, None if "\ufffd" in decoded else decoded])
        out.append({"name": name, "tokenizer": json.loads(tok.to_str()), "cases": cases})
    write("small_tokenizers.json", out)


def unspell(key: str) -> bytes:
    """A key of the byte alphabet as bytes."""
    plain = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    rest = [b for b in range(256) if b not in plain]
    table = {chr(b): b for b in plain} | {chr(0x100 + i): b for i, b in enumerate(rest)}
    return bytes(table[c] for c in key)


def merges_of(ranks: dict[bytes, int], spelled: dict[bytes, str]) -> list[tuple[str, str]]:
    """For each token the two parts that BPE with the lower ranks leaves of it."""
    merges = []
    for token, rank in ranks.items():
        if len(token) == 1:
            continue
        parts = [token[i:i + 1] for i in range(len(token))]
        while True:
            best = min((ranks.get(parts[i] + parts[i + 1], rank), i)
                       for i in range(len(parts) - 1))
            if best[0] >= rank:
                break
            parts[best[1]:best[1] + 2] = [parts[best[1]] + parts[best[1] + 1]]
        assert len(parts) == 2, token
        merges.append((spelled[parts[0]], spelled[parts[1]]))
    return merges


def write_deepseek_v3(tiktoken: Path) -> None:
    keys = [base64.b64decode(line.split()[0]).decode() for line in tiktoken.read_text().splitlines()]
    spelled = {unspell(key): key for key in keys[3:]}
    ranks = {token: i + 3 for i, token in enumerate(spelled)}
    tok = Tokenizer(models.BPE(vocab={key: i for i, key in enumerate(keys)},
                               merges=merges_of(ranks, spelled)))
    tok.pre_tokenizer = pre.Sequence([*splits(PRE_TOKENIZERS["deepseek-v3"]),
                                      pre.ByteLevel(add_prefix_space=False, use_regex=False)])
    # The special names stay plain text here: the test encodes without special tokens.
    write("deepseek_v3.json", [[text, tok.encode(text).ids] for text in texts(300, 500)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiktoken", type=Path)
    args = parser.parse_args()
    write_pre_tokenizers()
    write_small_tokenizers()
    if args.tiktoken:
        write_deepseek_v3(args.tiktoken)


if __name__ == "__main__":
    main()
