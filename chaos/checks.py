"""The checks: from outside, by what Webex served and what is on the disk, never by our own word."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from chaos.inventory import Inventory
from chaos.traffic import Acknowledged

Truth = Mapping[str, Any]


def lost(acknowledged: Acknowledged, inventory: Inventory) -> list[str]:
    """Meetings of which we were told and which are not complete; events of which no row tells."""
    missing = sorted(acknowledged.meetings - inventory.complete)
    found = [f"{each} was acknowledged and is not complete" for each in missing]
    for event, count in acknowledged.deliveries.items():
        stored = inventory.deliveries.get(event, 0)
        if stored < count:
            found.append(f"{' '.join(event)} was acknowledged {count} times, stored {stored} times")
    return found


def wrong(truths: Iterable[Truth], inventory: Inventory) -> list[str]:
    """Files that are missing, or not what Webex served; truths are those of complete meetings."""
    found = []
    for truth in truths:
        name = truth["meeting_id"]
        stored = {(row["resource_id"], row["kind"]): row for row in inventory.files.get(name, [])}
        for file in truth["files"]:
            row = stored.get((file["resource_id"], file["kind"]))
            on_disk = inventory.on_disk[name].get(row["path"]) if row else None
            if on_disk != file["sha256"]:
                found.append(f"{name}: {file['kind']} of {file['resource_id']} is not right")
    return found


def doubled(inventory: Inventory) -> list[str]:
    """Files that are there more than once."""
    found = []
    for name, rows in inventory.files.items():
        counts = Counter((row["resource_id"], row["kind"]) for row in rows)
        found += [
            f"{name}: {kind} of {id_} is there {n} times"
            for (id_, kind), n in counts.items()
            if n > 1
        ]
    return found


def stuck(inventory: Inventory) -> list[str]:
    """What has not ended well: rows, events, manifests."""
    found = [" ".join(str(value) for value in row.values() if value) for row in inventory.unsettled]
    found += [" ".join(map(str, row.values())) for row in inventory.put_aside]
    if inventory.new_events:
        found.append(f"{inventory.new_events} events were never worked through")
    if inventory.stale_manifests:
        found.append(f"{inventory.stale_manifests} manifests are old")
    return found


def disagreeing(inventory: Inventory) -> list[str]:
    """Where manifest, database and disk do not say the same."""
    found = []
    for name, row in inventory.meetings.items():
        if not row["folder"]:
            continue
        manifest = inventory.manifests.get(name, {"files": [], "complete": None})
        told = {file["path"]: file["sha256"] for file in manifest["files"]}
        rows = {file["path"]: file["sha256"] for file in inventory.files.get(name, [])}
        if not told == rows == inventory.on_disk[name]:
            found.append(f"{name}: manifest, rows and files are not the same")
        if manifest["complete"] != (name in inventory.complete):
            found.append(f"{name}: manifest and rows disagree whether it is complete")
    return found
