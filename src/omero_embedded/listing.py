"""What is in the embedded OMERO, as JSON values for a page that shows it."""

from __future__ import annotations

from typing import Any, Final

from .world import SYSTEM_GROUP, USER_GROUP, Experimenter, World

_KINDS: Final = {"rw----": "private", "rwr---": "read-only", "rwra--": "read-annotate", "rwrw--": "read-write"}


def contents(world: World) -> dict[str, Any]:
    """Datasets and plates with the ids of their images, whoever may see them."""
    return {
        "datasets": [
            {
                "id": dataset.id,
                "name": dataset.name,
                "description": dataset.description,
                "images": [{"id": number, "name": world.images[number].name} for number in dataset.images],
            }
            for dataset in world.datasets
        ],
        "plates": [
            {
                "id": plate.id,
                "name": plate.name,
                "rows": plate.rows,
                "columns": plate.columns,
                "wells": [
                    {"row": row, "column": column, "image": number} for (row, column), number in plate.wells.items()
                ],
            }
            for plate in world.plates
        ],
    }


def role(world: World, user: Experimenter) -> str:
    """What a user may see, in words."""
    if user.is_admin:
        return "administrator, sees everything"
    groups = [world.groups[number] for number in user.groups if number not in (SYSTEM_GROUP, USER_GROUP)]
    return "member of " + ", ".join(f"{group.name} ({_KINDS[group.permissions]})" for group in groups)
