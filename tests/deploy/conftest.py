"""Makes the demo's modules importable; they are scripts of the checkout and no part of the package."""

from __future__ import annotations

import sys
from pathlib import Path

_DEPLOY = str(Path(__file__).resolve().parents[2] / "deploy")
if _DEPLOY not in sys.path:
    sys.path.insert(0, _DEPLOY)
