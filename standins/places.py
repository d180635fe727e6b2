"""Where the project lies, and what its app is called."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APP = "TA_secure_firewall_estreamer"
