"""Which disks keep names in order: after a power loss nothing is there without what came before.

ext4 with a journal and XFS write all changes of names to one log, in their order, and a sync of a
folder writes the log up to the folder's last change: so it makes durable, too, what was done to
other folders of that disk earlier. POSIX promises it for nothing but the folder itself; whatever
is not known here (tmpfs, NFS, overlay, Btrfs, ext4 without a journal) is taken at that.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Final

SYSTEM: Final = Path("/sys")


@lru_cache(maxsize=64)
def keeps_order(device: int, system: Path = SYSTEM) -> bool:
    """Whether the disk with this number (`st_dev`) is one of them, as Linux tells it.

    A container that does not see the machine's disks (`/sys` hidden) gets False.
    """
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        name = (system / "dev/block" / number).resolve(strict=True).name
        kinds = system / "fs"
        return (kinds / "xfs" / name).exists() or _has_journal(kinds / "ext4" / name)
    except OSError:
        return False


def _has_journal(disk: Path) -> bool:
    """Whether this ext4 has one; the file stands there without one too, and says `<none>`.

    What it says else is the number of a kernel thread, in a container 0. Linux before 5.1 has no
    such file. Raises OSError.
    """
    return (disk / "journal_task").read_text("ascii").strip().isdigit()
