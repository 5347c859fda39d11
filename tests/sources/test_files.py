"""CSV files: one bad line costs that line and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.domain.definition import CallMapping
from collector.errors import UsageError
from collector.sources import files
from collector.sources.lines import MAX_RECORD
from tests.sources.reading_files import MAPPING, lines_of, read


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_taken_from_the_header(tmp_path: Path, delimiter: str) -> None:
    lines = delimiter.join(("id", "at")) + "\n" + delimiter.join(("7", "now")) + "\n"
    assert read(tmp_path, lines) == [(2, {"id": "7", "at": "now"})]


def test_a_byte_order_mark_belongs_to_no_column(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeffid,at\n7,now\n") == [(2, {"id": "7", "at": "now"})]


def test_a_quoted_field_may_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    content = 'id,note\n1,"a, ""b""\nc"\n2,d\n'
    assert read(tmp_path, content) == [
        (2, {"id": "1", "note": 'a, "b"\nc'}),
        (4, {"id": "2", "note": "d"}),
    ]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ('2,"open', "not_csv"),
        ('2,"closed" early', "not_csv"),
        ("2", "wrong_width"),
        ("2,b,c", "wrong_width"),
    ],
)
def test_a_bad_line_is_refused_and_its_neighbours_are_read(
    tmp_path: Path, bad: str, code: str
) -> None:
    assert read(tmp_path, f'id,at\n1,a\n{bad}\n3,c\n4,"d"\n') == [
        (2, {"id": "1", "at": "a"}),
        (3, code),
        (4, {"id": "3", "at": "c"}),
        (5, {"id": "4", "at": "d"}),
    ]


def test_an_open_quote_does_not_join_the_next_lines_into_one_record(tmp_path: Path) -> None:
    # The quote of line 4 would close that of line 2, and the sum would look like one record.
    content = 'id,at\n1,"a\n2,b\n3,c"\n'
    assert read(tmp_path, content) == [(2, {"id": "1", "at": "a\n2,b\n3,c"})]
    content = 'id,at\n1,"a\n2,b\n3,c",d\n5,e\n'
    assert read(tmp_path, content)[1:] == [
        (3, {"id": "2", "at": "b"}),
        (4, "wrong_width"),
        (5, {"id": "5", "at": "e"}),
    ]


@pytest.mark.parametrize("length", [MAX_RECORD, 3 * MAX_RECORD])
def test_a_line_too_long_to_be_a_record_is_refused(tmp_path: Path, length: int) -> None:
    lines = lines_of(tmp_path, "id,at\n1," + "x" * length + "\n2,b\n")
    assert [line.number for line in lines] == [2, 3]
    assert lines[0].error is not None
    assert lines[0].error.code == "line_too_long"
    assert lines[0].text.startswith("1,xxx")
    assert len(lines[0].text) < MAX_RECORD / 10
    assert lines[1].record == {"id": "2", "at": "b"}


def test_blank_lines_are_no_records(tmp_path: Path) -> None:
    assert read(tmp_path, "id,at\n\n1,a\n\n\n2,b\n") == [
        (3, {"id": "1", "at": "a"}),
        (6, {"id": "2", "at": "b"}),
    ]


@pytest.mark.parametrize(("content", "said"), [("", "empty"), ("a,b,a\n1,2,3\n", "'a' occurs")])
def test_a_file_without_a_usable_header_is_refused(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(tmp_path, content)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.csv cannot be read"):
        list(files.read_lines(tmp_path / "nowhere.csv"))


def test_progress_adds_up_to_the_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("id,at\n" + "".join(f"{number},é\n" for number in range(500)))
    told: list[int] = []
    assert len(list(files.read_lines(path, told.append))) == 500
    assert sum(told) == path.stat().st_size


@pytest.mark.parametrize("kept", ["", ",", '"'])
def test_a_refused_line_carries_its_text(tmp_path: Path, kept: str) -> None:
    lines = lines_of(tmp_path, f"id,at\n1,a\n2,b,{kept}\r\n3,c\n")
    assert [line.text for line in lines] == ["", f"2,b,{kept}", ""]


def test_a_broken_record_of_several_lines_is_one_with_all_its_text(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, 'id,at,note\n1,"a\nb\nc"\n2,b,c\n')
    assert [(line.number, line.text) for line in lines] == [(2, '1,"a\nb\nc"'), (5, "")]


def test_columns_without_a_name_are_no_hindrance(tmp_path: Path) -> None:
    records = [record for _, record in read(tmp_path, "id;at;;\n1;a;;\n")]
    assert records == [{"id": "1", "at": "a", "": ""}]


ALTERNATIVES = CallMapping(
    id=("sid", "CallSid"), started=("began",), ended=("ended",), duration=("seconds", "minutes")
)


@pytest.mark.parametrize("header", ["sid,began", "CallSid,began,x", "sid,ended,minutes"])
def test_one_column_of_several_alternatives_is_enough(tmp_path: Path, header: str) -> None:
    assert lines_of(tmp_path, header + "\n", mapping=ALTERNATIVES) == []


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("id,began", "no column for the call's id: 'sid' or 'CallSid'"),
        ("sid,ended", "no column for the call's start: 'began'"),
        ("sid,minutes", "no column for the call's start: 'began'"),
        ("sid began,x", "names sid began, x.*--preset.*--delimiter"),
    ],
)
def test_a_file_that_lacks_a_required_column_is_refused_whole(
    tmp_path: Path, header: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        lines_of(tmp_path, header + "\n1,2\n", mapping=ALTERNATIVES)


def test_a_way_into_nested_objects_is_not_asked_of_csv(tmp_path: Path) -> None:
    mapping = CallMapping(id=("call.id", "id"), started=("call.at", "at"))
    assert lines_of(tmp_path, "id,at\n", mapping=mapping) == []
    with pytest.raises(UsageError, match="the call's id: 'id', as"):
        lines_of(tmp_path, "at,x\n", mapping=mapping)


def test_a_decimal_comma_does_not_pass_for_a_delimiter(tmp_path: Path) -> None:
    content = "id;at;value (EUR, net, rounded)\n1;a;12,50\n2;b;1,5\n"
    assert [record for _, record in read(tmp_path, content)] == [
        {"id": "1", "at": "a", "value (EUR, net, rounded)": "12,50"},
        {"id": "2", "at": "b", "value (EUR, net, rounded)": "1,5"},
    ]


def test_a_named_delimiter_and_quote_are_taken_as_said(tmp_path: Path) -> None:
    content = "id:at,x\n'1:2':b\n"
    assert read(tmp_path, content, delimiter=":", quote="'") == [(2, {"id": "1:2", "at,x": "b"})]


def test_a_quote_that_others_delimit_with_is_no_delimiter(tmp_path: Path) -> None:
    assert read(tmp_path, "id;at\n1;,a;b,\n", quote=",") == [(2, {"id": "1", "at": "a;b"})]


def test_what_cannot_both_delimit_and_quote_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot both delimit and quote"):
        read(tmp_path, "id,at\n", delimiter="'", quote="'")


def test_a_header_in_single_quotes_tells_the_quote(tmp_path: Path) -> None:
    content = "'id','at'\n'1','a, ''b'''\n"
    assert read(tmp_path, content) == [(2, {"id": "1", "at": "a, 'b'"})]


def test_a_delimiter_that_excel_says_is_believed(tmp_path: Path) -> None:
    content = "sep=|\nid|at\n1|a,b\n"
    assert read(tmp_path, content) == [(3, {"id": "1", "at": "a,b"})]


def test_backslashes_escape_only_where_the_file_cannot_be_read_otherwise(tmp_path: Path) -> None:
    escaped = r"""id,at
