#!/usr/bin/env python3
"""What users see of their machine and its costs: `hearth doctor`, `hearth plan --all`, `hearth cost`,
and the costs and budgets of a server. Usage: tests/machine_test.py BINARY REPO. Standard library only.
"""

import csv
import hashlib
import json
import pathlib
import sys
import tempfile
import unittest

from command import MINI, as_json, hearth
from recorded import run_script
from serve_client import Server

MACHINE = {"name": "box", "price": 3652.5, "years": 10, "watts": 100, "idle_watts": 0,
           "electricity_per_kwh": 0.36}
API = {"name": "api", "prompt": 1, "cached": 0.5, "output": 2, "source": "https://example.org",
       "date": "2026-01-31"}


class Doctor(unittest.TestCase):
    def test_tells_what_the_machine_is(self):
        told = as_json("doctor", "--ctx", "512")
        self.assertGreater(told["cpu"]["usable_threads"], 0)
        self.assertGreater(told["memory"]["read_gb_s"], 0)
        self.assertEqual({c["name"] for c in told["checks"]}, {"gpu", "cpu", "memory", "storage"})
        for check in told["checks"]:
            self.assertEqual(bool(check["advice"]), not check["ok"], check)
        sizes = [m["peak_bytes"] for m in told["models"]]
        self.assertGreater(max(sizes), 300e9)
        for model in told["models"]:
            self.assertEqual(model["fits"] or model["experts_on_disk"], "tok_s" in model, model)

    def test_speaks_chinese_when_asked(self):
        text = hearth("doctor", "--lang", "zh", "--ctx", "512").stdout
        self.assertIn("内存", text)
        self.assertIn("最低", text)

    def test_a_wrong_folder_is_one_line(self):
        self.assertEqual(hearth("doctor", "--path", "/no/such", code=2).stderr.count("\n"), 1)


class Plan(unittest.TestCase):
    def test_for_a_gpu_that_is_not_here(self):
        told = as_json("plan", "--model", MINI, "--gpu-memory", "24GiB")
        self.assertEqual(told["devices"][0]["available_bytes"], 24 << 30)
        self.assertTrue(told["fits"])
        self.assertIsNone(told["tok_s"])
        small = hearth("plan", "--model", MINI, "--gpu-memory", "1MiB")
        self.assertIn("available", small.stderr)

    def test_the_whole_family(self):
        told = as_json("plan", "--all", "--ctx", "512")
        self.assertEqual(len(told["models"]), 25)

    def test_bench_says_its_prediction_first(self):
        run = hearth("bench", "--model", MINI, "--prompt", "64", "--gen", "8", "--repeat", "1",
                     "--json")
        for line in map(json.loads, run.stdout.splitlines()):
            self.assertGreater(line["predicted_tok_s"], 0)
            self.assertGreater(line["predicted_peak_bytes"], 1e6)
            self.assertIn(f"predicted: {line['test']} ", run.stderr)


class Cost(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.prices = f"{self.folder.name}/prices.json"
        self.write({"currency": "EUR", "hardware": MACHINE, "apis": [API]})

    def write(self, prices: dict) -> None:
        pathlib.Path(self.prices).write_text(json.dumps(prices))

    def test_as_on_paper(self):
        told = as_json("cost", "--prices", self.prices, "--prompt-tok-s", "1000", "--tok-s", "100",
                       "--prompt-tokens", "1000", "--output-tokens", "900")
        self.assertAlmostEqual(told["joules"], 1000)
        self.assertAlmostEqual(told["api_cost_per_call"], 0.0028)
        self.assertAlmostEqual(told["energy_cost_per_call"], 0.0001)
        self.assertAlmostEqual(told["cost_per_call"], 0.0001 + 1 / 8640)
        self.assertAlmostEqual(told["break_even_calls"], 3652.5 / 0.0027, places=3)
        self.assertEqual((told["currency"], told["energy_source"]), ("EUR", "configured"))

    def test_reads_what_bench_wrote(self):
        bench = pathlib.Path(self.folder.name) / "bench.jsonl"
        bench.write_text('{"test": "pp512", "prompt": 512, "tok_s": 1000}\n'
                         '{"test": "tg32 b8", "prompt": 0, "batch": 8, "tok_s": 100}\n')
        table = hearth("cost", "--csv", "--prices", self.prices, "--bench", str(bench)).stdout
        rows = list(csv.DictReader(table.splitlines()))
        self.assertEqual([r["where"] for r in rows], ["here", "api"])
        self.assertEqual(float(rows[0]["latency_seconds"]), 81)

    def test_the_bundled_prices_and_flags_alone(self):
        text = hearth("cost", "--price", "2000", "--watts", "200", "--electricity", "0.3",
                      "--prompt-tok-s", "300", "--tok-s", "15").stdout
        self.assertIn("deepseek-reasoner", text)
        self.assertIn("configured watts", text)

    def test_what_has_no_price_is_said_to_count_nothing(self):
        speed = ("cost", "--watts", "200", "--prompt-tok-s", "500", "--tok-s", "40")
        told = hearth(*speed, "--json").stderr
        self.assertIn("--price", told)
        self.assertIn("--electricity", told)
        self.assertEqual(hearth(*speed, "--price", "2000", "--electricity", "0").stderr, "")

    def test_what_is_missing_is_said_in_one_line(self):
        for words, args in (("--bench", []), ("--watts", ["--prompt-tok-s", "1", "--tok-s", "1"])):
            told = hearth("cost", *args, code=2).stderr
            self.assertEqual(told.count("\n"), 1)
            self.assertIn(words, told)


class Serve(unittest.TestCase):
    def test_costs_and_budgets(self):
        with tempfile.TemporaryDirectory() as folder:
            prices, keys = pathlib.Path(folder) / "prices.json", pathlib.Path(folder) / "keys"
            prices.write_text(json.dumps({"currency": "EUR", "hardware": MACHINE}))
            digest = hashlib.sha256(b"secret").hexdigest()
            keys.write_text(f"anna sha256:{digest} scopes=generate,metrics token-budget=10\n")
            args = ("--cost", str(prices), "--api-keys", str(keys), "--ledger", f"{folder}/ledger")
            header = {"Authorization": "Bearer secret"}
            body = {"model": "mini", "messages": [{"role": "user", "content": "1+1=?"}]}
            with Server(*args) as server:
                status, _, reply = server.ask("POST", "/v1/chat/completions", body, **header)
                self.assertEqual(status, 200)
                usage = reply["usage"]
                self.assertGreater(usage["energy_joules"], 0)
                self.assertGreater(usage["cost"], 0)
                self.assertEqual(usage["currency"], "EUR")
                self.assertIn(usage["energy_source"], ("rapl", "configured"))
                self.assertIn("hearth_energy_joules_total",
                              server.ask("GET", "/metrics", **header)[2])
                self.refused(server, body, header)
            with Server(*args) as server:
                self.refused(server, body, header)

    def refused(self, server, body, header):
        status, _, reply = server.ask("POST", "/v1/chat/completions", body, **header)
        self.assertEqual((status, reply["error"]["code"]), (429, "insufficient_quota"))


if __name__ == "__main__":
    sys.exit(run_script("machine"))
