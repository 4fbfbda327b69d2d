"""What a comparison leaves: compare.json, table.md, two pictures and a page."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from kernels.bench.facts import processor, versions
from kernels.publish import published
from trainer import page
from trainer.comparison import plots, table
from trainer.comparison.cell import Failure, Result
from trainer.comparison.group import Group, groups, ratios
from trainer.comparison.plan import Plan
from trainer.version import writer

JSON, TABLE, QUALITY, CLASSES, REPORT = (
    "compare.json",
    "table.md",
    "quality.png",
    "classes.png",
    "report.html",
)


def write(
    plan: Plan, results: Sequence[Result], failures: Sequence[Failure], command: Sequence[str]
) -> tuple[str, dict[str, Any]]:
    """Write all of it; give the table and what compare.json holds."""
    found = groups(results, plan.kinds)
    text = table.markdown(found, failures, facts(plan, results))
    told = plain(plan, found, failures)
    with published(plan.folder / TABLE) as draft:
        draft.write_text(text, encoding="utf-8")
    with published(plan.folder / JSON) as draft:
        draft.write_text(f"{json.dumps(told, indent=2)}\n", encoding="utf-8")
    if found:
        plots.quality(found, plan.folder / QUALITY)
        plots.classes(found, plan.folder / CLASSES)
    page.write(_page(plan, found, failures, command), plan.folder / REPORT)
    return text, told


def plain(plan: Plan, found: Sequence[Group], failures: Sequence[Failure]) -> dict[str, Any]:
    """For JSON."""
    return {
        "shared": plan.shared(),
        "kinds": [group.plain() for group in found],
        "ratios": [ratio.plain() for ratio in ratios(found)],
        "failed": [{"cell": f.cell.title, "error": f.message} for f in failures],
        "processor": processor(),
        "versions": {"softres": writer(), **versions()},
    }


def facts(plan: Plan, results: Sequence[Result]) -> list[str]:
    """What one must know to read the numbers, a sentence a line."""
    recipe = plan.recipe
    splits = sorted({result.split for result in results})
    scored = f"{', '.join(splits)} split at native size" if splits else "nothing is through yet"
    devices = sorted({f"{r.cost.device}, threads: {r.cost.threads}" for r in results})
    lines = [
        f"{recipe.data}: {scored}; {recipe.model}, {recipe.steps} steps of {recipe.batch} crops "
        f"({recipe.crop:g} of each side)."
    ]
    if devices:
        lines += [f"Measured on {'; '.join(devices)} ({processor()})."]
    if len(devices) > 1:
        lines += ["Cells were not all measured alike: do not compare their memory and time."]
    if results:
        lines += [
            "Memory of a step: weights, gradients, optimiser and all it computes, at its height."
        ]
    return lines


def _page(
    plan: Plan, found: Sequence[Group], failures: Sequence[Failure], command: Sequence[str]
) -> str:
    recipe, folder = plan.shared(), plan.folder
    results = [result for group in found for result in group.results]
    lead = f"{len(results)} of {len(plan.cells)} runs, {recipe['data']}"
    failed = [("cell", "error"), *((f.cell.title, f.message) for f in failures)]
    return page.page(
        f"Comparison of {', '.join(kind.title for kind in plan.kinds)}",
        lead,
        [
            page.section("What is compared", *map(page.paragraph, facts(plan, results))),
            page.section(
                "Quality and cost",
                page.table(table.table(found)) if found else "",
                *(page.paragraph(ratio.told()) for ratio in ratios(found)),
                page.picture(folder / QUALITY, "mIoU and boundary IoU against each cost"),
            ),
            page.section(
                "Classes",
                page.picture(folder / CLASSES, "IoU of every class"),
                page.table(table.class_table(found)) if found else "",
            ),
            page.section("Failed", page.table(failed) if failures else ""),
            page.section(
                "Shared by all runs", page.facts([(n, str(v)) for n, v in recipe.items()])
            ),
            page.section("To repeat it", page.code(shlex.join(command))),
            page.section(
                "Made with",
                page.facts([("softres", writer()), *versions().items(), ("CPU", processor())]),
            ),
        ],
    )
