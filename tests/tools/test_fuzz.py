"""Damaged picture files give a picture or a UserError, and nothing else."""

import pytest


@pytest.fixture(scope="module")
def fuzz(load_tool):
    return load_tool("fuzz")


# Pillow warns of what it mends.
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_damaged_file_raises_anything_but_a_user_error(fuzz):
    tally = fuzz.run(600, seed=7)
    assert tally.failures == []
    assert sum(tally.outcomes.values()) == 600
    assert tally.outcomes["decoded"] > 10
    assert len(tally.outcomes) > 5


def test_every_seed_is_a_sound_picture(fuzz):
    reduced = "reduced by its decoder, and decoded whole"
    assert {fuzz.attempt(seed) for seed in fuzz.seeds()} == {"decoded", reduced}


def test_a_case_that_raises_is_told_as_a_failure(fuzz, monkeypatch):
    def broken(data, name, contract, most_pixels):
        raise ZeroDivisionError

    monkeypatch.setattr(fuzz, "read", broken)
    assert len(fuzz.run(3, seed=0).failures) == 3
