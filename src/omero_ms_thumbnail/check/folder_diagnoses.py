"""The diagnoses about OMERO's own files; see `diagnoses`."""

from __future__ import annotations

from .diagnosis import diagnosis as _diagnosis
from .names import FOLDER

FOLDER_MISSING = _diagnosis(
    "folder-missing",
    FOLDER,
    "OMERO's folder `Thumbnails` is not there",
    "`omero.data_dir` is not the folder that OMERO's `omero.data.dir` names, the folder is not mounted here, or its"
    " file system is broken. Thumbnails work: OMERO is asked for each.",
    "On OMERO's machine: `omero config get omero.data.dir` (`/OMERO` unless changed). Mount the folder `Thumbnails` in"
    " it, read-only, and name the folder that it is in here; or take `omero.data_dir` out.",
)
FOLDER_UNREADABLE = _diagnosis(
    "folder-not-readable",
    FOLDER,
    "The service may not read OMERO's thumbnails",
    "They belong to the user that OMERO.server runs as, and the user of this command is neither that one nor in its"
    " group; or a folder above lets nobody pass. Thumbnails work: OMERO is asked for each.",
    "Give the service the group that is named: `SupplementaryGroups=` in systemd's unit, `group_add` of compose,"
    " `supplementalGroups` of a pod; and `check` too: `runuser -u omero -g omero -G omero-server -- …`. Where the group"
    " may not read either, on OMERO's machine: `setfacl -R -m g:omero:rX -m d:g:omero:rX …/Thumbnails`.",
)
FOLDER_IS_NONE = _diagnosis(
    "folder-is-another",
    FOLDER,
    "The folder is not OMERO's `Thumbnails`",
    "Thumbnails are in files that are named by numbers, in folders named `Dir-000` to `Dir-999`; here is something"
    " else.",
    "Set `omero.data_dir` to the folder that OMERO's `omero.data.dir` names, which has `Thumbnails` in it.",
)
FOLDER_EMPTY = _diagnosis(
    "folder-empty",
    FOLDER,
    "Nothing is in OMERO's folder `Thumbnails`",
    "The mount is missing, and this is the place where it should be; or OMERO is new and has stored nothing yet.",
    "Try `findmnt` on this machine, and look into the folder on OMERO's.",
)
FOLDER_SLOW = _diagnosis(
    "folder-hangs",
    FOLDER,
    "The file system with OMERO's thumbnails does not answer",
    "The machine that it is mounted from is away. The service asks OMERO instead, and looks at the folder again every"
    " half minute.",
    "See to the mount; `findmnt` names where it comes from.",
)
FOLDER_OF_ANOTHER = _diagnosis(
    "folder-of-another-omero",
    FOLDER,
    "The folder is not that of this OMERO",
    "It is another OMERO's, or a copy or snapshot that is older than what OMERO has: files have the same names in all"
    " of them. The service compares some pictures with OMERO's before it shows any, and now and then afterwards; it"
    " does not use a folder that has others.",
    "Set `omero.data_dir` to a mount of the very folder that OMERO writes to, and restart the service.",
)
FOLDER_FILE_UNUSABLE = _diagnosis(
    "folder-file-unusable",
    FOLDER,
    "A file of OMERO's is not used",
    "OMERO writes in place, and was writing it just now; or it is a link, which the service does not follow.",
    "Try once more. If it stays, look at the file on OMERO's machine; OMERO is asked for this thumbnail.",
)
