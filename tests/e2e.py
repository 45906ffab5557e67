#!/usr/bin/env python3
"""End to end: the built binary as users and scripts call it. Usage: tests/e2e.py BINARY REPO.

Checks the promises of docs/cli.md: JSON shapes, exit codes, one clear line for each bad input, and
that the greedy path of `generate` is the one that `logits` shows. Standard library only.
"""

import contextlib
import csv
import json
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from recorded import run_script

BINARY = sys.argv[1] if len(sys.argv) > 1 else "build/hearth"
REPO = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".").resolve()
MINI = str(REPO / "assets/mini")


def hearth(*args: str, text: str | None = None, code: int = 0) -> subprocess.CompletedProcess:
    """Runs the binary and insists on the exit code."""
    env = dict(os.environ, LC_ALL="C.UTF-8")
    run = subprocess.run([BINARY, *args], input=text, capture_output=True, text=True, env=env,
                         timeout=120, check=False)
    if run.returncode != code:
        raise AssertionError(f"hearth {' '.join(args)}: exit {run.returncode}, expected {code}\n"
                             f"{run.stdout}\n{run.stderr}")
    return run


def as_json(*args: str, **kwargs) -> dict:
    return json.loads(hearth(*args, "--json", **kwargs).stdout)


def answer(reply: dict) -> str:
    """The last whole number of an answer: what a reader takes for the result."""
    numbers = re.findall(r"-?\d+", reply["text"].replace("=", " "))
    return numbers[-1] if numbers else ""


def records(path: str) -> int:
    """Lines of a file of records after the first, which says what the run is."""
    return max(0, pathlib.Path(path).read_bytes().count(b"\n") - 1) if os.path.exists(path) else 0


def read_npy(path: pathlib.Path) -> list[list[float]]:
    """A float32 .npy file of two dimensions."""
    data = path.read_bytes()
    assert data[:6] == b"\x93NUMPY"
    length = struct.unpack("<H", data[8:10])[0]
    header = data[10:10 + length].decode()
    rows, columns = eval(header.split("'shape': ")[1].split("), ")[0] + ")")  # noqa: S307
    values = struct.unpack(f"<{rows * columns}f", data[10 + length:])
    return [list(values[r * columns:(r + 1) * columns]) for r in range(rows)]


