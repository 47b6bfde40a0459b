"""What a pickle's values take in memory, as the machine counts them while it makes them."""

from __future__ import annotations

from typing import Final

# Bytes of memory: of values without what is in them, of each item in them, and of what else a pickle makes grow. Tables
# of dicts and sets are counted at the moment at which they grow.
TEXT: Final = 72
INTEGER: Final = 40
LIST, DICT, FIRST_ITEM, SET = 56, 64, 120, 216
ITEM, PAIR, MEMBER = 8, 64, 72
OTHER_NUMBER_IN_MEMO: Final = 150
# So many members have room in a set itself.
SMALL_SET: Final = 4
# What is named is judged, which takes the time of a thousand bytes' worth of values.
NAMED: Final = 1000
INSTANCE: Final = 56
# No pickler writes it: what it is good for is to take time.
DUPLICATE: Final = 200
