"""Splits are stable, independent of other clips, and strict about lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idf.datasets.splits import hash_position, split_by_hash, split_by_lists
from idf.errors import DataError

NAMES = [f"LJ001-{number:04d}" for number in range(1, 29)]


def test_hash_positions_never_change() -> None:
    """A change to these frozen values would move clips between training and test in every data set."""
    assert hash_position("LJ001-0001") == 0.17778208204248303
    assert hash_position("a/b ü") == 0.8717777034353901


@given(names=st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=30), data=st.data())
def test_the_part_of_a_clip_does_not_depend_on_the_others(names: set[str], data: st.DataObject) -> None:
    some = data.draw(st.lists(st.sampled_from(sorted(names)), unique=True, min_size=1))
    whole, part = split_by_hash(sorted(names), 0.6, 0.2), split_by_hash(some, 0.6, 0.2)
    for key in ("train", "validation", "test"):
        assert set(getattr(part, key)) == set(getattr(whole, key)) & set(some)
    assert sorted(whole.train + whole.validation + whole.test) == sorted(names)


def test_fractions_are_met() -> None:
    split = split_by_hash([f"clip {number}" for number in range(10_000)], 0.8, 0.1)
    assert len(split.train) == pytest.approx(8000, abs=150)
    assert len(split.validation) == pytest.approx(1000, abs=120)
    assert split.name == "hash 0.8/0.1/0.1"


def test_fractions_that_sum_to_one_leave_no_test_clip() -> None:
    assert split_by_hash([str(number) for number in range(1000)], 0.7, 0.3).test == ()
    assert len(split_by_hash(NAMES, 1.0, 0.0).train) == len(NAMES)
    assert len(split_by_hash(NAMES, 0.0, 0.0).test) == len(NAMES)


@pytest.mark.parametrize(("train", "validation"), [(0.8, 0.3), (-0.1, 0.1), (0.5, -0.1), (float("nan"), 0.1)])
def test_impossible_fractions(train: float, validation: float) -> None:
    with pytest.raises(DataError, match="sum to at most 1"):
        split_by_hash(NAMES, train, validation)


def lists(
    train: list[str] | None, validation: list[str] | None = None, test: list[str] | None = None
) -> dict[str, list[str] | None]:
    return {"train": train, "validation": validation, "test": test}


def test_names_ranges_and_patterns() -> None:
    split = split_by_lists(NAMES, lists(["LJ001-0001..LJ001-0022"], ["LJ001-0023", "LJ001-0024"], ["*-002[5-8]"]))
    assert split.train == tuple(NAMES[:22])
    assert split.validation == tuple(NAMES[22:24])
    assert split.test == tuple(NAMES[24:])


def test_a_missing_list_is_an_empty_part() -> None:
    split = split_by_lists(NAMES, lists(None, None, ["*"]))
    assert (split.train, split.validation, split.test) == ((), (), tuple(NAMES))


def test_a_name_with_pattern_characters_is_first_read_as_a_name() -> None:
    assert split_by_lists(["take [1]", "take 1"], lists(["take [1]"])).train == ("take [1]",)


def test_different_lists_have_different_titles() -> None:
    one, two = split_by_lists(NAMES, lists(NAMES[:2])), split_by_lists(NAMES, lists(NAMES[:3]))
    assert one.name.startswith("lists ")
    assert one.name != two.name
    assert one.name == split_by_lists(NAMES[::-1], lists(NAMES[1::-1])).name


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["LJ001-001"], r"data\.train_clips: there is no clip 'LJ001-001'; did you mean LJ001-0"),
        (["zebra"], "there is no clip 'zebra'; clips are named LJ001-0001, .* and 23 more"),
        (["LJ001-0001..LJ001-0099"], "there is no clip 'LJ001-0099'; did you mean"),
        (["LJ001-0005..LJ001-0002"], r"is reversed; write LJ001-0002\.\.LJ001-0005"),
        (["LJ002-*"], r"no clip matches the pattern 'LJ002-\*'"),
    ],
)
def test_entries_without_matching_clips(entries: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        split_by_lists(NAMES, lists(entries))


@pytest.mark.parametrize(
    ("train", "validation", "test", "message"),
    [
        (["*"], ["LJ001-0003"], None, r"data\.train_clips and data\.validation_clips share LJ001-0003"),
        (["LJ001-000?"], None, ["LJ001-0009..LJ001-0010"], r"train_clips and data\.test_clips share LJ001-0009"),
        (["LJ001-0001"], ["LJ001-0002"], ["LJ001-0002"], r"validation_clips and data\.test_clips share LJ001-0002"),
    ],
)
def test_lists_that_overlap(
    train: list[str], validation: list[str] | None, test: list[str] | None, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        split_by_lists(NAMES, lists(train, validation, test))
