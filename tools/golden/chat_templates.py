#!/usr/bin/env python3
"""Renders chat templates with jinja2 as transformers sets it up: the oracle of our interpreter.

    chat_templates.py                      writes testdata/expected.json and snippets_expected.json
    chat_templates.py DIRECTORY CASES.json prints {template: {case: result}} for DIRECTORY/*.jinja

Needs jinja2 only (Debian: python3-jinja2). A result is {"text": ...} or {"error": ...}.
The clock of strftime_now stands at 2026-03-04 05:06:07.
"""

import datetime
import json
import pathlib
import sys

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

TESTDATA = pathlib.Path(__file__).parents[2] / "src/hearth/text/template/testdata"
BOS = "<｜begin▁of▁sentence｜>"
EOS = "<｜end▁of▁sentence｜>"


class Generation(jinja2.ext.Extension):
    """{% generation %} marks what the assistant said; the text is the same without it."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_said")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _said(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                          sort_keys=sort_keys)

    def strftime_now(form):
        return datetime.datetime(2026, 3, 4, 5, 6, 7).strftime(form)

    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = strftime_now
    return env


def compiled(env, source):
    try:
        return env.from_string(source)
    except Exception as error:  # a template that does not compile fails on every case
        return error


def render(template, case):
    try:
        if isinstance(template, Exception):
            raise template
        variables = {"messages": case["messages"], "tools": case.get("tools"), "documents": None,
                     "add_generation_prompt": case.get("add_generation_prompt", True),
                     "bos_token": BOS, "eos_token": EOS, **case.get("extra", {})}
        text = template.render(variables)
        text.encode()  # half a surrogate pair is no text
        return {"text": text}
    except Exception as error:  # any failure of the oracle must be a failure of ours
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def render_directory(directory, cases):
    env = environment()
    results = {}
    for path in sorted(pathlib.Path(directory).glob("*.jinja")):
        template = compiled(env, path.read_bytes().decode())
        results[path.name] = {name: render(template, case) for name, case in cases.items()}
    return results


def load(name):
    return json.loads((TESTDATA / name).read_text())


def write(name, value):
    text = json.dumps(value, ensure_ascii=False, indent=1)
    (TESTDATA / name).write_text(text + "\n")


def main():
    if len(sys.argv) == 3:
        cases = json.loads(pathlib.Path(sys.argv[2]).read_text())
        json.dump(render_directory(sys.argv[1], cases), sys.stdout, ensure_ascii=True)
        return
    write("expected.json", render_directory(TESTDATA / "templates", load("cases.json")))
    env = environment()
    snippets = load("snippets.json")
    case = {"messages": snippets["messages"], "extra": snippets["variables"]}
    write("snippets_expected.json",
          [[source, render(compiled(env, source), case)] for source in snippets["snippets"]])


if __name__ == "__main__":
    main()
