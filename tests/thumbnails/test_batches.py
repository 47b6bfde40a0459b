"""The queue's decisions: what goes to OMERO next, in how many calls, and what goes nowhere any more."""

from __future__ import annotations

import asyncio

import pytest

from omero_ms_thumbnail.thumbnails.batches import (
    BATCH_MAX,
    TARGET_SECONDS,
    WORTH_SECONDS,
    Batch,
    BatchQueue,
    Item,
    Stores,
)
from omero_ms_thumbnail.thumbnails.model import ImageFacts, ThumbnailRequest


def item(image: int, *, size: int = 96, group: int = 3, height: int | None = None, waiters: int = 1) -> Item:
    done = asyncio.get_running_loop().create_future()
    facts = ImageFacts(image, 1_000_000 + image, group, 2)
    return Item(ThumbnailRequest(image, size, height), done, waiters, facts)


def queue_of(*items: Item, pace: float = 0.0) -> BatchQueue:
    """A queue that has seen OMERO take `pace` seconds for each thumbnail, if any."""
    queue = BatchQueue()
    if pace:
        queue.took(pace, 1)
    for one in items:
        queue.add(one)
    return queue


def images(batch: Batch | None) -> list[int]:
    assert batch is not None
    return [one.request.image_id for one in batch.items]


def all_batches(queue: BatchQueue, stores: int) -> list[list[int]]:
    """The batches that go out one after the other as stores are taken, and none is given back."""
    batches: list[list[int]] = []
    while (batch := queue.next_batch(Stores(stores, len(batches), left=sum(map(len, batches))))) is not None:
        batches.append(images(batch))
    return batches


async def test_nothing_waits() -> None:
    assert BatchQueue().next_batch(Stores(4)) is None


async def test_nothing_goes_where_no_store_is_free() -> None:
    queue = queue_of(item(1), item(2, height=50))
    assert queue.next_batch(Stores(4, 4)) is None
    assert queue.next_batch(Stores(4, 4, late=4)) is None
    assert images(queue.next_batch(Stores(4, 3))) == [1]


async def test_one_store_takes_all_that_one_call_can_answer() -> None:
    assert all_batches(queue_of(*(item(image) for image in range(50))), stores=1) == [list(range(50))]


@pytest.mark.parametrize(("size", "most"), [(96, BATCH_MAX), (400, BATCH_MAX), (1_000, 10), (2_000, 2), (10_000, 1)])
async def test_large_thumbnails_are_few_in_a_call(size: int, most: int) -> None:
    queue = queue_of(*(item(image, size=size) for image in range(BATCH_MAX)))
    assert len(images(queue.next_batch(Stores(1)))) == most


async def test_never_more_in_a_call_than_the_most() -> None:
    queue = queue_of(*(item(image) for image in range(BATCH_MAX + 10)))
    assert images(queue.next_batch(Stores(1))) == list(range(BATCH_MAX))
    assert images(queue.next_batch(Stores(1))) == list(range(BATCH_MAX, BATCH_MAX + 10))


async def test_while_nothing_is_known_of_the_pace_all_stores_share() -> None:
    batches = all_batches(queue_of(*(item(image) for image in range(10))), stores=4)
    assert [len(batch) for batch in batches] == [3, 3, 2, 2]
    assert sorted(image for batch in batches for image in batch) == list(range(10))


async def test_groups_and_sizes_are_never_mixed() -> None:
    queue = queue_of(
        item(1), item(2, group=4), item(3, size=48), item(4), item(5, group=4), item(6, size=48), pace=1e-6
    )
    assert [images(queue.next_batch(Stores(1))) for _ in range(3)] == [[1, 4], [2, 5], [3, 6]]


