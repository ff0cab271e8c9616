from __future__ import annotations

import pytest

from hubproof.errors import DeadlineExceededError, HubproofError
from hubproof.waiting import Deadline, pause, wait_for


def test_waiting_tells_what_it_saw_last() -> None:
    seen = iter([0, 0, 3])
    assert wait_for(lambda: next(seen), within=1, what="three", every=0.001) == 3
    with pytest.raises(DeadlineExceededError, match=r"waited 0.01 s for a pod; last seen: Pending"):
        wait_for(lambda: "", within=0.01, what="a pod", every=0.001, last=lambda: "Pending")
    assert wait_for(lambda: 0, within=0, what="nothing", until=lambda value: value == 0) == 0


def test_a_pause_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="takes a reason"):
        pause(0, reason="")
    assert Deadline(0).over


def test_an_error_for_people_has_its_four_parts() -> None:
    error = HubproofError("it broke", wanted="to work", where="here", next_step="mend it")
    assert str(error) == "it broke\n  wanted: to work\n  where: here\n  next: mend it"
