"""The queue's decisions: what goes to OMERO next, in how many calls, and what goes nowhere any more."""

from __future__ import annotations

import asyncio

import pytest

from omero_ms_thumbnail.thumbnails.item import Item
from omero_ms_thumbnail.thumbnails.model import ImageFacts, ThumbnailRequest
from omero_ms_thumbnail.thumbnails.queue import PAGE, SETS_MAX, WORTH_SECONDS, Batch, BatchQueue, Stores
from omero_ms_thumbnail.thumbnails.ways import STORED, Way

#: what a set may take, in seconds
MOST = 8.0


def item(image: int, *, size: int = 96, group: int = 3, is_alone: bool = False, waiters: int = 1) -> Item:
    done = asyncio.get_running_loop().create_future()
    facts = ImageFacts(image, 1_000_000 + image, group, 2)
    way = STORED if is_alone else Way((group, size))
    return Item(ThumbnailRequest(image, size), done, waiters, facts, way)


def queue_of(*items: Item, pace: float = 0.0) -> BatchQueue:
    """A queue that has seen OMERO take `pace` seconds for each thumbnail, if any."""
    queue = BatchQueue(MOST)
    if pace:
        queue.took(pace, 1)
    for one in items:
        queue.add(one)
    return queue


def images(batch: Batch | None) -> list[int]:
    assert batch is not None
    return [one.request.image_id for one in batch.items]


def all_batches(queue: BatchQueue, stores: Stores) -> list[list[int]]:
    """The batches that go out one after the other as stores are taken, and none is given back."""
    batches: list[list[int]] = []
    while (batch := queue.next_batch(stores)) is not None:
        batches.append(images(batch))
        stores = Stores(stores.total, stores.in_use + 1, stores.sets + batch.is_set, stores.late + batch.is_set)
    return batches


async def test_nothing_waits() -> None:
    assert queue_of().next_batch(Stores(4)) is None


async def test_nothing_goes_where_no_store_is_free() -> None:
    queue = queue_of(item(1), item(2, is_alone=True))
    assert queue.next_batch(Stores(4, 4)) is None
    assert images(queue.next_batch(Stores(4, 3))) == [1]


async def test_one_set_takes_a_page_where_nothing_is_known_of_the_pace() -> None:
    queue = queue_of(*map(item, range(PAGE + 10)))
    assert images(queue.next_batch(Stores(4))) == list(range(PAGE))
    assert images(queue.next_batch(Stores(4))) == list(range(PAGE, PAGE + 10))


@pytest.mark.parametrize(("size", "most"), [(96, 200), (400, 62), (1_000, 10), (2_000, 2), (10_000, 1)])
async def test_the_message_holds_what_is_in_a_set(size: int, most: int) -> None:
    queue = queue_of(*(item(image, size=size) for image in range(200)), pace=1e-6)
    assert len(images(queue.next_batch(Stores(1)))) == most


@pytest.mark.parametrize(("pace", "most"), [(0.05, 160), (0.5, 16), (7.0, 1), (100.0, 1)])
async def test_a_set_takes_no_more_than_omero_gives_in_time(pace: float, most: int) -> None:
    queue = queue_of(*map(item, range(200)), pace=pace)
    assert len(images(queue.next_batch(Stores(1)))) == most


async def test_what_is_not_alike_is_never_mixed() -> None:
    queue = queue_of(
        item(1), item(2, group=4), item(3, size=48), item(4), item(5, group=4), item(6, size=48), pace=1e-6
    )
    assert [images(queue.next_batch(Stores(1))) for _ in range(3)] == [[1, 4], [2, 5], [3, 6]]


async def test_there_are_no_more_sets_at_a_time_than_are_worth_it_and_others_go_beside_them() -> None:
    queue = queue_of(*(item(number, group=number) for number in range(5)), item(9, is_alone=True))
    assert all_batches(queue, Stores(4)) == [[0], [1], [9]]
    assert SETS_MAX == 2
    queue.add(item(10, is_alone=True))
    assert images(queue.next_batch(Stores(4, 3, SETS_MAX, SETS_MAX))) == [10]
    assert queue.waiting == 3


async def test_what_goes_alone_is_no_set() -> None:
    alone = item(1, is_alone=True)
    queue = queue_of(alone, item(2), item(3), pace=1e-6)
    assert queue.next_batch(Stores(4)) == Batch((alone,), is_set=False)
    plain = queue.next_batch(Stores(4))
    assert images(plain) == [2, 3]
    assert plain is not None
    assert plain.is_set


async def test_cache_busters_do_not_keep_requests_apart() -> None:
    first, second = item(1), item(1)
    second.request = ThumbnailRequest(1, 96, version="2")
    assert images(queue_of(first, second, pace=1e-6).next_batch(Stores(1))) == [1, 1]


