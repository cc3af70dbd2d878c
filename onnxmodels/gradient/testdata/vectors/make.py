"""Writes FAMILY.npz for each family of operators: see common.py."""

import glob
import importlib
import os
import sys

os.chdir(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ".")
import common  # noqa: E402

wanted = sys.argv[1:]
for path in sorted(glob.glob("*.py")):
    name = path[:-3]
    if name not in ("common", "make") and (not wanted or name in wanted):
        importlib.import_module(name)
        common.write(name)
