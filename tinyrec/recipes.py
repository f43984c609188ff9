"""Settings that are known to be good, so that nobody has to search again.

All were chosen by us on validation parts (a tenth of the training part of random splits), never on test parts.
"""

from __future__ import annotations

from typing import Any

# (data set, by) -> settings of AutoRec, and the number of epochs of RProp
AUTOREC: dict[tuple[str, str], dict[str, Any]] = {
    ("ml-1m", "item"): {"l2": 300.0, "center": False, "epochs": 110},
    ("ml-1m", "user"): {"l2": 200.0, "center": True, "epochs": 50},
    ("ml-100k", "item"): {"l2": 120.0, "center": False, "epochs": 60},
}
