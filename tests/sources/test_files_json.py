"""JSON: lines, an array, an object that holds one; numbers stay what they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collector.domain.definition import CallMapping
from collector.errors import UsageError
from collector.sources.files import Form
from collector.sources.lines import MAX_RECORD
from tests.sources.reading_files import MAPPING, lines_of, read

RECORDS = [{"id": number, "at": "now", "tags": [{"name": "a"}]} for number in range(3)]


def test_json_lines_are_read_with_their_types(tmp_path: Path) -> None:
    content = '{"id": 1, "ok": true}\n\nnot json\n[1]\n{"id": 2}\n'
    assert read(tmp_path, content, "calls.jsonl") == [
        (1, {"id": 1, "ok": True}),
        (3, "not_json"),
        (4, "not_an_object"),
        (5, {"id": 2}),
    ]


def test_a_refused_line_carries_its_text(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, '{"id": 1}\n{"id": oops}\r\n[1]\n', "calls.jsonl")
    assert [line.text for line in lines] == ["", '{"id": oops}', "[1]"]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('{"id": 1, "a": "x\ty"}\n{"id": 2}\n', "calls.jsonl"),
        ('[{"id": 1, "a": "x\ty"}, {"id": 2}]', "calls.json"),
        ('{"calls": [{"id": 1, "a": "x\ty"}, {"id": 2}]}', "calls.json"),
    ],
)
def test_a_tab_that_nobody_escaped_costs_nothing(tmp_path: Path, content: str, name: str) -> None:
    assert read(tmp_path, content, name) == [(1, {"id": 1, "a": "x\ty"}), (2, {"id": 2})]


@pytest.mark.parametrize("name", ["calls.jsonl", "calls.json"])
@pytest.mark.parametrize("opened", ["[", '{"a": [', '{"a":'])
def test_json_nested_without_end_is_refused_and_not_a_crash(
    tmp_path: Path, name: str, opened: str
) -> None:
    ((number, code),) = read(tmp_path, opened * 100_000 + "\n", name)
    assert number == 1
    assert code == "not_json"


@pytest.mark.parametrize("name", ["calls.jsonl", "calls.json"])
def test_a_record_nested_too_deep_to_be_shown_again_is_refused(tmp_path: Path, name: str) -> None:
    deep = '{"id": 1, "a": ' + "[" * 500 + "]" * 500 + "}"
    content = deep + '\n{"id": 2}\n' if name == "calls.jsonl" else f'[{deep}, {{"id": 2}}]'
    assert read(tmp_path, content, name) == [(1, "too_deep"), (2, {"id": 2})]


FORMS = {
    "an array": json.dumps(RECORDS),
    "an array over many lines": "\n" + json.dumps(RECORDS, indent=2) + "\n",
    "an object that holds it": json.dumps({"page": 0, "x": {"y": [1]}, "calls": RECORDS, "n": 3}),
    "such an object over many lines": json.dumps({"calls": RECORDS, "next": None}, indent=2),
    "one page after the other": "\n".join(json.dumps({"calls": [one]}) for one in RECORDS),
    "one array after the other": "".join(json.dumps([one]) for one in RECORDS),
    "lines": "\n".join(map(json.dumps, RECORDS)),
    "one object after the other": "\n".join(json.dumps(one, indent=1) for one in RECORDS),
}


@pytest.mark.parametrize("name", ["calls.json", "calls", "calls.txt"])
@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS)
def test_the_form_is_told_from_the_content(tmp_path: Path, content: str, name: str) -> None:
    lines = lines_of(tmp_path, content, name, mapping=MAPPING)
    assert [line.record for line in lines] == RECORDS
    assert [line.number for line in lines] == [1, 2, 3]


@pytest.mark.parametrize(
    "content", ["[]", '{"calls": []}', '{\n"calls": [\n]}', '[]{"errors": [], "calls": []}']
)
@pytest.mark.parametrize("mapping", [None, MAPPING])
def test_an_empty_array_holds_no_record(
    tmp_path: Path, content: str, mapping: CallMapping | None
) -> None:
    assert lines_of(tmp_path, content, "calls.json", mapping=mapping) == []


def test_a_record_that_lacks_its_id_is_not_taken_for_an_empty_page(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path, '{"at": "now", "tags": []}', "calls.json", mapping=MAPPING)
    assert line.record == {"at": "now", "tags": []}


def test_the_first_array_of_objects_holds_the_records(tmp_path: Path) -> None:
    content = '{"errors": [], "ids": [1], "calls": [{"id": 1}], "links": [{"id": 2}]}'
    assert read(tmp_path, content, "calls.json") == [(1, {"id": 1})]


def test_a_first_line_that_is_broken_does_not_make_a_document_of_lines(tmp_path: Path) -> None:
    content = '{"id": oops}\n{"id": 2}\n'
    assert read(tmp_path, content, "calls") == [(1, "not_json"), (2, {"id": 2})]


def test_one_record_by_itself_is_not_taken_for_what_holds_its_tags(tmp_path: Path) -> None:
    for content in (json.dumps(RECORDS[1]), json.dumps(RECORDS[1], indent=2)):
        (line,) = lines_of(tmp_path, content, "calls.json", mapping=MAPPING)
        assert line.record == RECORDS[1]


def test_a_named_form_overrides_what_name_and_content_say(tmp_path: Path) -> None:
    (line,) = lines_of(tmp_path, '["id","at"]\n', "calls.json", form=Form.JSON_LINES)
    assert line.error is not None
    assert lines_of(tmp_path, '{"id","at"\n', "calls.json", form=Form.CSV) == []


def test_numbers_stay_what_they_are(tmp_path: Path) -> None:
    big = 123456789012345678901234567890
    content = f'[{{"a": 1, "b": 1.50, "c": {big}, "d": 1e3, "e": "\\ud83d", "f": null}}]'
    (line,) = lines_of(tmp_path, content, "calls.json")
    assert line.record == {"a": 1, "b": 1.5, "c": big, "d": 1000.0, "e": "\ud83d", "f": None}
    assert [type(value) for value in (line.record or {}).values()][:4] == [int, float, int, float]


def test_elements_that_are_no_objects_cost_only_themselves(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, '[{"id": 1}, 17, "x", [2], null, {"id": 2}]', "calls.json")
    assert [line.record for line in lines] == [{"id": 1}, None, None, None, None, {"id": 2}]
    assert [line.text for line in lines[1:5]] == ["17", '"x"', "[2]", "null"]
    assert {line.unit for line in lines} == {"record"}


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (', {"id": oops}, {"id": 9}]', "expecting value, near 'oops}"),
        (' {"id": 9}]', "',' is missing"),
        (', {"id": 9', "the file ends"),
        (', {"id": "9', "near"),
        ("", "the file ends before it"),
        (", {", "the file ends"),
        ("] garbage", "expecting value, near 'garbage'"),
    ],
)
def test_a_broken_element_tells_its_place_and_keeps_those_before(
    tmp_path: Path, end: str, said: str
) -> None:
    content = "[" + ", ".join(f'{{"id": {number}}}' for number in range(3000)) + end
    *before, last = lines_of(tmp_path, content, "calls.json")
    assert [line.record for line in before] == [{"id": number} for number in range(3000)]
    assert last.number == 3001
    assert last.error is not None
    assert last.error.code == "not_json"
    assert said in str(last.error)
    assert "reading ended there, after 3000 records" in str(last.error)


def test_an_element_too_long_to_be_a_record_ends_the_reading(tmp_path: Path) -> None:
    content = '[{"id": 1}, {"id": "' + "x" * 2 * MAX_RECORD + '"}]'
    assert read(tmp_path, content, "calls.json") == [(1, {"id": 1}), (2, "line_too_long")]


def test_an_object_with_no_end_of_other_things_is_not_held_in_memory(tmp_path: Path) -> None:
    content = json.dumps({f"call-{number}": {"at": "now" * 20} for number in range(20_000)})
    assert read(tmp_path, content, "calls.json") == [(1, "line_too_long")]


@pytest.mark.parametrize("size", [65_520, 65_530, 65_536, 65_540, 131_072])
def test_values_are_whole_where_blocks_meet(tmp_path: Path, size: int) -> None:
    content = "[" + " " * (size - 8) + '12345678, true, {"id": 1.5}]'
    lines = lines_of(tmp_path, content, "calls.json", form=Form.JSON)
    assert [line.text or line.record for line in lines] == ["12345678", "true", {"id": 1.5}]


@pytest.mark.parametrize("content", ["", " \n"])
def test_a_document_with_nothing_in_it_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(UsageError, match=r"calls\.json is empty"):
        lines_of(tmp_path, content, "calls.json")
