"""Writes ONNX's backend tests into a folder, from pip's onnx: those that its data folder has, and those that its code makes.

    python3 generate.py FOLDER

A folder for each, kind/name: model.onnx, test_data_set_N/{input,output}_N.pb, and tolerance.json.
"""

import json
import os
import shutil
import sys
import types
import warnings

warnings.filterwarnings("ignore")

import onnx
import onnx.backend.test.case.model as model_cases
import onnx.backend.test.case.node as node_cases
from onnx.backend.test import cmd_tools
from onnx.backend.test.runner import Runner

out = sys.argv[1]
data = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data")
kinds = ("node", "simple", "pytorch-converted", "pytorch-operator")
for kind in kinds:
    if os.path.isdir(os.path.join(data, kind)):
        shutil.copytree(os.path.join(data, kind), os.path.join(out, kind), dirs_exist_ok=True)

# The nine well-known networks, of which the outputs are there, and the inputs are made.
for case in model_cases.collect_testcases():
    if case.kind != "real":
        continue
    source = os.path.join(os.path.dirname(data), "..", "..", "..", case.url)
    folder = os.path.join(out, "light", case.name)
    sets = os.path.join(folder, "test_data_set_0")
    os.makedirs(sets, exist_ok=True)
    shutil.copy(source, os.path.join(folder, "model.onnx"))
    shutil.copy(source.replace(".onnx", "_output_0.pb"), os.path.join(sets, "output_0.pb"))
    model = onnx.load(source)
    weights = {weight.name for weight in model.graph.initializer}
    values = [value for value in model.graph.input if value.name not in weights]
    for number, value in enumerate(values):
        made = Runner.generate_dummy_data(value, seed=0, name=case.model_name, random=False)
        with open(os.path.join(sets, f"input_{number}.pb"), "wb") as file:
            file.write(onnx.numpy_helper.from_array(made, value.name).SerializeToString())
    with open(os.path.join(folder, "tolerance.json"), "w") as file:
        json.dump({"rtol": case.rtol, "atol": case.atol}, file)

cases = [*node_cases.collect_testcases(None), *model_cases.collect_testcases()]
# The others are downloaded, or have no expected output beside them.
cases = [case for case in cases if case.kind in kinds]
# What `onnx.backend.test.cmd_tools generate-data` does, for all of them.
cmd_tools.model_test = types.SimpleNamespace(collect_testcases=lambda: cases)
cmd_tools.generate_data(types.SimpleNamespace(output=out, clean=False, op_type=None, diff=None))
for case in cases:
    with open(os.path.join(out, case.kind, case.name, "tolerance.json"), "w") as file:
        json.dump({"rtol": case.rtol, "atol": case.atol}, file)
print(onnx.__version__)