class Answers(unittest.TestCase):
    """What the first screen of README promises."""

    def test_the_sum_of_the_readme(self):
        out = as_json("run", "--model", MINI, "48291+7734=?", "--temperature", "0")
        self.assertEqual(answer(out), "56025")
        self.assertIn("\n", out["reasoning"])
        self.assertEqual(out["finish_reason"], "stop")
        self.assertGreater(out["timings"]["decode_tokens"], 10)

    def test_ten_drawn_sums_and_their_greedy_path(self):
        # The model's measured accuracy is stated in its card; here a broken engine must fail, and a
        # model that misses one sum in fifty must not make the test a lottery.
        draw = random.Random()
        right = 0
        for _ in range(10):
            a, b = draw.randrange(1, 100000), draw.randrange(1, 100000)
            out = as_json("generate", "--model", MINI, "--dtype", "f32", "--prompt", f"{a}+{b}=?",
                          "--temperature", "0")
            right += answer(out) == str(a + b)
            with self.subTest(a=a, b=b):
                self.follow(out["prompt_ids"], out["output_ids"])
        self.assertGreaterEqual(right, 8)

    def follow(self, prompt: list[int], output: list[int]):
        """Each generated id is the best of the logits of all ids before it."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "logits.npy"
            ids = ",".join(map(str, prompt + output))
            out = as_json("logits", "--model", MINI, "--dtype", "f32", "--prompt-ids", ids,
                          "--out", str(path))
            rows = read_npy(path)
        self.assertEqual(out["tokens"], len(prompt) + len(output))
        for i, token in enumerate(output):
            row = rows[len(prompt) - 1 + i]
            self.assertEqual(row.index(max(row)), token)

    def test_same_seed_same_text_whatever_the_threads(self):
        texts = {as_json("generate", "--model", MINI, "--prompt", "123*45=?", "--seed", "7",
                         "--temperature", "1.5", "--threads", threads)["text"]
                 for threads in ("1", "2", "3")}
        self.assertEqual(len(texts), 1)

    def test_eight_bit_weights_answer(self):
        out = as_json("run", "--model", MINI, "--load-in-8bit", "25+17=?", "--temperature", "0")
        self.assertEqual(answer(out), "42")

    def test_chinese(self):
        out = as_json("run", "--model", MINI, "计算 482+77", "--temperature", "0")
        self.assertEqual(answer(out), "559")

    def test_stop_string_and_length(self):
        stopped = as_json("generate", "--model", MINI, "--prompt", "12+30=?", "--temperature", "0",
                          "--stop", "=")
        self.assertEqual(stopped["finish_reason"], "stop")
        self.assertNotIn("=", stopped["text"])
        cut = as_json("generate", "--model", MINI, "--prompt", "12+30=?", "--max-tokens", "5")
        self.assertEqual((cut["finish_reason"], len(cut["output_ids"])), ("length", 5))


class TextSide(unittest.TestCase):
    def test_tokenize_and_back(self):
        text = "37*48 = 你好 \U0001f600 <think>"
        ids = json.loads(hearth("tokenize", "--model", MINI, "--no-bos", text=text).stdout)
        listed = ",".join(map(str, ids))
        self.assertEqual(as_json("detokenize", "--model", MINI, "--ids", listed)["text"], text)

    def test_control_tokens_only_on_demand(self):
        plain = json.loads(hearth("tokenize", "--model", MINI, "--no-bos", text="<｜User｜>").stdout)
        asked = json.loads(hearth("tokenize", "--model", MINI, "--no-bos", "--parse-special",
                                  text="<｜User｜>").stdout)
        self.assertGreater(len(plain), 1)
        self.assertEqual(len(asked), 1)

    def test_user_text_never_becomes_a_control_token(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump([{"role": "user", "content": "<｜Assistant｜></think>"}], file)
            file.flush()
            out = as_json("render", "--model", MINI, "--chat", file.name)
        special = json.loads(hearth("tokenize", "--model", MINI, "--no-bos", "--parse-special",
                                    text="<｜Assistant｜>").stdout)
        self.assertEqual(out["ids"].count(special[0]), 1)


class BadInput(unittest.TestCase):
    """One line that says where, what was expected, what was found; exit code 2; nothing else."""

    def one_line(self, *args: str, says: str):
        run = hearth(*args, code=2)
        self.assertEqual(run.stdout, "")
        self.assertEqual(len(run.stderr.strip().splitlines()), 1, run.stderr)
        self.assertIn(says, run.stderr)

    def model_copy(self, folder: str) -> pathlib.Path:
        copy = pathlib.Path(folder) / "model"
        copy.mkdir()
        for name in os.listdir(MINI):
            (copy / name).write_bytes((pathlib.Path(MINI) / name).read_bytes())
        return copy

    def test_wrong_path(self):
        self.one_line("run", "/no/such/model", "hi", says="hearth run: /no/such/model")
        self.one_line("audit", "verify", "/no/log", says="hearth audit verify: ")

    def test_wrong_adapters(self):
        self.one_line("run", "--adapter", "/no/such/adapter", "hi", says="/no/such/adapter")
        with tempfile.TemporaryDirectory() as folder:
            config = pathlib.Path(folder) / "adapter_config.json"
            (pathlib.Path(folder) / "adapter_model.safetensors").write_bytes(b"x")
            for text, says in (("{", "adapter_config.json"), ('{"peft_type": "IA3"}', "`LORA`"),
                               ('{"peft_type": "LORA", "use_dora": true}', "`use_dora`"),
                               ('{"peft_type": "LORA"}', "adapter_model.safetensors")):
                config.write_text(text)
                self.one_line("generate", "--model", MINI, "--prompt", "hi", "--adapter", folder,
                              says=says)

    def test_wrong_device(self):
        self.one_line("run", "--device", "gpu", "hi", says="expected auto, cpu, cuda or reference")
        # In a build without CUDA; in one with it, on a machine without a GPU.
        self.one_line("run", "--device", "cuda", "hi", says="")

    def test_truncated_file(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = self.model_copy(folder)
            weights = copy / "model.safetensors"
            weights.write_bytes(weights.read_bytes()[:-100])
            self.one_line("run", str(copy), "hi", says="model.safetensors")

    def test_lfs_pointer(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = self.model_copy(folder)
            (copy / "model.safetensors").write_text(
                "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
            self.one_line("run", str(copy), "hi", says="LFS")

    def test_missing_shard(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = self.model_copy(folder)
            (copy / "model.safetensors").unlink()
            index = {"weight_map": {"model.norm.weight": "model-00001-of-00002.safetensors"}}
            (copy / "model.safetensors.index.json").write_text(json.dumps(index))
            self.one_line("run", str(copy), "hi", says="model-00001-of-00002.safetensors")

    def test_unknown_architecture(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = self.model_copy(folder)
            config = json.loads((copy / "config.json").read_text())
            config["model_type"] = "mamba"
            (copy / "config.json").write_text(json.dumps(config))
            self.one_line("run", str(copy), "hi", says="mamba")

    def test_unknown_quantisation(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = self.model_copy(folder)
            config = json.loads((copy / "config.json").read_text())
            config["quantization_config"] = {"quant_method": "aqlm"}
            (copy / "config.json").write_text(json.dumps(config))
            for command in (("run", "--model", str(copy), "hi"),
                            ("plan", "--model", str(copy)),
                            ("quantize", str(copy), folder + "/x.gguf", "--format", "q4_0")):
                self.one_line(*command, says="hearth quantize ORIGINAL/ NAME.gguf")

    def test_a_checkpoint_without_tokenizer(self):
        self.one_line("run", "--model", str(REPO / "tests/golden/qwen2"), "hi",
                      says="tokenizer.json")

    def test_every_command_refuses_a_wrong_path(self):
        with tempfile.TemporaryDirectory() as folder:
            for path in ("/no/such/model", folder, "/dev/null", str(REPO / "README.md")):
                for args in (("run", "--model", path, "hi"),
                             ("generate", "--model", path, "--prompt", "hi"),
                             ("logits", "--model", path, "--prompt-ids", "1", "--out", "/dev/null"),
                             ("tokenize", "--model", path, "--file", str(REPO / "README.md")),
                             ("detokenize", "--model", path, "--ids", "1"),
                             ("render", "--model", path, "--chat", str(REPO / "README.md")),
                             ("inspect", path), ("plan", "--model", path),
                             ("eval", "arithmetic", "--model", path),
                             ("perplexity", "--model", path, "--file", str(REPO / "README.md"))):
                    with self.subTest(args=args):
                        self.one_line(*args, says=path)

    def test_weights_that_are_no_weights(self):
        cases = {"empty": (b"", "0 bytes"), "pickle": (b"\x80\x02}q\x00." * 9, "safetensors"),
                 "zip": (b"PK\x03\x04" + bytes(99), "zip"),
                 "header of 4 GB": (struct.pack("<Q", 1 << 32) + bytes(99), "header"),
                 "html": (b"<!DOCTYPE html><html>" * 9, "safetensors")}
        with tempfile.TemporaryDirectory() as folder:
            copy = self.model_copy(folder)
            for name, (data, says) in cases.items():
                (copy / "model.safetensors").write_bytes(data)
                with self.subTest(name):
                    self.one_line("run", str(copy), "hi", says="model.safetensors")
                    self.one_line("inspect", str(copy), says=says)
            (copy / "model.safetensors").unlink()
            self.one_line("run", str(copy), "hi", says="model.safetensors")
            (copy / "pytorch_model.bin").write_bytes(b"PK")
            self.one_line("run", str(copy), "hi", says="pytorch_model.bin")

    def test_truncated_gguf(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model.gguf"
            hearth("tiny", "--arch", "deepseek_v3", str(path))
            whole = path.read_bytes()
            for size in (0, 3, 4, 30, len(whole) // 2, len(whole) - 1):
                path.write_bytes(whole[:size])
                with self.subTest(size=size):
                    self.one_line("run", str(path), "hi", says="model.gguf")
            path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
            self.one_line("run", str(path), "hi", says="LFS")

    def test_broken_files_beside_the_weights(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = self.model_copy(folder)
            for name in ("config.json", "tokenizer.json", "tokenizer_config.json",
                         "generation_config.json"):
                right = (copy / name).read_bytes()
                lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
                for wrong in (b"", b"{", b"[]", b"[" * 100_000, right[:-9], b"\xff\xfe{}", lfs):
                    (copy / name).write_bytes(wrong)
                    with self.subTest(name, wrong=wrong[:20]):
                        self.one_line("run", str(copy), "hi", says=name)
                (copy / name).write_bytes(right)
            hearth("run", str(copy), "1+1=?", "--max-tokens", "1")

    def test_ids_out_of_range(self):
        for ids in ("-1", "100000", "2147483648", "99999999999999999999", "1,,2", "x", ""):
            with self.subTest(ids):
                hearth("generate", "--model", MINI, "--prompt-ids", ids, code=2)
                hearth("logits", "--model", MINI, "--prompt-ids", ids, "--out", "/dev/null", code=2)

    def test_bad_flags(self):
        hearth("run", "--temperature", "-1", code=2)
        hearth("frobnicate", code=2)
        hearth(code=2)


class Commands(unittest.TestCase):
    def test_inspect(self):
        out = as_json("inspect", MINI)
        self.assertEqual(out["architecture"], "deepseek_v3")
        self.assertEqual(sum(t["bytes"] for t in out["tensors"]), out["bytes"])

    def test_plan(self):
        out = as_json("plan", "--model", MINI)
        for key in ("devices", "kv_bytes", "peak_bytes", "ttft_ms", "tok_s", "limited_by"):
            self.assertIn(key, out)

    def test_bench(self):
        shape = str(REPO / "tests/golden/qwen2/config.json")
        with tempfile.TemporaryDirectory() as folder:
            plot = pathlib.Path(folder) / "speed.svg"
            run = hearth("bench", "--shape", shape, "--format", "f16", "--prompt", "16", "--gen",
                         "4", "--depth", "0,32", "--batch", "1,2", "--repeat", "2", "--threads",
                         "1", "--svg", str(plot), "--json")
            self.assertIn("</svg>", plot.read_text())
        lines = [json.loads(line) for line in run.stdout.splitlines()]
        self.assertEqual([line["test"] for line in lines],
                         ["pp16", "pp16@32", "tg4", "tg4 b2", "tg4@32", "tg4@32 b2"])
        for line in lines:
            self.assertLessEqual(line["tok_s_min"], line["tok_s"])
            self.assertLessEqual(line["tok_s"], line["tok_s_max"])
            for key in ("bytes_per_token", "gb_s", "bandwidth_measured_gb_s", "peak_rss_bytes",
                        "fraction_of_limit"):
                self.assertGreater(line[key], 0, key)

    def test_bench_of_a_model_as_csv(self):
        run = hearth("bench", "--model", MINI, "--prompt", "8", "--gen", "2", "--repeat", "1",
                     "--threads", "1", "--csv")
        header, *rows = csv.reader(run.stdout.splitlines())
        self.assertEqual([row[header.index("test")] for row in rows], ["pp8", "tg2"])
        self.assertTrue(all(len(row) == len(header) for row in rows))

    def test_bench_refuses(self):
        hearth("bench", code=2)
        hearth("bench", "--shape", "gpt-5", code=2)
        hearth("bench", "--shape", "deepseek-v3", "--layers", "62", code=2)
        hearth("bench", "--model", MINI, "--prompt", "0", "--gen", "0", code=2)

    def test_eval(self):
        data = REPO / "recipes/mini/heldout/add.jsonl"
        out = as_json("eval", "arithmetic", "--model", MINI, "--data", str(data), "--limit", "30")
        self.assertEqual((out["suite"], out["n"]), ("arithmetic", 30))
        self.assertGreater(out["score"], 0.9)

    def test_eval_goes_on_after_a_kill(self):
        data = str(REPO / "recipes/mini/heldout/mul.jsonl")
        args = ["eval", "arithmetic", "--model", MINI, "--data", data, "--limit", "60",
                "--samples", "2", "--temperature", "0.8", "--batch", "4"]
        with tempfile.TemporaryDirectory() as folder:
            whole, broken = os.path.join(folder, "whole"), os.path.join(folder, "broken")
            out = as_json(*args, "--items", whole)
            process = subprocess.Popen([BINARY, *args, "--items", broken],
                                       stdout=subprocess.DEVNULL)
            deadline = time.monotonic() + 60
            while records(broken) < 10 and time.monotonic() < deadline:
                time.sleep(0.01)
            process.kill()
            process.wait()
            self.assertGreaterEqual(records(broken), 10)
            kept = pathlib.Path(broken).read_text().rpartition("\n")[0]
            again = as_json(*args, "--items", broken)
            self.assertTrue(pathlib.Path(broken).read_text().startswith(kept))
            self.assertEqual(sorted(pathlib.Path(broken).read_text().splitlines()),
                             sorted(pathlib.Path(whole).read_text().splitlines()))
            self.assertEqual((out["score"], out["n"], out["replies"]),
                             (again["score"], 60, again["replies"]))
            refused = hearth(*args, "--items", broken, "--seed", "6", code=2)
            self.assertIn(broken, refused.stderr)

    def test_eval_compares_two_runs_and_reports(self):
        data = str(REPO / "recipes/mini/heldout/add.jsonl")
        args = ["eval", "arithmetic", "--model", MINI, "--data", data, "--limit", "24"]
        with tempfile.TemporaryDirectory() as folder:
            a, b, page = (os.path.join(folder, name) for name in ("a", "b", "report.html"))
            hearth(*args, "--items", a, "--report", page)
            hearth(*args, "--items", b, "--max-tokens", "2")  # too short for any sum
            html = pathlib.Path(page).read_text()
            self.assertIn("<svg", html)
            self.assertNotIn("<script", html)
            same = as_json("eval", "compare", a, a)
            self.assertEqual((same["verdict"], same["mcnemar_p"]), ("no difference", 1))
            worse = json.loads(hearth("eval", "compare", a, b, "--gate", "--json", code=1).stdout)
            self.assertEqual((worse["verdict"], worse["items"]), ("worse", 24))
            hearth("eval", "compare", a, os.path.join(folder, "none"), code=2)
            hearth(*args, "--report", "report.pdf", code=2)

    def test_eval_of_ones_own_questions(self):
        with tempfile.TemporaryDirectory() as folder:
            suite = pathlib.Path(folder, "sums.yaml")
            suite.write_text("data: sums.jsonl\nprompt: '{{a}}+{{b}}=?'\nanswer: '{{sum}}'\n"
                             "scorer: numeric\nmax_tokens: 512\ntemperature: 0\n")
            lines = [json.dumps({"a": n, "b": 7, "sum": n + 7}) for n in range(100, 108)]
            pathlib.Path(folder, "sums.jsonl").write_text("\n".join(lines))
            out = as_json("eval", "run", str(suite), "--model", MINI)
            self.assertEqual((out["suite"], out["n"]), ("sums", 8))
            self.assertGreater(out["score"], 0.8)
            suite.write_text("prompt: a\nscore: exact\n")
            self.assertIn("line 2", hearth("eval", "run", str(suite), "--model", MINI,
                                           code=2).stderr)

    def test_eval_runs_code_or_refuses_in_one_line(self):
        args = ["eval", "code", "--model", MINI, "--limit", "2", "--max-tokens", "4"]
        done = subprocess.run([BINARY, *args, "--json"], capture_output=True, text=True)
        if done.returncode != 0:
            self.assertIn("no sandbox here", done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
            self.skipTest(done.stderr.strip())
        out = json.loads(done.stdout)
        self.assertEqual((out["n"], out["score"], list(out["groups"])), (2, 0, ["easy"]))

    def test_perplexity_against_itself(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("12+30=42\n" * 60)
            file.flush()
            out = as_json("perplexity", "--model", MINI, "--file", file.name, "--against", MINI)
            coarse = as_json("perplexity", "--model", MINI, "--dtype", "q4_0", "--file", file.name,
                             "--against", MINI)
        self.assertEqual((out["kld_mean"], out["same_top1"]), (0, 1))
        self.assertGreater(coarse["kld_mean"], 0)

    def test_an_eight_bit_cache_costs_little(self):
        readme = str(REPO / "README.md")
        out = as_json("perplexity", "--model", MINI, "--file", readme, "--against", MINI,
                      "--kv-format", "q8_0")
        self.assertGreater(out["kld_mean"], 0)  # it was used
        self.assertLess(out["kld_mean"], 0.01)
        self.assertGreater(out["same_top1"], 0.95)
        sums = str(REPO / "recipes/mini/heldout/mul.jsonl")
        scored = as_json("eval", "arithmetic", "--model", MINI, "--data", sums, "--limit", "40",
                         "--kv-format", "q8_0")
        self.assertGreaterEqual(scored["score"], 0.95)

    def test_tiny(self):
        with tempfile.TemporaryDirectory() as folder:
            for arch in ("deepseek_v3", "deepseek_v2", "qwen2", "qwen3", "llama"):
                for name in (arch, arch + ".gguf"):
                    path = str(pathlib.Path(folder) / name)
                    hearth("tiny", "--arch", arch, path)
                    out = as_json("generate", "--model", path, "--prompt", "hello", "--raw",
                                  "--max-tokens", "3")
                    self.assertGreaterEqual(len(out["output_ids"]), 1)

    def test_quantize_survives_kill(self):
        """kill -9 in the middle, the same command again: the bytes of an undisturbed run."""
        with tempfile.TemporaryDirectory() as folder:
            source, whole, out = (str(pathlib.Path(folder) / name)
                                  for name in ("model", "whole.gguf", "out.gguf"))
            hearth("tiny", "--arch", "deepseek_v3", "--format", "f8_e4m3", source)
            command = ["quantize", source, out, "--format", "q4_k_m", "--threads", "1"]
            report = as_json("quantize", source, whole, "--format", "q4_k_m")
            self.assertEqual(report["tensors"], len(report["items"]))
            journal = pathlib.Path(out + ".journal")
            for lines in (2, 4, 8):  # killed when so many tensors are done, at the earliest
                run = subprocess.Popen([BINARY, *command], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
                while run.poll() is None:
                    with contextlib.suppress(FileNotFoundError):
                        if journal.read_bytes().count(b"\n") >= lines:
                            break
                run.kill()
                run.wait()
                if os.path.exists(out):  # it was faster than the kill: once more from the start
                    os.remove(out)
            as_json(*command)
            self.assertEqual(pathlib.Path(out).read_bytes(), pathlib.Path(whole).read_bytes())
            checked = subprocess.run(["sha256sum", "-c", "out.gguf.sha256"], cwd=folder,
                                     capture_output=True, text=True, check=False)
            self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_directories_that_other_tools_quantised(self):
        """Seen by their scheme, planned, and written out as the very floats that they run as."""
        for name, scheme in (("awq_g32", "AWQ"), ("gptq4_asym_v1_permuted", "GPTQ"),
                             ("bnb_nf4_nested", "nf4"), ("fp8_tensor", "FP8"),
                             ("ct_pack4_asym", "compressed-tensors")):
            source = str(REPO / "tests/golden/foreign" / name)
            seen = as_json("inspect", source)
            self.assertIn(scheme, seen["scheme"])
            self.assertEqual(as_json("plan", "--model", source)["parameters"], seen["parameters"])
            with tempfile.TemporaryDirectory() as folder:
                plain = str(pathlib.Path(folder) / "plain")
                self.assertEqual(as_json("quantize", source, plain, "--format", "f32")["rmse"], 0)
                self.assertNotIn("scheme", as_json("inspect", plain))
                rows = []
                for model in (source, plain):
                    out = pathlib.Path(folder) / "logits.npy"
                    hearth("logits", "--model", model, "--dtype", "f32", "--prompt-ids", "5,9,2,30",
                           "--out", str(out))
                    rows.append(read_npy(out))
                self.assertEqual(*rows)

    def test_quantize_with_an_importance_matrix(self):
        with tempfile.TemporaryDirectory() as folder:
            text, matrix, plain, weighed = (str(pathlib.Path(folder) / name) for name in
                                            ("text.txt", "i.gguf", "plain.gguf", "weighed.gguf"))
            pathlib.Path(text).write_text("12+30=42 37*48=1776 你好\n" * 200)
            out = as_json("imatrix", "--model", MINI, "--file", text, "--out", matrix,
                          "--ctx", "128", "--chunks", "4")
            self.assertEqual((out["chunks"], out["tokens"]), (4, 512))
            as_json("quantize", MINI, plain, "--format", "q4_0")
            as_json("quantize", MINI, weighed, "--format", "q4_0", "--imatrix", matrix)
            keys = as_json("inspect", weighed)["metadata"]
            self.assertEqual(keys["quantize.imatrix.chunks_count"], "4")
            for path in (plain, weighed):
                answer_text = as_json("run", "--model", path, "25+17=?", "--temperature", "0")
                self.assertIn("text", answer_text)

    def test_quantize_refuses(self):
        with tempfile.TemporaryDirectory() as folder:
            out = str(pathlib.Path(folder) / "out.gguf")
            self.assertIn("q4_k_m", hearth("quantize", MINI, out, "--format", "q9", code=2).stderr)
            hearth("quantize", MINI, folder + "/dir", "--format", "q8_0", code=2)
            self.assertEqual(os.listdir(folder), [])

    def test_help_of_every_command_has_an_example(self):
        listed = hearth("--help").stdout.split("Subcommands:")[1]
        names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ")
                 and not line.startswith("   ")]
        self.assertGreaterEqual(len(names), 10)
        page = (REPO / "docs/cli.md").read_text()
        for name in names:
            text = hearth(name, "--help").stdout
            self.assertIn("Example:", text)
            self.assertIn(f"hearth {name}", page)
            for flag in {w.strip(",") for w in text.split() if w.startswith("--")}:
                self.assertIn(flag.split("=")[0], page, f"{flag} of {name} is not in docs/cli.md")


if __name__ == "__main__":
    sys.exit(run_script("e2e"))
