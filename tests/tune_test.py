"""hearth tune from outside: killed at any moment it leaves whole files and goes on to the same bytes;
Ctrl-C leaves a checkpoint; PEFT loads the adapter and finds the same loss (where Python has it).
Usage: tests/tune_test.py BINARY REPO."""

import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from command import BINARY, MINI, REPO, as_json, hearth
from recorded import run_script

KILLS = 6


def safetensors_is_whole(path: pathlib.Path) -> bool:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    ends = [v["data_offsets"][1] for k, v in header.items() if k != "__metadata__"]
    return len(data) == 8 + length + max(ends)


class Tune(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        lines = [
            {"prompt": f"{a}-{b}=?", "completion": f"<think>\n={a - b}\n</think>\n\n{a - b}"}
            for a in range(90, 98)
            for b in range(11, 16)
        ]
        self.data = self.folder / "data.jsonl"
        self.data.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def command(self, out: str, *flags: str, **options: object) -> list[str]:
        given = {"model": MINI, "data": self.data, "out": self.folder / out, "epochs": 4}
        given |= {"batch": 4, "save-every": 1, "lr": "2e-3"}
        given |= {name.replace("_", "-"): value for name, value in options.items()}
        pairs = [part for name, value in given.items() for part in (f"--{name}", str(value)) if value is not None]
        return [BINARY, "tune", *pairs, "--json", *flags]

    def run_tune(self, out: str, *flags: str, **options: object) -> list[dict]:
        command = self.command(out, *flags, **options)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(self):
        start = time.monotonic()
        whole = self.run_tune("whole")
        seconds = time.monotonic() - start
        self.assertEqual(whole[-1]["steps"], 40)
        rng = random.Random(1)
        state = self.folder / "killed" / "tune-state.safetensors"
        for _ in range(KILLS):
            more = ["--resume"] if state.exists() else []
            run = subprocess.Popen(
                self.command("killed", *more), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            time.sleep(rng.uniform(0, 0.4 * seconds))
            run.kill()
            run.wait()
            for file in (self.folder / "killed").glob("*.safetensors"):
                self.assertTrue(safetensors_is_whole(file), file)
            config = self.folder / "killed" / "adapter_config.json"
            if config.exists():
                json.loads(config.read_text())
        self.run_tune("killed", *(["--resume"] if state.exists() else []))
        for name in ("adapter_model.safetensors", "adapter_config.json", state.name):
            ours, theirs = self.folder / "killed" / name, self.folder / "whole" / name
            self.assertEqual(ours.read_bytes(), theirs.read_bytes(), name)

    def test_merged_it_answers_as_beside_its_base(self):
        """What was learned is in the file that `hearth merge` makes, as it is in the adapter."""
        self.run_tune("learned")
        adapter, merged = str(self.folder / "learned"), str(self.folder / "merged.gguf")
        as_json("merge", "--model", MINI, "--adapter", adapter, merged, "--format", "f32")
        asked = ("generate", "--prompt", "93-14=?", "--temperature", "0", "--max-tokens", "32")
        beside = as_json(*asked, "--model", MINI, "--adapter", adapter)["output_ids"]
        self.assertEqual(as_json(*asked, "--model", merged)["output_ids"], beside)
        self.assertNotEqual(as_json(*asked, "--model", MINI)["output_ids"], beside)
        # It is scored as it is, and its replies are not mixed with the base's.
        asked = ["eval", "arithmetic", "--model", MINI, "--limit", "6", "--data",
                 str(REPO / "recipes/mini/heldout/sub.jsonl")]
        items = str(self.folder / "items")
        tuned = as_json(*asked, "--adapter", adapter, "--items", items)
        self.assertLess(tuned["tokens"], as_json(*asked)["tokens"])  # it has learned to be terse
        self.assertIn(items, hearth(*asked, "--items", items, code=2).stderr)
        told = hearth("merge", "--model", MINI, "--adapter", adapter, merged, code=2).stderr
        self.assertIn("taken", told)

    def by_rewards(self, out: str, *flags: str, **options: object) -> list[str]:
        problems = self.folder / "problems.jsonl"
        with problems.open("w") as file:
            for a, b in ((12, 7), (95, 38), (407, 193), (8, 9)):
                item = {"id": f"{a}", "task": "add", "len": "1+1", "prompt": f"{a}+{b}=?"}
                file.write(json.dumps(item | {"answer": f"{a + b}"}) + "\n")
        given = {"data": problems, "epochs": None, "steps": 2, "problems": 2, "group": 2, "seq": 256}
        given |= {"max-tokens": 120, "suite": "arithmetic", "validation": 0.25} | options
        return self.command(out, "--method", "grpo", *flags, **given)

    def test_rewards_train_an_adapter(self):
        curves = self.folder / "curves.svg"
        command = self.by_rewards("grpo", plot=curves)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        steps = [line for line in lines if "teaching" in line]
        self.assertEqual([line["step"] for line in steps], [1, 2])
        # Nearly every reply is right: what is judged is the answer, read as the suite reads it.
        self.assertGreater(steps[0]["reward"], 0.7)
        self.assertEqual([line["step"] for line in lines if "val_reward" in line and "step" in line],
                         [0, 1, 2])
        self.assertEqual(lines[-1]["problems"], 3)
        for series in ("drawn", "held out, greedy", "reply"):
            self.assertIn(f">{series}</text>", curves.read_text())
        adapter = str(self.folder / "grpo")
        as_json("generate", "--model", MINI, "--adapter", adapter, "--prompt", "1+1=?")
        done = subprocess.run(self.by_rewards("grpo", "--resume"), capture_output=True, text=True,
                              timeout=120)
        self.assertEqual(json.loads(done.stdout.splitlines()[-1])["steps"], 2, done.stderr)

    def test_rewards_need_who_gives_them(self):
        for wrong, says in (({"suite": ""}, "--suite"), ({"suite": "nothing"}, "`nothing`"),
                            ({"max-tokens": 256}, "--max-tokens"), ({"data": self.data}, "data.jsonl:1: `id`")):
            done = subprocess.run(self.by_rewards("wrong", **wrong), capture_output=True, text=True,
                                  timeout=60)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertIn(says, done.stderr)
        for command in (self.by_rewards("wrong", epochs=2), self.command("wrong", group=2)):
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(": expected no such option beside --method ", done.stderr)

    def test_ctrl_c_leaves_a_checkpoint(self):
        command = self.command("stopped", save_every=1000, epochs=1000)
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        json.loads(run.stdout.readline())
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
        self.assertEqual(run.returncode, 130, errors)
        self.assertIn("--resume goes on", errors)
        for name in ("tune-state.safetensors", "adapter_model.safetensors"):
            self.assertTrue(safetensors_is_whole(self.folder / "stopped" / name))

    def test_bad_lines_are_named(self):
        with self.data.open("a") as file:
            file.write('{"prompt": "1+1"}\n')
        done = subprocess.run(self.command("bad"), capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("line 41: `completion`: expected", done.stderr)
        self.assertFalse((self.folder / "bad").exists())

    def test_peft_loads_the_adapter_and_finds_the_same_loss(self):
        try:
            import peft
            import torch
            import transformers
        except ImportError as missing:
            self.skipTest(f"{missing.name} is not installed")
        # Each step sees all lines: what the fifth step starts from is what four steps leave.
        course = {"batch": 64, "schedule": "constant", "warmup": 0}
        self.run_tune("peft", **course)
        ours = self.run_tune("longer", **(course | {"epochs": 5}))[4]["loss"]
        tokenizer = transformers.AutoTokenizer.from_pretrained(MINI)
        base = transformers.AutoModelForCausalLM.from_pretrained(MINI, dtype=torch.float32)
        model = peft.PeftModel.from_pretrained(base, self.folder / "peft").eval()
        total, count, plain = 0.0, 0, 0.0
        for line in map(json.loads, self.data.read_text().splitlines()):
            prompt = tokenizer.apply_chat_template(
                [{"role": "user", "content": line["prompt"]}],
                add_generation_prompt=True,
                return_dict=False,
            )
            answer = line["completion"].removeprefix("<think>\n")
            answer = tokenizer.encode(answer, add_special_tokens=False) + [tokenizer.eos_token_id]
            ids = torch.tensor([prompt + answer])
            labels = ids.clone()
            labels[0, : len(prompt)] = -100
            with torch.no_grad():
                total += model(input_ids=ids, labels=labels).loss.item() * len(answer)
                with model.disable_adapter():
                    plain += model(input_ids=ids, labels=labels).loss.item() * len(answer)
            count += len(answer)
        self.assertAlmostEqual(total / count, ours, delta=1e-4 * ours)
        self.assertGreater(plain / count, 1.05 * ours)  # the adapter is what made the difference


if __name__ == "__main__":
    sys.exit(run_script("tune"))
