"""The drills of the sandbox: a trouble that somebody else's system makes, what it looks like, and when it is mended.

A drill makes its trouble on the two local systems only; what the daemon does about it is what it would do on a server.
What a person would do in commercetools' or Cin7 Core's own screens is `mend`: the sandbox does it when it is told to.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from daemon.commands.sandbox_drills import ecommerce, finance, it, ops
from daemon.commands.sandbox_drills.drill import Document, Drill, DrillError, Stage

__all__ = ["DRILLS", "Document", "Drill", "DrillError", "Stage"]

_DECLARED = (
    ecommerce.SKU_MISSING,
    ecommerce.OVERSELL,
    it.CIN7_DOWN,
    finance.TAX_UNMAPPED,
    it.LOST_ANSWERS,
    it.KEY_SHARED,
    it.PUSH_SILENT,
    ops.CANCELLED_LATE,
    finance.REFUND,
    finance.MONTH_END,
)

DRILLS: Mapping[str, Drill] = MappingProxyType({drill.name: drill for drill in _DECLARED})
"""Every drill by its name."""
