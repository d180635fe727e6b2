"""What SplunkLog leaves open."""

from __future__ import annotations

import logging
from pathlib import Path


def close_logs(folder: Path) -> None:
    """Close what SplunkLog has opened in a folder."""
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        if name.startswith(str(folder)) and isinstance(logger, logging.Logger):
            for handler in logger.handlers[:]:
                logger.removeHandler(handler)
                handler.close()
