"""The file of accounts that consumers on one machine share."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

from consumers.moodle.directory_store import DirectoryStore


def _use(path: Path, number: int) -> int:
    """Open it with all others, write, read, and leave."""
    store = DirectoryStore(path, "one site")
    store.put_values([(str(number), f"user{number}")])
    found = len(store.candidates([str(number)])[str(number)])
    store.close()
    return found


def test_consumers_that_start_together_share_the_file(tmp_path: Path) -> None:
    """None finds it half made, and none throws away what another has just begun."""
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        for turn in range(25):
            path = tmp_path / f"{turn}.sqlite"
            found = pool.starmap(_use, [(path, number) for number in range(4)], chunksize=1)
            store = DirectoryStore(path, "one site")

            assert [1, 1, 1, 1] == found
            assert ["0", "1", "2", "3"] == store.known_values()
            store.close()


def test_another_sites_accounts_are_forgotten(tmp_path: Path) -> None:
    """The file is a cache of one site, read in one way."""
    _use(tmp_path / "a.sqlite", 1)
    store = DirectoryStore(tmp_path / "a.sqlite", "another site")

    assert store.known_values() == []
    store.close()
