"""Modules of lm-eval's tasks by themselves: the package as a whole loads models and data sets, which
no grader needs.
"""

import importlib
import importlib.util
import pathlib
import sys
import types


def lm_eval_module(name: str) -> types.ModuleType:
    """`name` as in "lm_eval.tasks.ifeval.utils"; the packages above it stay empty."""
    spec = importlib.util.find_spec("lm_eval")
    assert spec and spec.origin, "lm-eval is not installed"
    folder = pathlib.Path(spec.origin).parent
    parts = name.split(".")
    for depth in range(1, len(parts)):
        package = types.ModuleType(".".join(parts[:depth]))
        package.__path__ = [str(folder.joinpath(*parts[1:depth]))]
        sys.modules[package.__name__] = package
    sys.modules.setdefault("datasets", types.ModuleType("datasets")).Dataset = object
    return importlib.import_module(name)