@pytest.mark.parametrize(
    "asked",
    [
        ThumbnailRequest(1, 96, 96),
        ThumbnailRequest(1, 96, rendering_def_id=7),
        ThumbnailRequest(1, 96, z=0),
        ThumbnailRequest(1, 96, t=0),
    ],
)
async def test_what_a_set_cannot_ask_for_goes_the_careful_way_alone(asked: ThumbnailRequest) -> None:
    careful = item(1)
    careful.request = asked
    queue = queue_of(careful, item(2), item(3), pace=1e-6)
    batch = queue.next_batch(Stores(4))
    assert batch == Batch((careful,), careful=True)
    plain = queue.next_batch(Stores(4))
    assert images(plain) == [2, 3]
    assert plain is not None
    assert not plain.careful


async def test_cache_busters_do_not_keep_requests_apart() -> None:
    first, second = item(1), item(1)
    second.request = ThumbnailRequest(1, 96, version="2")
    assert images(queue_of(first, second, pace=1e-6).next_batch(Stores(1))) == [1, 1]


async def test_what_a_set_left_out_is_careful_though_it_is_plain() -> None:
    left_out = item(1)
    left_out.careful = True
    queue = queue_of(left_out, item(2))
    assert queue.next_batch(Stores(1)) == Batch((left_out,), careful=True)


async def test_whoever_has_waited_longest_comes_first() -> None:
    queue = queue_of(*(item(image) for image in range(2 * BATCH_MAX)), item(900, group=4), item(901, height=9))
    assert images(queue.next_batch(Stores(1))) == list(range(BATCH_MAX))
    # the rest of the long lane lines up behind those who came meanwhile
    assert images(queue.next_batch(Stores(1))) == [900]
    assert images(queue.next_batch(Stores(1))) == [901]
    assert images(queue.next_batch(Stores(1))) == list(range(BATCH_MAX, 2 * BATCH_MAX))


async def test_a_slow_omero_gets_small_sets_on_all_stores() -> None:
    queue = queue_of(*(item(image) for image in range(50)), pace=TARGET_SECONDS / 5)
    assert [len(batch) for batch in all_batches(queue, stores=4)] == [5, 5, 5, 5]


async def test_an_omero_slower_than_any_target_gets_one_at_a_time() -> None:
    queue = queue_of(*(item(image) for image in range(50)), pace=100 * TARGET_SECONDS)
    assert [len(batch) for batch in all_batches(queue, stores=2)] == [1, 1]


async def test_a_fast_omero_gets_one_call_at_a_time() -> None:
    queue = queue_of(*(item(image) for image in range(10)), pace=WORTH_SECONDS / 100)
    assert all_batches(queue, stores=4) == [list(range(10))]
    queue.add(item(11))
    assert queue.next_batch(Stores(4, 1)) is None
    assert queue.can_wait(1)
    assert not queue.can_wait(1_000)


async def test_a_call_that_is_late_is_waited_for_by_nobody() -> None:
    queue = queue_of(item(1), item(2), pace=WORTH_SECONDS / 100)
    assert queue.next_batch(Stores(4, 1)) is None
    assert images(queue.next_batch(Stores(4, 1, late=1))) == [1, 2]
    queue.add(item(3))
    assert queue.next_batch(Stores(4, 2, late=1)) is None
    assert queue.next_batch(Stores(4, 4, late=4)) is None
    assert images(queue.next_batch(Stores(4, 3, late=3))) == [3]


async def test_stores_are_used_as_they_are_worth_it() -> None:
    # a hair more than a tenth, whatever rounding does
    pace = WORTH_SECONDS / 9.99
    assert [len(batch) for batch in all_batches(queue_of(*map(item, range(20)), pace=pace), stores=4)] == [10, 10]
    assert [len(batch) for batch in all_batches(queue_of(*map(item, range(40)), pace=pace), stores=4)] == [10] * 4


async def test_stores_come_to_the_end_of_a_page_together() -> None:
    queue = queue_of(*map(item, range(68)), pace=TARGET_SECONDS / 30)
    # one store has ended, and the others are about to
    first = images(queue.next_batch(Stores(4, 3, left=2.0)))
    second = images(queue.next_batch(Stores(4, 3, left=len(first) + 1.0)))
    assert (len(first), len(second)) == (18, 18)
    # the others have hardly begun: all that waits is less than their share
    assert len(images(queue.next_batch(Stores(4, 3, left=120.0)))) == 30