1,"say \"hi\", then"
2,"C:\\x"
"""
    assert [record for _, record in read(tmp_path, escaped)] == [
        {"id": "1", "at": 'say "hi", then'},
        {"id": "2", "at": r"C:\x"},
    ]
    doubled = r"""id,at
1,"say ""hi"", then"
2,"C:\\x\"
"""
    assert [record for _, record in read(tmp_path, doubled)] == [
        {"id": "1", "at": 'say "hi", then'},
        {"id": "2", "at": "C:\\\\x\\"},
    ]


def test_lines_may_end_as_on_an_old_macintosh(tmp_path: Path) -> None:
    assert read(tmp_path, "id,at\r1,a\r2,b\r") == [
        (2, {"id": "1", "at": "a"}),
        (3, {"id": "2", "at": "b"}),
    ]


def test_blank_lines_before_the_header_are_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, "\n \nid,at\n1,a\n") == [(4, {"id": "1", "at": "a"})]


def test_records_are_told_with_their_lines_across_blocks(tmp_path: Path) -> None:
    long = "é" * 50
    content = "id,at\n" + "".join(f'{number},"a\n{long}"\n' for number in range(2000))
    lines = lines_of(tmp_path, content, mapping=MAPPING)
    assert [line.number for line in lines] == list(range(2, 4002, 2))
    assert [line.record for line in lines] == [
        {"id": str(number), "at": f"a\n{long}"} for number in range(2000)
    ]


def test_bad_lines_anywhere_in_a_long_file_cost_only_themselves(tmp_path: Path) -> None:
    rows = [f"{number},a" if number % 7 else f'{number},"open' for number in range(20_000)]
    lines = lines_of(tmp_path, "id,at\n" + "\n".join(rows) + "\n")
    assert [line.number for line in lines] == list(range(2, 20_002))
    bad = [index for index, line in enumerate(lines) if line.error is not None]
    assert bad == list(range(0, 20_000, 7))
