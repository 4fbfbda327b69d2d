"""Builds the method a recipe names: NAME, or NAME:option=value,... for other options."""

from __future__ import annotations

from typing import Any

from kernels.errors import UserError
from trainer import catalog, method_options
from trainer.data import Dataset
from trainer.objective import Objective, Task
from trainer.portion import ALL

# Where pictures without labels are given and no method is named.
DEFAULT_UNLABELLED = "unimatch"


def build(task: Task) -> Objective:
    """The method of the task's recipe."""
    module = catalog.find("methods", task.recipe.method)
    said = task.recipe.method.partition(":")[2]
    made: Objective = module.build(task, method_options.read(module.Options, said))
    return made


def default(said: dict[str, Any]) -> dict[str, Any]:
    """The fields of a recipe with a method, where they name none and give unlabelled pictures."""
    gives = said.get("unlabelled") or said.get("labelled", ALL) != ALL
    return {"method": DEFAULT_UNLABELLED, **said} if gives else said


def refuse_at_odds(objective: Objective, dataset: Dataset) -> None:
    """Raise where the method wants pictures that there are not, or the other way round."""
    name = objective.recipe.method
    if objective.disguise and not dataset.unlabelled:
        raise UserError(
            f"--method {name} learns from unlabelled pictures, and there are none",
            hint="give --unlabelled DIR, or --labelled 1/8 to do without most labels",
        )
    if objective.recipe.unlabelled and not objective.disguise:
        raise UserError(
            f"--method {name} takes no unlabelled pictures",
            hint=f"leave --unlabelled out, or take --method {DEFAULT_UNLABELLED}",
        )
