"""Many files make one document; what is no TOML, or there twice, is told with its places."""

from __future__ import annotations

from pathlib import Path

import pytest

from clpcore.config import files
from clpcore.config.problems import Place, Problem


def _read(folder: Path, **texts: str) -> tuple[files.Document | None, list[Problem]]:
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text, newline="")
    return files.read(folder)


def _document(folder: Path, **texts: str) -> files.Document:
    document, problems = _read(folder, **texts)
    assert document
    assert not problems
    return document


def test_tables_merge_across_files(tmp_path: Path) -> None:
    document = _document(
        tmp_path,
        a="[group.g1]\nstartup = 'auto'\n[server.node1]",
        b="[server.node2]\n[group.g1.resource.r1]\ntype = 'exec'\n[group.g2]",
    )
    assert document.tables == {
        "group": {"g1": {"startup": "auto", "resource": {"r1": {"type": "exec"}}}, "g2": {}},
        "server": {"node1": {}, "node2": {}},
    }


def test_files_come_by_name_and_only_those_that_end_in_toml(tmp_path: Path) -> None:
    (tmp_path / ".#a.toml").write_text("[[[")
    (tmp_path / "a.toml~").write_text("[[[")
    document = _document(tmp_path, b="[server.node2]", a="[server.node1]")
    assert list(document.tables["server"]) == ["node1", "node2"]


def test_every_key_has_its_place(tmp_path: Path) -> None:
    document = _document(tmp_path, a="[x]\r\n  key = [1,\r\n   'two']  # why\r\n")
    file = str(tmp_path / "a.toml")
    line = "  key = [1,"
    assert document.place(("x", "key")) == Place(file=file, line=2, column=3, width=3, text=line)
    assert document.place(("x", "key"), of_value=True) == Place(
        file=file, line=2, column=9, width=3, text=line
    )
    assert document.place(("x", "key", 1), of_value=True) == Place(
        file=file, line=3, column=4, width=5, text="   'two']  # why"
    )


def test_a_key_that_is_not_there_has_the_place_of_its_table(tmp_path: Path) -> None:
    document = _document(tmp_path, a="\n[x.y]\nz = 1")
    place = document.place(("x", "y", "missing"), of_value=True)
    assert place
    assert (place.line, place.column, place.width) == (2, 4, 1)
    assert document.place(("other",)) is None
    inline = _document(tmp_path, a="key = {y = 1}").place(("key", "missing"), of_value=True)
    assert inline
    assert (inline.column, inline.width) == (1, 3)


@pytest.mark.parametrize(
    ("first", "second", "key", "lines"),
    [
        ("a = 1", "\na = 1", "a", (1, 2)),
        ("[x]\ny.z = 1", "[x.y]\nz = 2", "x.y.z", (2, 2)),
        ("x = {y = 1}", "x.y = 2", "x.y", (1, 1)),
        ("[x]\n[x.y]", "[x]\ny = 3", "x.y", (2, 2)),
        ("[[x]]", "[[x]]", "x", (1, 1)),
        ("x = 1", "[x]\ny = 2", "x", (1, 1)),
    ],
)
def test_a_key_given_twice_names_both_places(
    tmp_path: Path, first: str, second: str, key: str, lines: tuple[int, int]
) -> None:
    document, (problem,) = _read(tmp_path, a=first, b=second)
    assert document
    assert problem.place
    assert (problem.key, Path(problem.place.file).name, problem.place.line) == (
        key,
        "b.toml",
        lines[1],
    )
    assert problem.what == f"{key} is given twice: here and at {tmp_path / 'a.toml'}:{lines[0]}."


@pytest.mark.parametrize(
    ("text", "key", "lines"),
    [
        ("a = 1\nb = 2\na = 3\n", "a", (1, 3)),
        ("[x]\n[y]\n[x]", "x", (1, 3)),
        ("[x.y]\nz = 1\n[x.q]\nz = 1\nz = 1", "x.q.z", (4, 5)),
        ("a = {b = 1, b = 2}", "a.b", (1, 1)),
        ("a.b = 1\n[a]\nc = 1", "a", (1, 2)),
    ],
)
def test_so_does_one_in_a_single_file(
    tmp_path: Path, text: str, key: str, lines: tuple[int, int]
) -> None:
    document, (problem,) = _read(tmp_path, a=text)
    assert document is None
    assert problem.place
    assert problem.what == f"{key} is given twice: here and at {tmp_path / 'a.toml'}:{lines[0]}."
    assert problem.place.line == lines[1]


@pytest.mark.parametrize(
    ("text", "line", "column", "what", "remedy"),
    [
        ("a = [1,", 1, 7, "Invalid value", "Something stands open"),
        ("a =", 1, 3, "Invalid value", "Something stands open"),
        ("[cluster]\nname = Cluster1", 2, 8, "Invalid value", "Texts stand in quotes"),
        ("[cluster]\nname\n", 2, 5, "Expected '=' after a key", "A line is: key = value"),
        ("a = [1,\n2", 2, 1, "Unclosed array", "Something stands open"),
        ('a = "x\nb = 1', 1, 7, "Illegal character", "ends on its own line"),
        ("a = 1 2", 1, 7, "Expected newline", "Mend the line"),
        ("\n\na = " + "[" * 9000, 3, 9004, "maximum recursion", "Mend the line"),
    ],
)
def test_what_is_no_toml_has_its_place(
    tmp_path: Path, text: str, line: int, column: int, what: str, remedy: str
) -> None:
    _, (problem,) = _read(tmp_path, a=text)
    assert problem.place
    assert (problem.place.line, problem.place.column) == (line, column)
    assert what in problem.what
    assert remedy in problem.remedy


def test_every_broken_file_is_told_and_no_document_comes(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_bytes(b"a = 1\nb = '\xff'\n")
    (tmp_path / "e.toml").mkdir()
    document, problems = _read(tmp_path, a="a =", b="fine = true", d="]")
    assert document is None
    assert [problem.place and problem.place.line for problem in problems] == [1, None, 1, None]
    assert "c.toml is not UTF-8 in line 2." in problems[1].what
    assert "e.toml cannot be read: Is a directory." in problems[3].what


def test_a_folder_without_files_says_where_files_belong(tmp_path: Path) -> None:
    _, (empty,) = _read(tmp_path)
    _, (missing,) = files.read(tmp_path / "nowhere")
    assert empty.what == f"{tmp_path} has no file that ends in .toml."
    assert missing.what == f"{tmp_path / 'nowhere'} cannot be read: No such file or directory."
    assert "/etc/clpcore/conf.d" in missing.remedy
    (tmp_path / "conf.d").mkdir()
    _, (outside,) = _read(tmp_path)
    assert outside.remedy == f"clp config check {tmp_path}/conf.d"


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    document = _document(tmp_path, a="\ufeffa = 1")
    place = document.place(("a",))
    assert place
    assert place.column == 1