async def test_whoever_has_waited_longest_comes_first() -> None:
    queue = queue_of(*map(item, range(2 * PAGE)), item(900, group=4), item(901, is_alone=True))
    assert images(queue.next_batch(Stores(1))) == list(range(PAGE))
    # the rest of the long lane lines up behind those who came meanwhile
    assert images(queue.next_batch(Stores(1))) == [900]
    assert images(queue.next_batch(Stores(1))) == [901]
    assert images(queue.next_batch(Stores(1))) == list(range(PAGE, 2 * PAGE))


async def test_a_fast_omero_gets_one_set_at_a_time() -> None:
    queue = queue_of(*map(item, range(10)), pace=WORTH_SECONDS / 100)
    assert images(queue.next_batch(Stores(4))) == list(range(10))
    queue.add(item(11))
    assert queue.next_batch(Stores(4, 1, 1)) is None
    assert queue.can_wait(1)
    assert not queue.can_wait(1_000)


async def test_what_is_worth_another_set_does_not_wait_for_the_first() -> None:
    queue = queue_of(*map(item, range(10)), pace=WORTH_SECONDS / 9.9)
    assert images(queue.next_batch(Stores(4, 1, 1))) == list(range(10))


async def test_nothing_waits_for_what_goes_alone() -> None:
    queue = queue_of(item(1), pace=WORTH_SECONDS / 100)
    assert images(queue.next_batch(Stores(4, 1))) == [1]


async def test_a_set_that_is_late_is_waited_for_by_nobody() -> None:
    queue = queue_of(item(1), item(2), pace=WORTH_SECONDS / 100)
    assert queue.next_batch(Stores(4, 1, 1)) is None
    assert images(queue.next_batch(Stores(4, 1, 1, late=1))) == [1, 2]


async def test_nothing_waits_for_a_pace_that_is_not_known() -> None:
    assert not queue_of().can_wait(1)


async def test_the_pace_follows_the_newest_calls() -> None:
    queue = queue_of(*map(item, range(50)), pace=10 * MOST)
    assert len(images(queue.next_batch(Stores(1)))) == 1
    for _ in range(40):
        queue.took(0.001, 50)
    assert len(images(queue.next_batch(Stores(1)))) == 49


async def test_a_call_that_answered_nothing_tells_of_the_pace_too() -> None:
    queue = queue_of(*map(item, range(50)))
    queue.took(15.0, 0)
    assert len(images(queue.next_batch(Stores(1)))) == 1


async def test_what_nobody_wants_any_more_goes_nowhere() -> None:
    unwanted, wanted, unwanted_alone = item(1, waiters=0), item(2), item(3, is_alone=True, waiters=0)
    queue = queue_of(unwanted_alone, unwanted, wanted)
    assert images(queue.next_batch(Stores(1))) == [2]
    assert queue.next_batch(Stores(1)) is None
    assert queue.unwanted() == [unwanted_alone, unwanted]
    assert queue.unwanted() == []
    # whoever has the queue ends them
    assert not any(one.done.done() for one in (unwanted, unwanted_alone, wanted))


async def test_an_item_of_which_nothing_is_known_cannot_wait() -> None:
    unknown = item(1)
    unknown.facts = None
    with pytest.raises(ValueError, match="without facts"):
        queue_of(unknown)


async def test_a_set_whose_turn_has_come_takes_what_has_come_meanwhile() -> None:
    queue = queue_of(item(1), item(2), pace=0.001)
    batch = queue.next_batch(Stores(4))
    assert batch is not None
    for late in (item(3), item(4, size=48), item(5)):
        queue.add(late)
    assert images(queue.regrouped(batch)) == [1, 2, 3, 5]
    assert images(queue.next_batch(Stores(4))) == [4]


async def test_a_set_whose_turn_has_come_is_as_small_as_the_pace_wants_it_now() -> None:
    queue = queue_of(*map(item, range(8)))
    batch = queue.next_batch(Stores(1))
    assert len(images(batch)) == 8
    assert batch is not None
    queue.took(MOST, 2)
    assert images(queue.regrouped(batch)) == [0, 1]
    assert queue.waiting == 6


async def test_a_batch_that_nobody_waits_for_when_its_turn_comes_leaves_it_to_others() -> None:
    left, alone = item(1), item(2, is_alone=True)
    queue = queue_of(left, pace=0.001)
    batch = queue.next_batch(Stores(4))
    assert batch is not None
    left.waiters = 0
    assert queue.regrouped(batch) is None
    assert queue.unwanted() == [left]
    queue.add(alone)
    going = queue.next_batch(Stores(4))
    assert going is not None
    assert queue.regrouped(going) is going
