"""The verifier as a module of its own, loaded from its file as an auditor would."""

import importlib.util
import sys
from pathlib import Path

FILE = (
    Path(__file__).resolve().parents[1]
    / "breakglass/audit/standalone/verify_evidence.py"
)


def _load():
    spec = importlib.util.spec_from_file_location("verify_evidence", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["verify_evidence"] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


verifier = _load()
