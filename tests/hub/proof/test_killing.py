from pathlib import Path

import pytest
from tests.hub.proof.company import Company
from tests.hub.proof.history import Missed
from tests.hub.proof.rounds import CHANNELS, killing

pytestmark = pytest.mark.alone

ROUNDS = 5
SEED = 2026


def test_whoever_is_killed_the_rest_goes_on_and_all_adds_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print(f"{ROUNDS} rounds, seed {SEED}")
    with Company(tmp_path, CHANNELS) as company:
        assert killing(company, ROUNDS, SEED, print) == []
        _, heard = company.histories()
    told = {event.reason for one in heard for event in one.events if isinstance(event, Missed)}
    assert {"overflow", "hub_restart"} <= told  # or this has shown little