async def test_what_a_call_has_left_follows_the_pace() -> None:
    queue = queue_of(pace=0.01)
    batch = Batch(tuple(map(item, range(10))), careful=False)
    assert queue.left_of(batch, 0.04) == pytest.approx(6)
    assert queue.left_of(batch, 1.0) == 0
    assert BatchQueue().left_of(batch, 1.0) == 10


async def test_nothing_waits_for_a_pace_that_is_not_known() -> None:
    assert not BatchQueue().can_wait(1)


async def test_the_pace_follows_the_newest_calls() -> None:
    queue = queue_of(*map(item, range(50)), pace=10 * TARGET_SECONDS)
    assert len(images(queue.next_batch(Stores(1)))) == 1
    for _ in range(40):
        queue.took(0.001, 50)
    assert len(images(queue.next_batch(Stores(1)))) == 49


async def test_a_call_that_answered_nothing_tells_of_the_pace_too() -> None:
    queue = queue_of(*map(item, range(50)))
    queue.took(15.0, 0)
    assert len(images(queue.next_batch(Stores(1)))) == 1


async def test_what_nobody_wants_any_more_goes_nowhere() -> None:
    unwanted, wanted, unwanted_careful = item(1, waiters=0), item(2), item(3, height=50, waiters=0)
    queue = queue_of(unwanted_careful, unwanted, wanted)
    assert images(queue.next_batch(Stores(1))) == [2]
    assert queue.next_batch(Stores(1)) is None
    assert unwanted.done.cancelled()
    assert unwanted_careful.done.cancelled()
    assert not wanted.done.done()


async def test_what_nobody_wants_any_more_takes_no_store_from_others() -> None:
    queue = queue_of(*(item(image, waiters=image % 2) for image in range(8)))
    assert all_batches(queue, stores=2) == [[1, 3], [5, 7]]


async def test_an_item_of_which_nothing_is_known_cannot_wait() -> None:
    unknown = item(1)
    unknown.facts = None
    with pytest.raises(ValueError, match="without facts"):
        BatchQueue().add(unknown)


async def test_a_batch_whose_turn_has_come_takes_what_has_come_meanwhile() -> None:
    queue = queue_of(item(1), item(2), pace=0.001)
    batch = queue.next_batch(Stores(4))
    assert batch is not None
    for late in (item(3), item(4, size=48), item(5)):
        queue.add(late)
    assert images(queue.regrouped(batch, Stores(4))) == [1, 2, 3, 5]
    assert images(queue.next_batch(Stores(4))) == [4]


async def test_a_batch_whose_turn_has_come_is_not_held_up_by_those_on_their_way() -> None:
    queue = queue_of(item(1), pace=0.001)
    batch = queue.next_batch(Stores(4))
    assert batch is not None
    assert images(queue.regrouped(batch, Stores(4, 2))) == [1]


async def test_a_batch_whose_turn_has_come_is_as_small_as_the_pace_wants_it_now() -> None:
    queue = queue_of(*map(item, range(8)))
    batch = queue.next_batch(Stores(1))
    assert len(images(batch)) == 8
    assert batch is not None
    queue.took(TARGET_SECONDS, 2)
    assert images(queue.regrouped(batch, Stores(1))) == [0, 1]
    assert queue.waiting == 6


async def test_a_batch_that_nobody_waits_for_when_its_turn_comes_leaves_it_to_others() -> None:
    left, careful = item(1), item(2, height=50)
    queue = queue_of(left, pace=0.001)
    batch = queue.next_batch(Stores(4))
    assert batch is not None
    left.waiters = 0
    assert queue.regrouped(batch, Stores(4)) is None
    assert left.done.cancelled()
    queue.add(careful)
    alone = queue.next_batch(Stores(4))
    assert alone is not None
    assert queue.regrouped(alone, Stores(4)) is alone
