"""What is kept of a draft is what is read again, whatever type an attribute is of."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from actors.domain.drafting import plain
from storage import drafts
from storage.drafts import DraftRow
from tests.stored import NOW, fresh


@pytest.mark.parametrize("value", ["4012", {"en-GB": "Lamp"}, 3, Decimal("1.25"), True, ["S"], [Decimal("0.1")]])
def test_a_value_that_was_written_compares_equal_when_it_is_read_again(tmp_path: Path, value: Any) -> None:
    with closing(fresh(tmp_path)) as connection:
        drafts.put(connection, DraftRow(key="item:1", state="made", written={"MUG/one": [value]}), now=NOW)
        row = drafts.get(connection, "item:1")
    assert row is not None
    assert [plain(one, "en-GB") for one in row.written["MUG/one"]] == [plain(value, "en-GB")]
