"""Generates Python from the protos alone, as any other team would, and makes it importable.

Google's annotations are taken from Google's own package: ours have the same names and numbers, and this shows it.
"""

import sys
import tempfile
from pathlib import Path

import grpc_tools
from google import api
from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parents[2] / "proto"


def generate() -> None:
    """Compiles everything under `proto/keyplane` into a folder that Python looks into from now on."""
    out = tempfile.mkdtemp(prefix="keyplane-protos-")
    bundled = Path(grpc_tools.__file__).parent / "_proto"
    googles = Path(list(api.__path__)[0]).parents[1]
    files = [str(path.relative_to(PROTOS)) for path in sorted(PROTOS.glob("keyplane/**/*.proto"))]
    arguments = ["protoc", f"-I{PROTOS}", f"-I{bundled}", f"-I{googles}", f"--python_out={out}", f"--grpc_python_out={out}"]
    if protoc.main(arguments + files) != 0:
        sys.exit("the protos can't be compiled")
    sys.path.insert(0, out)

