"""Who and what is in the OMERO that the stack runs on; see tests/real/conformance/standin/world.py for the form."""

from __future__ import annotations

from typing import Any

SYSTEM, USER, GUEST, LAB, PRIVATE, SHARED, ELSEWHERE = 0, 1, 2, 3, 4, 5, 6
ROOT_ID, GUEST_ID, ALICE, BOB, CAROL = 0, 1, 2, 3, 4

PASSWORDS = {"root": "root-password", "alice": "alice-password", "bob": "bob-password"}

#: images of alice's that nothing is the matter with, for requests for many
MANY = range(100, 170)

#: the longest side that OMERO's omero.client.browser.thumb_default_size asks for, in tests/real/conformance/standin
DEFAULT_SIZE = 120

PLATE = 1
ROWS, COLUMNS = 16, 24
WELLS = range(5000, 5000 + ROWS * COLUMNS)
#: wells whose images OMERO has lost, cannot draw, or is still importing
LOST_WELL, BROKEN_WELL, IMPORTED_WELL = 5007, 5100, 5200
#: where nginx has the page of tests/real/stack/pages, with this plate on it
PAGE = f"/side-by-side/plate.html?plate={PLATE}&first={WELLS[0]}&count={len(WELLS)}&lost={LOST_WELL}"

#: a page of images of which none can be had as a set, but each alone
CAREFUL = range(6000, 6004)

WORLD: dict[str, Any] = {
    "groups": [
        {"id": SYSTEM, "name": "system", "permissions": "rw----"},
        {"id": USER, "name": "user", "permissions": "rwr-r-"},
        {"id": GUEST, "name": "guest", "permissions": "rw----"},
        {"id": LAB, "name": "read-only lab", "permissions": "rwr---"},
        {"id": PRIVATE, "name": "private lab", "permissions": "rw----"},
        {"id": SHARED, "name": "read-write lab", "permissions": "rwrw--"},
        {"id": ELSEWHERE, "name": "lab elsewhere", "permissions": "rwr---"},
    ],
    "users": [
        {"id": ROOT_ID, "name": "root", "password": PASSWORDS["root"], "groups": [SYSTEM, USER]},
        {"id": GUEST_ID, "name": "guest", "password": "guest", "groups": [GUEST]},
        {"id": ALICE, "name": "alice", "password": PASSWORDS["alice"], "groups": [LAB, USER, PRIVATE, SHARED]},
        {"id": BOB, "name": "bob", "password": PASSWORDS["bob"], "groups": [LAB, USER, PRIVATE]},
        {"id": CAROL, "name": "carol", "password": "carol-password", "groups": [ELSEWHERE, USER]},
    ],
    "images": [
        {"id": 11, "group": LAB, "owner": ALICE},
        {"id": 12, "group": LAB, "owner": ALICE, "size": [512, 256]},
        {"id": 13, "group": LAB, "owner": BOB, "size": [256, 512]},
        {"id": 14, "group": LAB, "owner": ALICE, "size": [4000, 3]},
        {"id": 21, "group": PRIVATE, "owner": ALICE},
        {"id": 22, "group": PRIVATE, "owner": BOB},
        {"id": 31, "group": SHARED, "owner": ALICE},
        {"id": 41, "group": LAB, "owner": ALICE, "behaviour": "missing settings"},
        {"id": 42, "group": LAB, "owner": BOB, "behaviour": "missing settings"},
        {"id": 43, "group": LAB, "owner": ALICE, "behaviour": "fails"},
        {"id": 44, "group": LAB, "owner": ALICE, "behaviour": "in progress"},
        {"id": 45, "group": LAB, "owner": ALICE, "behaviour": "left out of set"},
        {"id": 46, "group": LAB, "owner": ALICE, "behaviour": "empty in set"},
        {"id": 47, "group": LAB, "owner": ALICE, "behaviour": "throws omero.ApiUsageException"},
        {"id": 48, "group": LAB, "owner": ALICE, "behaviour": "crashes"},
        {"id": 61, "group": ELSEWHERE, "owner": CAROL},
        *({"id": image, "group": LAB, "owner": ALICE} for image in MANY),
        *({"id": image, "group": LAB, "owner": ALICE, "size": [400, 300]} for image in WELLS if image != LOST_WELL),
        *({"id": image, "group": LAB, "owner": ALICE, "behaviour": "left out of set"} for image in CAREFUL),
        {"id": BROKEN_WELL, "group": LAB, "owner": ALICE, "behaviour": "fails"},
        {"id": IMPORTED_WELL, "group": LAB, "owner": ALICE, "behaviour": "in progress"},
    ],
    "plates": [{"id": PLATE, "group": LAB, "owner": ALICE, "rows": ROWS, "columns": COLUMNS, "first_image": WELLS[0]}],
    "rendering_definitions": [
        {"id": 601, "image": 11, "owner": ALICE, "z": 5, "t": 2},
        {"id": 602, "image": 11, "owner": BOB, "z": 1, "t": 0},
        {"id": 603, "image": 12, "owner": ALICE, "z": 3, "t": 1},
    ],
}
