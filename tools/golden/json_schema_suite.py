#!/usr/bin/env python3
"""Makes tests/json_schema_suite.jsonl of the public JSON-Schema test suite (MIT; NOTICE): a line for
each group of cases of draft 2020-12, with the optional files that say something of what Hearth keeps.
Usage: tools/golden/json_schema_suite.py CLONE_OF_JSON-Schema-Test-Suite > tests/json_schema_suite.jsonl"""

import json
import pathlib
import sys

OPTIONAL = ["bignum", "ecmascript-regex", "float-overflow", "non-bmp-regex", "format/date",
            "format/date-time", "format/email", "format/hostname", "format/ipv4", "format/ipv6",
            "format/time", "format/uuid"]


def main():
    folder = pathlib.Path(sys.argv[1], "tests/draft2020-12")
    files = sorted(folder.glob("*.json")) + [folder / f"optional/{n}.json" for n in OPTIONAL]
    for file in files:
        for group in json.loads(file.read_text()):
            cases = [[case["valid"], case["data"]] for case in group["tests"]]
            schema = group["schema"]
            if isinstance(schema, dict):
                schema.pop("$schema", None)
            print(json.dumps({"file": str(file.relative_to(folder).with_suffix("")),
                              "group": group["description"], "schema": schema, "cases": cases},
                             ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    main()
